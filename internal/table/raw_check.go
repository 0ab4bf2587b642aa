//go:build perdure_check

package table

// This is the build that looks for misuse of memory: nothing is unsafe, and whatever is freed is
// overwritten, so that a stale reference shows as a wrong value instead of an old one.

const checked = true

func bytesOf(s string) []byte { return []byte(s) }

func poison(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
