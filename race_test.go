//go:build race

package perdure_test

// raceEnabled reports whether the race detector is on. It allocates, and makes a pool drop items.
const raceEnabled = true
