package engine

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/resp"
)

// unit collects the commands of one operation as a log record: one command alone, or several
// between MULTI and EXEC. It reserves space for the MULTI at the front.
type unit struct {
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

// keepUnit is the size above which the buffer of a unit is not reused.
const keepUnit = 64 << 10

func (u *unit) reset() {
	if cap(u.buf) > keepUnit {
		u.buf = nil
	}
	u.buf = append(u.buf[:0], appendlog.Multi...)
	u.links = nil
	u.n = 0
}

// begin starts a command of argc arguments on database db.
func (u *unit) begin(log appendlog.AppendLog, db, argc int) {
	switch {
	case u.n == 0:
		u.firstDB, u.lastDB = db, db
	case db != u.lastDB:
		u.buf = log.AppendSelect(u.buf, db)
		u.lastDB = db
	}
	u.n++
	u.buf = resp.AppendHeader(u.buf, argc)
}

func (u *unit) str(s string)   { u.buf = resp.AppendBulk(u.buf, s) }
func (u *unit) bytes(b []byte) { u.buf = resp.AppendBulk(u.buf, b) }
func (u *unit) int(n int64)    { u.buf = resp.AppendInt(u.buf, n) }

// set makes the unit a single SET k v.
func (u *unit) set(db int, key string, value []byte) {
	u.firstDB, u.lastDB, u.n = db, db, 1
	u.buf = append(u.buf, "*3\r\n$3\r\nSET\r\n"...)
	u.str(key)
	u.bytes(value)
}

// link adds an argument that stays in place until the log has written it.
func (u *unit) link(value []byte) {
	u.buf = resp.AppendBulkHead(u.buf, len(value))
	u.links = append(u.links, link{len(u.buf), value})
	u.buf = append(u.buf, "\r\n"...)
}

// encoded returns the encoded log record.
func (u *unit) encoded() []byte {
	if u.n == 1 {
		return u.buf[len(appendlog.Multi):]
	}
	u.buf = append(u.buf, appendlog.Exec...)
	return u.buf
}

// pieces returns the log record in pieces, every second of which is a large argument.
func (u *unit) pieces() [][]byte {
	whole := u.encoded()
	skipped := len(u.buf) - len(whole)
	pieces, from := make([][]byte, 0, 2*len(u.links)+1), 0
	for _, l := range u.links {
		pieces = append(pieces, whole[from:l.at-skipped], l.value)
		from = l.at - skipped
	}
	return append(pieces, whole[from:])
}

// value adds an argument that is a value. It may be linked.
func (x *exec) value(v []byte) {
	if x.argument != nil {
		x.unit.link(x.argument)
		x.argument = nil
		return
	}
	x.unit.bytes(v)
}

// command1 adds a command with a key and no other argument: INCR k.
func (x *exec) command1(db int, name, key string) {
	if x.log == nil {
		return
	}
	x.unit.begin(x.log, db, 2)
	x.unit.str(name)
	x.unit.str(key)
}

// commandInt adds a command with a key and a number: INCRBY k n, PEXPIREAT k ms.
func (x *exec) commandInt(db int, name, key string, n int64) {
	if x.log == nil {
		return
	}
	x.unit.begin(x.log, db, 3)
	x.unit.str(name)
	x.unit.str(key)
	x.unit.int(n)
}

// commandValue adds a command with a key and a value: SETNX k v, APPEND k v.
func (x *exec) commandValue(db int, name, key string, value []byte) {
	if x.log == nil {
		return
	}
	x.unit.begin(x.log, db, 3)
	x.unit.str(name)
	x.unit.str(key)
	x.value(value)
}

// commandSet adds SET k v, with PXAT ms for an expiry, or KEEPTTL if the old expiry is kept.
func (x *exec) commandSet(db int, key string, value []byte, expireAtMs int64, keepTTL bool) {
	if x.log == nil {
		return
	}
	switch {
	case keepTTL:
		x.unit.begin(x.log, db, 4)
	case expireAtMs != 0:
		x.unit.begin(x.log, db, 5)
	default:
		x.unit.begin(x.log, db, 3)
	}
	x.unit.str("SET")
	x.unit.str(key)
	x.value(value)
	switch {
	case keepTTL:
		x.unit.str("KEEPTTL")
	case expireAtMs != 0:
		x.unit.str("PXAT")
		x.unit.int(expireAtMs)
	}
}

// commandKeys adds a command with any number of keys: DEL k1 k2.
func (x *exec) commandKeys(db int, name string, keys []string) {
	if x.log == nil {
		return
	}
	x.unit.begin(x.log, db, 1+len(keys))
	x.unit.str(name)
	for _, k := range keys {
		x.unit.str(k)
	}
}

// commandNone adds a command without arguments: FLUSHALL.
func (x *exec) commandNone(db int, name string) {
	if x.log == nil {
		return
	}
	x.unit.begin(x.log, db, 1)
	x.unit.str(name)
}
