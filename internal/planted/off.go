//go:build !perdure_planted

package planted

// Built says that the faults are in this build.
const Built = false

// On reports whether a fault is planted.
func On(Fault) bool { return false }
