package aof_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/vfs"
)

// theirs contains the commands that a server appends when it continues a log.
const theirs = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$6\r\ntheirs\r\n$1\r\n1\r\n"

// withIncr returns a copy of a file system with another incremental file.
func withIncr(t testing.TB, mem *vfs.Mem, data []byte) *vfs.Mem {
	t.Helper()
	image := mem.Kill()
	replaceFile(t, image, incrName, data)
	return image
}

// TestServerTruncationKeepsMarkerUnderAlways is a regression test. A marker written over padding
// ended close to the end of a page. The group after it, if appended, began with a SELECT that a
// kill could tear. A server then truncated both.
func TestServerTruncationKeepsMarkerUnderAlways(t *testing.T) {
	count := 0
	for seed := range uint64(4) {
		if seed > 1 && stride() > 2 || seed > 0 && testing.Short() {
			break
		}
		images, _ := killedOverPadding(t, seed, 6000)
		for _, image := range images {
			count++
			left := truncatedByServer([]byte(memFile(t, image.mem, incrName)))
			l, u, rec, err := open(withIncr(t, image.mem, left), "/data", aof.Fsync(aof.Always))
			if err != nil || len(u.got) < image.acked {
				t.Fatalf("%s, truncated by a server at %d: %d records, want at least %d; report %+v, %v", image.where, len(left), len(u.got), image.acked, rec, err)
			}
			closeLog(t, l)
		}
	}
	t.Logf("%d images", count)
}

// TestLongRecordAfterPageEnd is the worst case of that. A group ends at every possible offset, and
// the next log record is longer than a page.
func TestLongRecordAfterPageEnd(t *testing.T) {
	latest := 0
	for n := range 120 {
		mem := vfs.NewMem("/data")
		var torn *vfs.Mem
		fs := &watchedFS{FS: mem, wrote: func(p []byte, offset int64) {
			if !strings.Contains(string(p), "big") {
				return
			}
			torn = mem.Kill()
			data := memFile(t, mem, incrName)[:offset] + string(p[:4096-offset%4096])
			replaceFile(t, torn, incrName, []byte(data))
		}}
		l := always(t, fs)
		list := []string{set(t, l, "a", "1"), set(t, l, "k", strings.Repeat("v", 3720+n))}
		groups, _ := splitPadding(t, memFile(t, mem, incrName))
		latest = max(latest, len(groups)%4096)
		set(t, l, "big", strings.Repeat("w", 6000))
		left := truncatedByServer([]byte(memFile(t, torn, incrName)))
		again, u, rec, err := open(withIncr(t, torn, left), "/data", aof.Fsync(aof.Always))
		if err != nil || !isPrefix(list, u.got) {
			t.Fatalf("group up to %d, truncated by a server at %d: %d records; report %+v, %v, want a prefix", len(groups), len(left), len(u.got), rec, err)
		}
		closeLog(t, again)
		closeLog(t, l)
	}
	if latest < 4096-wire.LeadSize-20 || latest > 4096-wire.LeadSize {
		t.Errorf("the latest group ends at %d of a page, want one at the limit", latest)
	}
}

// TestServerKilledAfterClose closes a log with its last marker at the end of a page. A kill tears a
// server's first write at that end.
func TestServerKilledAfterClose(t *testing.T) {
	for n := range 120 {
		mem := vfs.NewMem("/data")
		l := always(t, mem)
		list := []string{set(t, l, "k", strings.Repeat("v", 3850+n)), set(t, l, "last", "1")}
		closeLog(t, l)
		data := memFile(t, mem, incrName)
		write := data + theirs
		if end := (len(data)/4096 + 1) * 4096; end < len(write) {
			write = write[:end]
		}
		left := truncatedByServer([]byte(write))
		again, u, rec, err := open(withIncr(t, mem, left), "/data")
		if err != nil || !isPrefix(list, u.got) {
			t.Fatalf("closed at %d, truncated by a server at %d: %d records; report %+v, %v, want all", len(data), len(left), len(u.got), rec, err)
		}
		closeLog(t, again)
	}
}

// TestServerContinuesAfterTornGroup checks that the next Open finds the server's writes. It is also
// a regression test. If the server continued after a part of a marker, Open treated its writes as a
// part of perdure's and truncated them.
func TestServerContinuesAfterTornGroup(t *testing.T) {
	count := 0
	for seed := range uint64(20) {
		if seed > 1 && stride() > 2 {
			break
		}
		images, _ := killedOverPadding(t, seed, 60)
		for _, image := range images {
			count++
			whole := append(truncatedByServer([]byte(memFile(t, image.mem, incrName))), theirs...)
			l, u, rec, err := open(withIncr(t, image.mem, whole), "/data", aof.Fsync(aof.Always))
			if n := len(u.got) - 1; err != nil || n < image.acked || u.got[n] != "0: SET theirs 1" {
				t.Fatalf("%s: %d records, want at least %d and the server's; last %q; report %+v, %v", image.where, len(u.got), image.acked, u.got[n:], rec, err)
			}
			closeLog(t, l)
		}
	}
	t.Logf("%d images", count)
}

// TestServersContinueAfterTornGroup repeats the test with a real server, and with a torn group that
// was appended.
func TestServersContinueAfterTornGroup(t *testing.T) {
	redistest.Tool(t, "redis-server")
	images, _ := killedOverPadding(t, 8, 60)
	for i, image := range images {
		if i%6 == 0 {
			serverContinues(t, image.where, memFile(t, image.mem, incrName), image.acked, aof.Fsync(aof.Always))
		}
	}
	tears, data := guardedWrites(t, 3, aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	for i, w := range tears {
		if i%6 == 0 {
			end := (w.from/4096 + 1) * 4096
			serverContinues(t, fmt.Sprintf("write of %d at %d", w.size, w.from), data[:end], len(w.acked), aof.LogMode(aof.Direct))
		}
	}
}

// serverContinues lets a server continue the log of a killed process, kills the server, and opens
// the log.
func serverContinues(t *testing.T, where, data string, acked int, opts ...aof.Option) {
	t.Helper()
	dir := t.TempDir()
	l, _, _ := mustOpen(t, dir, aof.RDBBase(false))
	closeLog(t, l)
	writeFile(t, []byte(data), dir, "appendonlydir", filepath.Base(incrName))
	listAlone(t, dir)
	s := server(t, dir)
	s.Must("SELECT", "0")
	for range 10 {
		s.Must("INCR", "theirs")
	}
	s.Kill()
	l, u, rec := mustOpen(t, dir, opts...)
	defer closeLog(t, l)
	if rec.Reason == "file ends inside a transaction" {
		return // the server has left the MULTI and would truncate there itself
	}
	if n := len(u.got) - 10; n < acked || u.got[n] != "0: INCR theirs" {
		t.Fatalf("%s: %d records, want at least %d and the server's; report %+v", where, len(u.got), acked, rec)
	}
}

// TestValueWithCommands is a regression test. After a power failure, a group over padding may have
// only the sectors from the middle of a value on. If the value contained commands there, Open
// treated them as those of another program.
func TestValueWithCommands(t *testing.T) {
	images := 0
	for pad := 0; pad < 600; pad += stride() {
		mem := vfs.NewMem("/data")
		var crash []*vfs.Mem
		armed := false
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if !armed || op.Kind != "datasync" {
				return nil
			}
			things := len(mem.Things(512))
			for first := range things + 1 {
				for to := first; to <= things; to++ {
					crash = append(crash, mem.LosePower(512, 0, func(i int, _ vfs.Thing) vfs.Fate {
						if i >= first && i < to {
							return vfs.New
						}
						return vfs.Old
					}))
				}
			}
			return nil
		})
		l := always(t, fs)
		list := []string{set(t, l, "a", "1")}
		armed = true
		for _, line := range []string{"", "#\r\n"} {
			value := strings.Repeat("v", pad) + line + theirs + "#" + strings.Repeat("w", 600)
			list = append(list, set(t, l, "b", value))
		}
		for i, image := range crash {
			again, u, rec, err := open(image, "/data", aof.Fsync(aof.Always))
			if err != nil || !isPrefix(u.got, list) {
				t.Fatalf("value at %d, image %d: records %.80q, report %+v, %v, want a prefix", pad, i, u.got, rec, err)
			}
			closeLog(t, again)
		}
		images += len(crash)
		closeLog(t, l)
	}
	t.Logf("%d images", images)
}

// TestServerContinuesAfterTornAppend tests appended groups. A kill tears none of their lines, so
// the server's later writes are on a separate line. The test omits torn transactions, whose MULTI
// the server keeps.
func TestServerContinuesAfterTornAppend(t *testing.T) {
	count, left := 0, 0
	for seed := range uint64(10) {
		if seed > 1 && stride() > 2 {
			break
		}
		tears, data := guardedWrites(t, seed, aof.LogMode(aof.Direct), aof.Fsync(aof.No))
		for _, w := range tears {
			for end := (w.from/4096 + 1) * 4096; end < w.from+w.size; end += 4096 {
				count++
				torn := truncatedByServer([]byte(data[:end]))
				last := torn[strings.LastIndexByte(string(torn[:len(torn)-1]), '\n')+1:]
				_, u, rec, err := open(withIncr(t, w.mem, append(torn, theirs...)), "/data", aof.LogMode(aof.Direct))
				if rec.Reason == "file ends inside a transaction" {
					left++
					continue
				}
				if n := len(u.got) - 1; err != nil || n < len(w.acked) || u.got[n] != "0: SET theirs 1" {
					t.Errorf("seed %d, write of %d at %d torn at %d: %d records, want at least %d and the server's; report %+v, %v %q", seed, w.size, w.from, end, len(u.got), len(w.acked), rec, err, last)
				}
			}
		}
	}
	t.Logf("%d torn writes, %d left out", count, left)
}
