package table

import "encoding/binary"

// Most operations meet a plain record: a String of bytes, not large, without an expiry, whose key is the
// first in its bucket with that tag. Here are short ways for them. They are short because the processor
// sees some 500 instructions ahead, and the next call is to be among these: then it has the memory of two
// keys under way at once. What they find different they leave to the general way, untouched.

// plain returns the record of a key if it is plain, and its first word; otherwise nil.
func (s *Shard) plain(db int, h uint64, key string) (slot []byte, head uint32) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return nil, 0
	}
	b := k.home(h)
	m := matches(b, patternOf(h))
	if m == 0 {
		return nil, 0
	}
	slot = k.at(refIn(b, slotOf(m)))
	if !plainKey(slot, bytesOf(key)) {
		return nil, 0
	}
	head = binary.LittleEndian.Uint32(slot)
	if head&(flagCounter|flagOpaque) != 0 {
		return nil, 0
	}
	return slot, head
}

// AppendString is Find and AppendValue of a plain record. When ok is false dst is as it was, and Find
// tells more.
func (s *Shard) AppendString(dst []byte, db int, h uint64, key string) (out []byte, ok bool) {
	slot, head := s.plain(db, h, key)
	if slot == nil {
		return dst, false
	}
	value := slot[4+len(key):] // where this is does not depend on what is read from the record
	return append(dst, value[:head>>16]...), true
}

// SwapString is SetString that appends the value before to dst. When ok is false dst is as it was.
func (s *Shard) SwapString(dst []byte, db int, h uint64, key string, value []byte) (out []byte, ok bool) {
	slot, head := s.plain(db, h, key)
	if slot == nil || int(head>>16) != len(value) || s.spaces[db].frozen.on {
		return dst, false
	}
	if len(value) <= maxDecimal {
		if _, isInt := parseInt(value); isInt {
			return dst, false
		}
	}
	old := slot[4+len(key):][:len(value)]
	dst = append(dst, old...)
	copy(old, value)
	return dst, true
}

// SetString is Set of a plain record with a value that keeps it one, of the same length, and no view
// open. It reports whether it has done it; otherwise nothing has changed.
func (s *Shard) SetString(db int, h uint64, key string, value []byte) bool {
	slot, head := s.plain(db, h, key)
	if slot == nil || int(head>>16) != len(value) || s.spaces[db].frozen.on {
		return false
	}
	if len(value) <= maxDecimal {
		if _, isInt := parseInt(value); isInt {
			return false
		}
	}
	copy(slot[4+len(key):], value)
	return true
}
