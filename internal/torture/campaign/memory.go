package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/engine"
	ops "github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/vfs"
)

// memory is campaign m. It runs a script of every write and refuses memory at the n-th request, for
// every n: once, for a few requests, or until the end. After each refusal the store must be as it
// was before the write. Deleting, reading, saving, rewriting, and closing must still work, and the
// next Open must find every acknowledged write.
func memory(r *Run) {
	dump, err := restorable()
	if err != nil {
		r.fail("restorable", err)
		return
	}
	for i := range r.by(1, 2) {
		seed := r.Seed + uint64(i)<<32
		for _, m := range []mode{modeOf("always"), modeOf("everysec"), modeOf("ring"), modeOf("snapshots")} {
			all := &starved{mode: m, seed: seed, dump: dump, from: -1}
			if err := all.run(); err != nil {
				r.fail(m.name, err)
				return
			}
			for n := int(seed % uint64(r.by(67, 33))); n < int(all.asked.Load()); n += r.by(67, 33) {
				for _, length := range []int{1, 5, 1 << 30} {
					r.Go(fmt.Sprintf("%d/%s/%d/%d", i, m.name, n, length), func() error {
						s := &starved{mode: m, seed: seed, dump: dump, from: n, length: length}
						err := s.run()
						r.Count("scripts", 1)
						r.Count("refused writes", int64(s.refused))
						r.Count("refused opens", int64(s.refusedOpens))
						return err
					})
				}
			}
		}
	}
	r.Wait()
	starvedChildren(r)
}

// restorable returns a dump for Restore.
func restorable() ([]byte, error) {
	e, err := engine.Open(context.Background(), engine.Options{Databases: databases})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	for i := range 50 {
		if err := e.SetPlain(i%databases, false, fmt.Sprint("restored:", i), make([]byte, 1+i*i*3)); err != nil {
			return nil, err
		}
	}
	h, err := e.Snapshot()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	var b bytes.Buffer
	err = h.Write(context.Background(), &b)
	return b.Bytes(), err
}

// starved is a store that is refused memory for length requests, starting with request from. The
// map want contains the expected contents of the store.
type starved struct {
	mode
	seed         uint64
	dump         []byte
	from, length int

	asked        atomic.Int64
	free         atomic.Bool // memory is not refused
	refused      int
	refusedOpens int
	rng          *rand.Rand
	mem          *vfs.Mem
	e            *engine.Engine
	want         map[keyPlace]string
}

// keyPlace is a key in a database.
type keyPlace struct {
	db  int
	key string
}

// allow is the memory limit of the store. The defragmenter also asks, concurrently.
func (s *starved) allow(int) bool {
	n := int(s.asked.Add(1)) - 1
	return s.from < 0 || s.free.Load() || n < s.from || n-s.from >= s.length
}

func (s *starved) open() (err error) {
	o := engine.Options{Dir: dataDir, FS: s.mem, Databases: databases, NoAutoRecover: true, MemoryLimit: s.allow, SmallCollection: smallTree}
	if s.log != nil {
		o.Log = aof.New(append([]aof.Option{aof.AutoRewrite(0, 0)}, s.log...)...)
	}
	s.e, err = engine.Open(context.Background(), o)
	return err
}

// starvedSteps is the number of steps in a run.
const starvedSteps = 70

func (s *starved) run() (err error) {
	s.mem, s.want = vfs.NewMem(dataDir), map[keyPlace]string{}
	s.rng = rand.New(rand.NewPCG(s.seed, 41))
	if err := s.open(); err != nil {
		return err
	}
	defer func() {
		if s.e != nil {
			err = firstError(err, s.e.Close())
		}
	}()
	for i := range starvedSteps {
		if err := s.step(i); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	if s.log == nil {
		if _, err := s.e.Save(context.Background()); err != nil {
			return err
		}
	}
	return s.reopen()
}

// reopen closes the store. It opens the store with these refusals, and then with memory.
func (s *starved) reopen() error {
	err := s.e.Close()
	if s.e = nil; err != nil {
		return fmt.Errorf("Engine.Close = %w, want nil", err)
	}
	before := s.mem.Used()
	for try := 0; ; try++ {
		err := s.open()
		if err == nil {
			break
		}
		if !errors.Is(err, ops.ErrNoMemory) || try == 2 {
			return fmt.Errorf("open %d = %w, want nil, or ErrNoMemory at first", try, err)
		}
		s.refusedOpens++
		if used := s.mem.Used(); used != before {
			return fmt.Errorf("memory use after a failed Open = %d bytes, want %d", used, before)
		}
		s.from = -1
	}
	return firstError(s.same(), s.e.CheckTable())
}

// step does one thing. A refused write must not change anything.
func (s *starved) step(i int) error {
	if i%23 == 11 {
		return s.jobs()
	}
	if i%31 == 30 && s.log != nil {
		return s.reopen()
	}
	next := maps.Clone(s.want)
	what, err := s.write(next)
	switch {
	case err == nil:
		s.want = next
	case errors.Is(err, ops.ErrNoMemory) && s.from >= 0:
		s.refused++
		if err := s.goesOn(); err != nil {
			return fmt.Errorf("%s was refused: %w", what, err)
		}
	default:
		return fmt.Errorf("%s = %w, want nil, or ErrNoMemory if memory is refused", what, err)
	}
	if err := s.same(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// jobs saves and rewrites, and writes while a snapshot view is open.
func (s *starved) jobs() error {
	ctx := context.Background()
	h, err := s.e.Snapshot()
	if err != nil {
		return err
	}
	at := maps.Clone(s.want)
	for range 5 {
		next := maps.Clone(s.want)
		if _, err := s.writeKeys(next); err == nil {
			s.want = next
		} else if !errors.Is(err, ops.ErrNoMemory) {
			h.Close()
			return err
		}
	}
	seen := map[keyPlace]string{}
	for en, err := range h.All(ctx) {
		if err != nil {
			h.Close()
			return err
		}
		seen[keyPlace{en.DB, string(en.Key)}] = textOf(en)
	}
	h.Close()
	if !maps.Equal(seen, at) {
		return errors.New("snapshot differs from the data at its creation")
	}
	if _, err := s.e.Save(ctx); err != nil {
		return fmt.Errorf("Engine.Save = %w, want nil", err)
	}
	if s.log == nil {
		return nil
	}
	return s.e.Rewrite(ctx)
}

// goesOn does the operations that must work without memory.
func (s *starved) goesOn() error {
	for p, v := range s.want {
		got, err := s.read(p)
		if err != nil || got != v {
			return fmt.Errorf("Engine.Get = %d bytes, %w, want the old %d", len(got), err, len(v))
		}
		if len(s.want)%3 != 0 {
			return nil
		}
		n, err := s.e.Delete(p.db, false, []string{p.key})
		if err != nil || n != 1 {
			return fmt.Errorf("Engine.Delete = %d, %w, want 1", n, err)
		}
		delete(s.want, p)
		return nil
	}
	return nil
}

// same compares the store with the map.
func (s *starved) same() error {
	var have [databases]int64
	for p, v := range s.want {
		got, err := s.read(p)
		if err != nil || got != v {
			return fmt.Errorf("%d/%s has %d bytes, want %d: %w", p.db, p.key, len(got), len(v), err)
		}
		have[p.db]++
	}
	for db, n := range have {
		if got := s.e.Len(db); got != n {
			return fmt.Errorf("database %d has %d keys, want %d", db, got, n)
		}
	}
	return s.e.Err()
}

// write does a random write and applies it to the map.
func (s *starved) write(want map[keyPlace]string) (what string, err error) {
	if s.rng.IntN(20) > 0 {
		return s.writeKeys(want)
	}
	err = s.e.Restore(context.Background(), bytes.NewReader(s.dump))
	clear(want)
	for i := range 50 {
		want[keyPlace{i % databases, fmt.Sprint("restored:", i)}] = string(make([]byte, 1+i*i*3))
	}
	return "Restore", err
}

func (s *starved) place() keyPlace {
	return keyPlace{s.rng.IntN(databases), fmt.Sprint("key:", s.rng.IntN(60))}
}

func (s *starved) value() []byte {
	n := []int{1, 30, 30, 30, 200, 3000, 20_000, 70_000, 300_000}[s.rng.IntN(9)]
	return []byte(strings.Repeat(string(rune('a'+s.rng.IntN(26))), n))
}

func (s *starved) writeKeys(want map[keyPlace]string) (what string, err error) {
	p, v := s.place(), s.value()
	old, had := want[p]
	switch k := s.rng.IntN(18); k {
	case 0, 1:
		what, want[p] = "SetPlain", string(v)
		err = s.e.SetPlain(p.db, false, p.key, v)
	case 2:
		what, want[p] = "Set", string(v)
		err = s.call(p, ops.Call{Code: ops.Set, Value: v, Expiry: ops.Expiry{KeepTTL: true}})
	case 3:
		what = "SetIfAbsent"
		if !had {
			want[p] = string(v)
		}
		err = s.call(p, ops.Call{Code: ops.SetIfAbsent, Value: v})
	case 4:
		what, want[p] = "Swap", string(v)
		err = s.call(p, ops.Call{Code: ops.Swap, Value: v})
	case 5:
		what = "CompareAndSwap"
		if had {
			want[p] = string(v)
		}
		err = s.call(p, ops.Call{Code: ops.CompareAndSwap, Old: []byte(old), Value: v})
	case 6:
		what, want[p] = "Append", old+string(v)
		err = s.call(p, ops.Call{Code: ops.Append, Value: v})
	case 7:
		what, p.key = "IncrBy", "number:"+p.key
		n, _ := strconv.Atoi(want[p])
		want[p] = strconv.Itoa(n + 7)
		err = s.call(p, ops.Call{Code: ops.IncrBy, N: 7})
	case 8:
		what, err = "MSet", s.mset(want)
	case 9:
		what, err = "Update", s.update(want)
	case 10:
		what, err = "Batch", s.batch(want)
	case 11, 12, 13, 14, 15, 16:
		args := few.deterministic(s.rng)
		p.command(want, args)
		what = fmt.Sprintf("Do(%.60q)", args)
		err = s.do(func(words [][]byte) ([]byte, error) { return s.e.Do(context.Background(), p.db, false, words) }, args)
	default:
		what = "Expire"
		if err = s.call(p, ops.Call{Code: ops.Expire, Expiry: ops.Expiry{TTL: 1e15}}); err == nil {
			err = s.call(p, ops.Call{Code: ops.Persist})
		}
	}
	return what, err
}

func (s *starved) call(p keyPlace, c ops.Call) error {
	c.Key = p.key
	return s.e.Call(p.db, false, &c)
}

func (s *starved) mset(want map[keyPlace]string) error {
	db := s.rng.IntN(databases)
	values := make([][]byte, 6)
	keys := make([]string, len(values))
	for i := range values {
		keys[i], values[i] = s.place().key, s.value()
		want[keyPlace{db, keys[i]}] = string(values[i])
	}
	return s.e.MSet(db, false, len(keys), func(i int) (string, []byte) { return keys[i], values[i] })
}

// update does several writes in one transaction. If one write is refused, no write may remain.
func (s *starved) update(want map[keyPlace]string) error {
	var tx engine.Tx
	return s.e.Update(&tx, 0, false, func() error {
		for range 8 {
			p, v := s.place(), s.value()
			old, had := want[p]
			var err error
			switch s.rng.IntN(7) {
			case 4, 5, 6:
				args := few.deterministic(s.rng)
				p.command(want, args)
				err = s.do(func(words [][]byte) ([]byte, error) { return tx.Do(p.db, words) }, args)
			case 0:
				want[p] = old + string(v)
				err = tx.Call(p.db, &ops.Call{Code: ops.Append, Key: p.key, Value: v})
			case 1:
				delete(want, p)
				_, err = tx.Delete(p.db, []string{p.key})
			case 2:
				if had {
					err = tx.Call(p.db, &ops.Call{Code: ops.Expire, Key: p.key, Expiry: ops.Expiry{TTL: 1e15}})
					break
				}
				fallthrough
			default:
				want[p] = string(v)
				err = tx.Call(p.db, &ops.Call{Code: ops.Set, Key: p.key, Value: v})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// batch does several writes, and each of them may be refused separately.
func (s *starved) batch(want map[keyPlace]string) error {
	db := s.rng.IntN(databases)
	calls := make([]ops.Call, 6)
	for i := range calls {
		calls[i] = ops.Call{Code: ops.Set, Key: s.place().key, Value: s.value()}
	}
	if _, err := s.e.Run(nil, db, false, calls); err != nil {
		return err
	}
	for i := range calls {
		switch err := calls[i].Err; {
		case err == nil:
			want[keyPlace{db, calls[i].Key}] = string(calls[i].Value)
		case !errors.Is(err, ops.ErrNoMemory):
			return err
		default:
			s.refused++
		}
	}
	return nil
}
