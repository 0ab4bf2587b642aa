package collection

import (
	"encoding/binary"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/snapshot"
)

// A stored form begins with its type. The second byte shows which of three forms it is:
//
//	type  40+n>>8  n  entries   packed: the entries of a listpack, whose number is n
//	type  dialect     value     a value of an RDB file
//	type  80          roots     large
//
// A value of an RDB file with a listpack is a string: its length, and a listpack with its size, the
// number of its entries, the entries, and a last byte. A packed form omits what follows from the
// rest, 7 to 11 bytes. A value is stored unchanged if the packed form would not restore its bytes.
const (
	typeSize   = 2
	packedMark = 1 << 14
	packedHead = typeSize + 1
	mostPacked = packedMark - 1 // entries
)

// listHead is the start of the value of a list with one node: the count, and the form of the node.
const listHead = "\x01\x02"

func isPacked(stored []byte) bool { return stored[1]&(packedMark>>8) != 0 }

// packedCount returns the number of entries of a packed form.
func packedCount(stored []byte) int {
	return int(binary.BigEndian.Uint16(stored[1:]) &^ packedMark)
}

// appendPackedHead appends the part of a packed form before the entries.
func appendPackedHead(dst []byte, t snapshot.Type, count int) []byte {
	return binary.BigEndian.AppendUint16(append(dst, byte(t)), uint16(count)|packedMark)
}

// Type returns the type of a stored value in an RDB file.
func Type(stored []byte) snapshot.Type {
	if isPacked(stored) {
		return snapshot.Type(stored[0])
	}
	return snapshot.Type(binary.LittleEndian.Uint16(stored) &^ largeMark)
}

// Valid reports whether a type can be that of a value in an RDB file.
func Valid(t snapshot.Type) bool { return t < packedMark }

// Value returns a stored value, which is not large, without its type. The result is a part of
// stored, or is appended to room.
func Value(room, stored []byte) []byte {
	if !isPacked(stored) {
		return stored[typeSize:]
	}
	return appendValue(room, Type(stored), stored[packedHead:], packedCount(stored))
}

// appendValue appends the value of an RDB file with the listpack of entries.
func appendValue(dst []byte, t snapshot.Type, entries []byte, count int) []byte {
	if t == typeList {
		dst = append(dst, listHead...)
	}
	return listpack.AppendFrame(appendLength(dst, listpack.Size(len(entries))), entries, count)
}

// AppendStored appends the stored form of a value of an RDB file.
func AppendStored(dst []byte, t snapshot.Type, value []byte) []byte {
	if p, ok := listpackIn(t, value); ok && listpack.Check(p) == nil && listpack.Count(p) <= mostPacked {
		return append(appendPackedHead(dst, t, listpack.Count(p)), listpack.Entries(p)...)
	}
	return append(binary.LittleEndian.AppendUint16(dst, uint16(t)), value...)
}

// listpackIn returns the listpack in a value of an RDB file. It is not checked.
func listpackIn(t snapshot.Type, value []byte) (p []byte, ok bool) {
	switch t {
	case typeList:
		if len(value) < len(listHead) || string(value[:len(listHead)]) != listHead {
			return nil, false
		}
		value = value[len(listHead):]
	case typeHash, typeSortedSet, typeSet:
	default:
		return nil, false
	}
	return unwrap(value)
}

// IsStored reports whether a value is in the stored form of a collection.
func IsStored(value []byte) (ok bool) {
	if IsLarge(value) || isPacked(value) {
		return true
	}
	if Type(value) == typeIntset {
		_, ok = unwrap(value[typeSize:])
	} else {
		_, ok = listpackIn(Type(value), value[typeSize:])
	}
	return ok
}

// unwrap returns the contents of a string of an RDB file, which is not compressed and has the
// shortest length.
func unwrap(p []byte) (s []byte, ok bool) {
	head, n := 0, uint64(0)
	switch {
	case len(p) > 1 && p[0] < 0x40:
		head, n = 1, uint64(p[0])
	case len(p) > 1<<6 && p[0] < 0x80:
		head, n = 2, uint64(p[0]&0x3f)<<8|uint64(p[1])
	case len(p) > 1<<14 && p[0] == 0x80:
		head, n = 5, uint64(binary.BigEndian.Uint32(p[1:]))
	default:
		return nil, false
	}
	s = p[head:]
	return s, n == uint64(len(s)) && head == lengthSize(len(s))
}

// appendWrapped appends s as a string of an RDB file.
func appendWrapped(dst, s []byte) []byte { return append(appendLength(dst, len(s)), s...) }

// appendLength appends a length of an RDB file.
func appendLength(dst []byte, n int) []byte {
	switch lengthSize(n) {
	case 1:
		return append(dst, byte(n))
	case 2:
		return append(dst, 0x40|byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(n))
}

// lengthSize returns the size of a length of an RDB file.
func lengthSize(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	}
	return 5
}
