package rdb

import (
	"bytes"
	"errors"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/lzf"
	"github.com/perduredb/perdure/snapshot"
)

// Record is what a dump is a row of: one of *Entry, *Aux, *Sizes, *SlotInfo, *SlotImport, *Extra.
// What tells of nothing but the database of the keys behind it is in their DB.
type Record interface {
	isRecord()
}

func (*Entry) isRecord()      {}
func (*Aux) isRecord()        {}
func (*Sizes) isRecord()      {}
func (*SlotInfo) isRecord()   {}
func (*SlotImport) isRecord() {}
func (*Extra) isRecord()      {}

// Entry is a key with its value and all that a dump says about it.
//
// Value holds the bytes of a string, decoded; of other types the payload as it stands in the file,
// which Decode gives a meaning. An Entry of a Reader is valid until its next record is asked for.
type Entry struct {
	snapshot.Entry
	Usage
	Meta []byte // metadata of modules, as in the file (Redis 8.6: opcode 243); nil for none

	ValueOffset int64 // of the value, behind the key
	Size        int64 // bytes of the record; 0 while a Where function is asked

	path string // of the file, for errors; empty when not known
}

// Usage says how lately or how often a key was used. A server writes one of the two, by its
// maxmemory-policy, or neither.
type Usage struct {
	HasIdle, HasFreq bool
	Idle             uint64 // seconds since the last use (LRU)
	Freq             uint8  // use counter (LFU), logarithmic: 0 to 255
}

// Clone returns a copy of e that stays.
func (e *Entry) Clone() *Entry {
	c := *e
	c.Key, c.Value, c.Meta = bytes.Clone(e.Key), bytes.Clone(e.Value), bytes.Clone(e.Meta)
	return &c
}

// Decode decodes the value: see DecodeValue, whose options and errors are its own; damage
// names the file, if OpenReader knows it, and the offset in it. The Value reads e.Value, and is valid as long.
func (e *Entry) Decode(opts ...Option) (Value, error) {
	v, err := DecodeValue(e.Type, e.Value, opts...)
	var damage *corrupt.Error
	var unknown *UnsupportedError
	switch {
	case errors.As(err, &damage):
		damage.Offset += e.ValueOffset
	case errors.As(err, &unknown):
		unknown.Offset += e.ValueOffset
	}
	if err != nil && e.path != "" {
		err = inFile(err, e.path)
	}
	return v, err
}

// Aux is a field that describes a dump.
type Aux struct {
	Name  string
	Value string
}

// Sizes is a hint, which may be wrong, of how much the database of the keys behind it holds.
type Sizes struct{ snapshot.Count }

// SlotInfo is a hint of how much a slot of a Redis cluster holds.
type SlotInfo struct {
	Slot, Keys, Expires int64
}

// SlotImport is a slot migration under way in a Valkey cluster.
type SlotImport struct {
	Job    []byte
	Ranges []SlotRange
}

// SlotRange is a run of slots, both ends included.
type SlotRange struct{ First, Last int64 }

// Extra is a record that belongs to no key and is written again as it stands: a function library,
// or the auxiliary data of a module. It stays.
type Extra struct {
	snapshot.Extra
	Offset int64 // of the record's first byte, the opcode
}

// Function returns the source of a function library, or false for another kind of record.
func (x *Extra) Function() (source []byte, ok bool) {
	if x.Opcode != opFunction {
		return nil, false
	}
	in := memoryReader(x.Payload)
	var scratch []byte
	s, err := in.str(&scratch, int64(len(x.Payload))*lzf.MaxExpansion)
	if err != nil {
		return nil, false
	}
	return s.bytes(in), true
}

// Module returns the auxiliary data of a module, whose first piece says whether it stands before the
// keys (a uint64 of 1) or behind them (2), or false for another kind of record.
func (x *Extra) Module() (m *Module, ok bool) {
	if x.Opcode != opModuleAux {
		return nil, false
	}
	v, err := DecodeValue(typeModule, x.Payload)
	m, ok = v.(*Module)
	return m, ok && err == nil
}

// NewFunction returns the record of a function library with the given source, which Redis 7.0 and
// later load. It copies source.
func NewFunction(source []byte) *Extra {
	payload := append(appendLength(nil, uint64(len(source))), source...)
	return &Extra{Extra: snapshot.Extra{Opcode: opFunction, Payload: payload}}
}
