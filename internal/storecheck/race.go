//go:build race

package storecheck

// RaceEnabled reports whether the race detector is on. It allocates, and makes a pool drop items.
const RaceEnabled = true
