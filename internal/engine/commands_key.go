package engine

import (
	"errors"
	"strings"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func replayDel(x *exec, s *table.Shard, h uint64, db int, key string, _ [][]byte) error {
	if s.Delete(db, h, key) {
		x.dirty++
	}
	return nil
}

// replayTouch does nothing. TOUCH changes the last access time of a key, which the store does not
// record.
func replayTouch(*exec, *table.Shard, uint64, int, string, [][]byte) error { return nil }

// place is a key in a database.
type place struct {
	db  int
	key string
}

// copyEntry copies the value of one place to another, including its expiry.
func (x *exec) copyEntry(from, to place) error {
	s, h := x.locate(from.key)
	it, ok := s.Find(from.db, h, from.key)
	if !ok {
		return ErrNotFound
	}
	kind, at := it.Kind(), it.ExpireAtMs()
	if it.Large() && kind == table.String {
		m, err := x.e.table.Map(to.key, it.LargeValue())
		if err != nil {
			return err
		}
		if m.Ok() {
			return x.copyMapped(to, m, at)
		}
	}
	value := it.AppendValue(nil)
	s, h = x.locate(to.key)
	if _, err := s.Set(to.db, h, to.key, kind, value, at); err != nil {
		return err
	}
	x.dirty++
	return nil
}

// copyMapped stores a large value that was copied to a dedicated mapping.
func (x *exec) copyMapped(to place, m table.Mapping, at int64) error {
	s, h := x.locate(to.key)
	if _, err := s.SetMapped(to.db, h, to.key, m, at); err != nil {
		x.e.table.Unmap(m)
		return err
	}
	x.dirty++
	return nil
}

// moveEntry is like copyEntry, but deletes the source.
func (x *exec) moveEntry(from, to place) error {
	if err := x.copyEntry(from, to); err != nil || from == to {
		return err
	}
	s, h := x.locate(from.key)
	s.Delete(from.db, h, from.key)
	return nil
}

func replayRename(x *exec, db int, args [][]byte) error {
	return x.moveEntry(place{db, string(args[0])}, place{db, string(args[1])})
}

func replayRenameNX(x *exec, db int, args [][]byte) error {
	if x.exists(db, string(args[0])) && x.exists(db, string(args[1])) {
		return nil
	}
	return replayRename(x, db, args)
}

var errSame = errors.New("source and destination are the same")

// replayMove applies MOVE key db. It does nothing if the key is missing in this database or exists
// in the other.
func replayMove(x *exec, _ *table.Shard, _ uint64, db int, key string, args [][]byte) error {
	to, err := x.database(args[0])
	if err != nil {
		return err
	}
	if to == db {
		return errSame
	}
	if !x.exists(db, key) || x.exists(to, key) {
		return nil
	}
	return x.moveEntry(place{db, key}, place{to, key})
}

// replayCopy applies COPY source destination [DB n] [REPLACE].
func replayCopy(x *exec, db int, args [][]byte) error {
	from, to := place{db, string(args[0])}, place{db, string(args[1])}
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
			if to.db, err = x.database(args[i]); err != nil {
				return err
			}
		default:
			return errSyntax
		}
	}
	if from == to {
		return errSame
	}
	if !x.exists(from.db, from.key) || !replace && x.exists(to.db, to.key) {
		return nil
	}
	return x.copyEntry(from, to)
}

var errBusyKey = errors.New("the key exists, and REPLACE is not given")

// replayRestore applies RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f].
func replayRestore(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	absolute, replace := false, false
	for i := 2; i < len(args); i++ {
		switch strings.ToUpper(string(args[i])) {
		case "REPLACE":
			replace = true
		case "ABSTTL":
			absolute = true
		case "IDLETIME", "FREQ":
			i++ // an eviction hint, which the store does not record
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
	if _, exists := s.Find(db, h, key); exists && !replace {
		return errBusyKey
	}
	t, value, err := restored(args[1])
	if err != nil {
		return err
	}
	kind := table.String
	if t != snapshot.String {
		kind, value = table.Opaque, appendOpaque(nil, t, value)
		x.e.types.add(t)
	}
	if _, err := s.Set(db, h, key, kind, value, at); err != nil {
		return err
	}
	x.dirty++
	return nil
}

// restored parses the payload of a RESTORE. The payload is inside a command, so errors are wrapped
// to show that their offsets are relative to the payload.
func restored(payload []byte) (t snapshot.Type, value []byte, err error) {
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
		return "payload: " + e.Err.Error()
	}
	return "payload of a " + e.Type + ": " + e.Err.Error()
}

// Unwrap returns the error of the codec.
func (e *PayloadError) Unwrap() error { return e.Err }

func payloadType(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	return rdb.TypeName(snapshot.Type(payload[0]))
}
