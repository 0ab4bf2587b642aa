package engine

import (
	"iter"

	"github.com/perduredb/perdure/internal/glob"
	"github.com/perduredb/perdure/internal/table"
)

// All yields every string with its value. What lasts throughout is yielded once, nothing twice;
// what comes or goes meanwhile may or may not be. No lock is held while the loop's body runs.
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

// Keys yields every key that matches a pattern, of whatever type. The terms are those of All.
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

// scan gives the live entries of a database to fn until it returns false.
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
		now := nowMs()
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

// All yields every string with its value, as of the transaction.
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

// Keys yields every key that matches a pattern, as of the transaction.
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

// scan walks a database whose shards are all locked; it yields nothing where only declared keys are.
func (t *Tx) scan(db int, keysOnly bool, fn func(table.Entry) bool) {
	if t.allow(false, db) != nil || t.x.declared != nil {
		return
	}
	buf := &table.ScanBuffer{KeysOnly: keysOnly}
	var cursor table.Cursor
	for more := true; more; {
		cursor, more = t.x.e.table.ScanLocked(db, cursor, buf)
		for _, en := range buf.Entries() {
			if en.ExpireAtMs != 0 && t.x.nowMs() > en.ExpireAtMs {
				continue
			}
			if !fn(en) {
				return
			}
		}
	}
}
