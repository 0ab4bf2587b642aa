//go:build !perdure_heap

package integration_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storecheck"
)

// openCost opens a directory and returns the bytes that Open allocated on the Go heap. It returns 0
// with the race detector, which makes pools drop their items.
func openCost(t *testing.T, dir string, opts ...perdure.Option) (s *perdure.Store, heap int64, err error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err = perdure.Open(dir, append(opts, perdure.WithSaveRules())...)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	if storecheck.RaceEnabled {
		return s, 0, err
	}
	return s, int64(after.TotalAlloc - before.TotalAlloc), err
}

// slack is the number of bytes that Open may allocate in addition to the data.
const slack = 64 << 20

func TestHighOffsetsInLogTakeNoMemory(t *testing.T) {
	var b strings.Builder
	for i := range 20 {
		key := fmt.Sprint("k", i)
		switch i % 3 {
		case 0:
			b.WriteString(frame("SETRANGE", key, "536870900", "x"))
		case 1:
			b.WriteString(frame("SETBIT", key, "4294967295", "1"))
		case 2:
			b.WriteString(frame("BITFIELD", key, "SET", "u8", "#536870911", "1"))
		}
		b.WriteString(frame("SETBIT", "same", fmt.Sprint(4294967295-int64(i)*1_000_000), "1"))
		b.WriteString(frame("GETSET", "same2", "v"))
	}
	b.WriteString(frame("RENAME", "k0", "k00") + frame("COPY", "k1", "k11") + frame("BITOP", "OR", "or", "k1", "same"))
	for _, end := range []string{"", frame("NOSUCH")} {
		dir := t.TempDir()
		writeIncr(t, dir, b.String()+end)
		before := peakMemory(t)
		s, heap, err := openCost(t, dir)
		if after := peakMemory(t); after-before+heap > slack {
			t.Errorf("Open used %d MiB of memory and allocated %d MiB for a log of %d bytes, want at most %d MiB", (after-before)>>20, heap>>20, b.Len(), slack>>20)
		}
		if (err != nil) != (end != "") {
			t.Fatal(err)
		}
		if err == nil && s.Len() != 23 {
			t.Errorf("Len() = %d, want 23", s.Len())
		}
	}
}

func TestUnfinishedTransactionTakesNoMemory(t *testing.T) {
	const n = 1_000_000
	text := frame("SET", "k", "v") + frame("MULTI") + strings.Repeat(frame("INCR", "n"), n)
	dir := t.TempDir()
	writeIncr(t, dir, text)
	s, heap, err := openCost(t, dir)
	ok(t, err)
	if s.Len() != 1 || s.Recovery().Cut == 0 {
		t.Errorf("Len = %d, Recovery = %+v, want 1 key and a truncated tail", s.Len(), s.Recovery())
	}
	if heap > slack+int64(len(text)) {
		t.Errorf("Open allocated %d MiB for a log of %d MiB, want at most %d MiB more", heap>>20, len(text)>>20, slack>>20)
	}
}

func TestLongTransactionIsReplayedWhole(t *testing.T) {
	const n = 300_000
	one := frame("MULTI") + strings.Repeat(frame("INCR", "n"), n) + frame("SELECT", "2") + frame("INCR", "n") + frame("EXEC")
	dir := t.TempDir()
	writeIncr(t, dir, frame("SELECT", "1")+frame("SET", "n", "7")+one+frame("INCR", "m")+frame("MULTI")+frame("SET", "torn", "v"))
	s, _, err := openCost(t, dir)
	ok(t, err)
	for _, want := range []struct {
		db         int
		key, value string
	}{{1, "n", fmt.Sprint(7 + n)}, {2, "n", "1"}, {2, "m", "1"}} {
		got, err := s.DB(want.db).Get(want.key)
		if string(got) != want.value {
			t.Errorf("Get(%q) of database %d = %q, %v, want %q", want.key, want.db, got, err, want.value)
		}
	}
	if _, err := s.DB(2).Get("torn"); err == nil {
		t.Error("Get of a key from an unfinished transaction = nil error, want ErrNotFound")
	}
	if got := s.Recovery().Commands; got != n+3 {
		t.Errorf("Recovery().Commands = %d, want %d", got, n+3)
	}
}

func TestManyDatabaseCommandsTakeTimeOfOthers(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	for name, command := range map[string]string{
		"SWAPDB":   frame("SWAPDB", "0", "1"),
		"FLUSHALL": frame("FLUSHALL"),
		"FLUSHDB":  frame("FLUSHDB"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeIncr(t, dir, frame("SET", "k", "v")+strings.Repeat(command, n+1))
			s, heap, err := openCost(t, dir)
			ok(t, err)
			if heap > slack+int64(n)*256 {
				t.Errorf("Open allocated %d MiB, want at most %d MiB", heap>>20, (slack+int64(n)*256)>>20)
			}
			want := int64(0)
			if name == "SWAPDB" {
				want = 1
			}
			if s.DB(1).Len() != want || s.Len() != 0 {
				t.Errorf("databases 0 and 1 have %d and %d keys, want 0 and %d", s.Len(), s.DB(1).Len(), want)
			}
		})
	}
}

func TestResizeHintOfSparseDumpTakesNoMemory(t *testing.T) {
	b := []byte("REDIS0009")
	for db := range 16 {
		b = append(b, 0xfe, byte(db), 0xfb)
		for range 2 {
			b = binary.BigEndian.AppendUint64(append(b, 0x81), 1<<40)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	ok(t, os.WriteFile(path, b, 0o600))
	ok(t, os.Truncate(path, 512<<20))
	before := peakMemory(t)
	_, heap, err := openCost(t, dir)
	if err == nil {
		t.Error("Open of a dump of zeros = nil, want an error")
	}
	if after := peakMemory(t); after-before+heap > slack {
		t.Errorf("Open used %d MiB of memory and allocated %d MiB, want at most %d MiB", (after-before)>>20, heap>>20, slack>>20)
	}
}
