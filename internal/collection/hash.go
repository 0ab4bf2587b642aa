package collection

import (
	"iter"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/rdb"
)

// A Hash is a map of fields to values.
type Hash struct {
	pack
	name, value text
}

// OpenHash opens a stored hash. An empty stored form is an empty hash. The Hash may read stored
// until its first change.
func OpenHash(stored []byte) (h Hash, err error) {
	switch {
	case len(stored) == 0:
		h.pack = newPack()
		return h, nil
	case Type(stored) == typeHash:
		var ok bool
		if h.pack, ok = openPack(Value(stored)); ok {
			return h, nil
		}
	}
	v, err := decode[*rdb.Hash](stored)
	h.pack = newPack()
	if err != nil {
		return h, err
	}
	for f := range v.All() {
		if f.ExpireAtMs != 0 {
			return h, ErrFieldExpiry
		}
		h.append(listpack.Of(f.Name))
		h.append(listpack.Of(f.Value))
	}
	return h, nil
}

// Stored returns the stored form.
func (h *Hash) Stored() []byte { return h.stored(typeHash, "") }

// Len returns the number of fields.
func (h *Hash) Len() int { return h.entries() / 2 }

// Get returns the value of a field. It is valid until the next call of Get.
func (h *Hash) Get(field []byte) (value []byte, ok bool) {
	_, next, ok := h.find(field, 2)
	if !ok {
		return nil, false
	}
	e, _, ok := h.read(next)
	return h.value.of(e), ok
}

// Set sets a field, and reports whether it is new. The arguments must not be parts of the Hash.
func (h *Hash) Set(field, value []byte) (added bool) {
	_, at, ok := h.find(field, 2)
	if !ok {
		end := listpack.End(h.p)
		h.splice(end, end, 0, listpack.Of(field), listpack.Of(value))
		return true
	}
	if _, next, ok := h.read(at); ok {
		h.splice(at, next, 1, listpack.Of(value))
	}
	return false
}

// Delete deletes a field, and reports whether it existed.
func (h *Hash) Delete(field []byte) bool {
	at, next, ok := h.find(field, 2)
	if ok {
		h.splice(at, h.skip(next, 1), 2)
	}
	return ok
}

// All yields the fields and their values. They are valid until the next iteration.
func (h *Hash) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(field, value []byte) bool) {
		for at := listpack.Head; ; {
			name, next, ok := h.read(at)
			if !ok {
				return
			}
			value, next, ok := h.read(next)
			if !ok || !yield(h.name.of(name), h.value.of(value)) {
				return
			}
			at = next
		}
	}
}

// At returns the field with a number from 0 to Len()-1, and its value, until the next call. The
// numbers of fields may change with every change of the Hash.
func (h *Hash) At(i int) (field, value []byte) {
	name, next, ok := h.read(h.at(i, 2))
	if !ok {
		return nil, nil
	}
	e, _, _ := h.read(next)
	return h.name.of(name), h.value.of(e)
}

// Scan calls fn with some fields, and returns the cursor of the next ones, or 0 at the end.
func (h *Hash) Scan(_ uint64, _ int, fn func(field, value []byte)) (next uint64) {
	for field, value := range h.All() {
		fn(field, value)
	}
	return 0
}

// Encoding returns the result of OBJECT ENCODING.
func (h *Hash) Encoding() string { return h.encoding(h.Len(), hashFields, "listpack", "hashtable") }
