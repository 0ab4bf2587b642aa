package op

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// replayTouch does nothing. TOUCH changes the last access time of a key, which the store does not
// record.
func replayTouch(*Exec, Place, [][]byte) error { return nil }

// copyEntry copies the value of one place to another, including its expiry.
func (x *Exec) copyEntry(from, to Place) error {
	it, ok := x.Find(from)
	if !ok {
		return ErrNotFound
	}
	kind, at := it.Kind(), it.ExpireAtMs()
	if isLarge(it) {
		return x.copyTrees(it.Opaque(), to, at)
	}
	if it.Large() && kind == table.String {
		m, err := x.Store.Table.Map(to.Key, it.LargeValue())
		if err != nil {
			return err
		}
		if m.Ok() {
			return x.putMapped(to, m, at)
		}
	}
	value := it.AppendValue(nil)
	if err := to.set(kind, value, at); err != nil {
		return err
	}
	x.Dirty++
	return nil
}

// moveEntry is like copyEntry, but deletes the source.
func (x *Exec) moveEntry(from, to Place) error {
	if it, ok := x.Find(from); ok && isLarge(it) && from != to {
		return x.moveTrees(it, from, to)
	}
	if err := x.copyEntry(from, to); err != nil || from == to {
		return err
	}
	from.delete()
	return nil
}

// moveTrees is moveEntry for a large collection, of which it moves the roots.
func (x *Exec) moveTrees(it table.Item, from, to Place) error {
	roots := bytes.Clone(it.Opaque())
	x.remember(to.Shard)
	x.remember(from.Shard)
	to.delete()
	if err := to.set(table.Opaque, roots, it.ExpireAtMs()); err != nil {
		return err
	}
	it, _ = x.Find(from)
	from.Shard.Release(from.DB, from.Hash, it)
	x.Dirty++
	return nil
}

// copyTrees copies a large collection to a place.
func (x *Exec) copyTrees(stored []byte, to Place, at int64) error {
	env := x.trees(to)
	copied, err := collection.Copy(env, stored)
	if err != nil {
		return err
	}
	if err = x.relock(); err == nil {
		x.remember(to.Shard)
		to.delete()
		err = to.set(table.Opaque, copied, at)
	}
	if err != nil {
		collection.Discard(env, copied)
		return err
	}
	x.Dirty++
	return nil
}

// live reports whether a key exists.
func (x *Exec) live(p Place) bool {
	_, ok := x.Find(p)
	return ok
}

func rename(x *Exec, db int, args [][]byte) error {
	if err := x.renameTo(db, "RENAME", args); err != nil {
		return err
	}
	x.Reply.Line("OK")
	return nil
}

func renameNX(x *Exec, db int, args [][]byte) error {
	from, to := x.Locate(db, string(args[0])), x.Locate(db, string(args[1]))
	if x.live(from) && x.live(to) {
		x.Reply.Int(0)
		return nil
	}
	if err := x.renameTo(db, "RENAMENX", args); err != nil {
		return err
	}
	x.Reply.Int(1)
	return nil
}

func (x *Exec) renameTo(db int, name string, args [][]byte) error {
	from, to := x.Locate(db, string(args[0])), x.Locate(db, string(args[1]))
	if from == to && !x.Replaying {
		if !x.live(from) {
			return ErrNotFound
		}
		return nil
	}
	if err := x.moveEntry(from, to); err != nil {
		return err
	}
	x.changed(db, from.Key)
	x.changed(db, to.Key)
	x.commandWords(db, name, args)
	return nil
}

var errSame = clientError("source and destination objects are the same")

// move is MOVE key db. It does nothing if the key is missing in this database or exists in the
// other.
func move(x *Exec, p Place, args [][]byte) error {
	if _, err := x.int32(args[0]); err != nil && !x.Replaying {
		return err
	}
	to, err := x.Database(args[0])
	if err != nil {
		return err
	}
	if to == p.DB {
		return errSame
	}
	target := p // a key's shard does not depend on the database
	target.DB = to
	if !x.live(p) || x.live(target) {
		x.Reply.Int(0)
		return nil
	}
	if err := x.moveEntry(p, target); err != nil {
		return err
	}
	x.changed(to, p.Key)
	x.commandOn(p, "MOVE", args)
	x.Reply.Int(1)
	return nil
}

// copyTo is COPY source destination [DB n] [REPLACE].
func copyTo(x *Exec, db int, args [][]byte) error {
	from, to := x.Locate(db, string(args[0])), x.Locate(db, string(args[1]))
	replace := false
	for i := 2; i < len(args); i++ {
		switch option := strings.ToUpper(string(args[i])); {
		case option == "REPLACE":
			replace = true
		case option == "DB" && i+1 < len(args):
			i++
			if _, err := x.int32(args[i]); err != nil && !x.Replaying {
				return err
			}
			var err error
			if to.DB, err = x.Database(args[i]); err != nil {
				return err
			}
		default:
			return errSyntax
		}
	}
	if from == to {
		return errSame
	}
	if !x.live(from) || !replace && x.live(to) {
		x.Reply.Int(0)
		return nil
	}
	if err := x.copyEntry(from, to); err != nil {
		return err
	}
	x.changed(to.DB, to.Key)
	x.commandWords(db, "COPY", args)
	x.Reply.Int(1)
	return nil
}

var (
	errBusyKey    = errors.New("the key exists, and REPLACE is not given")
	errPayload    = errors.New("payload not valid")
	errRestoreTTL = clientError("Invalid TTL value, must be >= 0")
)

// restoreOptions are the options of RESTORE: [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f]. The last two
// are hints for eviction, which the store does not record.
type restoreOptions struct{ replace, absolute bool }

func (x *Exec) parseRestoreOptions(args [][]byte) (o restoreOptions, err error) {
	idle, freq := false, false
	for i := 0; i < len(args); i++ {
		switch option := strings.ToUpper(string(args[i])); {
		case option == "REPLACE":
			o.replace = true
		case option == "ABSTTL":
			o.absolute = true
		case option == "IDLETIME" && i+1 < len(args) && !freq, option == "FREQ" && i+1 < len(args) && !idle:
			i++
			n, err := x.integer(args[i])
			switch {
			case err != nil && x.Replaying:
				return o, errSyntax
			case err != nil:
				return o, err
			case option == "IDLETIME" && n < 0:
				return o, clientError("Invalid IDLETIME value, must be >= 0")
			case option == "FREQ" && (n < 0 || n > 255):
				return o, clientError("Invalid FREQ value, must be >= 0 and <= 255")
			}
			idle, freq = idle || option == "IDLETIME", freq || option == "FREQ"
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

func restore(x *Exec, p Place, args [][]byte) error {
	o, err := x.parseRestoreOptions(args[2:])
	if err != nil {
		return err
	}
	if !o.replace && x.live(p) {
		return errBusyKey
	}
	at, err := x.restoreExpiry(args[0], o.absolute)
	if err != nil {
		return err
	}
	t, value, err := ParseRestore(args[1])
	switch {
	case err != nil && x.Replaying:
		return err
	case err != nil:
		return errPayload
	}
	if at != 0 && !x.Replaying && at <= x.Now() { // it would be expired at once
		x.delete(p)
		x.Reply.Line("OK")
		return nil
	}
	kind := table.String
	if t != snapshot.String {
		kind, value = table.Opaque, collection.AppendStored(nil, t, value)
		x.Store.Types.Add(t)
	}
	if err := p.set(kind, value, at); err != nil {
		return err
	}
	x.Dirty++
	ms := strconv.AppendInt(nil, at, 10)
	x.commandOn(p, "RESTORE", [][]byte{ms, args[1], []byte("REPLACE"), []byte("ABSTTL")})
	x.Reply.Line("OK")
	return nil
}

// restoreExpiry parses the expiry of RESTORE, which is relative unless ABSTTL is given. 0 means
// none.
func (x *Exec) restoreExpiry(arg []byte, absolute bool) (at int64, err error) {
	at, err = x.integer(arg)
	switch {
	case err != nil && !x.Replaying:
		return 0, err
	case err != nil || at < 0:
		if x.Replaying {
			return 0, ErrTTL
		}
		return 0, errRestoreTTL
	case at != 0 && !absolute && !x.Replaying:
		return at + x.Now(), nil // can overflow, as in Redis: the key is then expired
	case at != 0 && !absolute:
		return x.instant(arg, "PX")
	}
	return at, nil
}

// ParseRestore parses the payload of a RESTORE. The payload is inside a command, so errors are
// wrapped to show that their offsets are relative to the payload.
func ParseRestore(payload []byte) (t snapshot.Type, value []byte, err error) {
	t, value, err = rdb.ParseDump(payload)
	if err != nil {
		err = &PayloadError{Type: payloadType(payload), Err: err}
	}
	return t, value, err
}

// A PayloadError is an error in the payload of a RESTORE in a log. Offsets in Err are relative to
// the payload.
type PayloadError struct {
	Type string // Redis's name for the type in the payload; or ""
	Err  error
}

// Error returns a text with the offset of the error in the payload.
func (e *PayloadError) Error() string {
	if e.Type == "" {
		return "payload: " + errtext.Trim(e.Err)
	}
	return "payload of a " + e.Type + ": " + errtext.Trim(e.Err)
}

// Unwrap returns the error of the codec.
func (e *PayloadError) Unwrap() error { return e.Err }

func payloadType(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	return rdb.TypeName(snapshot.Type(payload[0]))
}
