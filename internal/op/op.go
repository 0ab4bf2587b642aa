// Package op defines each operation on keys once: its effect on the table, its results, and
// the command that the log records for it.
//
// A [Call] is an operation with its arguments and, after it ran, its results. Methods of the store,
// transactions, batches, and the replay of a log all fill in a Call and pass it to [Exec.Do]. The
// commands of a log that no method of the store corresponds to, such as SETBIT, are functions of
// [Command] and also use an [Exec].
//
// The package chooses no locks and no order: its caller locks the shards of the keys, appends the
// log record, and waits for the log.
package op

import (
	"errors"

	"github.com/perduredb/perdure/internal/table"
)

// The errors of operations. The root package exports them under these names.
var (
	ErrNotFound   = errors.New("perdure: key not found")
	ErrNotInteger = errors.New("perdure: value is not an integer or out of range")
	ErrNotFloat   = errors.New("perdure: not a finite number")
	ErrOverflow   = errors.New("perdure: increment or decrement would overflow")
	ErrWrongType  = errors.New("perdure: key holds a value of another type")
	ErrTTL        = errors.New("perdure: invalid expiry")
	ErrTooLarge   = errors.New("perdure: key or value is larger than 512 MiB")
	ErrDatabase   = errors.New("perdure: database number out of range")
	ErrNoMemory   = table.ErrNoMemory
)

// MaxSize is the maximum length of a key or value, as in Redis (proto-max-bulk-len).
const MaxSize = 512 << 20

// A Code is the operation of a Call.
type Code uint8

// The operations on one key. Their order matters: those before Set only read, and counterNames has
// the names from Incr to DecrBy. NumCodes is their number. A new one also needs a case in
// [Exec.Do], in [Call.Small] if it stores more than one value, and a row in TestOperationsAgree.
const (
	Get Code = iota
	Exists
	TTL
	Type
	Set
	SetIfAbsent
	Swap
	CompareAndSwap
	Append
	Incr
	Decr
	IncrBy
	DecrBy
	Delete
	Expire
	ExpireAt
	Persist
	NumCodes
)

// Reads reports whether the operation only reads.
func (c Code) Reads() bool { return c < Set }

// A Call is an operation on one key: its arguments, and the results that [Exec.Do] stores.
type Call struct {
	Code   Code
	Key    string
	Value  []byte // of Set, SetIfAbsent, Swap, CompareAndSwap, and Append
	Old    []byte // of CompareAndSwap
	N      int64  // of IncrBy and DecrBy
	Expiry Expiry

	Err    error
	Out    []byte // the value of Get; the old value of Swap, nil if it was missing
	Result int64  // the new value of a counter, the new length of Append, or the expiry of TTL
	Did    bool   // the key existed, was stored, or had an expiry
	Name   string // of Type
}

// A Place is a key of one database, in a shard that is locked.
type Place struct {
	Shard *table.Shard
	Hash  uint64
	DB    int
	Key   string
}

func (p Place) find() (table.Item, bool) { return p.Shard.Find(p.DB, p.Hash, p.Key) }

// set stores a value of any kind.
func (p Place) set(kind table.Kind, value []byte, at int64) error {
	_, err := p.Shard.Set(p.DB, p.Hash, p.Key, kind, value, at)
	return err
}

func (p Place) delete() bool { return p.Shard.Delete(p.DB, p.Hash, p.Key) }

// Do executes a call, and stores its results in it. The value of a Get is appended to dst, which Do
// returns.
func (x *Exec) Do(dst []byte, p Place, c *Call) []byte {
	if c.Err = c.Expiry.Check(); c.Err != nil {
		return dst
	}
	switch c.Code {
	case Get:
		before := len(dst)
		if dst, c.Err = x.get(dst, p); c.Err == nil {
			c.Out = dst[before:]
		}
	case Exists, TTL, Type:
		it, ok := x.Find(p)
		c.Inspect(it, ok)
	case Set:
		c.Err = x.set(p, c)
	case SetIfAbsent:
		c.Did, c.Err = x.setIfAbsent(p, c)
	case Swap:
		c.Err = x.swap(p, c)
	case CompareAndSwap:
		c.Did, c.Err = x.compareAndSwap(p, c)
	case Append:
		c.Err = x.append(p, c)
	case Incr, Decr, IncrBy, DecrBy:
		c.Result, c.Err = x.count(p, c.Code, c.N)
	case Delete:
		c.Did = x.delete(p)
	case Expire, ExpireAt:
		c.Did, c.Err = x.expire(p, c.Expiry.deadline(x, c.Code))
	case Persist:
		c.Did, c.Err = x.persist(p)
	}
	return dst
}

// Inspect completes an Exists, TTL, or Type, given the live entry of the key. TTL and Type return
// ErrNotFound for a missing key.
func (c *Call) Inspect(it table.Item, ok bool) {
	c.Did = ok
	switch {
	case c.Code == Exists:
	case !ok:
		c.Err = ErrNotFound
	case c.Code == TTL:
		c.Result = it.ExpireAtMs()
	case c.Code == Type:
		c.Name = typeName(it)
	}
}
