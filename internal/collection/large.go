package collection

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"iter"

	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/snapshot"
)

// A collection above smallBytes is large: its elements are in trees, and its stored form is
// a type with largeMark and the roots of the trees. A hash and a set have a tree in the order of a
// hash, and a list has one in its own order. A sorted set has one in the order of scores, and one
// that maps the hash of a member to its score. A large collection stays large.
const (
	smallBytes = 2 << 10
	largeMark  = 1 << 15 // table.TreeMark

	typePlainList      = 1
	typePlainHash      = 4
	typePlainSortedSet = 5
)

// An Env has what large collections need. The zero Env can read and change small ones, which then
// stay small.
type Env struct {
	Space *tree.Space
	Tx    *tree.Tx // of a transaction, or nil
	Small int      // size above which a collection is large; 0 means 2 KiB
	Rooms *Rooms   // memory for changes, or nil
}

// IsLarge reports whether a stored form is that of a large collection.
func IsLarge(stored []byte) bool { return stored[1]&(largeMark>>8) != 0 }

// seed makes the order of elements unpredictable.
var seed = maphash.MakeSeed()

// hashOf returns the hash of a field or member.
func hashOf(name []byte) uint32 { return uint32(maphash.Bytes(seed, name) >> 32) }

// large is the part of a large collection.
type large struct {
	env  Env
	on   bool // the collection is large
	root tree.Root
	form [typeSize + 2*tree.RootSize]byte // memory for the stored form
}

// openLarge opens the first root of a stored form.
func openLarge(env Env, stored []byte) large {
	root, _ := tree.ParseRoot(stored[typeSize:])
	return large{env: env, on: true, root: root}
}

func (l *large) treeMap() tree.Map { return tree.Map{Space: l.env.Space, Tx: l.env.Tx} }

// Discard drops the trees of a collection that is not stored.
func (l *large) Discard() {
	if !l.on {
		return
	}
	if l.env.Tx != nil {
		l.env.Tx.Drop(l.root)
	} else {
		l.env.Space.Drop(l.root)
	}
	l.root = tree.Root{}
}

// mustGrow reports whether a small collection with a listpack or an intset of size bytes must
// become large.
func (l *large) mustGrow(size int) bool {
	return !l.on && l.env.Space != nil && size > cmp.Or(l.env.Small, smallBytes)
}

// storedLarge returns the stored form of a large collection. It is valid until the next call.
func (l *large) storedLarge(t snapshot.Type) []byte {
	return l.root.AppendTo(binary.LittleEndian.AppendUint16(l.form[:0], uint16(t)|largeMark))
}

// scan calls fn with at least count entries of a map from the hash cursor on, and returns the hash
// of the next entry, or 0 at the end.
func scan(m tree.Map, root tree.Root, cursor uint64, count int, fn func(hash uint32, entry []byte)) (next uint64) {
	if cursor > 1<<32-1 {
		return 0
	}
	last := uint64(0)
	c := m.From(root, m.Seek(root, uint32(cursor)))
	for n := 0; c.Next(); n++ {
		if n >= count && c.Key() != last {
			return c.Key()
		}
		last = c.Key()
		fn(uint32(last), c.Entry())
	}
	return 0
}

// shortElements reports whether a large collection has at most n elements, all of which have at
// most elementSize bytes.
func shortElements(n, most int, all iter.Seq[[]byte]) bool {
	if n > most {
		return false
	}
	for e := range all {
		if len(e) > elementSize {
			return false
		}
	}
	return true
}
