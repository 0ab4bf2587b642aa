//go:build race

package table_test

// raceEnabled reports whether the race detector is on. It allocates.
const raceEnabled = true

// scale divides the sizes of tests, because the race detector is slow.
const scale = 16
