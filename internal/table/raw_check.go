//go:build perdure_check

package table

// The checked build detects misuse of memory. Nothing in it is unsafe. It overwrites all freed
// memory, so that a stale reference yields a wrong value instead of an old one.

const checked = true

func bytesOf(s string) []byte { return []byte(s) }

// KeyOf returns a copy of b as a string.
func KeyOf(b []byte) string { return string(b) }

const pageBytes = 24

// pagesIn returns other memory of the size of b.
func pagesIn(b []byte) []page { return make([]page, len(b)/pageBytes) }

func poison(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
