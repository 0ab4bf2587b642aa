package engine

import "github.com/perduredb/perdure/internal/table"

// Append appends to a value, creating the key if it is missing, and returns the new length.
func (e *Engine) Append(db int, key string, suffix []byte) (n int, err error) {
	if len(suffix) > largeValue {
		return e.appendLarge(db, key, suffix)
	}
	moves := false
	err = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		n, err = x.append(s, h, db, key, suffix, &moves)
		return err
	})
	if moves {
		return e.appendLarge(db, key, suffix)
	}
	return n, err
}

// append appends to a value. If a large value would have to move and moves is not nil, append only
// sets moves.
func (x *exec) append(s *table.Shard, h uint64, db int, key string, suffix []byte, moves *bool) (int, error) {
	it, ok := x.find(s, h, db, key)
	n, err := appendTo(it, ok, suffix)
	if err != nil || ok && len(suffix) == 0 {
		return n, err
	}
	if moves != nil && it.Large() && s.AppendMoves(db, h, key, len(suffix)) {
		*moves = true
		return n, nil
	}
	x.remember(s)
	if ok {
		_, err = s.Append(db, h, key, suffix)
	} else {
		_, err = s.Set(db, h, key, table.String, suffix, 0)
	}
	if err != nil {
		return 0, err
	}
	x.appended(db, key, suffix)
	return n + len(suffix), nil
}

// appendTo returns the length of the present value, or the reason why nothing can be appended to
// it.
func appendTo(it table.Item, ok bool, suffix []byte) (n int, err error) {
	if ok && it.Kind() != table.String {
		return 0, ErrWrongType
	}
	if n = it.ValueLen(); n+len(suffix) > maxSize {
		return n, ErrTooLarge
	}
	return n, nil
}

// appended records an append in the log.
func (x *exec) appended(db int, key string, suffix []byte) {
	if len(suffix) > largeValue {
		x.link(db, key, len(suffix))
	}
	x.dirty++
	x.commandValue(db, "APPEND", key, suffix)
}

// appendTries is the number of attempts of appendLarge while other writers change the value.
const appendTries = 3

// appendLarge is like [Engine.Append], but builds the new value with no lock held. It then checks
// that the key still has the old value. After too many failed attempts it makes the copy under the
// lock.
func (e *Engine) appendLarge(db int, key string, suffix []byte) (n int, err error) {
	for range appendTries {
		done := false
		if n, done, err = e.tryAppend(db, key, suffix); done || err != nil {
			return n, err
		}
	}
	err = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		n, err = x.append(s, h, db, key, suffix, nil)
		return err
	})
	return n, err
}

// tryAppend makes one attempt. The result done is false if the key has changed.
func (e *Engine) tryAppend(db int, key string, suffix []byte) (n int, done bool, err error) {
	var seen pins
	var old []byte
	existed := false
	err = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		var it table.Item
		it, existed = x.find(s, h, db, key)
		if n, err = appendTo(it, existed, suffix); err == nil && !(it.Large() && seen.take(e, db, key, 0)) {
			old = it.AppendValue(nil)
		}
		return err
	})
	defer seen.release(e)
	if err != nil {
		return n, false, err
	}
	if len(seen.held) > 0 {
		old = seen.last()
	}
	if err := e.admit(db, false); err != nil {
		return 0, false, err
	}
	x := e.newExec()
	defer e.free(x)
	mapping, err := e.table.MapAppend(key, old, suffix)
	if err != nil {
		return 0, false, err
	}
	x.ready = append(x.ready, ready{0, mapping})
	err = x.write(key, false, func(x *exec, s *table.Shard, h uint64) error {
		it, ok := x.find(s, h, db, key)
		m := x.mapped()
		if ok != existed || !m.Ok() || ok && !seen.same(s, h, db, key, it, old) {
			return nil
		}
		if _, err := s.SetMapped(db, h, key, *m, it.ExpireAtMs()); err != nil {
			return err
		}
		*m = table.Mapping{}
		x.appended(db, key, suffix)
		n, done = len(old)+len(suffix), true
		return nil
	})
	return n, done, err
}

// same reports whether a key still has the value that was pinned, or else copied to old.
func (p *pins) same(s *table.Shard, h uint64, db int, key string, it table.Item, old []byte) bool {
	if len(p.held) > 0 {
		return s.Holds(db, h, key, p.held[0].Pin)
	}
	return it.Kind() == table.String && it.Equal(old)
}
