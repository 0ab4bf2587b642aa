package op

import (
	"bytes"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/table"
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
	if x.walking() { // because of the destination
		if err := x.relock(); err != nil {
			return err
		}
		it, _ = x.Find(from) // a captured string has no value
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
	x.remember(from.Shard)
	if err := x.putInstead(to, roots, it.ExpireAtMs()); err != nil {
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
		err = x.putInstead(to, copied, at)
	}
	if err != nil {
		collection.Discard(env, copied)
		return err
	}
	x.Dirty++
	return nil
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
	if x.Has(from) && x.Has(to) {
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
		if !x.Has(from) {
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
	if !x.Has(p) || x.Has(target) {
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
	if !x.Has(from) || !replace && x.Has(to) {
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
