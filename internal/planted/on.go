//go:build perdure_planted

package planted

import "os"

// Built says that the faults are in this build.
const Built = true

var chosen = Fault(os.Getenv(Env))

// On reports whether a fault is planted.
func On(f Fault) bool { return f == chosen }
