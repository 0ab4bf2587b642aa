package rdb

import (
	"math"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// Values behind the key, by type number; n is a length, s a string, z a string that holds a
// packed form (packed.go), f8 eight bytes:
//
//	1 list, 2 set      n s*n
//	3 zset             n (s textdouble)*n    textdouble: size byte (253 nan, 254 inf, 255 -inf), text
//	4 hash             n (s s)*n
//	5 zset             n (s f8)*n
//	7 module           id (opcode value)* 0  opcodes: 1, 2 n; 3 four bytes; 4 f8; 5 s
//	9-13, 16, 17, 20   z
//	14 list            n z*n
//	18 list            n (container s)*n     container: 1 s is an element, 2 s is a listpack
//	15, 19, 21, 26, 27 stream (skipstream.go)
//	22 hash, Redis     n (ttl s s)*n
//	23 hash, Redis     z
//	24 hash            f8 n (ttl s s)*n
//	25 hash            f8 z
//	28 array           n flag [index] (index tag v)*n   tag: 0, 3 s; 1, 2 f8; flag 1: index follows
//	22 hash, Valkey    n (s s f8)*n
//
// Types 0 and 6 do not come here: a string is decoded, and a type 6 does not tell where it ends.

// skipper passes over one value, whose bytes stay held from start.
type skipper struct {
	r       *reader
	start   int   // the place where the value begins
	limit   int64 // bytes of the whole value, and of each string in it
	scratch *[]byte
}

// value passes over a value of type t, which kinds holds.
func (s *skipper) value(t snapshot.Type) error {
	switch t {
	case typeList, typeSet:
		return s.each((*skipper).str)
	case typeHash:
		return s.each((*skipper).pair)
	case typeZSet:
		return s.each(func(s *skipper) error { return s.then((*skipper).str, 8) })
	case typeZSetText:
		return s.each((*skipper).textScore)
	case typeModule:
		return s.module()
	case typeQuicklist:
		return s.each(func(s *skipper) error { return s.packed(ziplist) })
	case typeQuicklist2:
		return s.each((*skipper).quicklistNode)
	case typeStream, typeStream2, typeStream3, typeStream4, typeStream5:
		return s.stream(t)
	case typeHashTTLOld:
		return s.each((*skipper).ttlPair)
	case typeHashTTL:
		if err := s.raw(8); err != nil {
			return err
		}
		return s.each((*skipper).ttlPair)
	case typeHashTTLLP:
		if err := s.raw(8); err != nil {
			return err
		}
		return s.packed(listpack)
	case typeArray:
		return s.array()
	case typeValkeyHashTTL:
		return s.each(func(s *skipper) error { return s.then((*skipper).pair, 8) })
	}
	return s.packed(formOf(t))
}

// each reads a count and passes over that many elements. Every element takes a byte at least, so
// that a false count ends with the input.
func (s *skipper) each(element func(*skipper) error) error {
	n, err := s.r.length()
	if err != nil {
		return err
	}
	for range n {
		if err := element(s); err != nil {
			return err
		}
		if err := s.within(); err != nil {
			return err
		}
	}
	return nil
}

// then passes over an element and n bytes behind it.
func (s *skipper) then(element func(*skipper) error, n uint64) error {
	if err := element(s); err != nil {
		return err
	}
	return s.raw(n)
}

// within checks that the value is not longer than the limit so far.
func (s *skipper) within() error {
	if n := int64(s.r.place() - s.start); n > s.limit {
		return s.r.overLimit(s.r.offset(), uint64(n), s.limit)
	}
	return nil
}

// raw passes over n bytes.
func (s *skipper) raw(n uint64) error {
	if n > uint64(s.limit) {
		return s.r.tooLong(s.r.offset(), n, s.limit)
	}
	if err := s.r.need(int(n)); err != nil {
		return err
	}
	s.r.pos += int(n)
	return nil
}

// rawTimes passes over n records of size bytes.
func (s *skipper) rawTimes(n uint64, size uint64) error {
	if n > math.MaxUint64/size {
		return corrupt.New(s.r.offset(), "%d records of %d bytes", n, size)
	}
	return s.raw(n * size)
}

// len passes over a length.
func (s *skipper) len() error {
	_, err := s.r.length()
	return err
}

// str passes over a string, and makes sure that it can be decoded.
func (s *skipper) str() error {
	_, err := s.r.str(s.scratch, s.limit)
	return err
}

func (s *skipper) pair() error {
	if err := s.str(); err != nil {
		return err
	}
	return s.str()
}

func (s *skipper) ttlPair() error {
	if err := s.len(); err != nil {
		return err
	}
	return s.pair()
}

func (s *skipper) textScore() error {
	if err := s.str(); err != nil {
		return err
	}
	n, err := s.r.byte()
	if err != nil || n >= 253 {
		return err
	}
	return s.raw(uint64(n))
}

func (s *skipper) quicklistNode() error {
	at := s.r.offset()
	container, err := s.r.length()
	if err != nil {
		return err
	}
	switch container {
	case 1:
		return s.str()
	case 2:
		return s.packed(listpack)
	}
	return corrupt.New(at, "want a plain (1) or packed (2) list node, found %d", container)
}

// module passes over a module's value: its id, and then opcodes with operands to the zero one.
func (s *skipper) module() error {
	if err := s.len(); err != nil {
		return err
	}
	for {
		at := s.r.offset()
		op, err := s.r.length()
		if err != nil {
			return err
		}
		switch op {
		case 0:
			return s.within()
		case 1, 2:
			err = s.len()
		case 3:
			err = s.raw(4)
		case 4:
			err = s.raw(8)
		case 5:
			err = s.str()
		default:
			err = corrupt.New(at, "want an opcode of a module value (0 to 5), found %d", op)
		}
		if err == nil {
			err = s.within()
		}
		if err != nil {
			return err
		}
	}
}

// array passes over an array: how many elements, where the next one is inserted, the elements.
func (s *skipper) array() error {
	n, err := s.r.length()
	if err != nil {
		return err
	}
	at := s.r.offset()
	flag, err := s.r.length()
	if err != nil {
		return err
	}
	switch flag {
	case 0:
	case 1:
		if err := s.len(); err != nil {
			return err
		}
	default:
		return corrupt.New(at, "want an insert flag of 0 or 1, found %d", flag)
	}
	for range n {
		if err := s.arrayElement(); err != nil {
			return err
		}
		if err := s.within(); err != nil {
			return err
		}
	}
	return nil
}

func (s *skipper) arrayElement() error {
	if err := s.len(); err != nil {
		return err
	}
	at := s.r.offset()
	tag, err := s.r.length()
	if err != nil {
		return err
	}
	switch tag {
	case 0, 3:
		return s.str()
	case 1, 2:
		return s.raw(8)
	}
	return corrupt.New(at, "want a tag of an array element (0 to 3), found %d", tag)
}
