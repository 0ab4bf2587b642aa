package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// The kinds of operation.
const (
	opGet = iota
	opSet
	opAppend
	opDelete
	opSetIfAbsent
	opSwap
	opCompareAndSwap
	opBatch // reads its keys, and appends a letter to each value
)

// input is an operation.
type input struct {
	kind     int
	keys     []string // one key, except for a batch
	arg, old string
	score    int
}

// output is the result of an operation.
type output struct {
	values  []string // the values that it read
	found   bool
	unknown bool // it was in progress when the machine stopped
}

// cell is the value of a key. If the key does not exist, there is false.
type cell struct {
	value string
	there bool
}

// apply applies an operation to the cell of one key.
func (in input) apply(c cell) (cell, output) {
	switch in.keys[0][0] {
	case 'l':
		next, out := in.applyList(c.value)
		return cell{value: next}, out
	case 'z':
		next, out := in.applySortedSet(c.value)
		return cell{value: next}, out
	}
	old := output{values: []string{c.value}, found: c.there}
	switch in.kind {
	case opSet:
		return cell{in.arg, true}, output{}
	case opAppend:
		return cell{c.value + in.arg, true}, output{values: []string{fmt.Sprint(len(c.value) + len(in.arg))}}
	case opDelete:
		return cell{}, output{found: c.there}
	case opSetIfAbsent:
		if c.there {
			return c, output{}
		}
		return cell{in.arg, true}, output{found: true}
	case opSwap:
		return cell{in.arg, true}, old
	case opCompareAndSwap:
		if !c.there || c.value != in.old {
			return c, output{}
		}
		return cell{in.arg, true}, output{found: true}
	}
	return c, old
}

// same reports whether a result matches the expected result.
func (o output) same(want output) bool {
	return o.unknown || o.found == want.found && strings.Join(o.values, ",") == strings.Join(want.values, ",")
}

// keyModel is a store whose keys are checked independently.
var keyModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(input).keys[0]
			byKey[key] = append(byKey[key], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return cell{} },
	Step: func(state, in, out any) (bool, any) {
		next, want := in.(input).apply(state.(cell))
		return out.(output).same(want), next
	},
}

// batchKeys are the keys of histories with batches. A state has one cell for each key.
var batchKeys = []string{"a", "b", "c"}

type cells [3]cell

// batchModel is a store with three keys, and operations on several of them.
var batchModel = porcupine.Model{
	Init: func() any { return cells{} },
	Step: func(state, in, out any) (bool, any) {
		next, op := state.(cells), in.(input)
		if op.kind != opBatch {
			i := int(op.keys[0][0] - 'a')
			var want output
			next[i], want = op.apply(next[i])
			return out.(output).same(want), next
		}
		want := output{}
		for _, key := range op.keys {
			c := &next[key[0]-'a']
			want.values = append(want.values, c.value)
			*c = cell{c.value + op.arg, true}
		}
		return out.(output).same(want), next
	},
}

// do runs an operation on a store.
func (in input) do(s *perdure.Store) (out output, err error) {
	if in.kind >= opPushFront {
		return in.doCollection(s)
	}
	key := in.keys[0]
	var v []byte
	switch in.kind {
	case opGet:
		v, err = s.Get(key)
		out = output{values: []string{string(v)}, found: err == nil}
	case opSet:
		err = s.Set(key, []byte(in.arg))
	case opAppend:
		var n int
		n, err = s.Append(key, []byte(in.arg))
		out.values = []string{fmt.Sprint(n)}
	case opDelete:
		var n int
		n, err = s.Delete(key)
		out.found = n == 1
	case opSetIfAbsent:
		out.found, err = s.SetIfAbsent(key, []byte(in.arg))
	case opSwap:
		v, out.found, err = s.Swap(key, []byte(in.arg))
		out.values = []string{string(v)}
	case opCompareAndSwap:
		out.found, err = s.CompareAndSwap(key, []byte(in.old), []byte(in.arg))
	case opBatch:
		return in.batch(s)
	}
	if errors.Is(err, perdure.ErrNotFound) {
		err = nil
	}
	return out, err
}

// batch reads and changes several keys in one transaction.
func (in input) batch(s *perdure.Store) (out output, err error) {
	err = s.UpdateKeys(in.keys, func(tx *perdure.Tx) error {
		out.values = out.values[:0]
		for _, key := range in.keys {
			v, err := tx.Get(key)
			if err != nil && !errors.Is(err, perdure.ErrNotFound) {
				return err
			}
			out.values = append(out.values, string(v))
			if err := tx.Set(key, append(v, in.arg...)); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// random makes a random operation on one of keys, or a batch if batches is set.
func random(rng *rand.Rand, keys []string, batches bool) input {
	in := input{kind: rng.IntN(opBatch), keys: []string{keys[rng.IntN(len(keys))]}}
	in.arg, in.old = string(rune('a'+rng.IntN(4))), string(rune('a'+rng.IntN(4)))
	if batches && rng.IntN(2) == 0 {
		in.kind = opBatch
		rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		in.keys = append([]string(nil), keys[:1+rng.IntN(len(keys))]...)
		sort.Strings(in.keys)
	}
	return in
}

// setup is one kind of history.
type setup struct {
	name       string
	goroutines int
	each       int // operations per goroutine
	keys       int
	batches    bool
	types      bool // the keys are lists and sorted sets
	crash      bool
	model      porcupine.Model
}

var setups = []setup{
	{name: "keys", goroutines: 8, each: 60, keys: 6, model: keyModel},
	{name: "batches", goroutines: 4, each: 10, keys: 3, batches: true, model: batchModel},
	{name: "crash", goroutines: 8, each: 60, keys: 6, crash: true, model: keyModel},
	{name: "collections", goroutines: 8, each: 60, types: true, model: keyModel},
	{name: "crash with collections", goroutines: 8, each: 60, types: true, crash: true, model: keyModel},
	{name: "crash with batches", goroutines: 4, each: 10, keys: 3, batches: true, crash: true, model: batchModel},
}

// recorder collects a history.
type recorder struct {
	began   time.Time
	mu      sync.Mutex // guards history
	history []porcupine.Operation
	done    atomic.Int64
}

func (r *recorder) now() int64 { return int64(time.Since(r.began)) }

// play makes a history. With a crash, the history continues on the files of a killed process.
func (st setup) play(seed uint64) ([]porcupine.Operation, error) {
	policy := []aof.FsyncPolicy{aof.EverySec, aof.Always, aof.No}[seed%3]
	mem := vfs.NewMem("/data")
	open := func(fsys vfs.FS) (*perdure.Store, error) {
		return perdure.Open("/data", storefs.Option(fsys), perdure.WithSaveRules(), storefs.SmallCollections(1+int(seed%2)*2048),
			perdure.WithAppendLog(aof.New(aof.Fsync(policy), aof.AutoRewrite(0, 0))))
	}
	s, err := open(mem)
	if err != nil {
		return nil, err
	}
	r := &recorder{began: time.Now()}
	stopAt := int64(math.MaxInt64)
	if st.crash {
		stopAt = rand.New(rand.NewPCG(seed, 77)).Int64N(int64(st.goroutines * st.each))
	}
	var image *vfs.Mem
	var before, after int64 // the machine stopped between these
	var once sync.Once
	var wg sync.WaitGroup
	errs := make(chan error, st.goroutines)
	for g := range st.goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(g)))
			keys := append([]string(nil), batchKeys...)
			if !st.batches {
				keys = []string{"k0", "k1", "k2", "k3", "k4", "k5"}[:st.keys]
			}
			for range st.each {
				if r.done.Add(1) > stopAt {
					once.Do(func() { before = r.now(); image = mem.Kill(); after = r.now() })
				}
				var in input
				if st.types {
					in = randomCollection(rng)
				} else {
					in = random(rng, keys, st.batches)
				}
				call := r.now()
				out, err := in.do(s)
				if err != nil {
					errs <- err
					return
				}
				r.mu.Lock()
				r.history = append(r.history, porcupine.Operation{ClientId: g, Input: in, Call: call, Output: out, Return: r.now()})
				r.mu.Unlock()
			}
		})
	}
	jobs, end := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- saveAndRewrite(jobs, s) }()
	wg.Wait()
	end()
	close(errs)
	if err := <-done; err != nil {
		return nil, err
	}
	if err := errors.Join(<-errs, s.CloseNoSave()); err != nil || image == nil {
		return r.history, err
	}
	again, err := open(image)
	if err != nil {
		return nil, err
	}
	history, err := st.cross(r, again, before, after)
	return history, errors.Join(err, again.CloseNoSave())
}

// saveAndRewrite saves and rewrites the log of a store until ctx ends.
func saveAndRewrite(ctx context.Context, s *perdure.Store) error {
	for ctx.Err() == nil {
		_, err := s.Save(ctx)
		if err == nil {
			err = s.Rewrite(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// wrote reports whether an operation changed something. An operation that did not change anything
// waits for no write.
func wrote(o porcupine.Operation) bool {
	out := o.Output.(output)
	switch o.Input.(input).kind {
	case opGet, opLen, opScore, opRank, opCard, opRead:
		return false
	case opDelete, opSetIfAbsent, opCompareAndSwap, opPopFront, opPopBack, opPopMin, opAdd:
		return out.found
	}
	return true
}

// cross continues a history after a crash. Operations that had returned by then took effect,
// operations in progress may have taken effect, and later operations never happened. Then cross
// reads every key.
func (st setup) cross(r *recorder, s *perdure.Store, before, after int64) ([]porcupine.Operation, error) {
	var history []porcupine.Operation
	keys := map[string]bool{}
	for _, o := range r.history {
		for _, key := range o.Input.(input).keys {
			keys[key] = true
		}
		switch {
		case !wrote(o): // it may have seen a write that was in progress and is now lost
		case o.Return <= before:
			history = append(history, o)
		case o.Call <= after:
			o.Output, o.Return = output{unknown: true}, math.MaxInt64
			history = append(history, o)
		}
	}
	for key := range keys {
		in := input{kind: opGet, keys: []string{key}}
		if st.types {
			in.kind = opRead
		}
		call := r.now()
		out, err := in.do(s)
		if err != nil {
			return nil, err
		}
		history = append(history, porcupine.Operation{ClientId: st.goroutines, Input: in, Call: call, Output: out, Return: r.now()})
	}
	return history, nil
}
