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

// theirs is the data that a server appends when it continues a log.
const theirs = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$6\r\ntheirs\r\n$1\r\n1\r\n"

// withIncr is a file system with another increment.
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
		images, _ := killedOverFiller(t, seed, 6000)
		for _, image := range images {
			count++
			left := cutByServer([]byte(memFile(t, image.mem, incrName)))
			l, u, rec, err := open(withIncr(t, image.mem, left), "/data", aof.Fsync(aof.Always))
			if err != nil || len(u.got) < image.acked {
				t.Fatalf("%s, cut at %d by a server: %d units, %d acknowledged; %+v, %v", image.where, len(left), len(u.got), image.acked, rec, err)
			}
			closeLog(t, l)
		}
	}
	t.Logf("%d images", count)
}

// TestLongRecordAfterPageEnd is the worst case of that. A group ends at every possible
// offset, and a log record longer than a page follows.
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
		groups, _ := splitFiller(t, memFile(t, mem, incrName))
		latest = max(latest, len(groups)%4096)
		set(t, l, "big", strings.Repeat("w", 6000))
		left := cutByServer([]byte(memFile(t, torn, incrName)))
		again, u, rec, err := open(withIncr(t, torn, left), "/data", aof.Fsync(aof.Always))
		if err != nil || !isPrefix(list, u.got) {
			t.Fatalf("after a group up to %d: %d records, truncated at %d by a server; report %+v, error %v", len(groups), len(u.got), len(left), rec, err)
		}
		closeLog(t, again)
		closeLog(t, l)
	}
	if latest < 4096-wire.LeadSize-20 || latest > 4096-wire.LeadSize {
		t.Errorf("the latest group ends at %d of a page", latest)
	}
}

// TestServerKilledAfterClose: a log was closed cleanly, and its last marker is at the end
// of a page. A server's first write crosses that end and is torn.
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
		left := cutByServer([]byte(write))
		again, u, rec, err := open(withIncr(t, mem, left), "/data")
		if err != nil || !isPrefix(list, u.got) {
			t.Fatalf("closed at %d, cut at %d by a server: %d units; %+v, %v", len(data), len(left), len(u.got), rec, err)
		}
		closeLog(t, again)
	}
}

// TestServerContinuesAfterTornGroup checks that the server's writes are present when the log is
// opened again. If the server continued after a part of a marker, Open once treated its writes as a
// part of perdure's and truncated them.
func TestServerContinuesAfterTornGroup(t *testing.T) {
	count := 0
	for seed := range uint64(20) {
		if seed > 1 && stride() > 2 {
			break
		}
		images, _ := killedOverFiller(t, seed, 60)
		for _, image := range images {
			count++
			whole := append(cutByServer([]byte(memFile(t, image.mem, incrName))), theirs...)
			l, u, rec, err := open(withIncr(t, image.mem, whole), "/data", aof.Fsync(aof.Always))
			if n := len(u.got) - 1; err != nil || n < image.acked || u.got[n] != "0: SET theirs 1" {
				t.Fatalf("%s: %d units, %d acknowledged, the last %q; %+v, %v", image.where, len(u.got), image.acked, u.got[n:], rec, err)
			}
			closeLog(t, l)
		}
	}
	t.Logf("%d images", count)
}

// TestServersContinueAfterTornGroup is the same with a real server, and with one after a torn group
// that is appended.
func TestServersContinueAfterTornGroup(t *testing.T) {
	redistest.Tool(t, "redis-server")
	images, _ := killedOverFiller(t, 8, 60)
	for i, image := range images {
		if i%6 == 0 {
			serverGoesOn(t, image.where, memFile(t, image.mem, incrName), image.acked, aof.Fsync(aof.Always))
		}
	}
	tears, data := shielded(t, 3, aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	for i, w := range tears {
		if i%6 == 0 {
			end := (w.from/4096 + 1) * 4096
			serverGoesOn(t, fmt.Sprintf("write of %d at %d", w.size, w.from), data[:end], len(w.acked), aof.LogMode(aof.Direct))
		}
	}
}

// serverGoesOn opens a log after a server that continued the log of a killed process and was killed
// too.
func serverGoesOn(t *testing.T, where, data string, acked int, opts ...aof.Option) {
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
		return // the server has left the MULTI, and would cut there itself
	}
	if n := len(u.got) - 10; n < acked || u.got[n] != "0: INCR theirs" {
		t.Fatalf("%s: %d units, %d acknowledged; %+v", where, len(u.got), acked, rec)
	}
}

// TestValueWithCommands is a regression test. A power failure leaves only the sectors of
// a group over padding from the middle of a value on. If the value had commands there, Open treated
// them as those of another program.
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
				t.Fatalf("%d bytes in front, image %d: %.80q, %+v, %v", pad, i, u.got, rec, err)
			}
			closeLog(t, again)
		}
		images += len(crash)
		closeLog(t, l)
	}
	t.Logf("%d images", images)
}

// TestServerContinuesAfterTornAppend tests groups that are appended. A kill tears no line of
// theirs, so the server's later writes are on a separate line. The test omits torn transactions, of
// which the server leaves the MULTI.
func TestServerContinuesAfterTornAppend(t *testing.T) {
	count, left := 0, 0
	for seed := range uint64(10) {
		if seed > 1 && stride() > 2 {
			break
		}
		tears, data := shielded(t, seed, aof.LogMode(aof.Direct), aof.Fsync(aof.No))
		for _, w := range tears {
			for end := (w.from/4096 + 1) * 4096; end < w.from+w.size; end += 4096 {
				count++
				torn := cutByServer([]byte(data[:end]))
				last := torn[strings.LastIndexByte(string(torn[:len(torn)-1]), '\n')+1:]
				_, u, rec, err := open(withIncr(t, w.mem, append(torn, theirs...)), "/data", aof.LogMode(aof.Direct))
				if rec.Reason == "file ends inside a transaction" {
					left++
					continue
				}
				if n := len(u.got) - 1; err != nil || n < len(w.acked) || u.got[n] != "0: SET theirs 1" {
					t.Errorf("seed %d, write of %d at %d torn at %d: %d units, %d acknowledged; %+v, %v %q", seed, w.size, w.from, end, len(u.got), len(w.acked), rec, err, last)
				}
			}
		}
	}
	t.Logf("%d torn writes, %d left out", count, left)
}
