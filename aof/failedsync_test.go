package aof_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// failingSync is a file system on which a sync of the first incremental file fails during a
// concurrent write of a group. It records later writes, from when the log knows of the failure.
type failingSync struct {
	vfs.FS
	log     *aof.Log
	armed   atomic.Bool
	syncing chan struct{} // closed when the sync begins
	writing chan struct{} // closed when the concurrent write begins
	known   chan struct{} // closed when the log knows of the failure
	calls   []string      // calls after the log knows of the failure
}

type failingSyncFile struct {
	vfs.File
	fs *failingSync
}

func (fs *failingSync) Create(name string) (vfs.File, error) {
	f, err := fs.FS.Create(name)
	if err != nil || name != incrName {
		return f, err
	}
	return &failingSyncFile{f, fs}, nil
}

func (f *failingSyncFile) WriteAt(p []byte, offset int64) (int, error) {
	switch fs := f.fs; {
	case !fs.armed.Load():
	case fs.log.Err() != nil:
		fs.calls = append(fs.calls, "write of "+string(p[:min(len(p), 20)]))
	case strings.Contains(string(p), "beside"):
		close(fs.writing)
		<-fs.known
	}
	return f.File.WriteAt(p, offset)
}

func (f *failingSyncFile) Truncate(size int64) error {
	if f.fs.armed.Load() && f.fs.log.Err() != nil {
		f.fs.calls = append(f.fs.calls, "truncate")
	}
	return f.File.Truncate(size)
}

func (f *failingSyncFile) Datasync() error {
	if !f.fs.armed.Load() {
		return f.File.Datasync()
	}
	close(f.fs.syncing)
	<-f.fs.writing
	return errors.New("input/output error")
}

// TestFailedSyncEndsWrites is a regression test. After a failed sync, the log still wrote padding
// and the remaining pieces of a group.
func TestFailedSyncEndsWrites(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy aof.FsyncPolicy
		beside func(l *aof.Log)
	}{
		{"padding", aof.Always, func(l *aof.Log) {
			for range 10 { // more than the padding; the flusher writes it
				command(l, 0, "SET", "beside", strings.Repeat("v", 2000))
			}
		}},
		{"pieces", aof.No, func(l *aof.Log) {
			unit := [][]byte{[]byte("*3\r\n$3\r\nSET\r\n$6\r\nbeside\r\n$307200\r\n"), make([]byte, 300<<10), []byte("\r\n")}
			p, _ := l.AppendLinked(0, 0, unit, func() {})
			_ = l.Commit(p, false)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := &failingSync{FS: vfs.NewMem("/data"), syncing: make(chan struct{}), writing: make(chan struct{}), known: make(chan struct{})}
			l, _, _, err := open(fs, "/data", aof.Fsync(c.policy), aof.LogMode(aof.Direct))
			if err != nil {
				t.Fatal(err)
			}
			fs.log = l
			set(t, l, "a", "1")
			fs.armed.Store(true)
			p, _ := command(l, 0, "SET", "b", "1")
			go func() {
				<-fs.syncing
				c.beside(l)
			}()
			if err := l.Commit(p, true); !errors.Is(err, appendlog.ErrFailed) {
				t.Error(err)
			}
			close(fs.known)
			if err := l.Close(); !errors.Is(err, appendlog.ErrFailed) {
				t.Error(err)
			}
			for _, call := range fs.calls {
				t.Errorf("call after the failed sync: %q, want none", call)
			}
		})
	}
}
