package perdure

import (
	"context"
	"io"
	"time"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/snapshot"
)

// Store is an open data set. It is safe for concurrent use, during Close too.
//
// Its methods on keys work on database 0. Terms that hold for all of them: keys and values are any
// bytes, empty ones and zero bytes included, up to 512 MiB each; arguments are copied, nothing of
// them is kept; what is returned belongs to the caller. Reads never wait for the disk. Writes
// return when they are as safe as the fsync policy asks: in the kernel's hands with EverySec and
// No, so that a killed process loses nothing; on disk with Always. An error that matches
// ErrLogFailed leaves the outcome unknown; any other changed nothing, unless the method says so. After Close
// every method that returns an error returns ErrClosed.
type Store struct {
	keyspace
}

// SaveInfo describes a snapshot that was saved.
type SaveInfo = snapshot.Info

// Open loads the data set that dir holds and serves it: the append-only log when there is one and
// the log is on, otherwise the dump, otherwise nothing. With the log on and only a dump there, the
// dump is loaded and the log built from it. The directory is made when it is missing (its parent
// must exist) and locked: ErrLocked, at once, when somebody has it open.
//
// A damaged file is an error that is ErrCorrupt and names file and offset; no file is changed
// then. A tail that a crash tore off the log is cut, and Recovery tells of it.
//
// The caller must Close the store.
func Open(dir string, opts ...Option) (*Store, error) {
	return OpenContext(context.Background(), dir, opts...)
}

// OpenContext is Open that ends with ctx's error when ctx ends while loading. No file is changed then.
func OpenContext(ctx context.Context, dir string, opts ...Option) (*Store, error) {
	if dir == "" {
		return nil, &optionError{what: "an empty directory; New makes a store without one"}
	}
	return open(ctx, dir, opts)
}

// New makes an empty store in memory that touches no file and keeps nothing. The caller must Close
// it, which frees its memory.
func New(opts ...Option) (*Store, error) { return open(context.Background(), "", opts) }

func open(ctx context.Context, dir string, opts []Option) (*Store, error) {
	o, err := configure(dir, opts)
	if err != nil {
		return nil, named(err)
	}
	e, err := engine.Open(ctx, o)
	if err != nil {
		return nil, named(err)
	}
	return &Store{keyspace{e: e}}, nil
}

// Close ends the store: it saves a snapshot when there are save rules, syncs and closes the log,
// and frees the memory. A nil error means that everything is on disk; of a store that has neither a log nor save rules,
// what the last Save has put there. A save or a rewrite in
// the background is given up first. Calls after the first return what it returned.
func (s *Store) Close() error { return named(s.e.Close()) }

// CloseNoSave is Close without the snapshot: Redis's SHUTDOWN NOSAVE. The log is still synced.
func (s *Store) CloseNoSave() error { return named(s.e.CloseNoSave()) }

// Shutdown is Close for a program that has to end in time: when ctx ends it cancels the snapshot, if the
// append-only log holds everything, and returns nil, because everything is on disk. The snapshot before
// stays, and the next Open replays the log. Without such a log Shutdown does not look at ctx, because
// the snapshot is all that is kept.
func (s *Store) Shutdown(ctx context.Context) error { return named(s.e.Shutdown(ctx)) }

// DB returns database n, 0 to one less than WithDatabases says. A number out of range shows as
// ErrDatabase at the first use, and as a database without keys in Len, All and Keys.
func (s *Store) DB(n int) *DB { return &DB{keyspace{e: s.e, db: n}} }

// Databases is how many databases there are.
func (s *Store) Databases() int { return s.e.Databases() }

// View runs fn with every key of every database locked: all it reads is of one instant. Writers
// and readers wait meanwhile, so fn should be short. It returns fn's error.
func (s *Store) View(fn func(*Tx) error) error {
	return s.e.View(func(tx *engine.Tx) error { return fn(&Tx{tx: tx}) })
}

// ViewKeys is View for declared keys: it locks only theirs, in whichever database, and fn may touch
// no other.
func (s *Store) ViewKeys(keys []string, fn func(*Tx) error) error {
	return s.e.ViewKeys(keys, func(tx *engine.Tx) error { return fn(&Tx{tx: tx}) })
}

// Update runs fn with every key of every database locked. What fn does takes effect as a whole, in
// memory and in the log (MULTI, EXEC), or not at all when fn returns an error, which Update
// returns, or panics. It waits for the disk as a single write does, after the locks are gone. Of the options it takes
// Durable; the others are for keys, and are passed over.
func (s *Store) Update(fn func(*Tx) error, opts ...SetOption) error {
	return s.e.Update(setArgs(opts).Durable, func(tx *engine.Tx) error { return fn(&Tx{tx: tx}) })
}

// UpdateKeys is Update for declared keys: it locks only theirs, in whichever database, so that
// transactions on other keys go on, and fn may touch no other.
func (s *Store) UpdateKeys(keys []string, fn func(*Tx) error, opts ...SetOption) error {
	return s.e.UpdateKeys(keys, setArgs(opts).Durable, func(tx *engine.Tx) error { return fn(&Tx{tx: tx}) })
}

// FlushAll removes every key of every database. With save rules it then saves an empty dump, after
// giving up a save under way, as Redis does. An error of that save comes when the keys are gone already.
func (s *Store) FlushAll() error { return named(s.e.FlushAll()) }

// Save writes a snapshot of this instant and returns when it is durable; writers go on meanwhile.
// It is ErrSaveInProgress while another save runs, ErrBusy while a Snapshot is open, and waits for a rewrite. On an error, ctx's
// included, the snapshot before still stands.
func (s *Store) Save(ctx context.Context) (SaveInfo, error) {
	info, err := s.e.Save(ctx)
	return info, named(err)
}

// BGSave begins to write a snapshot of this instant and returns at once. It is ErrSaveInProgress,
// ErrRewriteInProgress or ErrBusy while the table is frozen for something else.
func (s *Store) BGSave() (*Task, error) { return newTask(s.e.BGSave()) }

// LastSave is when the last snapshot succeeded; before the first, when the store was opened.
func (s *Store) LastSave() time.Time { return s.e.LastSave() }

// Rewrite replaces the history in the log by the data set of this instant and returns when that is
// durable; writers go on meanwhile. It waits for a save under way, and is ErrRewriteInProgress while
// another rewrite runs and ErrBusy while a Snapshot is open. On an error, ctx's included, the log is as complete as before.
func (s *Store) Rewrite(ctx context.Context) error { return named(s.e.Rewrite(ctx)) }

// BGRewrite begins a rewrite and returns at once; while a save runs it is scheduled for its end.
func (s *Store) BGRewrite() (*Task, error) { return newTask(s.e.BGRewrite()) }

// Sync returns when everything that was acknowledged before is on disk. It is ErrNoAppendLog
// without a log.
func (s *Store) Sync(ctx context.Context) error { return named(s.e.Sync(ctx)) }

// Restore replaces the whole data set by the RDB dump that r gives, up to its end; a bad dump
// changes nothing. Writes get ErrRestoring while it takes its place on disk, which it has when
// Restore returns.
func (s *Store) Restore(ctx context.Context, r io.Reader) error { return named(s.e.Restore(ctx, r)) }
