//go:build race

package perdure_test

// raceEnabled says that the race detector is on, which allocates and makes a pool forget.
const raceEnabled = true
