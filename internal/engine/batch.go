package engine

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/table"
)

// Sizes of a batch: it fits the cache that a processor has to itself.
const (
	batchOps   = 4096
	batchBytes = 512 << 10
	batchLarge = 64 << 10 // an operation of more bytes is not copied to a batch
)

// op is one operation on one key. It has no pointers, so that the collector passes over a batch.
type op struct {
	hash   uint64
	expire int64  // of a load: Unix ms, 0 for none
	offset int64  // in the file
	start  uint32 // of key and arguments in the batch's data
	args   uint32 // how many stand behind the key
	file   uint16 // in the pipeline's list
	db     uint16
	code   opCode
}

// opCode says what an operation does. Numbers from opCommand on are commands, by their place in
// the list of commands.
type opCode uint16

const (
	opLoad       opCode = iota // stores a string under a new key
	opLoadOpaque               // stores a value of another type under a new key
	opSet                      // stores a string, whatever was there
	opCommand
)

// kindOf is what a code below opCommand stores.
func kindOf(c opCode) table.Kind {
	if c == opLoadOpaque {
		return table.Opaque
	}
	return table.String
}

// batch holds operations in the order of their file. Their keys and arguments stand in data, each
// behind its length in four bytes.
type batch struct {
	ops  []op
	data []byte
	left atomic.Int32 // workers that have not applied their part yet

	// shape, when it is not nil, is applied to the worker's shards before the operations.
	shape func(s *table.Shard)
}

func (b *batch) full() bool { return len(b.ops) >= batchOps || len(b.data) >= batchBytes }

func (b *batch) reset() { b.ops, b.data, b.shape = b.ops[:0], b.data[:0], nil }

// add puts an operation behind the others. It copies key and arguments.
func (b *batch) add(o *op, key []byte, args [][]byte) {
	o.start, o.args = uint32(len(b.data)), uint32(len(args))
	b.data = appendSized(b.data, key)
	for _, arg := range args {
		b.data = appendSized(b.data, arg)
	}
	b.ops = append(b.ops, *o)
}

func appendSized(dst, p []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(p))), p...)
}

// sized takes what appendSized put at the start of p, and returns what follows.
func sized(p []byte) (v, rest []byte) {
	n := 4 + int(binary.LittleEndian.Uint32(p))
	return p[4:n:n], p[n:]
}
