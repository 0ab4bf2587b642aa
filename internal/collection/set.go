package collection

import (
	"iter"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/rdb"
)

// A Set is a set of members: an intset while all members are integers, and a listpack otherwise.
type Set struct {
	pack
	large
	ints   listpack.Intset // nil for a listpack
	ownInt bool            // ints is a copy
	member text
}

// OpenSet opens a stored set. An empty stored form is an empty set. The Set may read stored until
// its first change.
func OpenSet(env Env, stored []byte) (Set, error) {
	switch {
	case len(stored) == 0:
		s := Set{large: large{env: env}}
		s.newInts()
		return s, nil
	case IsLarge(stored):
		return Set{large: openLarge(env, stored)}, nil
	case Type(stored) == typeIntset:
		if p, ok := unwrap(stored[typeSize:]); ok {
			if ints, err := listpack.OpenIntset(p); err == nil {
				return Set{large: large{env: env}, ints: ints}, nil
			}
		}
	}
	if p, ok := openPack(env, typeSet, stored); ok {
		return Set{pack: p, large: large{env: env}}, nil
	}
	return decodeSet(env, stored)
}

// decodeSet opens a set in another encoding.
func decodeSet(env Env, stored []byte) (s Set, err error) {
	if s, err = loadSet(env, stored); err != errOneByOne {
		return s, err
	}
	s.env = env
	s.newInts()
	v, err := decode[*rdb.Set](stored)
	if err != nil {
		return s, err
	}
	for m := range v.All() {
		s.insert(m)
	}
	return s, s.err
}

// newInts makes the set an empty intset.
func (s *Set) newInts() { s.ints, s.ownInt = emptyIntset, false }

// emptyIntset is not changed.
var emptyIntset = listpack.Intset(listpack.EmptyIntset)

// Stored returns the stored form.
func (s *Set) Stored() []byte {
	if s.on {
		return s.storedLarge(typePlainSet)
	}
	if s.ints != nil {
		return appendWrapped(AppendStored(make([]byte, 0, typeSize+5+len(s.ints)), typeIntset, nil), s.ints)
	}
	return s.stored(typeSet)
}

// Len returns the number of members.
func (s *Set) Len() int {
	if s.on {
		return int(s.root.Count)
	}
	if s.ints != nil {
		return s.ints.Len()
	}
	return s.n
}

// Has reports whether the set has a member.
func (s *Set) Has(m []byte) bool {
	if s.on {
		_, ok := s.treeMap().Find(s.root, hashOf(m), func(e []byte) bool { return string(e) == string(m) })
		return ok
	}
	if s.ints == nil {
		_, _, ok := s.find(m, 1)
		return ok
	}
	n, ok := listpack.ParseInt(m)
	if ok {
		_, ok = s.ints.Find(n)
	}
	return ok
}

// Add adds a member, and reports whether it is new. The argument must not be a part of the Set.
func (s *Set) Add(m []byte) bool {
	if s.on {
		return s.put(m)
	}
	if s.Has(m) {
		return false
	}
	s.insert(m)
	return true
}

// insert adds a member that the set does not have.
func (s *Set) insert(m []byte) {
	if s.on {
		s.put(m)
		return
	}
	defer s.grow()
	e := listpack.Of(m)
	if s.ints != nil && !e.IsInt {
		ints := s.ints
		s.pack, s.ints = newPack(s.env), nil
		for i := range ints.Len() {
			s.append(listpack.Integer(ints.At(i)))
		}
	}
	if s.ints == nil {
		s.append(e)
		return
	}
	i, _ := s.ints.Find(e.Int)
	s.ownInts()
	s.ints = s.ints.Insert(i, e.Int)
}

// put adds a member to a large set, and reports whether it is new.
func (s *Set) put(m []byte) (added bool) {
	if s.err == nil {
		added, s.err = s.treeMap().Add(&s.root, hashOf(m), func(e []byte) bool { return string(e) == string(m) }, m)
	}
	return added
}

// grow makes the set large if it is too long.
func (s *Set) grow() {
	if s.err != nil || !s.mustGrow(max(len(s.p), len(s.ints))) {
		return
	}
	small := *s
	s.on, s.pack, s.ints = true, pack{}, nil
	for m := range small.All() {
		s.put(m)
	}
	if s.err == nil {
		s.err = small.err
	}
}

// ownInts makes the intset a copy.
func (s *Set) ownInts() {
	if !s.ownInt {
		s.ints, s.ownInt = append(make([]byte, 0, len(s.ints)+slack), s.ints...), true
	}
}

// Remove removes a member, and reports whether the set had it.
func (s *Set) Remove(m []byte) bool {
	if s.on {
		existed, err := s.treeMap().Delete(&s.root, hashOf(m), func(e []byte) bool { return string(e) == string(m) })
		if s.err == nil {
			s.err = err
		}
		return existed
	}
	if s.ints == nil {
		at, next, ok := s.find(m, 1)
		if ok {
			s.splice(at, next, 1)
		}
		return ok
	}
	n, ok := listpack.ParseInt(m)
	if !ok {
		return false
	}
	i, ok := s.ints.Find(n)
	if ok {
		s.ownInts()
		s.ints = s.ints.Delete(i)
	}
	return ok
}

// All yields the members. Each is valid until the next iteration.
func (s *Set) All() iter.Seq[[]byte] {
	return func(yield func(m []byte) bool) {
		if s.on {
			for c := s.treeMap().From(s.root, 0); c.Next() && yield(c.Entry()); {
			}
			return
		}
		if s.ints != nil {
			for i := range s.ints.Len() {
				if !yield(s.member.of(listpack.Integer(s.ints.At(i)))) {
					return
				}
			}
			return
		}
		for at := 0; ; {
			e, next, ok := s.read(at)
			if !ok || !yield(s.member.of(e)) {
				return
			}
			at = next
		}
	}
}

// At returns the member with a number from 0 to Len()-1. It is valid until the next call. The
// numbers of members may change with every change of the Set.
func (s *Set) At(i int) []byte {
	if s.on {
		if i < 0 || i >= s.Len() {
			return nil
		}
		_, e := s.treeMap().At(s.root, uint64(i))
		return e
	}
	if s.ints != nil {
		if i >= s.ints.Len() {
			return nil
		}
		return s.member.of(listpack.Integer(s.ints.At(i)))
	}
	e, _, _ := s.read(s.at(i, 1))
	return s.member.of(e)
}

// Scan calls fn with some members, and returns the cursor of the next ones, or 0 at the end.
func (s *Set) Scan(cursor uint64, count int, fn func(m []byte)) (next uint64) {
	if s.on {
		return scan(s.treeMap(), s.root, cursor, count, func(_ uint32, e []byte) { fn(e) })
	}
	for m := range s.All() {
		fn(m)
	}
	return 0
}

// Encoding returns the result of OBJECT ENCODING: one that Redis 7.0 has.
func (s *Set) Encoding() string {
	if s.on {
		return s.largeEncoding()
	}
	if s.ints != nil && s.ints.Len() <= integers {
		return "intset"
	}
	return "hashtable"
}

// largeEncoding is Encoding of a large set.
func (s *Set) largeEncoding() string {
	if s.Len() > integers {
		return "hashtable"
	}
	for m := range s.All() {
		if _, ok := listpack.ParseInt(m); !ok {
			return "hashtable"
		}
	}
	return "intset"
}
