package engine

import (
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/snapshot"
)

// loader puts the entries of a snapshot into the table. The store is not serving yet, or the
// table is one that only the loader knows.
type loader struct {
	e           *Engine
	table       *table.Table // nil is the store's own
	source      string
	dropExpired bool  // a dump; the base of a log keeps them for the commands that follow
	now         int64 // Unix ms
	keys        int64
	expired     int64
	base        int64 // bytes read before this file
	total       int64 // bytes of everything; 0 when this file is all
	extras      []snapshot.Extra
	types       typeSet // met while loading aside
	scratch     []byte
}

func (l *loader) target() *table.Table {
	if l.table != nil {
		return l.table
	}
	return l.e.table
}

// Expect implements snapshot.Loader.
func (l *loader) Expect(db int, keys, _ int64) {
	if db < l.target().Databases() {
		l.target().Reserve(db, keys)
	}
}

// Load implements snapshot.Loader.
func (l *loader) Load(en snapshot.Entry) error {
	t := l.target()
	if en.DB >= t.Databases() {
		return fmt.Errorf("%w: database %d of %d", ErrDatabase, en.DB, t.Databases())
	}
	if l.dropExpired && en.ExpireAtMs != 0 && en.ExpireAtMs < l.now {
		l.expired++
		return nil
	}
	kind, value := table.String, en.Value
	if en.Type != snapshot.String {
		l.scratch = appendOpaque(l.scratch[:0], en.Type, en.Value)
		kind, value = table.Opaque, l.scratch
		l.note(en.Type)
	}
	h := t.HashBytes(en.Key)
	s := t.Shard(h)
	s.Lock()
	existed := s.SetBytes(en.DB, h, en.Key, kind, value, en.ExpireAtMs)
	s.Unlock()
	if existed {
		return &corrupt.Error{What: "expected every key once, found one a second time in its database"}
	}
	l.keys++
	return nil
}

func (l *loader) note(t snapshot.Type) {
	if l.table == nil {
		l.e.types.add(t)
	} else {
		l.types.add(t)
	}
}

// Extra implements snapshot.Loader.
func (l *loader) Extra(x snapshot.Extra) error {
	if l.table == nil {
		l.e.extras = append(l.e.extras, x)
	} else {
		l.extras = append(l.extras, x)
	}
	return nil
}

// Progress implements snapshot.Loader.
func (l *loader) Progress(done, total int64) {
	if l.total > 0 {
		total = l.total
	}
	if report := l.e.opts.LoadProgress; report != nil {
		report(LoadProgress{Source: l.source, Done: l.base + done, Total: total, Keys: l.keys})
	}
}
