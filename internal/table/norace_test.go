//go:build !race

package table_test

import "os"

const raceEnabled = false

// scale divides the sizes of tests. PERDURE_EVERY=1 runs them at full size.
var scale = func() int {
	if os.Getenv("PERDURE_EVERY") != "" {
		return 1
	}
	return 3
}()
