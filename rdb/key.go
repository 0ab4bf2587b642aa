package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// key reads a key and its value after the type number, or skips them if the filter does not select
// the key.
func (r *Reader) key(number byte) (wanted bool, err error) {
	t := r.version.typeOf(number)
	if number != typeString && t != r.known {
		if _, ok := kinds[t]; !ok {
			return false, r.unknown(number)
		}
		r.known = t
	}
	r.attributed()
	r.given, r.sawKey = true, true
	if number == typeString && r.shortString() {
		return true, nil
	}
	key, err := r.in.str(&r.keyScratch, r.settings.maxValue)
	if err != nil {
		return false, err
	}
	e := &r.entry
	e.Type, e.ValueOffset = t, r.in.offset()
	r.keys++
	if r.settings.filter.on {
		e.Key, e.Value, e.Size = key.bytes(r.in), nil, 0
		if !r.settings.filter.wants(e) {
			return false, r.in.skip(layouts[t])
		}
	}
	if number == typeString && r.discard {
		if key, err = r.passOver(key); err != nil {
			return false, err
		}
		e.Value = nil
	} else if number == typeString {
		value, err := r.in.str(&r.scratch, r.settings.maxValue)
		if err != nil {
			return false, err
		}
		e.Value = value.bytes(r.in)
	} else if e.Value, err = r.value(t); err != nil {
		return false, err
	}
	e.Key = key.bytes(r.in) // the buffer may have moved
	e.Size = r.in.offset() - e.Offset
	return true, nil
}

// shortString reads a key and its value if both are short plain strings that are in the buffer, as
// most are. Otherwise it has read nothing. It saves 1/8 of the processor time of a load.
func (r *Reader) shortString() bool {
	if r.settings.filter.on || r.discard || r.settings.maxValue <= longestShort {
		return false
	}
	in, e := r.in, &r.entry
	p := in.buf[in.pos:in.end]
	key, head, ok := shortText(p)
	if !ok {
		return false
	}
	value, size, ok := shortText(p[head:])
	if !ok {
		return false
	}
	e.Type, e.Key, e.Value = snapshot.String, key, value
	e.ValueOffset = in.offset() + int64(head)
	in.pos += head + size
	e.Size = in.offset() - e.Offset
	r.keys++
	return true
}

// longString is the size above which an unneeded string is skipped without being held.
const longString = 1 << 20

// passOver reads an unneeded string. It does not hold a long uncompressed string, so a hole in a
// sparse file costs no memory. It returns key, which it copies if the buffer may move.
func (r *Reader) passOver(key text) (text, error) {
	n, head, err := r.in.longHead()
	if err == nil && n > longString && n <= uint64(r.settings.maxValue) {
		key.made = append([]byte{}, key.bytes(r.in)...)
		r.in.pos += head
		s := skipper{in: r.in}
		return key, s.pass(n)
	}
	if err == nil {
		_, err = r.in.str(&r.scratch, r.settings.maxValue)
	}
	return key, err
}

// longHead returns a string length that is encoded in 32 or 64 bits and the size of that encoding.
// For other strings it returns 0. It consumes nothing.
func (r *input) longHead() (n uint64, head int, err error) {
	if err := r.need(1); err != nil {
		return 0, 0, err
	}
	switch r.buf[r.pos] {
	case length32:
		head = 1 + 4
	case length64:
		head = 1 + 8
	default:
		return 0, 0, nil
	}
	if r.size >= 0 && r.size-r.offset() < int64(head) {
		return 0, 0, nil // str reports the error
	}
	if err := r.need(head); err != nil {
		return 0, 0, err
	}
	ahead := memoryReader(r.buf[r.pos : r.pos+head])
	n, err = ahead.length()
	return n, head, err
}

// value reads a value that is preserved byte for byte. An error for damage names the key by its
// number in the file, from 1.
func (r *Reader) value(t snapshot.Type) ([]byte, error) {
	at := r.in.offset()
	value, err := r.payload(t)
	if err == nil {
		if r.odd != nil && r.settings.validate && r.validator.odd != "" {
			r.odd(r.ofKey(t, corrupt.New(at, ": %s", r.validator.odd)))
		}
		if r.refused != nil && r.settings.validate && r.validator.refused != "" {
			r.refused(r.ofKey(t, corrupt.New(at, ": %s", r.validator.refused)))
		}
		return value, nil
	}
	var damage *corrupt.Error
	if errors.As(err, &damage) && !damage.Torn {
		damage.What = r.validator.place() + ": " + damage.What
		r.ofKey(t, damage)
	}
	return nil, err
}

// payload reads a value. With Validate it checks the value to its last element; otherwise it looks
// only for the end.
func (r *Reader) payload(t snapshot.Type) ([]byte, error) {
	if !r.settings.validate {
		return r.in.kept(layouts[t], r.settings.maxValue)
	}
	start := r.in.place()
	r.walker.start = start
	if err := r.validator.walk(&r.walker, t); err != nil {
		return nil, err
	}
	return r.in.between(start, r.in.place()), nil
}

// ofKey adds the current key to an error. The text of the error continues after the type.
func (r *Reader) ofKey(t snapshot.Type, e *corrupt.Error) *corrupt.Error {
	e.What = fmt.Sprintf("key %d, %s of type %d%s", r.keys, TypeName(t), t.RDB(), e.What)
	return e
}

// attributed records the offset of the next key's record.
func (r *Reader) attributed() {
	if !r.begun {
		r.begun, r.entry.Offset = true, r.at
	}
}

// attribute reads an attribute of the next key.
func (r *Reader) attribute(op byte) (err error) {
	r.attributed()
	r.attributes = true
	e := &r.entry
	switch op {
	case opIdle:
		e.HasIdle = true
		e.Idle, err = r.in.length()
	case opFreq:
		e.HasFreq = true
		e.Freq, err = r.in.byte()
	case opExpire:
		p, err := r.in.bytes(4)
		if err != nil {
			return err
		}
		r.expireAt(int64(int32(binary.LittleEndian.Uint32(p))) * 1000)
	case opExpireMs:
		p, err := r.in.bytes(8)
		if err != nil {
			return err
		}
		if ms := int64(binary.LittleEndian.Uint64(p)); ms != -1 {
			r.expireAt(ms)
		} else {
			e.ExpireAtMs = 0
		}
	}
	return err
}

// meta retains the module metadata of the next key: a count, and for each module a class of 4 bytes
// and pieces as in a module's value.
func (r *Reader) meta() error {
	r.attributed()
	r.attributes = true
	meta, err := r.in.kept(layoutKeyMeta, r.settings.maxValue)
	r.entry.Meta = bytes.Clone(meta)
	return err
}

// expireAt records an expiry. In an Entry 0 means none, so expiry 0 becomes 1 ms.
func (r *Reader) expireAt(ms int64) {
	if ms == 0 {
		ms = 1
	}
	r.entry.ExpireAtMs = ms
}
