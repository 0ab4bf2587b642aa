package scan_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
)

// records returns the result of a scan of data, and the log records that it emits.
func records(t *testing.T, data []byte) (scan.Result, []string) {
	t.Helper()
	var got []string
	w := scan.New(bytes.NewReader(data), "x.aof", 1, 0, func(unit []appendlog.Command) error {
		text := ""
		for _, c := range unit {
			text += fmt.Sprintf("%d%q ", c.DB, c.Args)
		}
		got = append(got, text)
		return nil
	})
	r, err := w.Run()
	if err != nil {
		t.Fatalf("Run = %v, want nil", err)
	}
	return r, got
}

func command(args ...string) (p []byte) {
	p = fmt.Appendf(p, "*%d\r\n", len(args))
	for _, a := range args {
		p = fmt.Appendf(p, "$%d\r\n%s\r\n", len(a), a)
	}
	return p
}

// serverFile is a file as a server writes it.
func serverFile() []byte {
	return slices.Concat(command("SELECT", "0"), command("SET", "a", "1"), []byte("#TS:1700000000\r\n"),
		command("MULTI"), command("INCR", "a"), command("DEL", "b"), command("EXEC"), command("SET", "c", "*1\r\n$4\r\nEXEC\r\n"))
}

// perdureFile is a file of three groups, each with its commit marker.
func perdureFile() (p []byte) {
	seed, start := wire.NewSeed(1), int64(0)
	for _, group := range [][]byte{
		slices.Concat(command("SELECT", "0"), command("SET", "a", "1")),
		slices.Concat(command("MULTI"), command("INCR", "a"), command("DEL", "b"), command("EXEC")),
		slices.Concat(command("SET", "c", "#p1:00000000\r\n"), command("APPEND", "c", "x")),
	} {
		p = append(p, group...)
		p = wire.AppendMarker(p, wire.Sum(seed.Group(start), group), start, nil)
		start = int64(len(p))
	}
	return p
}

// checkTruncated checks that a file is whole once it is truncated at Good, and that a scan of it
// emits equal records.
func checkTruncated(t *testing.T, data []byte) {
	t.Helper()
	r, got := records(t, data)
	if r.Good < 0 || r.Good > int64(len(data)) {
		t.Fatalf("Good = %d, want 0 to %d", r.Good, len(data))
	}
	again, rest := records(t, data[:r.Good])
	if again.Problem != nil || again.Good != r.Good || !slices.Equal(got, rest) {
		t.Fatalf("scan of %d bytes emits %v (%v); of the first %d, %v with Good %d (%v), want equal records and no problem",
			len(data), got, r.Problem, r.Good, rest, again.Good, again.Problem)
	}
}

func TestTruncatedFileIsWhole(t *testing.T) {
	for name, data := range map[string][]byte{"server": serverFile(), "perdure": perdureFile()} {
		t.Run(name, func(t *testing.T) {
			for n := range len(data) + 1 {
				checkTruncated(t, data[:n])
			}
		})
	}
}

func TestGroupWithoutMarkerIsHeldBack(t *testing.T) {
	data := perdureFile()
	if r, got := records(t, data); r.Problem != nil || r.Markers != 3 || len(got) != 4 {
		t.Fatalf("scan = %d records, %d markers, %v, want 4 records, 3 markers, nil", len(got), r.Markers, r.Problem)
	}
	last := bytes.LastIndex(data, []byte("\n#p1:")) + 1
	r, got := records(t, data[:last])
	if r.Problem == nil || len(got) != 2 {
		t.Errorf("scan without the last marker = %d records, %v, want 2 records and a problem", len(got), r.Problem)
	}
	for i := range last {
		changed := slices.Clone(data)
		changed[i] ^= 1
		if r, got := records(t, changed); r.Problem == nil && len(got) == 4 {
			t.Errorf("scan with byte %d changed = %d records and no problem, want a problem", i, len(got))
		}
	}
}

// FuzzScan checks that any file is whole once it is truncated at Good.
func FuzzScan(f *testing.F) {
	f.Add(serverFile())
	f.Add(perdureFile())
	f.Add(append(perdureFile(), serverFile()...))
	f.Add(append(serverFile(), wire.AppendPadding(nil, 256)...))
	f.Add(append(perdureFile(), wire.AppendPadding(nil, 256)...))
	f.Fuzz(func(t *testing.T, data []byte) { checkTruncated(t, data) })
}
