package aof_test

import (
	"bytes"
	"testing"

	"github.com/perduredb/perdure/aof"
)

// FuzzMark: a line is a mark only if it is what the log writes.
func FuzzMark(f *testing.F) {
	f.Add([]byte("#p1:6d92dd24\r\n"), int64(1), int64(0))
	f.Add([]byte("#p1:4897bc7d sync:14\r\n"), int64(1), int64(64))
	f.Add([]byte("#p1:ec052038 sync:86\r\n"), int64(1), int64(86))
	f.Fuzz(func(t *testing.T, line []byte, seq, offset int64) {
		crc := aof.GroupSeed(seq, offset)
		sync, ok := aof.VerifyMark(line, crc)
		if want := aof.AppendMark(nil, crc, sync); ok && !bytes.Equal(line, want) {
			t.Fatalf("%q is taken for %q", line, want)
		}
		if got, ok := aof.VerifyMark(aof.AppendMark(nil, crc, max(offset, 0)), crc); !ok || got != max(offset, 0) {
			t.Fatalf("the mark of sync %d is not taken: %d", offset, got)
		}
	})
}
