//go:build !race

package perdure_test

const raceEnabled = false
