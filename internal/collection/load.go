package collection

import (
	"encoding/binary"
	"errors"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/rdb"
)

// The functions of this file load a value that is not in the stored form as a large collection.
// They read it once, and build its trees from the bottom up. The elements are in memory twice
// until then, or more than that if they are compressed: up to 128 bytes for each byte of the value.

// errSmall is the error for a value that may be that of a small collection.
var errSmall = errors.New("small collection")

// eachElement calls add for the elements of a value of a kind, until add returns an error. It
// returns errSmall if the collection may be small.
func (l *large) eachElement(kind string, stored []byte, add func(e rdb.Element) error) error {
	size := 0 // at least, in a listpack or an intset
	for e, err := range rdb.Elements(Type(stored), Value(stored)) {
		if err != nil {
			return damage(err)
		}
		if !l.mustGrow(size) {
			size += leastSize(e.Name)
			if kind == "hash" {
				size += leastSize(e.Value)
			}
		}
		if err := add(e); err != nil {
			return err
		}
	}
	if !l.mustGrow(size) {
		return errSmall
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
		return h, errSmall
	}
	b := h.treeMap().Builder(len(stored))
	var room []byte
	err = h.eachElement("hash", stored, func(e rdb.Element) error {
		if e.ExpireAtMs != 0 {
			return ErrFieldExpiry
		}
		room = appendField(room[:0], e.Name, e.Value)
		return b.Add(hashOf(e.Name), room)
	})
	if err != nil {
		b.Discard()
		return h, err
	}
	h.root, err = b.Build(func(i, j int) bool {
		name, _ := splitField(b.Entry(i))
		return hasField(b.Entry(j), name)
	})
	return h, h.built(err)
}

func loadSet(env Env, stored []byte) (s Set, err error) {
	s.env = env
	if !s.loads("set", stored) {
		return s, errSmall
	}
	b := s.treeMap().Builder(len(stored))
	err = s.eachElement("set", stored, func(e rdb.Element) error { return b.Add(hashOf(e.Name), e.Name) })
	if err != nil {
		b.Discard()
		return s, err
	}
	s.root, err = b.Build(func(i, j int) bool { return string(b.Entry(i)) == string(b.Entry(j)) })
	return s, s.built(err)
}

func loadList(env Env, stored []byte) (l List, err error) {
	l.env = env
	if !l.loads("list", stored) {
		return l, errSmall
	}
	b := l.tree().Builder()
	err = l.eachElement("list", stored, func(e rdb.Element) error { return b.Add(e.Name) })
	if err != nil {
		b.Discard()
		return l, err
	}
	l.root, err = b.Build()
	return l, l.built(err)
}

func loadSortedSet(env Env, stored []byte) (z SortedSet, err error) {
	z.env = env
	if !z.loads("zset", stored) {
		return z, errSmall
	}
	members, index := z.sorted().Builder(len(stored)), z.treeMap().Builder(len(stored)/2)
	err = z.eachElement("zset", stored, func(e rdb.Element) error {
		score := tree.Score(e.Score)
		var entry [8]byte
		binary.LittleEndian.PutUint64(entry[:], score)
		if err := members.Add(score, e.Name); err != nil {
			return err
		}
		return index.Add(hashOf(e.Name), entry[:])
	})
	if err != nil {
		members.Discard()
		index.Discard()
		return z, err
	}
	if z.root, err = members.Build(); err != nil {
		index.Discard()
		return z, z.built(err)
	}
	z.index, err = index.Build(func(i, j int) bool { return string(members.Entry(i)) == string(members.Entry(j)) })
	if err != nil {
		z.on = true
		z.Discard()
	}
	return z, z.built(err)
}
