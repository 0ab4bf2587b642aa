//go:build race

package tree_test

// raceEnabled reports whether the race detector is on. It allocates.
const raceEnabled = true
