package aof_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// truncatedByServer returns the incremental file as redis-server 7 truncates it. If the file ends
// within a command, the server truncates it after the last whole command. If the file ends within a
// transaction, the server truncates it after the last command before the transaction.
func truncatedByServer(data []byte) []byte {
	r := resp.NewReader(bytes.NewReader(data), 0)
	whole, before, multi := 0, 0, false
	for {
		token, err := r.Next()
		var damage *corrupt.Error
		switch {
		case errors.As(err, &damage) && damage.Torn && data[r.Offset()] != '#':
			return data[:whole]
		case err != nil && multi:
			return data[:before]
		case err != nil:
			return data
		case token.Line != nil:
			continue
		}
		switch strings.ToUpper(string(token.Args[0])) {
		case "MULTI":
			multi, before = true, whole
		case "EXEC":
			multi = false
		}
		whole = int(token.End())
	}
}

// A tear is a write to the incremental file that a kill may tear.
type tear struct {
	mem   *vfs.Mem // state before the write
	from  int      // offset in the file
	size  int
	acked []string
}

// guardedWrites writes groups of all sizes to a log, and opens and closes it several times. It
// returns the writes that crossed the end of a page, and the final content of the incremental file.
func guardedWrites(t *testing.T, seed uint64, opts ...aof.Option) (tears []tear, data string) {
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := vfs.NewMem("/data")
	var acked []string
	size := 0
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Name != incrName {
			return nil
		}
		switch op.Kind {
		case "create":
			size = 0
		case "write":
			if size/4096 != (size+op.Size)/4096 {
				tears = append(tears, tear{mem: mem.Kill(), from: size, size: op.Size, acked: acked[:len(acked):len(acked)]})
			}
			size += op.Size
		}
		return nil
	})
	for range 6 {
		l, u, rec, err := open(fs, "/data", opts...)
		if err != nil || rec.Cut > 0 {
			t.Fatalf("report = %+v, %v, want nothing truncated", rec, err)
		}
		want(t, u, acked)
		for i := range 40 {
			var p appendlog.Position
			var units []string
			for range 1 + rng.IntN(4) {
				value := strings.Repeat("v", rng.IntN(1200))
				if rng.IntN(4) == 0 {
					first, last, unit := transaction(l, "0: SET a "+value+".", "2: INCR n")
					p = l.Append(first, last, unit)
					units = append(units, fmt.Sprintf("0: SET a %s.; 2: INCR n", value))
					continue
				}
				var s string
				p, s = command(l, rng.IntN(3), "SET", "k", value)
				units = append(units, s)
			}
			if err := l.Commit(p, i%3 == 0); err != nil {
				t.Fatal(err)
			}
			acked = append(acked, units...)
		}
		closeLog(t, l)
	}
	return tears, memFile(t, mem, incrName)
}

// TestServerTruncationKeepsMarker tears a write at the end of any page. A redis-server that starts
// then truncates the torn command and stops without writing. The next Open must find all
// acknowledged records, from the log or the tail file.
func TestServerTruncationKeepsMarker(t *testing.T) {
	for name, opts := range map[string][]aof.Option{
		"direct":     {aof.LogMode(aof.Direct), aof.Fsync(aof.No)},
		"ring":       slowRing(aof.Fsync(aof.No)),
		"timestamps": {aof.LogMode(aof.Direct), aof.Fsync(aof.No), aof.Timestamps(true)},
	} {
		t.Run(name, func(t *testing.T) {
			images := 0
			for seed := range uint64(4) {
				if seed > 0 && stride() > 2 {
					break
				}
				tears, data := guardedWrites(t, seed, opts...)
				for _, w := range tears {
					for end := (w.from/4096 + 1) * 4096; end < w.from+w.size; end += 4096 {
						once := truncatedByServer([]byte(data[:end]))
						// The server starts once or twice.
						for _, left := range [][]byte{once, truncatedByServer(once)} {
							images++
							if err := w.opens(left, opts...); err != nil {
								t.Fatalf("seed %d, write of %d at %d torn at %d: Open = %v, want nil", seed, w.size, w.from, end, err)
							}
						}
					}
				}
			}
			t.Logf("%d torn writes", images)
			if images < 100 {
				t.Errorf("%d images, want at least 100", images)
			}
		})
	}
}

// opens opens the log with the incremental file that a server has truncated.
func (w *tear) opens(left []byte, opts ...aof.Option) error {
	image := w.mem.Kill()
	if err := overwrite(image, incrName, w.from, left); err != nil {
		return err
	}
	l, u, rec, err := open(image, "/data", opts...)
	if err != nil || rec.TailReason != "" {
		return fmt.Errorf("Open = %+v, %w, want no TailReason", rec, err)
	}
	if len(u.got) < len(w.acked) || !isPrefix(w.acked, u.got) {
		return fmt.Errorf("%d records, want at least %d; report %+v", len(u.got), len(w.acked), rec)
	}
	return l.Close()
}

// overwrite replaces the content of a file from an offset on.
func overwrite(mem *vfs.Mem, name string, from int, left []byte) (err error) {
	f, err := mem.OpenWrite(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if len(left) < from {
		return f.Truncate(int64(len(left)))
	}
	_, err = f.Write(left[from:])
	return errors.Join(err, f.Sync())
}

// TestServersTruncationKeepsMarker repeats the test with a real redis-server, which also shows that
// truncatedByServer is correct.
func TestServersTruncationKeepsMarker(t *testing.T) {
	redistest.Tool(t, "redis-server")
	tears, data := guardedWrites(t, 1, aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	for i, w := range tears {
		if i%8 > 0 {
			continue
		}
		end := (w.from/4096 + 1) * 4096
		dir := t.TempDir()
		l, _, _ := mustOpen(t, dir, aof.RDBBase(false))
		closeLog(t, l)
		path := filepath.Join(dir, "appendonlydir", filepath.Base(incrName))
		writeFile(t, []byte(data[:end]), path)
		listAlone(t, dir)
		server(t, dir).Kill()
		if left, want := readFile(t, path), truncatedByServer([]byte(data[:end])); !bytes.Equal(left, want) {
			t.Fatalf("torn at %d: the server cut at %d, not at %d", end, len(left), len(want))
		}
		l, u, rec := mustOpen(t, dir)
		if len(u.got) < len(w.acked) || !isPrefix(w.acked, u.got) {
			t.Fatalf("torn at %d: %d records, want at least %d; report %+v", end, len(u.got), len(w.acked), rec)
		}
		closeLog(t, l)
	}
}
