package rdb_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
)

// TestServerAgrees flips each bit of each shape and restores the payload on a server that validates
// it. The server must accept every payload that DecodeValue accepts. It accepts more, for example
// if it reads past the end of a value.
func TestServerAgrees(t *testing.T) {
	s := redistest.Start(t, "", "--sanitize-dump-payload", "yes")
	n, accepted := 0, 0
	for _, shape := range shapes() {
		if shape.kind > 19 || shape.kind == 7 {
			continue // unknown to Redis 7.0, or of a module that is not loaded
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
				t.Errorf("%s, byte %d bit %d: RESTORE = %q, want OK", shape.name, i/8, i%8, r.Text)
			}
			if n++; err == nil {
				accepted++
			}
			p[i/8] ^= 1 << (i % 8)
		}
	}
	t.Logf("accepted %d of %d payloads", accepted, n)
}
