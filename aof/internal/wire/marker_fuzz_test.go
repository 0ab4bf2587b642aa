package wire_test

import (
	"bytes"
	"testing"

	"github.com/perduredb/perdure/aof/internal/wire"
)

// FuzzMarker checks that a line is a commit marker only if the log writes it in this form.
func FuzzMarker(f *testing.F) {
	f.Add([]byte("#p1:6d92dd24\r\n"), int64(1), int64(0))
	f.Add([]byte("#p1:dd3bdfb0 sync:36\r\n"), int64(1), int64(86))
	f.Add([]byte("#p1:9de251c5 sync:108\r\n"), int64(1), int64(108))
	f.Add([]byte("#p1:46599e79 salt:0123456789abcdef\r\n"), int64(1), int64(36))
	f.Fuzz(func(t *testing.T, line []byte, seq, offset int64) {
		verified := func(line []byte, crc uint32) (int64, bool) {
			m, ok := wire.ParseMarker(line)
			return m.Synced, ok && m.Verifies(crc)
		}
		crc := wire.NewSeed(seq).Group(offset)
		synced, ok := verified(line, crc)
		if want := wire.AppendMarker(nil, crc, synced, nil); ok && !bytes.Equal(line, want) {
			t.Fatalf("ParseMarker accepts %q, want only %q", line, want)
		}
		_, _, opening := wire.ParseOpening(line, wire.NewSeed(seq))
		if _, marker := verified(line, wire.NewSeed(seq).Group(0)); opening && marker {
			t.Fatalf("%q parses as an opening line and as a marker, want one of them", line)
		}
		want := max(offset, 0)
		if got, ok := verified(wire.AppendMarker(nil, crc, want, nil), crc); !ok || got != want {
			t.Fatalf("ParseMarker = synced %d, %v, want %d", got, ok, want)
		}
	})
}
