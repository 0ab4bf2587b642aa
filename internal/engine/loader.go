package engine

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/snapshot"
)

// loader puts the entries of a snapshot into a table that nobody uses yet: that of a store which is
// not serving, or one aside. finish must be called.
type loader struct {
	e           *Engine
	pipeline    *pipeline
	source      string
	dropExpired bool  // a dump; the base of a log keeps them for the commands that follow
	now         int64 // Unix ms
	keys        int64
	expired     int64
	size        int64 // of the file; -1 when not known
	base        int64 // bytes read before this file
	total       int64 // bytes of everything; 0 when this file is all
	extras      []snapshot.Extra
	types       *typeSet
	scratch     []byte
}

// newLoader returns a loader of a dump into t.
func newLoader(e *Engine, t *table.Table, types *typeSet) *loader {
	return &loader{
		e: e, pipeline: newPipeline(e, t), source: FromRDB, dropExpired: true, now: nowMs(), size: -1, types: types,
	}
}

var (
	errDuplicate = errors.New("a key a second time")
	errStop      = errors.New("perdure: an entry cannot be stored") // finish says why
)

// finish ends loading. It returns err, or what the pipeline failed with, which explains it.
func (l *loader) finish(err error) error {
	f := l.pipeline.close()
	if f == nil {
		return err
	}
	if errors.Is(f.err, ErrNoMemory) {
		return fmt.Errorf("%w: loading entries from offset %d on", ErrNoMemory, f.op.offset)
	}
	return &corrupt.Error{
		Offset: f.op.offset,
		What:   "expected every key once, found one a second time in its database",
	}
}

// A hint about a file of unknown size is believed up to maxHint keys, which take 30 MB of index; in
// other files an entry takes minEntry bytes.
const (
	maxHint  = 4 << 20
	minEntry = 4
)

// Expect implements snapshot.Loader.
func (l *loader) Expect(db int, keys, _ int64) {
	most := int64(maxHint)
	if l.size >= 0 {
		most = l.size / minEntry
	}
	if t := l.pipeline.t; db < t.Databases() {
		l.pipeline.reserve(db, min(keys, most))
	}
}

// Load implements snapshot.Loader.
func (l *loader) Load(en snapshot.Entry) error {
	t := l.pipeline.t
	if en.DB >= t.Databases() {
		return fmt.Errorf("%w: database %d of %d", ErrDatabase, en.DB, t.Databases())
	}
	if l.dropExpired && en.ExpireAtMs != 0 && en.ExpireAtMs < l.now {
		l.expired++
		return nil
	}
	o := op{hash: t.HashBytes(en.Key), expire: en.ExpireAtMs, offset: en.Offset, db: uint16(en.DB)}
	value := en.Value
	if en.Type != snapshot.String {
		l.scratch = appendOpaque(l.scratch[:0], en.Type, en.Value)
		o.code, value = opLoadOpaque, l.scratch
		l.types.add(en.Type)
	}
	l.keys++
	if !l.pipeline.add(&o, en.Key, value) {
		return errStop
	}
	return nil
}

// Ordered implements snapshot.Loader: a store that is empty takes the order of the dump for its own.
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
	l.size = total
	if l.total > 0 {
		total = l.total
	}
	if report := l.e.opts.LoadProgress; report != nil {
		report(LoadProgress{Source: l.source, Done: l.base + done, Total: total, Keys: l.keys})
	}
}
