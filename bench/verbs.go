package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// verbs is a peer with more operations than Get, Set, and Incr. All copy, as a store must.
type verbs interface {
	peer
	SetTTL(key string, value []byte, d time.Duration) error
	Exists(key string) (bool, error)
	TTL(key string) (time.Duration, error)
	Expire(key string, d time.Duration) error
	Persist(key string) error
	SetIfAbsent(key string, value []byte) error
	CompareAndSwap(key string, old, value []byte) error
	Swap(key string, value []byte) (old []byte, err error)
	Delete(key string) error

	// IncrBoth returns a function for one goroutine that increments two counters atomically.
	IncrBoth() func(a, b string) error
}

// declarer is a peer whose transactions may declare their keys.
type declarer interface {
	IncrDeclared() func(keys []string) error
}

// verb is an operation of a peer. Its function returns the step of a worker, or nil if the peer
// does not have the operation.
type verb struct {
	name string
	on   keysOf
	do   func(p peer, keys sequence) func(i int) error
}

// keysOf is the set of keys that an operation uses.
type keysOf int

const (
	texts    keysOf = iota // filled with values
	equal                  // filled with value 0
	expiring               // filled with values, each with an expiry
	numbers                // counters
	missing                // keys that do not exist
)

// hotSet is the number of keys that fit in the processor's cache.
const hotSet = 1000

// allVerbs are the operations, in the order of the report. Those that add an expiry to keys are
// after those on keys without one.
var allVerbs = []verb{
	{opGet, texts, func(p peer, k sequence) func(int) error { return operation(opGet, k)(p) }},
	{opSet, texts, func(p peer, k sequence) func(int) error { return operation(opSet, k)(p) }},
	{"Exists", texts, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { _, err := p.Exists(k.key(i)); return err }
	})},
	{"SetIfAbsent", texts, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { return p.SetIfAbsent(k.key(i), k.valueAt(i)) }
	})},
	{"Swap", texts, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { _, err := p.Swap(k.key(i), k.valueAt(i)); return err }
	})},
	{"CompareAndSwap", equal, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { return p.CompareAndSwap(k.key(i), k.valueAt(0), k.valueAt(0)) }
	})},
	{"Set with TTL", expiring, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { return p.SetTTL(k.key(i), k.valueAt(i), time.Hour) }
	})},
	{"TTL", expiring, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { _, err := p.TTL(k.key(i)); return err }
	})},
	{"Expire", expiring, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error { return p.Expire(k.key(i), time.Hour) }
	})},
	{"Expire and Persist", texts, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error {
			if err := p.Expire(k.key(i), time.Hour); err != nil {
				return err
			}
			return p.Persist(k.key(i))
		}
	})},
	{"Set and Delete", missing, ofAll(func(p verbs, k sequence) func(int) error {
		return func(i int) error {
			if err := p.Set(k.key(i), k.valueAt(i)); err != nil {
				return err
			}
			return p.Delete(k.key(i))
		}
	})},
	{"Set and Append", texts, ofPerdure(func(p perdurePeer, k sequence) func(int) error {
		return func(i int) error {
			if err := p.Set(k.key(i), k.valueAt(i)); err != nil {
				return err
			}
			_, err := p.Append(k.key(i), k.valueAt(i)[:1])
			return err
		}
	})},
	{"Type", texts, ofPerdure(func(p perdurePeer, k sequence) func(int) error {
		return func(i int) error { _, err := p.Type(k.key(i)); return err }
	})},
	{"MGet of 100", texts, ofPerdure(func(p perdurePeer, k sequence) func(int) error {
		all := make([]string, 100)
		return func(i int) error { return mget(p, nil, k.some(all, i), i) }
	})},
	{"MSet of 100", texts, ofPerdure(func(p perdurePeer, k sequence) func(int) error {
		all, t := make([]string, 100), &together{}
		return func(i int) error { return mset(p, t, k.some(all, i), i) }
	})},
	{"Run of 100 Gets", texts, ofPerdure(func(p perdurePeer, k sequence) func(int) error {
		all, t := make([]string, 100), &together{}
		return func(i int) error { return batchGet(p, t, k.some(all, i), i) }
	})},
	{opIncr, numbers, func(p peer, k sequence) func(int) error { return operation(opIncr, k)(p) }},
	{"Update of two", numbers, ofAll(func(p verbs, k sequence) func(int) error {
		both := p.IncrBoth()
		return func(i int) error { return both(k.key(i), k.key(i+1)) }
	})},
	{"UpdateKeys of two", numbers, func(p peer, k sequence) func(int) error {
		d, ok := p.(declarer)
		if !ok {
			return nil
		}
		both, pair := d.IncrDeclared(), make([]string, 2)
		return func(i int) error {
			pair[0], pair[1] = k.key(i), k.key(i+1)
			return both(pair)
		}
	}},
}

// ofAll returns the function of a verb that only peers with all verbs have.
func ofAll(do func(p verbs, keys sequence) func(int) error) func(peer, sequence) func(int) error {
	return func(p peer, keys sequence) func(int) error {
		if v, ok := p.(verbs); ok {
			return do(v, keys)
		}
		return nil
	}
}

// ofPerdure returns the function of a verb that only perdure has.
func ofPerdure(do func(p perdurePeer, keys sequence) func(int) error) func(peer, sequence) func(int) error {
	return func(p peer, keys sequence) func(int) error {
		if v, ok := p.(perdurePeer); ok {
			return do(v, keys)
		}
		return nil
	}
}

// some fills all with keys of the sequence, from number i on.
func (s sequence) some(all []string, i int) []string {
	for j := range all {
		all[j] = s.key(i*len(all) + j)
	}
	return all
}

// firstMissing is the number of the first key that does not exist.
const firstMissing = 1 << 41

func (s shape) keysFor(on keysOf, n int) sequence {
	return s.uniform(map[keysOf]int{numbers: firstCounter, missing: firstMissing}[on], n)
}

// measureVerbs measures each verb with one goroutine, and Get, Set, and Incr with more, on 1,000
// hot keys and on random keys among all.
func measureVerbs(j *job) error {
	p, err := j.openFull()
	if err != nil {
		return err
	}
	defer p.Close()
	time.Sleep(rest * j.Time)
	for _, size := range []struct {
		name string
		n    int
	}{{"hot", hotSet}, {"cold", j.Keys}} {
		for _, v := range allVerbs {
			if err := measureVerb(j, p, v, size.name, size.n); err != nil {
				return fmt.Errorf("%s of %s keys: %w", v.name, size.name, err)
			}
		}
	}
	return nil
}

// measureVerb measures one verb on n keys.
func measureVerb(j *job, p peer, v verb, size string, n int) error {
	s := j.shape()
	keys := s.keysFor(v.on, n)
	if !wanted(j, v.name) || v.do(p, keys) == nil {
		return nil
	}
	if err := prepare(p, v.on, s, n); err != nil {
		return err
	}
	workers := []int{1}
	if v.name == opGet || v.name == opSet || v.name == opIncr {
		workers = j.Workers
	}
	for _, w := range workers {
		do := func(p peer) func(int) error { return v.do(p, keys) }
		sc, err := trial{peer: p, do: do, workers: w, time: j.Time}.run()
		if errors.Is(err, errUnsupported) {
			return nil
		}
		if err != nil {
			return err
		}
		j.add(verbName(v.name, size, w), "ns", sc.nsPerOp())
		if w == 1 {
			j.add(verbName(v.name, size, w)+" allocations", "count", sc.allocs)
		}
	}
	return nil
}

// wanted reports whether a job measures an operation.
func wanted(j *job, op string) bool {
	return len(j.Operations) == 0 || slices.Contains(j.Operations, op)
}

// verbName returns the name of a measurement.
func verbName(verb, size string, workers int) string {
	return fmt.Sprintf("verb %s %s %d", verb, size, workers)
}

// prepare changes the first n keys to those that an operation needs. They have values and no expiry
// otherwise, because each operation that adds an expiry is followed by one that removes it.
func prepare(p peer, on keysOf, s shape, n int) error {
	var k []byte
	for i := range n {
		k = s.appendKey(k[:0], uint64(i))
		var err error
		switch on {
		case equal:
			err = p.Set(string(k), s.valueAt(0))
		case expiring:
			err = p.(verbs).Expire(string(k), time.Hour)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
