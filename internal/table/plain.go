package table

import "encoding/binary"

// Most operations are on a plain record. It is a String of bytes, not large, without an expiry, and
// its key is the first in its bucket with that tag. The functions below are short paths for such
// records. They are short because the processor looks about 500 instructions ahead. If the next
// call is among these, reads for two keys are in flight at once. The functions leave any other
// record unchanged, and the general functions process it.

// plain returns the slot of a key's record and its first word if the record is plain. Otherwise it
// returns nil.
func (s *Shard) plain(db int, h uint64, key string) (slot []byte, head uint32) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return nil, 0
	}
	r, ok := k.likely(h)
	if !ok {
		return nil, 0
	}
	slot = k.at(r)
	if head, ok := plainHead(slot, key); ok {
		return slot, head
	}
	return nil, 0
}

// likely returns the first record with the tag of hash h in its home bucket.
func (k *keyspace) likely(h uint64) (r uint32, ok bool) {
	b := k.home(h)
	m := matches(b, patternOf(h))
	return refIn(b, slotOf(m)), m != 0
}

// plainHead returns the first word of a slot, and reports whether it has the plain record of key.
func plainHead(slot []byte, key string) (head uint32, ok bool) {
	if !plainKey(slot, bytesOf(key)) {
		return 0, false
	}
	head = binary.LittleEndian.Uint32(slot)
	return head, head&(flagCounter|flagOpaque) == 0
}

// AppendString does the work of Find and AppendValue for a plain record. If ok is false, dst is
// unchanged, and the caller must use Find.
func (s *Shard) AppendString(dst []byte, db int, h uint64, key string) (out []byte, ok bool) {
	slot, head := s.plain(db, h, key)
	if slot == nil {
		return dst, false
	}
	value := slot[4+len(key):] // its address does not depend on bytes read from the record
	return append(dst, value[:head>>16]...), true
}

// SwapString is like SetString, and appends the old value to dst. If ok is false, dst is unchanged.
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

// SetString does the work of Set for a plain record if the record stays plain, the new value has
// the length of the old one, and no view is open. It reports whether it has set the value;
// otherwise it has changed nothing.
func (s *Shard) SetString(db int, h uint64, key string, value []byte) bool {
	slot, head := s.plain(db, h, key)
	return slot != nil && s.spaces[db].overwritePlain(slot, head, key, value)
}

// AddInt adds delta to the integer of a record that is plain except that it is a counter. If ok is
// false, it has changed nothing: another record, an overflow, or an open view. Compared with Find
// and ReplaceInt, it saves 43 of the 155 ns of an Incr, and 124 of the 499 ns of two in UpdateKeys.
func (s *Shard) AddInt(db int, h uint64, key string, delta int64) (sum int64, ok bool) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 || k.frozen.on {
		return 0, false
	}
	r, ok := k.likely(h)
	if !ok {
		return 0, false
	}
	slot := k.at(r)
	if !plainKey(slot, bytesOf(key)) || slot[0]&flagCounter == 0 {
		return 0, false
	}
	value := slot[4+len(key):]
	n := int64(binary.LittleEndian.Uint64(value))
	if sum = n + delta; (sum > n) != (delta > 0) && delta != 0 {
		return 0, false
	}
	if s.undo != nil {
		s.undo.enter(s, db, h)
		s.undo.overwritten(k, r, recordSize(len(key), 8, false), span{}, span{})
	}
	binary.LittleEndian.PutUint64(value, uint64(sum))
	return sum, true
}

// overwritePlain is SetString for the plain record in slot, which begins with head.
func (k *keyspace) overwritePlain(slot []byte, head uint32, key string, value []byte) bool {
	if int(head>>16) != len(value) || k.frozen.on {
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
