package aof_test

import (
	"bytes"
	"testing"

	"github.com/perduredb/perdure/aof"
)

// FuzzMark checks that a line is a commit marker only if the log writes it in this form.
func FuzzMark(f *testing.F) {
	f.Add([]byte("#p1:6d92dd24\r\n"), int64(1), int64(0))
	f.Add([]byte("#p1:dd3bdfb0 sync:36\r\n"), int64(1), int64(86))
	f.Add([]byte("#p1:9de251c5 sync:108\r\n"), int64(1), int64(108))
	f.Add([]byte("#p1:46599e79 salt:0123456789abcdef\r\n"), int64(1), int64(36))
	f.Fuzz(func(t *testing.T, line []byte, seq, offset int64) {
		crc := aof.GroupSeed(seq, offset)
		sync, ok := aof.VerifyMark(line, crc)
		if want := aof.AppendMark(nil, crc, sync); ok && !bytes.Equal(line, want) {
			t.Fatalf("%q is taken for %q", line, want)
		}
		_, opening := aof.ParseOpening(line, seq, offset)
		if _, mark := aof.VerifyMark(line, aof.GroupSeed(seq, 0)); opening && mark {
			t.Fatalf("%q is taken for an opening and for a mark", line)
		}
		if got, ok := aof.VerifyMark(aof.AppendMark(nil, crc, max(offset, 0)), crc); !ok || got != max(offset, 0) {
			t.Fatalf("the mark of sync %d is not taken: %d", offset, got)
		}
	})
}
