package rdb

import (
	"encoding/binary"
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
)

// Hash is a hash. It references the payload that it was decoded from.
type Hash struct{ view }

// HashField is a field of a hash.
type HashField struct {
	Name, Value []byte
	ExpireAtMs  int64 // Unix milliseconds; 0 means no expiry
}

// Len returns the number of fields.
func (h *Hash) Len() int { return h.n }

// All yields the fields, including expired ones, in file order, which is arbitrary. Name and Value
// are valid until the next iteration and must not be modified.
func (h *Hash) All() iter.Seq[HashField] {
	return func(yield func(HashField) bool) { h.walk(&eachField{yield: yield}) }
}

// eachField is the visitor of [Hash.All].
type eachField struct {
	deaf
	yield func(HashField) bool
}

func (e *eachField) field(name, value []byte, expireAtMs int64) error {
	return stopUnless(e.yield(HashField{name, value, expireAtMs}))
}

// maxFieldExpiry is the latest field expiry that Redis allows, in Unix milliseconds.
const maxFieldExpiry = 1<<48 - 2

// hashField walks a field without an expiry.
func (w *walker) hashField() error { return w.pair(w.r.offset(), 0) }

// pair walks the name and value of a field that begins at offset at.
func (w *walker) pair(at, expireAtMs int64) error {
	name, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	value, err := w.r.str(&w.second, w.limit)
	if err != nil {
		return err
	}
	return w.withOffset(at, w.visitor.field(name.bytes(w.r), value.bytes(w.r), expireAtMs))
}

// hashTTL walks a hash whose field lifetimes are relative to the earliest field expiry.
func (w *walker) hashTTL() error {
	at := w.r.offset()
	p, err := w.r.bytes(8)
	if err != nil {
		return err
	}
	first := binary.LittleEndian.Uint64(p)
	if first > maxFieldExpiry+1 {
		return corrupt.New(at, "want a first field expiry of at most %d, found %d", uint64(maxFieldExpiry+1), first)
	}
	w.ttlBase = int64(first) - 1
	return w.each((*walker).ttlField)
}

// ttlField walks a field that follows its lifetime. A lifetime of 0 means no expiry.
func (w *walker) ttlField() error {
	at := w.r.offset()
	ttl, err := w.r.length()
	if err != nil {
		return err
	}
	expireAtMs := int64(0)
	if ttl > 0 {
		if ttl > maxFieldExpiry+1 || w.ttlBase+int64(ttl) > maxFieldExpiry {
			return corrupt.New(at, "want a field expiry of at most %d, found a larger one", int64(maxFieldExpiry))
		}
		expireAtMs = max(w.ttlBase+int64(ttl), 1)
	}
	return w.pair(at, expireAtMs)
}

// valkeyField walks a field followed by its expiry. An expiry of -1 means none.
func (w *walker) valkeyField() error {
	at := w.r.offset()
	name, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	value, err := w.r.str(&w.second, w.limit)
	if err != nil {
		return err
	}
	p, err := w.r.bytes(8)
	if err != nil {
		return err
	}
	ms := int64(binary.LittleEndian.Uint64(p))
	switch ms {
	case -1:
		ms = 0
	case 0:
		ms = 1 // in a HashField 0 means none; 1 is equally in the past
	}
	if ms < 0 {
		return corrupt.New(w.r.offset()-8, "want a field expiry, found %d", ms)
	}
	return w.withOffset(at, w.visitor.field(name.bytes(w.r), value.bytes(w.r), ms))
}

// fields passes the contents of c to the visitor as names and values.
func (w *walker) fields(c *pack) error {
	for c.more() {
		at, name := c.at, c.text(&w.digits)
		if err := c.want("a value after a field name"); err != nil {
			return err
		}
		if err := w.visitor.field(name, c.text(&w.digits2), 0); err != nil {
			return placed(err, at)
		}
	}
	return c.err
}

// listpackTTLFields passes the contents of a listpack to the visitor as names, values, and
// expiries. An expiry of 0 means none.
func (w *walker) listpackTTLFields(p []byte) error {
	c := w.listpack(p)
	for c.more() {
		at, name := c.at, c.text(&w.digits)
		if err := c.want("a value after a field name"); err != nil {
			return err
		}
		value := c.text(&w.digits2)
		ms, err := c.wantInt("a field expiry")
		if err != nil {
			return err
		}
		if ms < 0 || ms > maxFieldExpiry {
			return flawed(c.at, "want a field expiry of at most %d, found %d", int64(maxFieldExpiry), ms)
		}
		if err := w.visitor.field(name, value, ms); err != nil {
			return placed(err, at)
		}
	}
	return c.err
}
