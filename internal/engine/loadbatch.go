package engine

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// Limits of a batch, so that it fits the private cache of a CPU core.
const (
	batchOps   = 4096
	batchBytes = 512 << 10
	batchLarge = 64 << 10 // larger operations are not copied to a batch
)

// step is one operation on one key. It contains no pointers, so that the garbage collector does not
// scan a batch.
type step struct {
	hash   uint64
	expire int64  // of a load: Unix ms, 0 for none
	offset int64  // in the file
	start  uint32 // of key and arguments in the batch's data
	args   uint32 // number of arguments after the key
	file   uint16 // index in the pipeline's list
	db     uint16
	code   stepCode
}

// stepCode is the kind of an operation. Values from stepCommand on are commands, by their index in
// [op.Commands].
type stepCode uint16

const (
	stepLoad       stepCode = iota // stores a string under a new key
	stepLoadOpaque                 // stores a value of another type under a new key
	stepSet                        // stores a string, replacing any value
	stepCommand
)

// kindOf returns the kind of value that a code below stepCommand stores.
func kindOf(c stepCode) table.Kind {
	if c == stepLoadOpaque {
		return table.Opaque
	}
	return table.String
}

// batch holds operations in the order of their file. Their keys and arguments are stored in data,
// each after its length in four bytes.
type batch struct {
	ops  []step
	data []byte
	left atomic.Int32 // workers that have not applied their part yet

	// shape, if not nil, is applied to the worker's shards before the operations.
	shape func(s *table.Shard)
}

func (b *batch) full() bool { return len(b.ops) >= batchOps || len(b.data) >= batchBytes }

func (b *batch) reset() { b.ops, b.data, b.shape = b.ops[:0], b.data[:0], nil }

// add appends an operation. It copies the key and the arguments.
func (b *batch) add(o *step, key []byte, args [][]byte) {
	o.start, o.args = uint32(len(b.data)), uint32(len(args))
	b.data = appendSized(b.data, key)
	for _, arg := range args {
		b.data = appendSized(b.data, arg)
	}
	b.ops = append(b.ops, *o)
}

// prefetch prefetches the memory that operation n needs: its part of the index, and its key and
// arguments, which another processor has written. The latter saves 5% of the processor time of a
// replay.
func (b *batch) prefetch(s *table.Shard, n uint32) {
	o := &b.ops[n]
	s.PrefetchInsert(int(o.db), o.hash)
	table.Prefetch(b.data[o.start:])
}

func appendSized(dst, p []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(p))), p...)
}

// sized returns the value that appendSized wrote at the start of p, and the rest of p.
func sized(p []byte) (v, rest []byte) {
	n := 4 + int(binary.LittleEndian.Uint32(p))
	return p[4:n:n], p[n:]
}

// command returns the command of a code.
func (c stepCode) command() *op.Command { return &op.Commands[max(c, stepCommand)-stepCommand] }
