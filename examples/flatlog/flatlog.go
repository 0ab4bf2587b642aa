// Package flatlog is an append-only log in one flat file. It is an example of an
// [appendlog.AppendLog] outside perdure's packages, and uses only exported names.
//
// Each commit group is one record with a checksum, and is synced before the next record is written.
// A crash can therefore tear only the last record. Any other record with a wrong checksum is
// damage.
package flatlog

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

// Log is an append-only log in one file. A Log can be opened once.
type Log struct {
	name  string
	env   snapshot.Env // constant after Open
	store string       // ID of the store; constant after Replay
	torn  int64        // size to truncate to in Start; -1 if the file is whole

	mu       sync.Mutex
	changed  sync.Cond
	state    state
	file     snapshot.File // nil before the first base is committed
	writing  bool          // a goroutine works on the file, without mu
	buf      []byte        // log records that are not yet written
	db       int           // database selected after the records in buf; -1 if buf is empty
	appended appendlog.Position
	durable  appendlog.Position
	size     int64
	baseSize int64
	rewrite  *rewrite // the current rewrite
	err      error    // the error that made the log stop accepting records
	closeErr error
}

type state int

const (
	isNew state = iota
	isOpen
	isClosed
)

var _ appendlog.AppendLog = (*Log)(nil)

// New returns a Log that keeps its data in the file name in the data directory.
func New(name string) *Log {
	l := &Log{name: name, db: -1, torn: -1}
	l.changed.L = &l.mu
	return l
}

// Open implements [appendlog.AppendLog].
func (l *Log) Open(env snapshot.Env) (found bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != isNew {
		return false, appendlog.ErrClosed
	}
	_, err = env.FS.Lstat(filepath.Join(env.Dir, l.name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	l.env, l.store, l.state = env, env.Store, isOpen
	return err == nil, nil
}

func (l *Log) path() string { return filepath.Join(l.env.Dir, l.name) }

// Start implements [appendlog.AppendLog]. It syncs the file and its name, because a killed process
// may have written or renamed the file without a sync.
func (l *Log) Start() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != isOpen || l.file != nil {
		return appendlog.ErrClosed
	}
	f, err := l.env.FS.OpenWrite(l.path())
	if err != nil {
		return err
	}
	if l.torn >= 0 {
		err = f.Truncate(l.torn)
	}
	if err == nil {
		err = errors.Join(f.Sync(), l.env.FS.SyncDir(l.env.Dir))
	}
	if err == nil {
		l.size, err = f.Size()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.baseSize = f, l.size
	return nil
}

// Append implements [appendlog.AppendLog].
func (l *Log) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appended += appendlog.Position(len(unit))
	if l.state != isOpen {
		return l.appended
	}
	if r := l.rewrite; r != nil && r.cut {
		r.since = appendlog.AppendUnit(r.since, r.db, firstDB, unit)
		r.db = lastDB
	}
	if l.err == nil && l.file != nil {
		l.buf = appendlog.AppendUnit(l.buf, l.db, firstDB, unit)
		l.db = lastDB
	}
	return l.appended
}

// AppendSelect implements [appendlog.AppendLog].
func (l *Log) AppendSelect(dst []byte, db int) []byte { return appendlog.AppendSelect(dst, db) }

// Commit implements [appendlog.AppendLog]. It always syncs.
func (l *Log) Commit(p appendlog.Position, durable bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commitLocked(context.Background(), p)
}

// Sync implements [appendlog.AppendLog].
func (l *Log) Sync(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != isOpen {
		return appendlog.ErrClosed
	}
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	defer stop()
	return l.commitLocked(ctx, l.appended)
}

// commitLocked waits until everything up to p is durable. One goroutine writes for all that wait.
func (l *Log) commitLocked(ctx context.Context, p appendlog.Position) error {
	p = min(p, l.appended)
	for l.durable < p {
		switch {
		case l.err != nil:
			return l.err
		case l.state != isOpen:
			return appendlog.ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case l.file == nil:
			return nil // nothing is durable before the first base
		case l.writing:
			l.changed.Wait()
		default:
			l.writeLocked()
		}
	}
	return nil
}

// writeLocked writes the buffer as one record and syncs it. It releases mu during the write.
func (l *Log) writeLocked() {
	content, p := l.buf, l.appended
	l.buf, l.db = nil, -1
	if len(content) == 0 {
		l.durable = p
		return
	}
	record := appendRecord(nil, content)
	l.writing = true
	l.mu.Unlock()
	op := "write"
	_, err := l.file.Write(record)
	if err == nil {
		op, err = "sync", l.file.Datasync()
	}
	l.mu.Lock()
	l.writing = false
	if err != nil {
		l.failLocked(op, err)
	} else {
		l.durable = p
		l.size += int64(len(record))
	}
	l.changed.Broadcast()
}

// failLocked makes the first failure the error of the log.
func (l *Log) failLocked(op string, err error) {
	if l.err == nil {
		l.err = &appendlog.FailedError{Op: op, File: l.path(), Err: err}
		l.buf, l.db = nil, -1
	}
}

// Status implements [appendlog.AppendLog].
func (l *Log) Status() appendlog.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return appendlog.Status{
		Fsync:           "always",
		CurrentSize:     l.size,
		BaseSize:        l.baseSize,
		Buffered:        int64(len(l.buf)),
		RewriteDue:      l.size > 1<<20 && l.size > 2*l.baseSize,
		Published:       l.file != nil,
		LastWriteFailed: l.err != nil,
	}
}

// Err implements [appendlog.AppendLog].
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close implements [appendlog.AppendLog].
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == isClosed {
		return l.closeErr
	}
	for l.writing || l.rewrite != nil && l.rewrite.committing {
		l.changed.Wait()
	}
	err := l.commitLocked(context.Background(), l.appended)
	l.state, l.rewrite = isClosed, nil
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	l.closeErr = err
	l.changed.Broadcast()
	return err
}
