package op

import (
	"bytes"

	"github.com/perduredb/perdure/internal/table"
)

// With a high offset, SETRANGE, SETBIT, and BITFIELD create a long value from a few bytes in the
// log. Such a value uses memory only for the pages that contain data, and a command takes time only
// for the bytes that it changes.

// extendAbove is the size above which a value is changed in the table's memory.
const extendAbove = 32 << 10

// edit calls f to change the string at a key, which is extended with zeros to at least size bytes.
// It returns ErrWrongType if the key does not hold a string.
func (x *Exec) edit(p Place, size int, f func(value []byte)) error {
	it, ok := x.Find(p)
	if ok && it.Kind() != table.String {
		return ErrWrongType
	}
	if max(size, it.ValueLen()) > extendAbove {
		value, err := p.Shard.Extend(p.DB, p.Hash, p.Key, size)
		if err != nil {
			return err
		}
		f(value)
		x.Dirty++
		return nil
	}
	value := grown(it.AppendValue(nil), size)
	f(value)
	return x.put(p, value, it.ExpireAtMs())
}

// grown returns value, extended with zeros to size if it is shorter.
func grown(value []byte, size int) []byte {
	if size > len(value) {
		value = append(value, make([]byte, size-len(value))...)
	}
	return value
}

// look returns the string at a key without copying a large one. The result is valid until the table
// changes. For a missing key it is nil, and for an empty string it is not. look returns
// ErrWrongType if the key does not hold a string.
func (x *Exec) look(p Place) ([]byte, error) {
	it, ok := x.Find(p)
	switch {
	case !ok:
		return nil, nil
	case it.Kind() != table.String:
		return nil, ErrWrongType
	case it.Large():
		return it.LargeValue(), nil
	}
	return it.AppendValue([]byte{}), nil
}

// combineStep is the number of bytes that combine handles at a time.
const combineStep = 4 << 10

// combine applies f to pieces of sources, each extended with zeros to size, and returns the result
// as a value for key, in a mapping if it is large. Zero parts do not take memory.
func (x *Exec) combine(key string, sources [][]byte, size int, f func(dst []byte, sources [][]byte)) (table.Mapping, []byte, error) {
	m, err := x.Store.Table.MapZero(key, size)
	if err != nil {
		return m, nil, err
	}
	result := m.Bytes()
	if !m.Ok() {
		result = make([]byte, size)
	}
	pieces := make([][]byte, len(sources))
	piece, zeros := make([]byte, combineStep), make([]byte, combineStep)
	for at := 0; at < size; at += combineStep {
		n := min(combineStep, size-at)
		for i, source := range sources {
			switch {
			case len(source) >= at+n:
				pieces[i] = source[at : at+n]
			case len(source) <= at:
				pieces[i] = zeros[:n]
			default: // the end of a source
				pieces[i] = grown(bytes.Clone(source[at:]), n)
			}
		}
		f(piece[:n], pieces)
		if !bytes.Equal(piece[:n], result[at:at+n]) {
			copy(result[at:], piece[:n])
		}
	}
	return m, result, nil
}

// putMapped stores a large value that is in a dedicated mapping.
func (x *Exec) putMapped(p Place, m table.Mapping, at int64) error {
	if _, err := p.Shard.SetMapped(p.DB, p.Hash, p.Key, m, at); err != nil {
		x.Store.Table.Unmap(m)
		return err
	}
	x.Dirty++
	return nil
}
