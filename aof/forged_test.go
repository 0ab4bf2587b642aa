package aof_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestForgedMarkerInValueIsNotTrusted writes a value that contains two lines like commit markers.
// The attacker chose the value and knows its offset. The second line declares that offset synced,
// and the file ends after it. Without the file's salt, the checksums are wrong, and Open truncates
// the torn group. With the salt, which only readers of the file know, Open refuses the log.
func TestForgedMarkerInValueIsNotTrusted(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")}
	data := memFile(t, mem, incrName)
	const head, first = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6000\r\n", "\r\n#p1:00000000\r\n"
	place := int64(len(data + head + first))
	opening := data[:strings.IndexByte(data, '\n')+1]
	_, salted, ok := wire.ParseOpening([]byte(opening), wire.NewSeed(1))
	if !ok {
		t.Fatalf("ParseOpening(%q) = false, want true", opening)
	}
	for name, seed := range map[string]uint32{"without": wire.NewSeed(1).Group(place), "with": salted.Group(place)} {
		forged := first + string(wire.AppendMarker(nil, seed, place, nil))
		image := withIncr(t, mem, []byte(data+head+forged+strings.Repeat("v", 100)))
		again, u, rec, err := open(image, "/data", aof.Fsync(aof.No))
		if name == "with" {
			if !errors.As(err, new(*aof.CorruptError)) {
				t.Errorf("Open with markers of the right salt = %v, want a CorruptError", err)
			}
			continue
		}
		if err != nil || rec.Cut == 0 {
			t.Fatalf("report = %+v, %v, want a truncated tail", rec, err)
		}
		want(t, u, list)
		closeLog(t, again)
	}
	closeLog(t, l)
}
