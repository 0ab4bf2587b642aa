package collection

import (
	"encoding/binary"
	"math"

	"github.com/perduredb/perdure/internal/tree"
)

// ranked is the part of a large sorted set: a tree of members in their order, in large.root, and
// one that maps the hash of each member to its score. The second tree omits the member.
// The two trees have the same number of entries.
type ranked struct {
	large
	index  tree.Root
	frozen tree.Epoch // while two trees are changed, so that the first change can be reverted
}

// openRanked opens the roots of a stored form.
func openRanked(env Env, stored []byte) ranked {
	r := ranked{large: openLarge(env, stored)}
	r.index, _ = tree.ParseRoot(stored[typeSize+tree.RootSize:])
	return r
}

// storedRanked returns the stored form.
func (r *ranked) storedRanked() []byte { return r.index.AppendTo(r.storedLarge(typePlainSortedSet)) }

// Discard drops the trees of a sorted set that is not stored.
func (r *ranked) Discard() {
	index := large{env: r.env, on: r.on, root: r.index}
	index.Discard()
	r.large.Discard()
	r.index = tree.Root{}
}

func (r *ranked) sorted() tree.Sorted {
	return tree.Sorted{Space: r.env.Space, Tx: r.env.Tx, Frozen: r.frozen}
}

func (r *ranked) treeMap() tree.Map {
	return tree.Map{Space: r.env.Space, Tx: r.env.Tx, Frozen: r.frozen}
}

// is returns a function that reports whether an entry of the index is the one of a member. The
// member must have one score in the tree of members, or entries of others could match, too.
func (r *ranked) is(name []byte) func(e []byte) bool {
	return func(e []byte) bool {
		return r.sorted().Has(r.root, binary.LittleEndian.Uint64(e), name)
	}
}

// find returns the score of a member in the form of the trees.
func (r *ranked) find(name []byte) (score uint64, ok bool) {
	e, ok := r.treeMap().Find(r.index, hashOf(name), r.is(name))
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint64(e), true
}

// change sets the score of a member to the result of fn, which gets the present score if there is
// one. The result is likely to be a given score, unless that is NaN.
func (r *ranked) change(name []byte, likely float64, fn func(old float64, found bool) (score float64, ok bool)) error {
	r.frozen = r.env.Space.Frozen()
	defer func() { r.frozen = 0 }()
	var from, to tree.Place
	if !math.IsNaN(likely) {
		r.sorted().Aim(&to, &r.root, tree.Score(likely), name)
	}
	hash, old := hashOf(name), uint64(0)
	entry, found, writable := r.treeMap().Edit(&r.index, hash, func(e []byte) bool {
		old = binary.LittleEndian.Uint64(e)
		return r.sorted().Locate(&from, &r.root, old, name)
	})
	present := 0.0
	if found {
		present = tree.Float(old)
	}
	f, ok := fn(present, found)
	score := tree.Score(f)
	if !ok || found && score == old {
		return nil
	}
	if f != likely {
		r.sorted().Aim(&to, &r.root, score, name)
	}
	if found && writable {
		moved, err := r.sorted().Move(&from, &to)
		if moved {
			binary.LittleEndian.PutUint64(entry, score)
		}
		if moved || err != nil {
			return err
		}
	}
	if !found {
		return r.add(&to, name, hash, score)
	}
	return r.move(&to, name, hash, old, score)
}

// move changes the score of a member from old. If memory runs out, it reverts the steps before,
// which needs none: their pages have just been written.
func (r *ranked) move(to *tree.Place, name []byte, hash uint32, old, score uint64) error {
	if err := r.sorted().InsertAt(to); err != nil {
		return err
	}
	if err := r.reindex(hash, old, score); err != nil {
		_, _ = r.sorted().Delete(&r.root, score, name)
		return err
	}
	_, err := r.sorted().Delete(&r.root, old, name)
	if err != nil {
		_ = r.reindex(hash, score, old)
		_, _ = r.sorted().Delete(&r.root, score, name)
	}
	return err
}

// reindex changes the score in an entry of the index. Entries with the same hash and score are
// alike, so that any of them can be changed or deleted. While the tree of members has a member
// twice, "is" could find an entry of another member with the same hash.
func (r *ranked) reindex(hash uint32, old, score uint64) error {
	entry := scoreEntry(score)
	_, err := r.treeMap().Put(&r.index, hash, hasScore(old), entry[:])
	return err
}

// scoreEntry returns the entry of the index for a score.
func scoreEntry(score uint64) (entry [8]byte) {
	binary.LittleEndian.PutUint64(entry[:], score)
	return entry
}

// hasScore returns a function that reports whether an entry of the index has a score.
func hasScore(score uint64) func(e []byte) bool {
	return func(e []byte) bool { return binary.LittleEndian.Uint64(e) == score }
}

// add adds a member that the set does not have.
func (r *ranked) add(to *tree.Place, name []byte, hash uint32, score uint64) error {
	entry := scoreEntry(score)
	if _, err := r.treeMap().Put(&r.index, hash, never, entry[:]); err != nil {
		return err
	}
	err := r.sorted().InsertAt(to)
	if err != nil {
		_, _ = r.treeMap().Delete(&r.index, hash, hasScore(score))
	}
	return err
}

func never([]byte) bool { return false }

// remove removes a member, and reports whether there was one. It first makes the path to the entry
// of the index writable, so that deleting the entry after the member needs no memory.
func (r *ranked) remove(name []byte) (existed bool, err error) {
	r.frozen = r.env.Space.Frozen()
	defer func() { r.frozen = 0 }()
	score, ok := r.find(name)
	if !ok {
		return false, nil
	}
	hash := hashOf(name)
	if err := r.reindex(hash, score, score); err != nil {
		return false, err
	}
	if existed, err = r.sorted().Delete(&r.root, score, name); err != nil {
		return false, err
	}
	_, err = r.treeMap().Delete(&r.index, hash, hasScore(score))
	return existed, err
}

// removeRange removes the members with the ranks from first up to end.
func (r *ranked) removeRange(first, end int) error {
	c := r.sorted().From(r.root, uint64(first))
	for range end - first {
		c.Next()
		name := c.Entry()
		if _, err := r.treeMap().Delete(&r.index, hashOf(name), r.is(name)); err != nil {
			return err
		}
	}
	return r.sorted().DeleteRange(&r.root, uint64(first), uint64(end))
}

// member returns the member that a cursor has passed.
func member(c *tree.Cursor) Member { return Member{c.Entry(), tree.Float(c.Key())} }

// scanRanked calls fn with at least count members in the order of their hashes, from the hash
// cursor on, and returns the hash of the next member, or 0 at the end. Among the members with equal
// scores it searches for those with a hash.
func (r *ranked) scanRanked(cursor uint64, count int, fn func(m Member)) (next uint64) {
	wanted := map[uint64]map[uint32]bool{} // hashes by score
	next = scan(r.treeMap(), r.index, cursor, count, func(hash uint32, e []byte) {
		score := binary.LittleEndian.Uint64(e)
		if wanted[score] == nil {
			wanted[score] = map[uint32]bool{}
		}
		wanted[score][hash] = true
	})
	for score, hashes := range wanted {
		c := r.sorted().From(r.root, r.sorted().Seek(r.root, score, nil, true))
		for c.Next() && c.Key() == score {
			if hashes[hashOf(c.Entry())] {
				fn(member(&c))
			}
		}
	}
	return next
}
