package engine

import "github.com/perduredb/perdure/internal/table"

// largeValue is the size above which a value is copied, and its command encoded, before the shard is
// locked: about where the table gives it memory of its own.
const largeValue = 256 << 10

// pins are large values that were found under locks and are copied without.
type pins struct {
	held []pinned
}

type pinned struct {
	i int // whose it is
	table.Pin
}

// take pins the value of a key, whose shard is locked. When Close or Restore is about to free memory it
// does not, and the value is to be copied now.
func (p *pins) take(e *Engine, db int, key string, i int) bool {
	if !e.use.TryRLock() {
		return false
	}
	h := e.table.Hash(key)
	pin, ok := e.table.Shard(h).Pin(db, h, key)
	if !ok {
		e.use.RUnlock()
		return false
	}
	p.held = append(p.held, pinned{i, pin})
	return true
}

// each gives every value to fn and lets it go. No shard is locked.
func (p *pins) each(e *Engine, fn func(i int, value []byte)) {
	for _, h := range p.held {
		fn(h.i, h.Value())
		h.Release()
		e.use.RUnlock()
	}
}

// getLater is get that leaves a large value to p, as number i, and dst as it is.
func (x *exec) getLater(dst []byte, s *table.Shard, h uint64, db int, key string, p *pins, i int) ([]byte, error) {
	if out, ok := s.AppendString(dst, db, h, key); ok {
		return out, nil
	}
	it, ok := x.find(s, h, db, key)
	switch {
	case !ok:
		return dst, ErrNotFound
	case it.Kind() != table.String:
		return dst, ErrWrongType
	case it.Large() && p.take(x.e, db, key, i):
		return dst, nil
	}
	return it.AppendValue(dst), nil
}

// ahead does for Set of a large value what can be done before the lock: the copy, and the command. A
// command that depends on what is there under the lock is left.
func (x *exec) ahead(db int, key string, value []byte, a SetArgs) error {
	if len(value) > maxSize {
		return ErrTooLarge
	}
	at, err := x.expiry(a)
	if err != nil {
		return err
	}
	x.mapped = x.e.table.Map(key, value)
	if x.e.jobs.logReady.Load() && !a.KeepTTL {
		x.unit.grow(len(key) + len(value))
		x.appendSet(db, key, value, at, false)
		x.encoded = true
	}
	return nil
}

// store sets a string, which may have been mapped before.
func (x *exec) store(s *table.Shard, h uint64, db int, key string, value []byte, at int64) {
	switch {
	case x.mapped.Ok():
		s.SetMapped(db, h, key, x.mapped, at)
		x.mapped = table.Mapping{}
	case at == 0 && s.SetString(db, h, key, value):
	default:
		s.Set(db, h, key, table.String, value, at)
	}
}
