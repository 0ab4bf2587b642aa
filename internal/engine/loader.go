package engine

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/snapshot"
)

// loader stores the entries of a snapshot in a table that nothing else uses yet: that of a store
// that is not serving, or a separate one. finish must be called.
type loader struct {
	e           *Engine
	pipeline    *pipeline
	source      string
	dropExpired bool  // a dump; the base of a log keeps them for the commands that follow
	now         int64 // Unix ms
	keys        int64
	expired     int64
	base        int64 // bytes read before this file
	total       int64 // bytes of all files; 0 if this is the only one
	extras      []snapshot.Extra
	types       *op.Types
	scratch     []byte
	value       [1][]byte // of the current entry; an argument list on the stack would be allocated
	expected    []expectation
	believed    int64 // keys of expectations that the table has space for
}

// An expectation is the number of keys that a dump declares for one of its databases.
type expectation struct {
	db         int
	keys       int64
	reserved   int64
	from, next int64 // loader.keys when the database began, and when to reserve more
}

// newLoader returns a loader of a dump into t.
func newLoader(e *Engine, t *table.Table, types *op.Types) *loader {
	return &loader{
		e: e, pipeline: newPipeline(e, t), source: FromRDB, dropExpired: true, now: op.NowMs(), types: types,
	}
}

var (
	errDuplicate = errors.New("duplicate key")
	errStop      = errors.New("perdure: an entry cannot be stored") // finish returns the cause
)

// finish ends loading. It returns err, or the failure of the pipeline that explains it.
func (l *loader) finish(err error) error {
	f := l.pipeline.close()
	if f == nil {
		return err
	}
	if errors.Is(f.err, op.ErrNoMemory) {
		return fmt.Errorf("%w: loading entries from offset %d on", op.ErrNoMemory, f.op.offset)
	}
	return &corrupt.Error{
		Offset: f.op.offset,
		What:   "expected every key once, found one a second time in its database",
	}
}

// The number of keys that a dump declares is trusted up to firstHint keys in all databases
// together, which take about 10 MB of index. Beyond that it is trusted up to hintFactor times the
// number of keys already loaded. The size of the file is not evidence, because the file may have
// holes.
const (
	firstHint  = 1 << 20
	hintFactor = 16
)

// Expect implements snapshot.Loader.
func (l *loader) Expect(db int, keys, _ int64) {
	if db >= l.pipeline.t.Databases() {
		return
	}
	e := expectation{db: db, keys: keys, from: l.keys}
	e.reserved = max(0, min(keys, firstHint-l.believed))
	l.believed += e.reserved
	e.next = l.keys + max(e.reserved, firstHint/hintFactor)
	l.pipeline.reserve(db, e.reserved)
	l.expected = append(l.expected[:0], e)
}

// reserveMore reserves table space for more of the keys that the dump declares, based on the number
// loaded so far.
func (l *loader) reserveMore() {
	e := &l.expected[0]
	come := l.keys - e.from
	e.reserved = min(e.keys, hintFactor*come)
	l.pipeline.reserve(e.db, e.reserved)
	e.next = l.keys + e.reserved - come
	if e.reserved == e.keys {
		l.expected = l.expected[:0]
	}
}

// Load implements snapshot.Loader.
func (l *loader) Load(en snapshot.Entry) error {
	t := l.pipeline.t
	if en.DB >= t.Databases() {
		err := fmt.Errorf("%w: database %d of %d", op.ErrDatabase, en.DB, t.Databases())
		return &snapshot.EntryError{Offset: en.Offset, Err: err}
	}
	if l.dropExpired && en.ExpireAtMs != 0 && en.ExpireAtMs < l.now {
		l.expired++
		return nil
	}
	o := step{hash: t.HashBytes(en.Key), expire: en.ExpireAtMs, offset: en.Offset, db: uint16(en.DB)}
	value := en.Value
	if !collection.Valid(en.Type) {
		return &snapshot.EntryError{Offset: en.Offset, Err: fmt.Errorf("%w: type %d", snapshot.ErrUnsupported, en.Type)}
	}
	if en.Type != snapshot.String {
		l.scratch = collection.AppendStored(l.scratch[:0], en.Type, en.Value)
		o.code, value = stepLoadOpaque, l.scratch
		l.types.Add(en.Type)
	}
	l.keys++
	if len(l.expected) > 0 && l.keys >= l.expected[0].next {
		l.reserveMore()
	}
	ok := false
	if o.code == stepLoadOpaque && len(value) > batchLarge && len(value) <= asideMost {
		l.scratch, ok = l.pipeline.addAside(o, en.Key, value)
	} else {
		l.value[0] = value
		ok = l.pipeline.add(&o, en.Key, l.value[:]...)
	}
	if !ok {
		return errStop
	}
	return nil
}

// Ordered implements snapshot.Loader. An empty store adopts the order of the dump.
func (l *loader) Ordered(name string) {
	if l.pipeline.t == l.e.table && l.keys == 0 {
		l.e.table.Adopt(name)
	}
}

// Extra implements snapshot.Loader.
func (l *loader) Extra(x snapshot.Extra) error {
	l.extras = append(l.extras, x)
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
