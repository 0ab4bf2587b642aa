package rdb

import (
	"bytes"
	"errors"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/lzf"
	"github.com/perduredb/perdure/snapshot"
)

// A Record is one record of a dump: an [*Entry], [*Aux], [*Sizes], [*SlotInfo], [*SlotImport], or
// [*Extra]. A record that only selects the database of the following keys is not yielded; the keys
// have the number in their DB.
type Record interface {
	isRecord()
}

func (*Entry) isRecord()      {}
func (*Aux) isRecord()        {}
func (*Sizes) isRecord()      {}
func (*SlotInfo) isRecord()   {}
func (*SlotImport) isRecord() {}
func (*Extra) isRecord()      {}

// An Entry is a key with its value and all attributes that a dump records for it.
//
// Value holds the decoded bytes of a string. For other types it holds the payload as stored in the
// file, which [Entry.Decode] decodes. An Entry of a [Reader] is valid until the Reader reads the
// next record.
type Entry struct {
	snapshot.Entry
	Usage
	Meta []byte // metadata of modules, as in the file (Redis 8.6: opcode 243); nil for none

	ValueOffset int64 // offset of the value, after the key
	Size        int64 // bytes of the record; 0 in the function of Where

	path string // path of the file, for errors; empty if unknown
}

// Usage records how recently or how often a key was used. Depending on its maxmemory-policy, a
// server writes one of the two or neither.
type Usage struct {
	HasIdle, HasFreq bool
	Idle             uint64 // seconds since the last use (LRU)
	Freq             uint8  // use counter (LFU), logarithmic: 0 to 255
}

// Clone returns a deep copy of e that remains valid.
func (e *Entry) Clone() *Entry {
	c := *e
	c.Key, c.Value, c.Meta = bytes.Clone(e.Key), bytes.Clone(e.Value), bytes.Clone(e.Meta)
	return &c
}

// Decode decodes the value. See [DecodeValue] for the options and errors. The offset of damage is
// that in the file, and the error names the file if [OpenReader] opened it. The Value references
// e.Value and is valid as long as e.Value is.
func (e *Entry) Decode(opts ...Option) (v Value, err error) {
	defer errtext.Name(&err)
	v, err = DecodeValue(e.Type, e.Value, opts...)
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

// An Aux is a field that describes a dump.
type Aux struct {
	Name  string
	Value string
}

// Sizes is a hint for the number of keys in the database of the following keys. It may be wrong.
type Sizes struct{ snapshot.Count }

// SlotInfo is a hint for the number of keys in a slot of a Redis cluster.
type SlotInfo struct {
	Slot, Keys, Expires int64
}

// SlotImport is a running slot migration in a Valkey cluster.
type SlotImport struct {
	Job    []byte
	Ranges []SlotRange
}

// SlotRange is a range of slots, including both ends.
type SlotRange struct{ First, Last int64 }

// An Extra is a record that belongs to no key and is preserved byte for byte: a function library,
// or the auxiliary data of a module. It remains valid.
type Extra struct {
	snapshot.Extra
	Offset int64 // offset of the record's first byte, the opcode
}

// Function returns the source of a function library. For another kind of record, ok is false.
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

// Module returns the auxiliary data of a module. Its first piece is a uint64: 1 if the record is
// before the keys, 2 if it is after them. For another kind of record, ok is false.
func (x *Extra) Module() (m *Module, ok bool) {
	if x.Opcode != opModuleAux {
		return nil, false
	}
	v, err := DecodeValue(typeModule, x.Payload)
	m, ok = v.(*Module)
	return m, ok && err == nil
}

// NewFunction returns the record of a function library with the given source. Redis 7.0 and later
// load it. NewFunction copies source.
func NewFunction(source []byte) *Extra {
	payload := append(appendLength(nil, uint64(len(source))), source...)
	return &Extra{Extra: snapshot.Extra{Opcode: opFunction, Payload: payload}}
}
