//go:build !race

package table_test

const scale = 1
