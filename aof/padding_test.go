package aof_test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// markerAfterSelect matches a marker after a SELECT, before which one byte was too few for a line.
var markerAfterSelect = regexp.MustCompile(`select\r\n\$1\r\n\d\r\n#p1:`)

// wantLinesInPages checks an incremental file. No line may cross the end of a page, where a kill
// would tear it. After each marker except the last, which Close wrote, the page must have room for
// a marker, a timestamp annotation, and a SELECT.
func wantLinesInPages(t testing.TB, what string, data string) {
	t.Helper()
	r := resp.NewReader(strings.NewReader(data), 0)
	for {
		token, err := r.Next()
		if err != nil {
			break
		}
		if token.Line == nil {
			continue
		}
		from, end := int(token.Offset), int(token.End())
		if from/4096 != (end-1)/4096 {
			t.Fatalf("%s: the line %q at %d crosses a page boundary, want it in one page", what, token.Line, from)
		}
		if bytes.HasPrefix(token.Line, []byte("#p1:")) && end < len(data) && end%4096 > 4096-wire.LeadSize {
			t.Fatalf("%s: the marker %q ends at %d, want room for a SELECT after it", what, token.Line, end)
		}
	}
}

// TestGroupAtEveryDistanceToPageEnd ends a group, and a log of another program, at every distance
// from the end of a page.
func TestGroupAtEveryDistanceToPageEnd(t *testing.T) {
	for name, opts := range map[string][]aof.Option{
		"direct": {aof.LogMode(aof.Direct), aof.Fsync(aof.No)},
		"ring":   slowRing(aof.Fsync(aof.No)),
	} {
		t.Run(name, func(t *testing.T) {
			selects := 0
			for n := 3850; n < 4050; n++ {
				for _, opening := range []string{"", string(resp.AppendCommand([]byte(theirs), "SET", "x", strings.Repeat("w", n)))} {
					mem := vfs.NewMem("/data")
					var list []string
					if opening != "" {
						list = append(list, "0: SET theirs 1", "0: SET x "+strings.Repeat("w", n))
						mem = memLog(t, []byte(opening))
					}
					l, _, _, err := open(mem, "/data", opts...)
					if err != nil {
						t.Fatal(err)
					}
					for _, value := range []string{strings.Repeat("v", n), "1"} {
						p, s := command(l, 2, "SET", "k", value)
						if err := l.Commit(p, true); err != nil {
							t.Fatal(err)
						}
						list = append(list, s)
					}
					closeLog(t, l)
					data := memFile(t, mem, incrName)
					wantLinesInPages(t, name, data)
					selects += len(markerAfterSelect.FindAllString(data, -1))
					again, u, rec, err := open(mem, "/data", opts...)
					if err != nil || rec.Cut > 0 {
						t.Fatalf("report = %+v, %v, want nothing truncated", rec, err)
					}
					want(t, u, list)
					closeLog(t, again)
				}
			}
			if selects < 2 {
				t.Errorf("%d markers after a SELECT, want one of each kind at least", selects)
			}
		})
	}
}

// TestServerTruncationKeepsClosingMarker closes a log with its last marker at each distance from
// the end of a page. A kill tears the write after the next Open there, and a server truncates the
// torn command.
func TestServerTruncationKeepsClosingMarker(t *testing.T) {
	direct := []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.No), aof.Timestamps(true)}
	latest := 0
	for n := 3750; n < 4000; n++ {
		mem := vfs.NewMem("/data")
		var list []string
		var first *vfs.Mem // image with the manifest of the first Close
		closed := 0
		for _, value := range []string{strings.Repeat("v", n), strings.Repeat("w", 5000)} {
			if len(list) > 0 {
				closed = len(memFile(t, mem, incrName))
				first = mem.Kill()
			}
			l, u, _, err := open(mem, "/data", direct...)
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, list)
			list = append(list, set(t, l, "k", value))
			closeLog(t, l)
		}
		latest = max(latest, closed%4096)
		data := memFile(t, mem, incrName)
		for end := (closed/4096 + 1) * 4096; end < len(data); end += 4096 {
			left := truncatedByServer([]byte(data[:end]))
			l, u, rec, err := open(withIncr(t, first, left), "/data", direct...)
			if err != nil || len(u.got) == 0 {
				t.Fatalf("closed at %d, torn at %d, truncated by a server at %d: %d records; report %+v, %v, want at least one", closed, end, len(left), len(u.got), rec, err)
			}
			closeLog(t, l)
		}
	}
	if latest != 4096-wire.LeadSize+len("#p1:01234567 sync:0123 close:0123456789abcdef\r\n") {
		t.Errorf("the marker of Close closest to the end of a page ends at %d, want one at the limit", latest)
	}
}

// TestKillAfterPadding kills a log in Ring mode after each write, before the tail file records
// the position of its next region. That position is after the padding and the marker.
func TestKillAfterPadding(t *testing.T) {
	var files strings.Builder
	for seed := range uint64(6) {
		if seed > 0 && stride() > 2 {
			break
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		var sizes []int
		for range 600 {
			sizes = append(sizes, rng.IntN(400))
		}
		files.WriteString(killedAfterWrites(t, sizes))
	}
	for n := 3800; n < 4000; n++ {
		files.WriteString(killedAfterWrites(t, []int{n, 1}))
	}
	if !strings.Contains(files.String(), "##") || !markerAfterSelect.MatchString(files.String()) {
		t.Error("padding is missing, want some")
	}
}

// killedAfterWrites writes values of several sizes, every second one during the write of the
// previous one. It returns the content of the incremental file.
func killedAfterWrites(t *testing.T, sizes []int) string {
	t.Helper()
	var images []*vfs.Mem
	var acked [][]string
	mem := vfs.NewMem("/data")
	wrote := false
	var list []string
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		switch {
		case op.Name == incrName:
			wrote = op.Kind == "write"
		case op.Kind == "store" && wrote:
			wrote = false
			images = append(images, mem.Kill())
			acked = append(acked, list[:len(list):len(list)])
		}
		return nil
	})
	during := &watchedFS{FS: fs, wrote: func([]byte, int64) {}}
	l, _, _, err := open(during, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	put := func(size int, durable bool) {
		p, s := command(l, 0, "SET", "k", strings.Repeat("v", size))
		list = append(list, s)
		if err := l.Commit(p, durable); err != nil {
			t.Error(err)
		}
	}
	for i := 0; i < len(sizes); i += 2 {
		// The second write is in the next region, and acknowledged.
		during.wrote = func([]byte, int64) { put(sizes[i+1], false) }
		put(sizes[i], true)
	}
	during.wrote = func([]byte, int64) {}
	closeLog(t, l)
	for i, image := range images {
		again, u, rec, err := open(image, "/data", slowRing()...)
		if err != nil || rec.TailReason != "" || len(u.got) < len(acked[i]) || !isPrefix(acked[i], u.got) {
			t.Fatalf("image %d: %d records, want at least %d; report %+v, %v %.40q %.40q", i, len(u.got), len(acked[i]), rec, err, u.got, acked[i])
		}
		closeLog(t, again)
	}
	return memFile(t, mem, incrName)
}
