// Package snapshot defines a snapshot of a data set, whatever its format: the entries, the
// interfaces of its writer and reader, and the rules for automatic snapshots. It also replaces
// files atomically.
//
// The package does not depend on a format or a store. Package rdb implements [Snapshotter] with
// Redis's dump, and a program can bring its own. Functions are safe for concurrent use; each type
// documents its own rules.
package snapshot

import (
	"context"
	"io"
	"iter"
	"time"
)

// Type is the Redis type of a value: an RDB type number in a dialect.
//
// Redis and Valkey use some numbers (22 and 23) for different types, so the dialect is part of the
// type. Numbers that both use have dialect 0.
type Type uint16

// String is the type of a string, whose Value is its bytes. The value of any other type is passed
// as its payload: the exact bytes after the key in an RDB file.
const String Type = 0

// Valkey is the bit of a Type whose number has Valkey's meaning instead of Redis's.
const Valkey Type = 1 << 8

// RDB returns the type number as stored in a file.
func (t Type) RDB() byte { return byte(t) }

// IsValkey reports whether the number has Valkey's own meaning.
func (t Type) IsValkey() bool { return t&Valkey != 0 }

// An Entry is one key with its value.
type Entry struct {
	DB         int
	Type       Type
	Key        []byte
	Value      []byte // bytes of a string; for other types the payload as in an RDB file
	ExpireAtMs int64  // Unix milliseconds; 0 without an expiry
	Offset     int64  // of its record, with attributes, in the file read; unused for writing

	// Pieces yields the payload of a large collection, piece by piece, if it is not nil. Value is
	// then nil. Only the entries of a View have Pieces. A piece is valid until the next one.
	Pieces iter.Seq[[]byte]
}

// AppendPayload appends the bytes of the value to dst: those of Value, or of all Pieces.
func (e *Entry) AppendPayload(dst []byte) []byte {
	if e.Pieces == nil {
		return append(dst, e.Value...)
	}
	for p := range e.Pieces {
		dst = append(dst, p...)
	}
	return dst
}

// An Extra is a record of a dump that belongs to no key and is preserved for writing: a function
// library, or the auxiliary data of a module.
type Extra struct {
	Opcode  byte   // as in an RDB file
	Payload []byte // everything after the opcode
}

// Count is the number of keys in one database.
type Count struct {
	DB      int
	Keys    int64
	Expires int64 // keys with an expiry
}

// A View is a point-in-time snapshot of a data set. The store continues while it is open.
type View interface {
	// All yields every entry once, in unspecified order. The entries of one database are mostly
	// adjacent. The slices of an Entry are valid until the next Entry is requested. Only one pass
	// is possible. It ends with ctx's error if ctx ends.
	All(ctx context.Context) iter.Seq2[Entry, error]

	// Counts returns the databases that were not empty at that point in time, in ascending order.
	Counts() []Count

	// Types returns the types other than String that may occur. The result may contain more types.
	// It serves to choose a format version before the first entry is written.
	Types() []Type

	// Extras returns the records that belong to no key.
	Extras() []Extra

	// Time returns the point in time of the snapshot.
	Time() time.Time

	// Order returns a name for the order of the entries: at most 64 bytes of text without secrets,
	// or "" for an order without a name. A Snapshotter that stores the name speeds up the store
	// that reads the entries back.
	Order() string

	// Origin returns the origin of the snapshot: at most 256 bytes of text, or "" for none. A
	// Snapshotter stores it and returns it in [Info], so that a store recognizes its own snapshots.
	Origin() string
}

// A Loader receives the contents of a snapshot, in the order of the file.
type Loader interface {
	// Expect announces that database db will receive keys keys, expires of them with an expiry. It
	// is a hint and may be wrong.
	Expect(db int, keys, expires int64)

	// Ordered receives the result of View.Order, before the first entry. A store then receives the
	// entries in the order of its memory, which is faster. A wrong or missing name only costs time.
	Ordered(name string)

	// Load receives one entry. The slices of the entry are valid during the call only.
	Load(e Entry) error

	// Extra receives a record that belongs to no key. The receiver may keep the payload.
	Extra(x Extra) error

	// Progress reports the number of the file's bytes that are read.
	Progress(done, total int64)
}

// Info describes a snapshot that was written or found.
type Info struct {
	Name    string    // name of the file, or of the object that replaces it
	Size    int64     // bytes; -1 when not known
	Keys    int64     // -1 when not known
	Time    time.Time // when it was completed
	Version string    // format and version, such as "RDB 9"
	Origin  string    // result of View.Origin; "" if the snapshot lacks one
}

// A Snapshotter stores the snapshots of one store. It owns the files, or the objects that replace
// them. rdb.New returns a Snapshotter for a Redis dump. The example examples/objectstore is written
// with exported names only, and package storetest tests any Snapshotter.
//
// # Order of calls and concurrency
//
// A store calls Open before everything else, and then one method at a time. It calls Save with its
// own View, while writers change the store. A Close is not needed, because no method retains a
// resource when it returns. A store that is opened later can call Open again.
//
// # Errors
//
// No error is final: the store can call any method again. An error of Save is reported to the
// caller that requested the snapshot. If the save was automatic, the error makes writes fail with
// perdure.ErrSaveFailed. An error of Load, or of Open, ends the opening of the store.
//
// # Configuration
//
// A Snapshotter is not configured through this interface. The code that creates one configures it.
type Snapshotter interface {
	// Open binds the Snapshotter to a data directory. It reads only. It does not fail because of a
	// snapshot that is damaged or missing, which Load reports. The Snapshotter keeps env. Env.FS is
	// the only file system that it may use for files in the directory.
	Open(env Env) error

	// Stat describes the newest snapshot without reading it whole. It returns an error matching
	// fs.ErrNotExist before the first Save.
	Stat() (Info, error)

	// Load passes the newest snapshot to l: every entry and every extra record, as Save got them.
	// It returns an error matching fs.ErrNotExist before the first Save, and a [*CorruptError] with
	// file and offset if the snapshot is damaged. It never passes on missing or different entries.
	// Load never changes anything on disk.
	//
	// An error of l ends Load, which returns it, wrapped or not. When ctx ends, Load returns ctx's
	// error. The slices that Load passes to l need to be valid during the call only.
	Load(ctx context.Context, l Loader) (Info, error)

	// Save writes v as the newest snapshot and returns when it is durable. A crash at any time
	// leaves the previous snapshot or the new one, whole. On an error, including one of ctx or of
	// v.All, the previous snapshot is still the newest. The exception is a failure of only the last
	// step of the replacement (see [Replace]): then either may be the newest.
	//
	// Save iterates over v.All once, and copies the needed parts of an entry before it requests the
	// next one.
	Save(ctx context.Context, v View) (Info, error)
}

// A Decoder reads one snapshot from a stream of size bytes, or of unknown size if size is -1. It
// returns the number of bytes of the snapshot. The bytes after them are not part of it.
type Decoder func(ctx context.Context, r io.Reader, size int64, l Loader) (n int64, err error)
