package aof_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// watchedFS is a file system that calls a function before each write to the first incremental file.
type watchedFS struct {
	vfs.FS
	wrote func(p []byte, offset int64)
}

type watchedFile struct {
	vfs.File
	fs *watchedFS
}

func (fs *watchedFS) open(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || name != incrName {
		return f, err
	}
	return &watchedFile{f, fs}, nil
}

func (fs *watchedFS) Create(name string) (vfs.File, error) {
	f, err := fs.FS.Create(name)
	return fs.open(name, f, err)
}

func (fs *watchedFS) OpenWrite(name string) (vfs.File, error) {
	f, err := fs.FS.OpenWrite(name)
	return fs.open(name, f, err)
}

func (f *watchedFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fs.wrote(p, offset)
	return f.File.WriteAt(p, offset)
}

// tornOver is an image after a kill that tore a write over padding at the end of a page.
type tornOver struct {
	mem   *vfs.Mem
	acked int
	where string
}

// killedOverPadding writes groups of several records under Always. It returns an image of a kill
// for each write at the end of each page, and all records.
func killedOverPadding(t *testing.T, seed uint64, longest int) (images []tornOver, list []string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	mem := vfs.NewMem("/data")
	acked := 0
	fs := &watchedFS{FS: mem, wrote: func(p []byte, offset int64) {
		for end := (offset/4096 + 1) * 4096; end < offset+int64(len(p)); end += 4096 {
			image := mem.Kill()
			f, err := image.OpenWrite(incrName)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(p[:end-offset], offset); err != nil {
				t.Fatal(err)
			}
			f.Close()
			images = append(images, tornOver{image, acked, fmt.Sprintf("seed %d, %d bytes at %d torn at %d", seed, len(p), offset, end)})
		}
	}}
	l := always(t, fs)
	for range 50 {
		var p appendlog.Position
		for range 1 + rng.IntN(20) {
			var s string
			value := strings.Repeat("v", 1+rng.IntN(longest))
			if rng.IntN(3) == 0 {
				first, last, unit := transaction(l, "0: SET t "+value, "1: INCR n", "2: INCR n")
				p, s = l.Append(first, last, unit), "0: SET t "+value+"; 1: INCR n; 2: INCR n"
			} else {
				p, s = command(l, rng.IntN(3), "SET", fmt.Sprint("k", rng.IntN(5)), value)
			}
			list = append(list, s)
		}
		if err := l.Commit(p, false); err != nil {
			t.Fatal(err)
		}
		acked = len(list)
	}
	closeLog(t, l)
	return images, list
}

// withoutLines returns the commands of an incremental file as a server finds them, up to the end of
// the file or to a torn command.
func withoutLines(data []byte) (commands []byte, err error) {
	for r := resp.NewReader(bytes.NewReader(data), 0); ; {
		token, err := r.Next()
		var damage *corrupt.Error
		switch {
		case err == io.EOF || errors.As(err, &damage) && damage.Torn:
			return commands, nil
		case err != nil:
			return nil, err
		case token.Line == nil:
			commands = append(commands, token.Raw...)
		}
	}
}

// TestKillOverPadding tears a write under Always at the end of any page. Both Open and a server
// that starts then find a prefix of the records, and all acknowledged records.
func TestKillOverPadding(t *testing.T) {
	for _, longest := range []int{60, 700, 6000} {
		count := 0
		for seed := range uint64(2) {
			images, list := killedOverPadding(t, seed, longest)
			count += len(images)
			for i := 0; i < len(images); i += stride() {
				image := images[i]
				commands, err := withoutLines([]byte(memFile(t, image.mem, incrName)))
				if err != nil {
					t.Fatalf("%s: a server refuses the log: %v, want it to load", image.where, err)
				}
				for name, mem := range map[string]*vfs.Mem{"a server": memLog(t, commands), "Open": image.mem.Kill()} {
					l, u, rec, err := open(mem, "/data", aof.Fsync(aof.Always))
					if err != nil || !isPrefix(u.got, list) || len(u.got) < image.acked {
						t.Fatalf("%s, %s: %d records, want at least %d; report %+v, %v", image.where, name, len(u.got), image.acked, rec, err)
					}
					closeLog(t, l)
				}
			}
		}
		if count < 50 {
			t.Errorf("values of %d bytes: %d images, want at least 50", longest, count)
		}
	}
}

// TestServersAfterKillOverPadding repeats the test with a real server and a restart of that server.
func TestServersAfterKillOverPadding(t *testing.T) {
	redistest.Tool(t, "redis-server")
	images, list := killedOverPadding(t, 1, 700)
	for i, image := range images {
		if i%9 > 0 {
			continue
		}
		dir := t.TempDir()
		l, _, _ := mustOpen(t, dir, aof.RDBBase(false))
		closeLog(t, l)
		writeFile(t, []byte(memFile(t, image.mem, incrName)), dir, "appendonlydir", filepath.Base(incrName))
		listAlone(t, dir)
		var got [2][]string
		for n := range got {
			s := server(t, dir)
			got[n] = keys(s)
			s.Kill()
		}
		_, u, rec := mustOpen(t, dir)
		ours := apply(u.got)
		found := false
		for n := image.acked; n <= min(len(list), image.acked+20) && !found; n++ {
			found = slices.Equal(got[0], apply(list[:n]))
		}
		if !found || !slices.Equal(got[0], got[1]) || len(u.got) < image.acked || !isPrefix(u.got, list) {
			t.Fatalf("%s: the server has\n%s and after a restart\n%s, perdure has\n%s, want a prefix; report %+v", image.where, lines(got[0]), lines(got[1]), lines(ours), rec)
		}
	}
}
