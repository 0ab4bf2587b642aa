package op

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/resp"
)

// A Record collects the commands of one operation as a log record: one command alone, or several
// between MULTI and EXEC. It reserves space for the MULTI at the front.
type Record struct {
	buf     []byte
	links   []link // large arguments between the bytes of buf
	n       int    // commands
	firstDB int
	lastDB  int
}

// link is a large argument that is pinned instead of copied.
type link struct {
	at    int // offset in buf before which it belongs
	value []byte
}

// KeepRecord is the size above which the buffer of a Record of several commands is not reused: see
// [Record.Reset].
const KeepRecord = 64 << 10

// NewRecord returns an empty Record.
func NewRecord() *Record {
	r := &Record{}
	r.Reset(KeepRecord)
	return r
}

// Reset removes all commands. It reuses the buffer unless that is larger than keep bytes. A zero
// Record must be reset before its first use.
func (r *Record) Reset(keep int) {
	if cap(r.buf) > keep {
		r.buf = nil
	}
	r.buf = append(r.buf[:0], appendlog.Multi...)
	r.links = nil
	r.n = 0
}

// Trim is Reset for a record whose buffer is larger than keep bytes. Another keeps its commands.
func (r *Record) Trim(keep int) {
	if cap(r.buf) > keep {
		r.Reset(keep)
	}
}

// Empty reports whether the record does not hold a command.
func (r *Record) Empty() bool { return r.n == 0 }

// begin starts a command of argc arguments on database db.
func (r *Record) begin(log appendlog.AppendLog, db, argc int) {
	switch {
	case r.n == 0:
		r.firstDB, r.lastDB = db, db
	case db != r.lastDB:
		r.buf = log.AppendSelect(r.buf, db)
		r.lastDB = db
	}
	r.n++
	r.buf = resp.AppendHeader(r.buf, argc)
}

func (r *Record) str(s string)   { r.buf = resp.AppendBulk(r.buf, s) }
func (r *Record) bytes(b []byte) { r.buf = resp.AppendBulk(r.buf, b) }
func (r *Record) int(n int64)    { r.buf = resp.AppendInt(r.buf, n) }

// Set makes the record a single SET k v.
func (r *Record) Set(db int, key string, value []byte) {
	r.firstDB, r.lastDB, r.n = db, db, 1
	r.buf = append(r.buf, "*3\r\n$3\r\nSET\r\n"...)
	r.str(key)
	r.bytes(value)
}

// Delete makes the record a single DEL k, and returns it encoded.
func (r *Record) Delete(log appendlog.AppendLog, db int, key []byte) []byte {
	r.Reset(KeepRecord)
	r.begin(log, db, 2)
	r.str("DEL")
	r.bytes(key)
	return r.Encoded()
}

// link adds an argument that stays in place until the log has written it.
func (r *Record) link(value []byte) {
	r.buf = resp.AppendBulkHead(r.buf, len(value))
	r.links = append(r.links, link{len(r.buf), value})
	r.buf = append(r.buf, "\r\n"...)
}

// mark returns the state of the record for backTo.
func (r *Record) mark() Record { return *r }

// backTo removes the commands that were added after mark.
func (r *Record) backTo(mark Record) {
	mark.buf = r.buf[:len(mark.buf)]
	*r = mark
}

// Encoded returns the encoded log record.
func (r *Record) Encoded() []byte {
	if r.n == 1 {
		return r.buf[len(appendlog.Multi):]
	}
	r.buf = append(r.buf, appendlog.Exec...)
	return r.buf
}

// pieces returns the log record in pieces. Every second piece is a large argument.
func (r *Record) pieces() [][]byte {
	whole := r.Encoded()
	skipped := len(r.buf) - len(whole)
	pieces, from := make([][]byte, 0, 2*len(r.links)+1), 0
	for _, l := range r.links {
		pieces = append(pieces, whole[from:l.at-skipped], l.value)
		from = l.at - skipped
	}
	return append(pieces, whole[from:])
}

// value adds an argument that is a value. It may be linked.
func (x *Exec) value(v []byte) {
	if x.large != nil && x.large.argument != nil {
		x.Record.link(x.large.argument)
		x.large.argument = nil
		return
	}
	x.Record.bytes(v)
}

// A Watcher observes the changes of an execution, before or after they are made. The end of an
// expired key is not a change. Functions that add a command to the log record pass its key to the
// Watcher, whether there is a log or not, unless their comment says otherwise.
type Watcher interface {
	Changed(db int, key string)
	Cleared(db int)   // before all keys of a database are deleted
	Swapped(a, b int) // before the keys of two databases are exchanged
}

// changed passes a key to the Watcher.
func (x *Exec) changed(db int, key string) {
	if x.Watcher != nil {
		x.Watcher.Changed(db, key)
	}
}

// command adds a command with a key and no other argument: INCR k.
func (x *Exec) command(db int, name, key string) {
	x.changed(db, key)
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, db, 2)
	x.Record.str(name)
	x.Record.str(key)
}

// commandInt adds a command with a key and a number: INCRBY k n, PEXPIREAT k ms.
func (x *Exec) commandInt(db int, name, key string, n int64) {
	x.changed(db, key)
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, db, 3)
	x.Record.str(name)
	x.Record.str(key)
	x.Record.int(n)
}

// commandValue adds a command with a key and a value: SETNX k v, APPEND k v.
func (x *Exec) commandValue(db int, name, key string, value []byte) {
	x.changed(db, key)
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, db, 3)
	x.Record.str(name)
	x.Record.str(key)
	x.value(value)
}

// commandSet adds SET k v, with PXAT ms for an expiry, or KEEPTTL if the old expiry is kept.
func (x *Exec) commandSet(p Place, value []byte, expireAtMs int64, keepTTL bool) {
	x.changed(p.DB, p.Key)
	if x.Log == nil {
		return
	}
	switch {
	case keepTTL:
		x.Record.begin(x.Log, p.DB, 4)
	case expireAtMs != 0:
		x.Record.begin(x.Log, p.DB, 5)
	default:
		x.Record.begin(x.Log, p.DB, 3)
	}
	x.Record.str("SET")
	x.Record.str(p.Key)
	x.value(value)
	switch {
	case keepTTL:
		x.Record.str("KEEPTTL")
	case expireAtMs != 0:
		x.Record.str("PXAT")
		x.Record.int(expireAtMs)
	}
}

// commandOn adds a command with a key and the words after it: SETBIT k 7 1.
func (x *Exec) commandOn(p Place, name string, args [][]byte) {
	x.changed(p.DB, p.Key)
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, p.DB, 2+len(args))
	x.Record.str(name)
	x.Record.str(p.Key)
	for _, arg := range args {
		x.Record.bytes(arg)
	}
}

// commandWords adds a command with its words as the client sent them: RENAME a b. The caller passes
// the keys that have changed to the Watcher.
func (x *Exec) commandWords(db int, name string, args [][]byte) {
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, db, 1+len(args))
	x.Record.str(name)
	for _, arg := range args {
		x.Record.bytes(arg)
	}
}

// commandKeys adds a command with any number of keys: DEL k1 k2. The caller passes the keys that
// have changed to the Watcher.
func (x *Exec) commandKeys(db int, name string, keys []string) {
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, db, 1+len(keys))
	x.Record.str(name)
	for _, k := range keys {
		x.Record.str(k)
	}
}

// commandNone adds a command without arguments: FLUSHALL.
func (x *Exec) commandNone(db int, name string) {
	if x.Log == nil {
		return
	}
	x.Record.begin(x.Log, db, 1)
	x.Record.str(name)
}
