package engine

import (
	"bytes"

	"github.com/perduredb/perdure/internal/table"
)

// SETRANGE, SETBIT and BITFIELD at a high offset make a long value of a few bytes in the log. Such a
// value takes the memory of the pages that have something in them, and a command takes the time of the
// bytes that it changes.

// extendAbove is the size above which a value is changed in the table's memory.
const extendAbove = 32 << 10

// edit lets f change the string at a key, of at least size bytes, filled up with zeros. It returns
// ErrWrongType if the key holds no string.
func (x *exec) edit(s *table.Shard, h uint64, db int, key string, size int, f func(value []byte)) error {
	it, ok := s.Find(db, h, key)
	if ok && it.Kind() != table.String {
		return ErrWrongType
	}
	if max(size, it.ValueLen()) > extendAbove {
		value, err := s.Extend(db, h, key, size)
		if err != nil {
			return err
		}
		f(value)
		x.dirty++
		return nil
	}
	value := grown(it.AppendValue(nil), size)
	f(value)
	return x.put(s, h, db, key, value, it.ExpireAtMs())
}

// grown fills value with zeros up to size, if it is shorter.
func grown(value []byte, size int) []byte {
	if size > len(value) {
		value = append(value, make([]byte, size-len(value))...)
	}
	return value
}

// look returns the string at a key without copying a large one; it is valid until the table changes. An
// absent key has an empty one. It returns ErrWrongType if the key holds no string.
func (x *exec) look(db int, key []byte) ([]byte, error) {
	s, h := x.locateBytes(key)
	it, ok := s.FindBytes(db, h, key)
	switch {
	case !ok:
		return nil, nil
	case it.Kind() != table.String:
		return nil, ErrWrongType
	case it.Large():
		return it.LargeValue(), nil
	}
	return it.AppendValue(nil), nil
}

// combineStep is how many bytes combine works on at a time.
const combineStep = 4 << 10

// combine returns what f makes of pieces of sources, each filled up with zeros to size, as a value for
// key. What stays zero takes no memory.
func (x *exec) combine(key string, sources [][]byte, size int, f func(dst []byte, sources [][]byte)) (table.Mapping, []byte, error) {
	m, err := x.e.table.MapZero(key, size)
	if err != nil {
		return m, nil, err
	}
	result := m.Bytes()
	if !m.Ok() {
		result = make([]byte, size)
	}
	pieces := make([][]byte, len(sources))
	piece := make([]byte, combineStep)
	filled := make([]byte, len(sources)*combineStep)
	for at := 0; at < size; at += combineStep {
		n := min(combineStep, size-at)
		for i, source := range sources {
			pieces[i] = filled[i*combineStep:][:n]
			clear(pieces[i][copy(pieces[i], source[min(at, len(source)):]):])
		}
		f(piece[:n], pieces)
		if !bytes.Equal(piece[:n], result[at:at+n]) {
			copy(result[at:], piece[:n])
		}
	}
	return m, result, nil
}

// putMapped stores what combine has returned.
func (x *exec) putMapped(s *table.Shard, h uint64, db int, key string, m table.Mapping, value []byte) error {
	if !m.Ok() {
		return x.put(s, h, db, key, value, 0)
	}
	if _, err := s.SetMapped(db, h, key, m, 0); err != nil {
		x.e.table.Unmap(m)
		return err
	}
	x.dirty++
	return nil
}
