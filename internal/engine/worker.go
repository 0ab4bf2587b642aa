package engine

import (
	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// worker applies operations to every n-th shard of the table of a pipeline. It sorts a batch by
// shard. The memory of one shard, where each new entry follows the previous one, is then written in
// order, and the lookups are known in advance.
type worker struct {
	p      *pipeline
	x      *op.Exec
	i, n   int
	starts []uint32 // by shard: index in order of its first operation
	order  []uint32 // numbers of operations, by shard
	args   [][]byte
	at     step           // current operation
	held   []*table.Shard // locked shards: the current one and the next
	before chan struct{}  // large waits for it before it stores a collection; may be nil
}

func newWorker(p *pipeline, i, n int) *worker {
	return &worker{p: p, x: p.exec(), i: i, n: n, starts: make([]uint32, p.t.NumShards()+1)}
}

// apply applies the worker's part of a batch.
func (w *worker) apply(b *batch) {
	defer w.recovered()
	if len(b.ops) > 0 && w.p.failedBefore(&b.ops[0]) {
		return
	}
	if b.shape != nil {
		w.shape(b.shape)
	}
	w.sort(b.ops)
	w.begin(w.i, b)
	for i := w.i; i < w.p.t.NumShards(); i += w.n {
		w.begin(i+w.n, b) // prefetch the next shard while this one's operations are applied
		w.shard(i, b)
	}
	w.p.dirty.Add(w.x.Dirty)
	w.x.Dirty = 0
}

// recovered turns a panic into the failure of the current operation. It must be deferred.
func (w *worker) recovered() {
	r := recover()
	for len(w.held) > 0 { // after a panic
		w.release()
	}
	if r != nil {
		w.p.fail(&failure{op: w.at, panicked: r})
	}
}

// large applies one operation that is not in a batch.
func (w *worker) large(o *step, key []byte, args [][]byte) {
	defer w.recovered()
	if w.p.failedBefore(o) {
		return
	}
	w.at = *o
	s := w.p.t.Shard(o.hash)
	err := w.convert(o, args)
	if err == nil {
		if w.before != nil { // the second of equal keys fails
			<-w.before
		}
		s.Lock()
		w.held = append(w.held, s)
		err = w.do(s, o, key, args)
		w.release()
	}
	if err != nil {
		w.p.fail(&failure{op: *o, err: err})
	}
	w.p.dirty.Add(w.x.Dirty)
	w.x.Dirty = 0
}

func (w *worker) shape(f func(*table.Shard)) {
	for i := w.i; i < w.p.t.NumShards(); i += w.n {
		s := w.p.t.ShardAt(i)
		s.Lock()
		w.held = append(w.held, s)
		f(s)
		w.release()
	}
}

// sort fills order and starts. Operations of one shard keep their order.
func (w *worker) sort(ops []step) {
	t := w.p.t
	clear(w.starts)
	for i := range ops {
		w.starts[t.ShardIndex(ops[i].hash)]++
	}
	sum := uint32(0)
	for i, n := range w.starts {
		w.starts[i] = sum
		sum += n
	}
	if cap(w.order) < len(ops) {
		w.order = make([]uint32, max(len(ops), batchOps))
	}
	w.order = w.order[:len(ops)]
	for i := range ops {
		shard := t.ShardIndex(ops[i].hash)
		w.order[w.starts[shard]] = uint32(i)
		w.starts[shard]++
	}
	copy(w.starts[1:], w.starts)
	w.starts[0] = 0
}

// prefetchOps is the distance in operations from the current operation to the prefetched one.
// It is small enough for the CPU to fetch the memory of all of them concurrently.
const prefetchOps = 32

// mine returns the operations of a batch on keys of shard i.
func (w *worker) mine(i int) []uint32 { return w.order[w.starts[i]:w.starts[i+1]] }

// begin locks shard i, if it exists and has operations, and prefetches the memory of the first of
// them.
func (w *worker) begin(i int, b *batch) {
	if i >= w.p.t.NumShards() {
		return
	}
	mine := w.mine(i)
	if len(mine) == 0 {
		return
	}
	s := w.p.t.ShardAt(i)
	s.Lock()
	w.held = append(w.held, s)
	for _, n := range mine[:min(prefetchOps, len(mine))] {
		b.prefetch(s, n)
	}
}

// shard applies the operations on the keys of one shard that begin has locked, up to one that
// fails. Other shards continue, because one of their operations may fail that precedes it.
func (w *worker) shard(i int, b *batch) {
	mine := w.mine(i)
	if len(mine) == 0 {
		return
	}
	s := w.held[0]
	defer w.release()
	for j, n := range mine {
		if j+prefetchOps < len(mine) {
			b.prefetch(s, mine[j+prefetchOps])
		}
		w.at = b.ops[n]
		if err := w.one(b, &w.at); err != nil {
			w.p.fail(&failure{op: w.at, err: err})
			return
		}
	}
}

// release unlocks the shard that was locked first.
func (w *worker) release() {
	s := w.held[0]
	w.held = w.held[:copy(w.held, w.held[1:])]
	s.Unlock()
}

// one applies one operation.
func (w *worker) one(b *batch, o *step) error {
	key, rest := sized(b.data[o.start:])
	w.args = w.args[:0]
	for range o.args {
		var arg []byte
		arg, rest = sized(rest)
		w.args = append(w.args, arg)
	}
	if err := w.convert(o, w.args); err != nil {
		return err
	}
	return w.do(w.p.t.Shard(o.hash), o, key, w.args)
}

// env returns what a loaded collection needs to have trees.
func (w *worker) env() collection.Env {
	return collection.Env{Space: w.p.t.Trees(), Small: w.p.e.ops.SmallCollection}
}

// convert replaces a collection that is to be loaded by the form in which commands use it. It needs
// no lock.
func (w *worker) convert(o *step, args [][]byte) (err error) {
	if o.code == stepLoadOpaque {
		args[0], err = op.Converted(w.env(), args[0])
	}
	return err
}

// do applies one operation, with the shard of its key locked.
func (w *worker) do(s *table.Shard, o *step, key []byte, args [][]byte) error {
	if o.code < stepCommand {
		return w.store(s, o, key, args[0])
	}
	w.x.NewTime()
	return o.code.command().One(w.x, op.Place{Shard: s, Hash: o.hash, DB: int(o.db), Key: string(key)}, args)
}

// store stores the value of a load or of a SET.
func (w *worker) store(s *table.Shard, o *step, key, value []byte) error {
	opaque := kindOf(o.code) == table.Opaque
	if opaque && collection.IsLarge(value) { // instead of other roots, whose trees would remain
		if _, existed := s.FindBytes(int(o.db), o.hash, key); existed {
			collection.Discard(w.env(), value)
			return errDuplicate
		}
	}
	existed, err := s.SetBytes(int(o.db), o.hash, key, kindOf(o.code), value, o.expire)
	switch {
	case err != nil:
		if opaque {
			collection.Discard(w.env(), value)
		}
		return err
	case o.code == stepSet:
		w.x.Dirty++
	case existed:
		return errDuplicate
	}
	return nil
}
