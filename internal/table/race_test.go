//go:build race

package table_test

// scale divides the sizes of tests, because the race detector is slow.
const scale = 16
