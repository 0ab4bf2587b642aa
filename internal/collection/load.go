package collection

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/rdb"
)

// The functions of this file load a value that is not in the stored form as a large collection.
// They read it once, and build its trees from the bottom up. Until then, its elements are on the Go
// heap, with 16 bytes for each of them, or 48 for a member of a sorted set. Elements above 512
// bytes, and those of a list, are already in the Space.

// errOneByOne is the error for a value whose elements must be inserted one by one: it may be that
// of a small collection, or its elements are too long for the builders of trees.
var errOneByOne = errors.New("not built")

// mostOnHeap is the number of bytes of elements on the Go heap for each byte of the value. More can
// only be due to compression. A limit of the memory of the Space does not count them.
const mostOnHeap = 4

// longElement is the size above which the builders of trees do not have an element on the heap.
const longElement = 512

// eachElement calls add for the elements of a value of a kind, until add returns an error.
func (l *large) eachElement(kind string, stored []byte, add func(e rdb.Element) error) error {
	size, small := 0, true // a lower bound of the size of a listpack or an intset
	onHeap := 0
	for e, err := range rdb.Elements(Type(stored), Value(nil, stored)) {
		if err != nil {
			return damage(err)
		}
		if small {
			if size += leastSize(e.Name); kind == "hash" {
				size += leastSize(e.Value)
			}
			small = !l.mustGrow(size)
		}
		if n := len(e.Name) + len(e.Value); n <= longElement && kind != "list" {
			onHeap += n
		}
		if onHeap > mostOnHeap*len(stored) {
			return errOneByOne
		}
		if err := add(e); errors.Is(err, tree.ErrFull) {
			return errOneByOne
		} else if err != nil {
			return err
		}
	}
	if small {
		return errOneByOne
	}
	return nil
}

// leastSize returns the least number of bytes that an element needs in a listpack or an intset.
func leastSize(e []byte) int {
	if _, ok := listpack.ParseInt(e); ok {
		return 2
	}
	return 2 + len(e)
}

// loads reports whether a value of a kind may be loaded as a large collection.
func (l *large) loads(kind string, stored []byte) bool {
	return rdb.TypeName(Type(stored)) == kind && l.mustGrow(len(stored))
}

// recordsOf returns the expected size of the records of a value, which have a byte more than short
// strings. Memory that they do not use costs nothing.
func recordsOf(stored []byte) int { return len(stored) + len(stored)/8 }

// built makes the collection large. An error is that of building its trees.
func (l *large) built(err error) error {
	if errors.Is(err, tree.ErrDuplicate) {
		err = damage(err)
	}
	l.on = err == nil
	return err
}

func loadHash(env Env, stored []byte) (h Hash, err error) {
	h.env = env
	if !h.loads("hash", stored) {
		return h, errOneByOne
	}
	b := h.treeMap().Builder(recordsOf(stored), 0)
	defer b.Discard()
	var room []byte
	err = h.eachElement("hash", stored, func(e rdb.Element) error {
		if e.ExpireAtMs != 0 {
			return ErrFieldExpiry
		}
		room = appendField(room[:0], e.Name, e.Value)
		return b.Add(hashOf(e.Name), room)
	})
	if err != nil {
		return h, err
	}
	h.root, err = b.Build(func(x, y []byte) bool {
		name, _ := splitField(x)
		return hasField(y, name)
	})
	return h, h.built(err)
}

func loadSet(env Env, stored []byte) (s Set, err error) {
	s.env = env
	if !s.loads("set", stored) {
		return s, errOneByOne
	}
	b := s.treeMap().Builder(recordsOf(stored), 0)
	defer b.Discard()
	err = s.eachElement("set", stored, func(e rdb.Element) error { return b.Add(hashOf(e.Name), e.Name) })
	if err != nil {
		return s, err
	}
	s.root, err = b.Build(bytes.Equal)
	return s, s.built(err)
}

func loadList(env Env, stored []byte) (l List, err error) {
	l.env = env
	if !l.loads("list", stored) {
		return l, errOneByOne
	}
	b := l.tree().Builder()
	defer b.Discard()
	err = l.eachElement("list", stored, func(e rdb.Element) error { return b.Add(e.Name) })
	if err != nil {
		return l, err
	}
	l.root, err = b.Build()
	return l, l.built(err)
}

func loadSortedSet(env Env, stored []byte) (z SortedSet, err error) {
	z.env = env
	if !z.loads("zset", stored) {
		return z, errOneByOne
	}
	const offset = 4 // bytes after the entry of the index: where members has the member
	members, index := z.sorted().Builder(recordsOf(stored)), z.treeMap().Builder(recordsOf(stored), offset)
	defer members.Discard()
	defer index.Discard()
	err = z.eachElement("zset", stored, func(e rdb.Element) error {
		score := tree.Score(e.Score)
		at, err := members.Add(score, e.Name)
		if err != nil {
			return err
		}
		var record [8 + offset]byte
		binary.LittleEndian.PutUint64(record[:], score)
		binary.LittleEndian.PutUint32(record[8:], at)
		return index.Add(hashOf(e.Name), record[:])
	})
	if err != nil {
		return z, err
	}
	if z.root, err = members.Build(); err != nil {
		return z, z.built(err)
	}
	member := func(record []byte) []byte { return members.Entry(binary.LittleEndian.Uint32(record[8:])) }
	z.index, err = index.Build(func(x, y []byte) bool { return string(member(x)) == string(member(y)) })
	if err != nil {
		z.on = true
		z.Discard()
	}
	return z, z.built(err)
}
