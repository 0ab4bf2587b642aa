package op

import (
	"errors"
	"strings"

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
	it, ok := from.find()
	if !ok {
		return ErrNotFound
	}
	kind, at := it.Kind(), it.ExpireAtMs()
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
	if err := x.copyEntry(from, to); err != nil || from == to {
		return err
	}
	from.delete()
	return nil
}

func replayRename(x *Exec, db int, args [][]byte) error {
	return x.moveEntry(x.Locate(db, string(args[0])), x.Locate(db, string(args[1])))
}

func replayRenameNX(x *Exec, db int, args [][]byte) error {
	if x.Locate(db, string(args[0])).exists() && x.Locate(db, string(args[1])).exists() {
		return nil
	}
	return replayRename(x, db, args)
}

var errSame = errors.New("source and destination are the same")

// replayMove applies MOVE key db. It does nothing if the key is missing in this database or exists
// in the other.
func replayMove(x *Exec, p Place, args [][]byte) error {
	to, err := x.Database(args[0])
	if err != nil {
		return err
	}
	if to == p.DB {
		return errSame
	}
	target := p // a key's shard does not depend on the database
	target.DB = to
	if !p.exists() || target.exists() {
		return nil
	}
	return x.moveEntry(p, target)
}

// replayCopy applies COPY source destination [DB n] [REPLACE].
func replayCopy(x *Exec, db int, args [][]byte) error {
	from, to := x.Locate(db, string(args[0])), x.Locate(db, string(args[1]))
	replace := false
	for i := 2; i < len(args); i++ {
		switch strings.ToUpper(string(args[i])) {
		case "REPLACE":
			replace = true
		case "DB":
			if i++; i == len(args) {
				return errSyntax
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
	if !from.exists() || !replace && to.exists() {
		return nil
	}
	return x.copyEntry(from, to)
}

var errBusyKey = errors.New("the key exists, and REPLACE is not given")

// replayRestore applies RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f].
func replayRestore(x *Exec, p Place, args [][]byte) error {
	absolute, replace := false, false
	for i := 2; i < len(args); i++ {
		switch strings.ToUpper(string(args[i])) {
		case "REPLACE":
			replace = true
		case "ABSTTL":
			absolute = true
		case "IDLETIME", "FREQ":
			// An eviction hint, which the store does not record.
			if i++; i == len(args) {
				return errSyntax
			}
			if n, err := integer(args[i]); err != nil || n < 0 {
				return errSyntax
			}
		default:
			return errSyntax
		}
	}
	at, err := integer(args[0])
	if err != nil || at < 0 {
		return ErrTTL
	}
	if at != 0 && !absolute {
		if at, err = x.instant(args[0], "PX"); err != nil {
			return err
		}
	}
	if _, exists := p.find(); exists && !replace {
		return errBusyKey
	}
	t, value, err := ParseRestore(args[1])
	if err != nil {
		return err
	}
	kind := table.String
	if t != snapshot.String {
		kind, value = table.Opaque, AppendOpaque(nil, t, value)
		x.Store.Types.Add(t)
	}
	if err := p.set(kind, value, at); err != nil {
		return err
	}
	x.Dirty++
	return nil
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
