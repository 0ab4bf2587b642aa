// Package snapshot says what a snapshot is, whatever its format: the entries of a data set at one
// instant, who writes and reads them, when one is due, and how a file is replaced atomically.
//
// It knows no format and no store. Package rdb implements Snapshotter with Redis's dump; a
// program may bring its own. Functions are safe for concurrent use; values say what they allow.
package snapshot

import (
	"context"
	"io"
	"iter"
	"time"
)

// Type is the Redis type of a value: the RDB type number, in a dialect.
//
// Redis and Valkey gave some numbers different meanings (22 and 23), so the dialect belongs to
// the type. Numbers that both use are of dialect 0.
type Type uint16

// String is the type that the store works with. A value of any other type is opaque: the exact
// bytes that stood in the file behind the key.
const String Type = 0

// Valkey is the bit of a Type whose number has Valkey's meaning, not Redis's.
const Valkey Type = 1 << 8

// RDB returns the type number as it stands in a file.
func (t Type) RDB() byte { return byte(t) }

// IsValkey reports whether the number has Valkey's own meaning.
func (t Type) IsValkey() bool { return t&Valkey != 0 }

// Entry is one key with its value.
type Entry struct {
	DB         int
	Type       Type
	Key        []byte
	Value      []byte // the bytes of a string; for other types the payload as in an RDB file
	ExpireAtMs int64  // Unix milliseconds; 0 is no expiry
	Offset     int64  // of its record in the file it was read from, attributes included; not used for writing
}

// Extra is a record of a dump that belongs to no key, kept to be written again: a function
// library, the auxiliary data of a module.
type Extra struct {
	Opcode  byte   // as in an RDB file
	Payload []byte // everything behind the opcode
}

// Count is how much one database holds.
type Count struct {
	DB      int
	Keys    int64
	Expires int64 // keys with an expiry
}

// View is a data set as it was at one instant, while the store goes on.
type View interface {
	// All yields every entry once, in no order that means anything, though those of one
	// database mostly stand together. The slices of an Entry are valid until the next one is
	// asked for. The pass can be made once; it ends with ctx's error when ctx ends.
	All(ctx context.Context) iter.Seq2[Entry, error]

	// Counts gives the databases that are not empty, ascending, as of the instant.
	Counts() []Count

	// Types gives the types other than String that may occur: a superset, for choosing a
	// format version before the first entry is written.
	Types() []Type

	// Extras gives the records that belong to no key.
	Extras() []Extra

	// Time is the instant.
	Time() time.Time

	// Order names the order of the entries: at most 64 bytes of text, no secret, empty when there
	// is no name. A Snapshotter that keeps it helps the store that reads the entries back.
	Order() string

	// Origin says where the snapshot comes from: at most 256 bytes of text, empty for none. A
	// Snapshotter stores it and returns it in Info, so that a store knows its own snapshots.
	Origin() string
}

// Loader receives what a snapshot holds, in the order of the file.
type Loader interface {
	// Expect is a hint that may be wrong: database db will get so many keys, of which so many
	// expire.
	Expect(db int, keys, expires int64)

	// Ordered takes what View.Order gave, before the first entry: a store then takes the entries in
	// the order of its own memory, which is faster. A wrong or missing one costs only time.
	Ordered(name string)

	// Load takes one entry, whose slices are valid during the call only.
	Load(e Entry) error

	// Extra takes a record that belongs to no key; the payload is the receiver's to keep.
	Extra(x Extra) error

	// Progress tells how many of the file's bytes are read.
	Progress(done, total int64)
}

// Info describes a snapshot that was written or found.
type Info struct {
	Name    string    // the file's name, or whatever names it where it is kept
	Size    int64     // bytes; -1 when not known
	Keys    int64     // -1 when not known
	Time    time.Time // when it was completed
	Version string    // format and version, such as "RDB 9"
	Origin  string    // as View.Origin gave it; empty when the snapshot has none
}

// Snapshotter keeps the snapshots of one store. It owns the files, or the objects that replace
// them. rdb.New returns the one that keeps a Redis dump; examples/objectstore is one that is
// written with exported names only, and package storetest tests any.
//
// # Order of calls and concurrency
//
// A store calls Open before everything else, and then one method at a time. It calls
// Save with a View of its own, while writers change the store. There is no Close: no method
// keeps a resource when it returns, and Open may be called again, by a store that is opened later.
//
// # Errors
//
// No error is final: the store can call any method again. An error of Save is reported to whoever
// asked for the snapshot, and makes writes fail with perdure.ErrSaveFailed if the save was
// automatic. An error of Load, or of Open, ends the opening of the store.
//
// # Configuration
//
// The interface has no method to configure a Snapshotter. Whoever made it configures it.
type Snapshotter interface {
	// Open binds the Snapshotter to a data directory. It reads only. It does not fail because of a
	// snapshot that is damaged or missing, which Load reports. The Snapshotter keeps env. Env.FS is
	// the only file system that it may use for files in the directory.
	Open(env Env) error

	// Stat describes the newest snapshot without reading it whole. It returns an error matching
	// fs.ErrNotExist if there is none.
	Stat() (Info, error)

	// Load passes the newest snapshot to l: every entry and every extra record, as Save got them.
	// It returns an error matching fs.ErrNotExist if there is none. Damage is a *CorruptError with
	// file and offset, never missing or different entries. Load changes nothing, whatever it finds.
	//
	// An error of l ends Load, which returns it, wrapped or not. When ctx ends, Load returns ctx's
	// error. The slices that Load passes to l need to be valid during the call only.
	Load(ctx context.Context, l Loader) (Info, error)

	// Save writes v as the newest snapshot and returns when it is durable. A crash at any time
	// leaves the snapshot before or the new one, whole. On an error, that of ctx or of v.All
	// included, the snapshot before is still the newest, unless only the last step of putting the
	// new one in its place has failed (see Replace): then it may be either.
	//
	// Save makes one pass over v.All and copies what it needs of an entry before it asks for the
	// next.
	Save(ctx context.Context, v View) (Info, error)
}

// Decoder reads one snapshot from a stream of size bytes, or of unknown size when that is -1. It
// returns how many bytes the snapshot took; what follows them belongs to somebody else.
type Decoder func(ctx context.Context, r io.Reader, size int64, l Loader) (n int64, err error)
