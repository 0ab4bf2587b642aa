package perdure

import (
	"context"
	"io"
	"time"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// A Store is an open data set. It is safe for concurrent use, even while Close runs.
//
// Methods that take keys operate on database 0. Keys and values are arbitrary bytes, including
// empty, of up to 512 MiB each. Arguments are copied, and the Store retains none of them. Returned
// slices belong to the caller.
//
// Reads never wait for the disk. A write returns once it is as safe as the fsync policy requires.
// With [aof.EverySec] and [aof.No] the kernel holds it, so that a killed process loses nothing.
// With [aof.Always] it is on disk.
//
// After an error matching [ErrLogFailed] the outcome of a write is unknown. After any other error
// nothing has changed, unless the method says otherwise. After Close every method that returns an
// error returns [ErrClosed].
type Store struct {
	keyspace
}

// SaveInfo describes a completed snapshot.
type SaveInfo = snapshot.Info

// Open loads the data set in dir and serves it. If the append-only log is enabled and exists, Open
// loads the log. Otherwise it loads the dump, or starts empty without one. If the log is
// enabled and only a dump exists, Open loads the dump and builds the log from it. Open creates the
// directory if it is missing, but not its parent, and locks it. It returns [ErrLocked] at once if
// the directory is already open.
//
// If a file is damaged, Open returns an error matching [ErrCorrupt] that names the file and offset,
// and changes no file. If a crash left a torn tail in the log, Open truncates it, and
// [Store.Recovery] reports it.
//
// The caller must close the store.
func Open(dir string, opts ...Option) (*Store, error) {
	return OpenContext(context.Background(), dir, opts...)
}

// OpenContext is like [Open], but returns the error of ctx if ctx ends during loading. No file is
// changed then.
func OpenContext(ctx context.Context, dir string, opts ...Option) (*Store, error) {
	if dir == "" {
		return nil, &optionError{what: "an empty directory; New makes a store without one"}
	}
	return open(ctx, dir, opts)
}

// New creates an empty store in memory. It touches no file, and nothing outlives the store. The
// caller must close it, which frees its memory.
func New(opts ...Option) (*Store, error) { return open(context.Background(), "", opts) }

func open(ctx context.Context, dir string, opts []Option) (*Store, error) {
	o, err := configure(dir, opts)
	if err != nil {
		return nil, errtext.Named(err)
	}
	e, err := engine.Open(ctx, o)
	if err != nil {
		return nil, errtext.Named(err)
	}
	return &Store{keyspace{e: e}}, nil
}

// Close saves a snapshot if the store has save rules, syncs and closes the log, and frees the
// memory. It first cancels a background save or rewrite. Methods that wait for an element return
// [ErrClosed].
//
// If Close returns nil, all data is on disk. If the store has neither a log nor save rules, only
// the data of the last Save is on disk. Later calls return the result of the first.
func (s *Store) Close() error { return errtext.Named(s.e.Close()) }

// CloseNoSave is like [Store.Close] but does not save a snapshot, as Redis's SHUTDOWN NOSAVE. It
// still syncs the log.
func (s *Store) CloseNoSave() error { return errtext.Named(s.e.CloseNoSave()) }

// Shutdown is like [Store.Close] for a program that must end in time. If ctx ends and the
// append-only log holds all data, Shutdown cancels the snapshot. It then returns nil, because
// everything is on disk. The previous snapshot is kept, and the next Open replays the log.
//
// Without such a log Shutdown ignores ctx, because only the snapshot preserves the data.
func (s *Store) Shutdown(ctx context.Context) error { return errtext.Named(s.e.Shutdown(ctx)) }

// DB returns database n, from 0 to one less than the number set by [WithDatabases]. If n is out of
// range, the first operation returns [ErrDatabase], and Len, All, and Keys act as on an empty
// database.
func (s *Store) DB(n int) *DB { return &DB{keyspace{e: s.e, n: n}} }

// Databases returns the number of databases.
func (s *Store) Databases() int { return s.e.Databases() }

// FlushAll removes every key of every database. If the store has save rules, FlushAll cancels a
// running save and then saves an empty dump, as Redis does. If that save fails, FlushAll returns
// its error, but the keys are already removed.
func (s *Store) FlushAll() error { return errtext.Named(s.e.FlushAll()) }

// Save writes a point-in-time snapshot and returns once it is durable. Writers continue during the
// save.
//
// It returns [ErrSaveInProgress] if another save is running and [ErrBusy] if a [Snapshot] is open.
// It waits for a running rewrite to finish. On error, including cancellation of ctx, the previous
// snapshot is kept.
func (s *Store) Save(ctx context.Context) (SaveInfo, error) {
	info, err := s.e.Save(ctx)
	return info, errtext.Named(err)
}

// BGSave starts a background save of a point-in-time snapshot. It returns [ErrSaveInProgress],
// [ErrRewriteInProgress], or [ErrBusy] while another save, a rewrite, or a [Snapshot] is active.
func (s *Store) BGSave() (*Task, error) { return newTask(s.e.BGSave()) }

// LastSave returns the time of the last successful save, or, before the first, the time when the
// store was opened.
func (s *Store) LastSave() time.Time { return s.e.LastSave() }

// Rewrite replaces the history in the log with a point-in-time copy of the data set, and returns
// once that copy is durable. Writers continue during the rewrite.
//
// It waits for a running save to finish. It returns [ErrRewriteInProgress] if another rewrite is
// running and [ErrBusy] if a [Snapshot] is open. On error, including cancellation of ctx, the log
// is as complete as before.
func (s *Store) Rewrite(ctx context.Context) error { return errtext.Named(s.e.Rewrite(ctx)) }

// BGRewrite starts a background rewrite of the log. If a save is running, the rewrite starts when
// the save ends.
func (s *Store) BGRewrite() (*Task, error) { return newTask(s.e.BGRewrite()) }

// Sync returns once all writes acknowledged before the call are on disk. Without a log, it returns
// [ErrNoAppendLog].
func (s *Store) Sync(ctx context.Context) error { return errtext.Named(s.e.Sync(ctx)) }

// Restore replaces the whole data set with the RDB dump read from r, which it reads to the end of
// the dump. An invalid dump changes nothing. Writes return [ErrRestoring] while the new data set is
// installed on disk. It is installed when Restore returns.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	return errtext.Named(s.e.Restore(ctx, r))
}
