package engine

import (
	"bytes"

	"github.com/perduredb/perdure/internal/table"
)

// A Verb is the operation of a Call.
type Verb uint8

// The verbs. Those before VerbSet only read.
const (
	VerbGet Verb = iota
	VerbExists
	VerbSet
	VerbSetIfAbsent
	VerbAppend
	VerbIncrBy
	VerbDelete
	VerbExpire
	VerbExpireAt
	VerbPersist
)

// A Call is one of the operations that [Engine.Do] executes together. Do stores the result in it.
type Call struct {
	Verb    Verb
	Key     string
	Value   []byte  // of Set, SetIfAbsent and Append
	Args    SetArgs // of Set and SetIfAbsent; TTL also of Expire, ExpireAt also of ExpireAt
	Counter Counter // of IncrBy

	Err error
	Out []byte // value that Get found; in the slice that Do returns, or a separate one if large
	N   int64  // new value of IncrBy, new length of Append
	Did bool   // the key existed, was stored, or had an expiry
}

// Do executes calls in order, with the shards of all their keys locked. Their writes form one log
// record. A failed call gets its own error and does not stop the others.
//
// The error of Do concerns the whole batch. Do also stores it in each call that would have returned
// it alone. Do appends the values that Get finds to dst, and Out refers to them there.
func (e *Engine) Do(dst []byte, db int, calls []Call) ([]byte, error) {
	start, writes, durable := len(dst), false, false
	for i := range calls {
		c := &calls[i]
		c.Err, c.Out, c.N, c.Did = nil, nil, 0, false
		writes = writes || c.Verb >= VerbSet
		durable = durable || c.Args.Durable
	}
	key := func(i int) string { return calls[i].Key }
	var later pins
	ran := false
	run := func(x *exec) error {
		ran, dst = true, x.do(dst, db, calls, &later)
		return nil
	}
	var err error
	if writes {
		err = e.doWrites(db, calls, key, durable, run)
	} else {
		err = e.readKeys(db, len(calls), key, run)
	}
	rest := dst[start:]
	for i := range calls {
		c := &calls[i]
		if n := len(c.Out); c.Out != nil {
			c.Out, rest = rest[:n:n], rest[n:]
		}
		if c.Err == nil && (!ran || c.Verb >= VerbSet) {
			c.Err = err
		}
	}
	if noRoom := later.each(e, func(i int, value []byte) { calls[i].Out = bytes.Clone(value) }); noRoom != nil && err == nil {
		err = noRoom
	}
	return dst, err
}

// doWrites is writeKeys with the large values of calls copied in advance.
func (e *Engine) doWrites(db int, calls []Call, key func(i int) string, durable bool, run func(x *exec) error) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	for i := range calls {
		if c := &calls[i]; c.Verb == VerbSet || c.Verb == VerbSetIfAbsent {
			x.prepare(i, c.Key, c.Value)
		}
	}
	return x.writeKeys(len(calls), key, durable, run)
}

// do executes calls. When it returns, each Out has its final length but not its final address,
// because dst may still move.
func (x *exec) do(dst []byte, db int, calls []Call, later *pins) []byte {
	for i := range calls {
		c := &calls[i]
		s, h := x.keys.At(db, i)
		if len(c.Key) > maxSize {
			c.Err = ErrTooLarge
			continue
		}
		if c.Verb != VerbGet {
			x.call = i
			x.doOne(s, h, db, c)
			continue
		}
		before := len(dst)
		if dst, c.Err = x.getLater(dst, s, h, db, c.Key, later, i); c.Err == nil {
			c.Out = dst[before:]
		}
	}
	return dst
}

// doOne executes one call that is not a Get.
func (x *exec) doOne(s *table.Shard, h uint64, db int, c *Call) {
	n := 0
	switch c.Verb {
	case VerbExists:
		_, c.Did = x.find(s, h, db, c.Key)
	case VerbSet:
		c.Err = x.set(s, h, db, c.Key, c.Value, c.Args)
	case VerbSetIfAbsent:
		c.Did, c.Err = x.setIfAbsent(s, h, db, c.Key, c.Value, c.Args)
	case VerbAppend:
		n, c.Err = x.append(s, h, db, c.Key, c.Value, nil)
		c.N = int64(n)
	case VerbIncrBy:
		c.N, c.Err = x.incrBy(s, h, db, c.Key, c.Counter)
	case VerbDelete:
		c.Did = x.deleteOne(s, h, db, c.Key)
	case VerbExpire:
		c.Did, c.Err = x.expireAt(s, h, db, c.Key, x.deadline(c.Args.TTL))
	case VerbExpireAt:
		c.Did, c.Err = x.expireAt(s, h, db, c.Key, unixMs(c.Args.ExpireAt))
	case VerbPersist:
		c.Did, c.Err = x.persist(s, h, db, c.Key)
	}
}
