package engine

import (
	"errors"
	"slices"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/table"
)

// A Session executes the commands of one client of a server, one at a time. Its writes are safe
// when Commit returns nil, so that many pipelined writes wait for one sync. The client must not get
// a reply before. A Session must be used by one goroutine.
type Session struct {
	e        *Engine
	durable  bool
	log      appendlog.AppendLog // the log of writes that Commit waits for, or nil
	position appendlog.Position  // of the last of them
	watched  []watch
	wake     func() // not nil if blocking commands wait: see [Session.Waiting]
	waiting  *Wait
	exec     op.Exec // of executeSmall
}

// NewSession returns a Session. Its client must call Unwatch at the end. If wake is not nil,
// blocking commands wait: see [Session.Waiting].
func (e *Engine) NewSession(wake func()) *Session { return &Session{e: e, wake: wake} }

// Of returns the Engine of a *perdure.Store. The root package sets it during initialization. This
// keeps the internal type out of public signatures.
var Of func(store any) *Engine

// A Queued is a command of a transaction.
type Queued struct {
	Command *op.Command
	Words   [][]byte
}

// Do executes one command, and appends its reply to r. If the command begins to wait, it has no
// reply yet.
func (s *Session) Do(db int, c *op.Command, words [][]byte, r *resp.Reply) {
	if err := s.execute(db, c, words, r); err != nil {
		r.Error(ErrorText(err, c.Name))
	}
}

// execute is Do, but returns the reason why the command was not executed.
func (s *Session) execute(db int, c *op.Command, words [][]byte, r *resp.Reply) error {
	if c.Flags&op.Small != 0 && small(words) {
		if err := s.executeSmall(db, c, words, r); err != op.ErrNotSmall {
			return err
		}
	}
	if c.Name == "FLUSHALL" && op.FlushMode(words[1:]) == nil {
		return s.flushAll(r)
	}
	if c.Name == "BITOP" && s.bitOp(db, c, words, r) {
		return nil
	}
	x := s.e.newExec()
	defer s.e.free(x)
	s.prepare(x, c, words)
	x.Reply = r
	x.PinTo(&x.later)
	if c.Flags&op.Walks != 0 {
		return s.walk(x, db, c, words)
	}
	p := op.Place{DB: db}
	if err := s.lockFor(x, c, words, &p); err != nil {
		return err
	}
	before := len(r.Buf)
	c.RunAt(&x.Exec, p, words)
	if x.Waits && s.wake != nil && c.Flags&op.Blocking != 0 {
		r.Buf = r.Buf[:before]
		s.beginWait(db, c, words, r.V3)
	}
	s.end(x)
	return nil
}

// lockFor admits a command, and locks the shards of its keys. It completes the place of its key if
// it has one key.
func (s *Session) lockFor(x *exec, c *op.Command, words [][]byte, p *op.Place) error {
	if c.OneKey() {
		return s.lockOne(x, c, words[1], p)
	}
	return s.lock(x, []Queued{{c, words}}, nil)
}

// flushAll is FLUSHALL, which also replaces the dump by an empty one if there are save rules.
func (s *Session) flushAll(r *resp.Reply) error {
	if err := s.e.FlushAll(); err != nil {
		return err
	}
	r.Line("OK")
	return nil
}

// Transaction executes the commands of fn, which calls do for each of them, as one transaction: no
// other client sees a part of it, and the log gets one record. It reports false, and executes
// nothing, if a watched key has changed. A command that fails does not undo the others.
func (s *Session) Transaction(queue []Queued, r *resp.Reply, fn func(do func(db int, q Queued))) (ok bool, err error) {
	x := s.e.newExec()
	defer s.e.free(x)
	if err := s.lock(x, queue, s.watched); err != nil {
		return false, err
	}
	if s.watchedChanged() {
		x.end()
		return false, nil
	}
	x.Reply, x.Several = r, true
	x.PinTo(&x.later)
	fn(func(db int, q Queued) { q.Command.Run(&x.Exec, db, q.Words) })
	s.end(x)
	return true, nil
}

// prepare copies or converts a large value before a lock is taken.
func (s *Session) prepare(x *exec, c *op.Command, words [][]byte) {
	if c.Restores() {
		x.PrepareRestore(words[3])
	}
	if i := c.Stores(); i != 0 && len(words[i]) > op.LargeValue {
		x.Prepare(0, string(words[1]), words[i])
	}
}

// lockOne admits a command on one key, locks the shard of the key, and completes its place.
func (s *Session) lockOne(x *exec, c *op.Command, key []byte, p *op.Place) error {
	t, writes := s.e.table, c.Flags&op.Write != 0
	if writes {
		if err := s.e.admit(0, s.durable); err != nil {
			return err
		}
	}
	p.Key = table.KeyOf(key) // nothing retains it after the execution
	p.Hash = t.Hash(p.Key)
	x.shard = t.ShardIndex(p.Hash)
	p.Shard = t.ShardAt(x.shard)
	p.Shard.Lock()
	x.held = p.Shard
	err := s.begin(x, writes)
	if err == nil && x.Watcher != nil && s.e.watches.moves(x.shard, p.Hash) {
		x.lockAll()
		return s.begin(x, writes)
	}
	return err
}

// lock admits commands, and locks the shards of their keys and of the watched keys.
func (s *Session) lock(x *exec, queue []Queued, watched []watch) error {
	e := s.e
	keys, all, writes, free := []string(nil), false, false, true
	for _, q := range queue {
		q.Command.EachKey(q.Words, func(key []byte) { keys = append(keys, string(key)) })
		writes = writes || q.Command.Flags&op.Write != 0
		free = free && q.Command.Flags&op.Unlocked != 0
		all = all || q.Command.AnyKey()
	}
	for _, w := range watched {
		keys = append(keys, w.cell.key)
	}
	if writes {
		if err := e.admit(0, s.durable); err != nil {
			return err
		}
	}
	switch {
	case free && len(queue) == 1 && len(watched) == 0:
		if !e.enterScan() {
			return ErrClosed
		}
		x.held, x.Unlocked = scanning{e}, true
	case all || len(keys) > manyKeys:
		e.table.LockAll()
		x.held = everyShard{e.table}
	default:
		x.keys.Set(e.table, len(keys), func(i int) string { return keys[i] })
		x.shard = x.keys.Lock()
		x.held = x.keys
	}
	err := s.begin(x, writes)
	if err == nil && x.Watcher != nil && x.held == unlocker(x.keys) && slices.ContainsFunc(keys, e.moves) {
		x.lockAll()
		return s.begin(x, writes)
	}
	return err
}

// manyKeys is the number of keys above which a transaction locks every shard.
const manyKeys = 1 << 10

// begin checks with the locks held whether the execution is possible. A read deletes an expired key
// unless writes are refused or would wait for a save.
func (s *Session) begin(x *exec, writes bool) error {
	if x.Unlocked {
		x.ReadOnly = true
		return nil
	}
	var err error
	if x.ReadOnly, err = s.e.possible(writes); err != nil {
		x.release()
		return err
	}
	if !x.ReadOnly {
		x.Log = s.e.log
		x.watch()
	}
	return nil
}

// possible returns the reason why an execution is not possible now, or whether it must change
// nothing. A shard must be locked.
func (e *Engine) possible(writes bool) (readOnly bool, err error) {
	err = e.refusedLocked()
	switch {
	case e.closed:
		return false, ErrClosed
	case !writes && (err != nil || e.gate.Load() != nil || e.table.ViewPressure()):
		return true, nil
	}
	return false, err
}

// scanning is the right to read the table while it locks shards one at a time.
type scanning struct{ e *Engine }

func (s scanning) Unlock() { s.e.leaveScan() }

// end completes an execution: it appends the log record, unlocks, and copies large values to the
// reply.
func (s *Session) end(x *exec) {
	log := x.Log
	logged := log != nil && !x.Record.Empty()
	x.end()
	if logged {
		s.await(log, x.position)
	}
	x.CopyLater(&x.later)
}

// await lets Commit wait for a position. When another log was switched on, the old one has been
// synced and closed.
func (s *Session) await(log appendlog.AppendLog, p appendlog.Position) {
	s.log, s.position = log, p
}

// Pending reports whether Commit has to wait for a log.
func (s *Session) Pending() bool { return s.log != nil }

// Commit waits until the writes so far are as safe as the fsync policy requires.
func (s *Session) Commit() error {
	log := s.log
	if log == nil {
		return nil
	}
	s.log = nil
	return s.e.committed(log, log.Commit(s.position, s.durable))
}

// ErrorText returns the text of the reply for a command that the store refuses.
func ErrorText(err error, name string) string {
	switch {
	case errors.Is(err, ErrReadOnly):
		return "READONLY You can't write against a read only replica."
	case errors.Is(err, ErrSaveFailed):
		return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
			"Commands that may modify the data set are disabled, because this instance is configured to report errors " +
			"during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). " +
			"Please check the Redis logs for details about the RDB error."
	case errors.Is(err, appendlog.ErrFailed):
		return "MISCONF Errors writing to the AOF file: " + err.Error()
	case errors.Is(err, ErrRestoring):
		return "LOADING Redis is loading the dataset in memory"
	}
	return op.ErrorText(err, name)
}

// RefusalText returns the text of the reply for a write now, or "" if writes are accepted.
func (s *Session) RefusalText() string {
	if err := s.e.Err(); err != nil {
		return ErrorText(err, "")
	}
	return ""
}

// Expires returns the number of keys of a database that have an expiry.
func (e *Engine) Expires(db int) int64 { return e.table.Expires(db) }

// Dir returns the data directory, or "".
func (e *Engine) Dir() string { return e.dir }

// Log returns the log that is on, or nil.
func (e *Engine) Log() appendlog.AppendLog { return e.currentLog() }

// DumpName returns the name of the dump, or "" if there is no dump.
func (e *Engine) DumpName() string {
	info, err := e.snaps.Stat()
	if err != nil {
		return ""
	}
	return info.Name
}

// StopsWrites reports whether writes are refused after a failed save.
func (e *Engine) StopsWrites() bool {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	return !e.opts.KeepWritingOnSaveFail
}
