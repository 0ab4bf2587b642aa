package table

import "encoding/binary"

// The methods below change a key that Find has returned, without a second search: for a key in the
// processor's cache, a search takes about 1/3 of the time of an operation. Between Find and the
// method the shard must not have been changed or unlocked.

// ReplaceInt sets the value of a found key to the decimal of n. The key keeps its expiry. It
// returns ErrNoMemory if memory runs out; then nothing has changed.
func (s *Shard) ReplaceInt(db int, h uint64, key string, it Item, n int64) error {
	if it.flags&flagCounter == 0 {
		c := content{isInt: true, n: n, expire: it.expire}
		return s.replaceFound(db, h, key, it, &c)
	}
	k := s.spaces[db]
	k.preserve(it.ref)
	if s.undo != nil {
		s.undo.enter(s, db, h)
		s.undo.overwritten(k, it.ref, recordSize(len(key), 8, it.expire != 0), span{}, span{})
	}
	binary.LittleEndian.PutUint64(it.value, uint64(n))
	return nil
}

// Replace sets the value and expiry of a found key, 0 for none. It returns ErrNoMemory if memory
// runs out; then nothing has changed.
func (s *Shard) Replace(db int, h uint64, key string, it Item, kind Kind, value []byte, expireAtMs int64) error {
	c := contentOf(kind, value, expireAtMs)
	const notPlain = flagExpire | flagWide | flagLarge | flagCounter | flagOpaque
	if it.flags&notPlain == 0 && kind == String && expireAtMs == 0 && !c.isInt && len(value) == len(it.value) &&
		s.undo == nil && !s.spaces[db].frozen.on {
		copy(it.value, value) // in place, as SetString does
		return nil
	}
	// Roots are replaced in place, too: LPUSH and LPOP take 8% less.
	if it.flags&notPlain == flagOpaque && kind == Opaque && expireAtMs == 0 && len(value) == len(it.value) &&
		isTree(it.value) && isTree(value) && s.undo == nil && !s.spaces[db].frozen.on {
		copy(it.value, value)
		return nil
	}
	return s.replaceFound(db, h, key, it, &c)
}

func (s *Shard) replaceFound(db int, h uint64, key string, it Item, c *content) error {
	if s.undo != nil {
		s.undo.enter(s, db, h)
	}
	if !s.spaces[db].replace(s.undo, it.ref, it.at, bytesOf(key), c) {
		return ErrNoMemory
	}
	s.countExpire(db, it.expire != 0, c.expire != 0)
	return nil
}

// Reexpire sets the expiry of a found key, 0 for none. It returns ErrNoMemory if moving the record
// needs memory and none is left; then nothing has changed.
func (s *Shard) Reexpire(db int, h uint64, it Item, expireAtMs int64) error {
	k := s.spaces[db]
	if s.undo != nil {
		s.undo.enter(s, db, h)
	}
	if before := it.flags&flagExpire != 0; before != (expireAtMs != 0) {
		if !k.moveExpire(s.undo, it.ref, it.at, expireAtMs) {
			return ErrNoMemory
		}
		s.countExpire(db, before, expireAtMs != 0)
		return nil
	} else if !before {
		return nil
	}
	k.preserve(it.ref)
	if s.undo != nil {
		s.undo.overwritten(k, it.ref, 12, span{}, span{}) // up to the expiry
	}
	binary.LittleEndian.PutUint64(k.at(it.ref)[4:], uint64(expireAtMs))
	p := &k.pages[k.head(it.ref)]
	p.earliest = min(p.earliest, expireAtMs)
	return nil
}

// Remove deletes a found key.
func (s *Shard) Remove(db int, h uint64, it Item) { s.removeFound(db, h, it, 0) }

// Release deletes a found key, but not its trees, which now belong to another key.
func (s *Shard) Release(db int, h uint64, it Item) { s.removeFound(db, h, it, sharedTree) }

func (s *Shard) removeFound(db int, h uint64, it Item, keep shared) {
	if s.undo != nil {
		s.undo.enter(s, db, h)
		s.undo.delete(s.spaces[db], it.ref, keep)
		return
	}
	s.delete(db, h, it.ref, it.at, keep)
}
