package rdb_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
)

// TestServerAgrees flips each bit of each shape and gives the payload to a server that checks what it
// restores: what we take it takes. It takes more than we do, reading over the end of a value into
// what follows it, for example.
func TestServerAgrees(t *testing.T) {
	s := redistest.Start(t, "", "--sanitize-dump-payload", "yes")
	n, taken := 0, 0
	for _, shape := range shapes() {
		if shape.kind > 19 || shape.kind == 7 {
			continue // not known to Redis 7.0, or a module that it does not have
		}
		p := append([]byte(nil), shape.payload...)
		for i := range len(p) * 8 {
			p[i/8] ^= 1 << (i % 8)
			s.Send("RESTORE", "k", "0", string(rdb.AppendDump(nil, shape.kind, p)), "REPLACE")
			p[i/8] ^= 1 << (i % 8)
		}
		for i, r := range s.Flush() {
			p[i/8] ^= 1 << (i % 8)
			_, err := rdb.DecodeValue(shape.kind, p)
			if err == nil && r.Err {
				t.Errorf("%s, byte %d bit %d: the server says %q", shape.name, i/8, i%8, r.Text)
			}
			if n++; err == nil {
				taken++
			}
			p[i/8] ^= 1 << (i % 8)
		}
	}
	t.Logf("%d of %d payloads are taken", taken, n)
}
