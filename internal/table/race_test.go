//go:build race

package table_test

// scale divides the sizes of tests, which the race detector makes slow.
const scale = 16
