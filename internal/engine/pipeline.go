package engine

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// pipeline applies operations to a table that nothing else uses yet. One goroutine reads a file,
// and workers store its contents. Every worker has its own shards and sees every batch, so that
// operations on one key are applied in the order of add.
type pipeline struct {
	e        *Engine
	t        *table.Table
	open     *batch // being filled; nil if empty
	files    []string
	workers  []chan *batch
	free     chan *batch
	aside    chan []byte    // memory of collections that are converted; nil before the first
	stored   chan struct{}  // closed when the last of these collections is stored
	out      sync.WaitGroup // batches and collections that are with the workers
	ended    sync.WaitGroup // workers
	reserved bool
	dirty    atomic.Int64 // changes by commands, for the save rules

	// failed is the first operation, in the order of add, that could not be applied. Until
	// everything is applied, it is the first one known so far.
	failed atomic.Pointer[failure]
}

// failure is an operation that could not be applied.
type failure struct {
	op       step
	err      error
	panicked any
}

// inFlight is the number of batches that may wait for a worker.
const inFlight = 2

func newPipeline(e *Engine, t *table.Table) *pipeline {
	return &pipeline{e: e, t: t}
}

// start starts the workers when the first batch is full. A small file never needs them.
func (p *pipeline) start() {
	n := min(runtime.GOMAXPROCS(0), 16)
	p.free = make(chan *batch, inFlight+2)
	p.workers = make([]chan *batch, n)
	for i := range p.workers {
		p.workers[i] = make(chan *batch, inFlight)
		p.ended.Add(1)
		go p.work(i, n)
	}
}

// close applies the remaining operations, ends the workers, and returns the failure, if any.
func (p *pipeline) close() *failure {
	p.settle()
	p.trim()
	for _, c := range p.workers {
		close(c)
	}
	p.ended.Wait()
	p.workers = nil
	p.e.addDirty(0, p.dirty.Swap(0))
	f := p.failed.Load()
	if f != nil && f.panicked != nil {
		panic(f.panicked) // where the caller can see it
	}
	return f
}

// source sets the file of the operations that follow, and returns its number.
func (p *pipeline) source(file string) uint16 {
	if n := len(p.files); n == 0 || p.files[n-1] != file {
		p.files = append(p.files, file)
	}
	return uint16(len(p.files) - 1)
}

// add copies and adds one operation. It returns false if an earlier one has failed.
func (p *pipeline) add(o *step, key []byte, args ...[]byte) bool {
	if size := len(key) + sizeOf(args); size > batchLarge {
		return p.addLarge(o, key, args)
	}
	if p.open == nil {
		p.open = p.batch()
	}
	p.open.add(o, key, args)
	if !p.open.full() {
		return true
	}
	p.handOut()
	return p.failed.Load() == nil
}

// reserve prepares a database for the given total number of keys. It is a hint.
func (p *pipeline) reserve(db int, keys int64) {
	perShard := keys / int64(p.t.NumShards())
	if perShard < minReserve {
		return
	}
	p.reshape(func(s *table.Shard) { s.Reserve(db, perShard) })
	p.reserved = true
}

// minReserve is the smallest number of keys of a shard that is worth a reservation.
const minReserve = 500

// reshape calls f for every shard, after the operations added before.
func (p *pipeline) reshape(f func(*table.Shard)) {
	if p.open != nil {
		p.handOut()
	}
	p.open = p.batch()
	p.open.shape = f
	p.handOut()
}

// trim undoes a reservation that was too large.
func (p *pipeline) trim() {
	if !p.reserved {
		return
	}
	p.reshape(func(s *table.Shard) {
		for db := range p.t.Databases() {
			s.Trim(db)
		}
	})
	p.out.Wait()
}

// addLarge immediately applies an operation that is too large for a batch, without copying it.
func (p *pipeline) addLarge(o *step, key []byte, args [][]byte) bool {
	if sizeOf(args) > longValue {
		p.e.counts.longLoaded.Store(true)
	}
	if o.code >= stepSet { // loads may come in any order
		p.settle()
	}
	newWorker(p, 0, 1).large(o, key, args)
	return p.failed.Load() == nil
}

// A collection of up to asideMost bytes is converted while the file is read on. There are at most
// asides of them at a time, so that they take at most 64 MiB.
const (
	asides    = 2
	asideMost = 32 << 20
)

// addAside is like add for a load of a large collection, but uses the memory of value. It returns
// other memory instead.
func (p *pipeline) addAside(o step, key, value []byte) (memory []byte, ok bool) {
	if p.aside == nil {
		p.aside = make(chan []byte, asides)
		for range asides {
			p.aside <- nil
		}
	}
	if len(value) > longValue {
		p.e.counts.longLoaded.Store(true)
	}
	memory = <-p.aside
	w := newWorker(p, 0, 1)
	stored := make(chan struct{})
	w.before, p.stored = p.stored, stored
	key = bytes.Clone(key)
	p.out.Add(1)
	go func() {
		defer p.out.Done()
		defer close(stored)
		w.large(&o, key, [][]byte{value})
		p.aside <- value
	}()
	return memory, p.failed.Load() == nil
}

// longValue is the size above which a value leaves a buffer of up to twice its length in the memory
// of its reader.
const longValue = 8 << 20

// releaseBuffers releases to the kernel the memory that the readers of a load used for long values.
func (e *Engine) releaseBuffers() {
	if e.counts.longLoaded.Swap(false) {
		debug.FreeOSMemory()
	}
}

func sizeOf(args [][]byte) (n int) {
	for _, arg := range args {
		n += len(arg)
	}
	return n
}

// handOut passes the open batch to the workers.
func (p *pipeline) handOut() {
	if p.workers == nil {
		p.start()
	}
	b := p.open
	p.open = nil
	p.out.Add(1)
	b.left.Store(int32(len(p.workers)))
	for _, c := range p.workers {
		c <- b
	}
}

func (p *pipeline) batch() *batch {
	select {
	case b := <-p.free:
		return b
	default:
		return new(batch)
	}
}

// settle waits until everything added is applied. It applies the open batch itself.
func (p *pipeline) settle() {
	p.out.Wait()
	if p.open != nil && len(p.open.ops) > 0 {
		newWorker(p, 0, 1).apply(p.open)
		p.open.reset()
	}
}

func (p *pipeline) exec() *op.Exec { return &op.Exec{Store: &p.e.ops, Replaying: true} }

// work applies batches until the channel is closed.
func (p *pipeline) work(i, n int) {
	defer p.ended.Done()
	w := newWorker(p, i, n)
	for b := range p.workers[i] {
		w.apply(b)
		if b.left.Add(-1) == 0 {
			b.reset()
			select {
			case p.free <- b:
			default:
			}
			p.out.Done()
		}
	}
}

// failedBefore reports whether an operation that precedes o has failed.
func (p *pipeline) failedBefore(o *step) bool {
	f := p.failed.Load()
	return f != nil && (f.op.file < o.file || f.op.file == o.file && f.op.offset < o.offset)
}

// fail records a failure.
func (p *pipeline) fail(f *failure) {
	for {
		old := p.failed.Load()
		if old != nil && p.failedBefore(&f.op) {
			return
		}
		if p.failed.CompareAndSwap(old, f) {
			return
		}
	}
}
