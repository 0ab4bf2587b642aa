package op

import (
	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// delete removes a key of any type, and reports whether it existed.
func (x *Exec) delete(p Place) bool {
	if !x.remove(p) {
		return false
	}
	x.Dirty++
	x.command(p.DB, "DEL", p.Key)
	return true
}

// remove deletes a key from the table, and reports whether it existed.
func (x *Exec) remove(p Place) bool {
	it, ok := x.Find(p)
	if !ok {
		return false
	}
	x.remember(p.Shard)
	p.Shard.Remove(p.DB, p.Hash, it)
	return true
}

// DeleteAll removes keys and returns the number that existed. The log gets one command.
func (x *Exec) DeleteAll(db int, keys []string) (n int) {
	for i, key := range keys {
		if x.remove(x.At(db, i, key)) {
			x.changed(db, key)
			n++
		}
	}
	if n > 0 {
		x.Dirty += int64(n)
		x.commandKeys(db, "DEL", keys)
	}
	return n
}

// CountExisting returns the number of keys that exist. A key given twice counts twice.
func (x *Exec) CountExisting(db int, keys []string) (n int) {
	for i, key := range keys {
		if x.Has(x.At(db, i, key)) {
			n++
		}
	}
	return n
}

// typeName returns Redis's name for the type of a value.
func typeName(it table.Item) string {
	t := snapshot.String
	if it.Kind() == table.Opaque {
		t = collection.Type(it.Opaque())
	}
	return rdb.TypeName(t)
}
