package storetest_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

var zeroTime time.Time

// touch creates a file in the data directory.
func touch(env snapshot.Env) error {
	f, err := env.FS.Create(filepath.Join(env.Dir, "touched"))
	if err != nil {
		return nil // it exists
	}
	return f.Close()
}

type writesInOpen struct{ appendlog.AppendLog }

func (l *writesInOpen) Open(env snapshot.Env) (bool, error) {
	if err := touch(env); err != nil {
		return false, err
	}
	return l.AppendLog.Open(env)
}

// keepsUnit retains the slices of units, and passes them on when the log is closed.
type keepsUnit struct {
	appendlog.AppendLog
	kept []func()
	p    appendlog.Position
}

func (l *keepsUnit) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.kept = append(l.kept, func() { l.AppendLog.Append(firstDB, lastDB, unit) })
	l.p += appendlog.Position(len(unit))
	return l.p
}

func (l *keepsUnit) Commit(appendlog.Position, bool) error { return nil }

func (l *keepsUnit) Sync(context.Context) error { return nil }

func (l *keepsUnit) Close() error {
	for _, pass := range l.kept {
		pass()
	}
	l.kept = nil
	return l.AppendLog.Close()
}

// swaps exchanges every second unit with the next one.
type swaps struct {
	appendlog.AppendLog
	mu   sync.Mutex
	n    int
	held []byte
	db   int
	p    appendlog.Position
}

func (l *swaps) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.p += appendlog.Position(len(unit))
	if l.n++; l.n%2 == 0 && firstDB == lastDB && l.held == nil {
		l.held, l.db = append([]byte{}, unit...), firstDB
		return l.p
	}
	l.AppendLog.Append(firstDB, lastDB, unit)
	if l.held != nil {
		l.AppendLog.Append(l.db, l.db, l.held)
		l.held = nil
	}
	return l.p
}

type commitsNothing struct{ appendlog.AppendLog }

func (commitsNothing) Commit(appendlog.Position, bool) error { return nil }

type syncsNothing struct{ appendlog.AppendLog }

func (syncsNothing) Sync(context.Context) error { return nil }

type closesNothing struct{ appendlog.AppendLog }

func (closesNothing) Close() error { return nil }

// forgivesClose ignores Close.
type forgivesClose struct {
	appendlog.AppendLog
	closed bool
}

func (l *forgivesClose) Close() error { l.closed = true; return l.AppendLog.Close() }

func (l *forgivesClose) Commit(p appendlog.Position, durable bool) error {
	if l.closed {
		return nil
	}
	return l.AppendLog.Commit(p, durable)
}

// unsynced is a log whose files are not synced.
type unsynced struct{ appendlog.AppendLog }

func (l *unsynced) Open(env snapshot.Env) (bool, error) {
	env.FS = noSync{env.FS}
	return l.AppendLog.Open(env)
}

// noSync is a file system whose syncs do nothing.
type noSync struct{ snapshot.FS }

func (n noSync) Create(name string) (snapshot.File, error) { return unsyncedFile(n.FS.Create(name)) }

func (n noSync) OpenWrite(name string) (snapshot.File, error) {
	return unsyncedFile(n.FS.OpenWrite(name))
}

func unsyncedFile(f snapshot.File, err error) (snapshot.File, error) {
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

type noSyncFile struct{ snapshot.File }

func (noSyncFile) Sync() error     { return nil }
func (noSyncFile) Datasync() error { return nil }

// replays passes units on through a wrong Replayer.
type replays struct {
	appendlog.AppendLog
	wrong func(appendlog.Replayer) appendlog.Replayer
}

func (l replays) Replay(ctx context.Context, r appendlog.Replayer) (appendlog.ReplayReport, error) {
	return l.AppendLog.Replay(ctx, l.wrong(r))
}

type splitting struct{ appendlog.Replayer }

func split(r appendlog.Replayer) appendlog.Replayer { return splitting{r} }

func (s splitting) Apply(unit []appendlog.Command) error {
	for i := range unit {
		if err := s.Replayer.Apply(unit[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

type errorIgnored struct{ appendlog.Replayer }

func ignoring(r appendlog.Replayer) appendlog.Replayer { return errorIgnored{r} }

func (s errorIgnored) Apply(unit []appendlog.Command) error { _ = s.Replayer.Apply(unit); return nil }

type ignoresContext struct{ appendlog.AppendLog }

func (l ignoresContext) Replay(_ context.Context, r appendlog.Replayer) (appendlog.ReplayReport, error) {
	return l.AppendLog.Replay(context.Background(), r)
}

type writesInReplay struct {
	appendlog.AppendLog
	env snapshot.Env
}

func (l *writesInReplay) Open(env snapshot.Env) (bool, error) {
	l.env = env
	return l.AppendLog.Open(env)
}

func (l *writesInReplay) Replay(ctx context.Context, r appendlog.Replayer) (appendlog.ReplayReport, error) {
	if err := touch(l.env); err != nil {
		return appendlog.ReplayReport{}, err
	}
	return l.AppendLog.Replay(ctx, r)
}

// ignoresEnv ignores a part of Env.
type ignoresEnv struct {
	appendlog.AppendLog
	change func(*snapshot.Env)
}

func (l ignoresEnv) Open(env snapshot.Env) (bool, error) {
	l.change(&env)
	return l.AppendLog.Open(env)
}

type ignoresDamage struct{ appendlog.AppendLog }

func (l ignoresDamage) Replay(ctx context.Context, r appendlog.Replayer) (appendlog.ReplayReport, error) {
	report, err := l.AppendLog.Replay(ctx, r)
	if errors.Is(err, snapshot.ErrCorrupt) {
		err = nil
	}
	return report, err
}

type twoRewrites struct{ appendlog.AppendLog }

func (l twoRewrites) BeginRewrite() (appendlog.Rewrite, error) {
	r, err := l.AppendLog.BeginRewrite()
	if errors.Is(err, appendlog.ErrRewriteRunning) {
		err = nil
	}
	return r, err
}

// rewrites returns wrong Rewrites.
type rewrites struct {
	appendlog.AppendLog
	wrong func(appendlog.Rewrite) appendlog.Rewrite
}

func (l rewrites) BeginRewrite() (appendlog.Rewrite, error) {
	r, err := l.AppendLog.BeginRewrite()
	if err != nil {
		return nil, err
	}
	return l.wrong(r), nil
}

// lateCut switches to the new file at Commit instead of at Cut.
type lateCut struct{ appendlog.Rewrite }

func cutLate(r appendlog.Rewrite) appendlog.Rewrite { return lateCut{r} }

func (lateCut) Cut() {}

func (r lateCut) Commit(ctx context.Context, b appendlog.Base) error {
	r.Rewrite.Cut()
	return r.Rewrite.Commit(ctx, b)
}

type anyBase struct{ appendlog.Rewrite }

func baseErrorIgnored(r appendlog.Rewrite) appendlog.Rewrite { return anyBase{r} }

func (r anyBase) Commit(ctx context.Context, b appendlog.Base) error {
	return r.Rewrite.Commit(ctx, appendlog.Base{Commands: func(w io.Writer) error { _ = b.Commands(w); return nil }})
}

// removesFirst deletes the old file before a Rewrite writes the new one.
type removesFirst struct {
	appendlog.AppendLog
	env snapshot.Env
}

func (l *removesFirst) Open(env snapshot.Env) (bool, error) {
	l.env = env
	return l.AppendLog.Open(env)
}

func (l *removesFirst) BeginRewrite() (appendlog.Rewrite, error) {
	_ = l.env.FS.Remove(filepath.Join(l.env.Dir, "flat.log"))
	return l.AppendLog.BeginRewrite()
}

type forgets struct{ appendlog.AppendLog }

func (forgets) Err() error { return nil }

type alwaysPublished struct{ appendlog.AppendLog }

func (l alwaysPublished) Status() appendlog.Status {
	s := l.AppendLog.Status()
	s.Published = true
	return s
}

type namesStore struct{ appendlog.AppendLog }

func (l namesStore) Replay(ctx context.Context, r appendlog.Replayer) (appendlog.ReplayReport, error) {
	report, err := l.AppendLog.Replay(ctx, r)
	report.Store = "0123456789abcdef"
	return report, err
}
