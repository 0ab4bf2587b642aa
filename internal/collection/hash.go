package collection

import (
	"encoding/binary"
	"iter"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/rdb"
)

// A Hash is a map of fields to values.
type Hash struct {
	pack
	large
	name, value text
}

// OpenHash opens a stored hash. An empty stored form is an empty hash. The Hash may read stored
// until its first change.
func OpenHash(env Env, stored []byte) (Hash, error) {
	switch {
	case len(stored) == 0:
		return Hash{pack: newPack(env), large: large{env: env}}, nil
	case IsLarge(stored):
		return Hash{large: openLarge(env, stored)}, nil
	}
	if p, ok := openPack(env, typeHash, stored); ok {
		return Hash{pack: p, large: large{env: env}}, nil
	}
	return decodeHash(env, stored)
}

// decodeHash opens a hash in another encoding.
func decodeHash(env Env, stored []byte) (h Hash, err error) {
	if h, err = loadHash(env, stored); err != errOneByOne {
		return h, err
	}
	h.env = env
	v, err := decode[*rdb.Hash](stored)
	h.pack = newPack(env)
	if err != nil {
		return h, err
	}
	for f := range v.All() {
		if f.ExpireAtMs != 0 {
			return h, ErrFieldExpiry
		}
		h.insert(f.Name, f.Value)
	}
	return h, h.err
}

// Stored returns the stored form.
func (h *Hash) Stored() []byte {
	if h.on {
		return h.storedLarge(typePlainHash)
	}
	return h.stored(typeHash)
}

// Len returns the number of fields.
func (h *Hash) Len() int {
	if h.on {
		return int(h.root.Count)
	}
	return h.n / 2
}

// Get returns the value of a field. It is valid until the next call of Get.
func (h *Hash) Get(field []byte) (value []byte, ok bool) {
	if h.on {
		e, ok := h.treeMap().Find(h.root, hashOf(field), func(e []byte) bool { return hasField(e, field) })
		if !ok {
			return nil, false
		}
		_, value = splitField(e)
		return value, true
	}
	_, next, ok := h.find(field, 2)
	if !ok {
		return nil, false
	}
	e, _, ok := h.read(next)
	return h.value.of(e), ok
}

// Set sets a field, and reports whether it is new. The arguments must not be parts of the Hash.
func (h *Hash) Set(field, value []byte) (added bool) {
	if h.on {
		return h.put(field, value)
	}
	_, at, ok := h.find(field, 2)
	if !ok {
		h.insert(field, value)
		return true
	}
	if _, next, ok := h.read(at); ok {
		h.splice(at, next, 1, listpack.Of(value))
		h.grow()
	}
	return false
}

// insert sets a field that the hash does not have.
func (h *Hash) insert(field, value []byte) {
	if h.on {
		h.put(field, value)
		return
	}
	h.splice(len(h.p), len(h.p), 0, listpack.Of(field), listpack.Of(value))
	h.grow()
}

// put sets a field of a large hash.
func (h *Hash) put(field, value []byte) (added bool) {
	if h.err != nil {
		return false
	}
	var room [inlineEntry]byte
	e := appendField(room[:0], field, value)
	replaced, err := h.treeMap().Put(&h.root, hashOf(field), func(e []byte) bool { return hasField(e, field) }, e)
	h.err = err
	return !replaced
}

// grow makes the hash large if it is too long.
func (h *Hash) grow() {
	if h.err != nil || !h.mustGrow(len(h.p)) {
		return
	}
	small := *h
	h.on, h.pack = true, pack{}
	for field, value := range small.All() {
		h.put(field, value)
	}
	if h.err == nil {
		h.err = small.err
	}
}

// inlineEntry is the size of entries that are made on the stack.
const inlineEntry = 256

// appendField appends an entry of a large hash: the length of the field, the field, and the value.
func appendField(dst, field, value []byte) []byte {
	return append(append(binary.AppendUvarint(dst, uint64(len(field))), field...), value...)
}

// splitField returns the field and the value of an entry of a large hash.
func splitField(e []byte) (field, value []byte) {
	n, head := binary.Uvarint(e)
	end := head + int(n)
	return e[head:end:end], e[end:]
}

// hasField reports whether an entry of a large hash is that of a field.
func hasField(e, field []byte) bool {
	name, _ := splitField(e)
	return string(name) == string(field)
}

// Delete deletes a field, and reports whether it existed.
func (h *Hash) Delete(field []byte) bool {
	if h.on {
		existed, err := h.treeMap().Delete(&h.root, hashOf(field), func(e []byte) bool { return hasField(e, field) })
		if h.err == nil {
			h.err = err
		}
		return existed
	}
	at, next, ok := h.find(field, 2)
	if ok {
		h.splice(at, h.skip(next, 1), 2)
	}
	return ok
}

// All yields the fields and their values. They are valid until the next iteration.
func (h *Hash) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(field, value []byte) bool) {
		if h.on {
			for c := h.treeMap().From(h.root, 0); c.Next(); {
				if !yield(splitField(c.Entry())) {
					return
				}
			}
			return
		}
		for at := 0; ; {
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
	if h.on {
		if i < 0 || i >= h.Len() {
			return nil, nil
		}
		_, e := h.treeMap().At(h.root, uint64(i))
		return splitField(e)
	}
	name, next, ok := h.read(h.at(i, 2))
	if !ok {
		return nil, nil
	}
	e, _, _ := h.read(next)
	return h.name.of(name), h.value.of(e)
}

// Scan calls fn with some fields, and returns the cursor of the next ones, or 0 at the end.
func (h *Hash) Scan(cursor uint64, count int, fn func(field, value []byte)) (next uint64) {
	if h.on {
		return scan(h.treeMap(), h.root, cursor, count, func(_ uint32, e []byte) { fn(splitField(e)) })
	}
	for field, value := range h.All() {
		fn(field, value)
	}
	return 0
}

// Encoding returns the result of OBJECT ENCODING.
func (h *Hash) Encoding() string {
	if h.on {
		all := func(yield func(e []byte) bool) {
			for field, value := range h.All() {
				if !yield(field) || !yield(value) {
					return
				}
			}
		}
		if shortElements(h.Len(), hashFields, all) {
			return "listpack"
		}
		return "hashtable"
	}
	return h.encoding(h.Len(), hashFields, "listpack", "hashtable")
}
