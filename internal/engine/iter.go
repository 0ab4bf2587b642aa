package engine

import (
	"iter"

	"github.com/perduredb/perdure/internal/glob"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// All iterates over the string keys and their values. A key present for the whole iteration is
// yielded exactly once, and no key is yielded twice. A key added or removed during it may or may
// not be yielded. No lock is held while the body of the loop runs.
func (e *Engine) All(db int) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		e.scan(db, false, func(en table.Entry) bool {
			if en.Kind != table.String {
				return true
			}
			return yield(string(en.Key), append([]byte{}, en.Value...))
		})
	}
}

// Keys iterates over the keys of any type that match a pattern. See [Engine.All] for the
// guarantees.
func (e *Engine) Keys(db int, pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		e.scan(db, true, func(en table.Entry) bool {
			if key := string(en.Key); glob.Match(pattern, key) {
				return yield(key)
			}
			return true
		})
	}
}

// scan calls fn for the live entries of a database until fn returns false.
func (e *Engine) scan(db int, keysOnly bool, fn func(table.Entry) bool) {
	if db < 0 || db >= e.table.Databases() {
		return
	}
	buf := &table.ScanBuffer{KeysOnly: keysOnly}
	var cursor table.Cursor
	for more := true; more; {
		if !e.enterScan() {
			return
		}
		cursor, more = e.table.Scan(db, cursor, buf)
		e.leaveScan()
		now := op.NowMs()
		for _, en := range buf.Entries() {
			if en.ExpireAtMs != 0 && now > en.ExpireAtMs {
				continue
			}
			if !fn(en) {
				return
			}
		}
	}
}

// All iterates over the string keys and their values, as the transaction sees them.
func (t *Tx) All(db int) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		t.scan(db, false, func(en table.Entry) bool {
			if en.Kind != table.String {
				return true
			}
			return yield(string(en.Key), append([]byte{}, en.Value...))
		})
	}
}

// Keys iterates over the keys that match a pattern, as the transaction sees them.
func (t *Tx) Keys(db int, pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		t.scan(db, true, func(en table.Entry) bool {
			if key := string(en.Key); glob.Match(pattern, key) {
				return yield(key)
			}
			return true
		})
	}
}

// scan iterates over a database whose shards are all locked. It yields nothing if the transaction
// has declared keys.
func (t *Tx) scan(db int, keysOnly bool, fn func(table.Entry) bool) {
	if t.allow(false, db) != nil || t.x.onlyDeclared {
		return
	}
	buf := &table.ScanBuffer{KeysOnly: keysOnly}
	var cursor table.Cursor
	for more := true; more; {
		cursor, more = t.x.e.table.ScanLocked(db, cursor, buf)
		for _, en := range buf.Entries() {
			if en.ExpireAtMs != 0 && t.x.Now() > en.ExpireAtMs {
				continue
			}
			if !fn(en) {
				return
			}
		}
	}
}
