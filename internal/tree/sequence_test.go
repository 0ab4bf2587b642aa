package tree_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// sequence is a tree of a List or of a Sorted with a slice of its expected contents.
type sequence struct {
	t      *testing.T
	memory *memory
	space  *tree.Space
	tx     *tree.Tx
	sorted bool
	root   tree.Root
	want   []pair
	scores uint64 // number of different scores
	states []sequenceState
}

// pair is an entry. In a List, the score is 0.
type pair struct {
	score  uint64
	member string
}

// sequenceState is a pinned state of a tree.
type sequenceState struct {
	pin  tree.Epoch
	root tree.Root
	want []pair
}

func newSequence(t *testing.T, scores uint64) *sequence {
	m := newMemory()
	return &sequence{t: t, memory: m, space: tree.NewSpace(m), sorted: scores > 0, scores: scores}
}

func (m *sequence) list() tree.List         { return tree.List{Space: m.space, Tx: m.tx} }
func (m *sequence) sortedTree() tree.Sorted { return tree.Sorted{Space: m.space, Tx: m.tx} }

// try runs a change, and checks that the Root is unchanged if it fails.
func (m *sequence) try(change func() error) error {
	m.t.Helper()
	before := m.root
	err := change()
	if err != nil && m.root != before {
		m.t.Fatalf("root is %+v after %v, want %+v", m.root, err, before)
	}
	return err
}

func (m *sequence) find(p pair) (i int, ok bool) {
	return slices.BinarySearchFunc(m.want, p, pair.compare)
}

func (p pair) compare(o pair) int {
	return cmp.Or(cmp.Compare(p.score, o.score), strings.Compare(p.member, o.member))
}

// insert inserts an entry, at index i of a List.
func (m *sequence) insert(i int, p pair) error {
	m.t.Helper()
	had := false
	if m.sorted {
		i, had = m.find(p)
	}
	err := m.try(func() error {
		if !m.sorted {
			return m.list().Insert(&m.root, uint64(i), []byte(p.member))
		}
		inserted, err := m.sortedTree().Insert(&m.root, p.score, []byte(p.member))
		if err == nil && inserted == had {
			m.t.Fatalf("Insert(%d, %.40q) = %v, want %v", p.score, p.member, inserted, !had)
		}
		return err
	})
	if err == nil && !had {
		m.want = slices.Insert(m.want, i, p)
	}
	return err
}

// delete deletes entry i.
func (m *sequence) delete(i int) error {
	m.t.Helper()
	err := m.try(func() error {
		if !m.sorted {
			return m.list().Delete(&m.root, uint64(i))
		}
		existed, err := m.sortedTree().Delete(&m.root, m.want[i].score, []byte(m.want[i].member))
		if err == nil && !existed {
			m.t.Fatalf("Delete(%d, %.40q) = false, want true", m.want[i].score, m.want[i].member)
		}
		return err
	})
	if err == nil {
		m.want = slices.Delete(m.want, i, i+1)
	}
	return err
}

func (m *sequence) deleteRange(from, to int) error {
	m.t.Helper()
	err := m.try(func() error {
		if m.sorted {
			return m.sortedTree().DeleteRange(&m.root, uint64(from), uint64(to))
		}
		return m.list().DeleteRange(&m.root, uint64(from), uint64(to))
	})
	if err == nil {
		m.want = slices.Delete(m.want, from, to)
	}
	return err
}

// move changes the score of entry i, in place if the tree can, unless there is such an entry.
func (m *sequence) move(i int, score uint64) error {
	m.t.Helper()
	p := pair{score, m.want[i].member}
	if _, had := m.find(p); had {
		return nil
	}
	moved := false
	err := m.try(func() (err error) {
		var from, to tree.Place
		m.sortedTree().Aim(&to, &m.root, score, []byte(p.member))
		if !m.sortedTree().Locate(&from, &m.root, m.want[i].score, []byte(p.member)) {
			m.t.Fatalf("Locate(%d, %.40q) = false, want true", m.want[i].score, p.member)
		}
		moved, err = m.sortedTree().Move(&from, &to)
		return err
	})
	if err == nil && moved {
		m.want = slices.Delete(m.want, i, i+1)
		i, _ = m.find(p)
		m.want = slices.Insert(m.want, i, p)
	}
	return err
}

func (m *sequence) set(i int, member string) error {
	m.t.Helper()
	err := m.try(func() error { return m.list().Set(&m.root, uint64(i), []byte(member)) })
	if err == nil {
		m.want[i].member = member
	}
	return err
}

// look compares the answers about one entry.
func (m *sequence) look(p pair) {
	m.t.Helper()
	if !m.sorted {
		return
	}
	i, had := m.find(p)
	t := m.sortedTree()
	rank, ok := t.Rank(m.root, p.score, []byte(p.member))
	if ok != had || rank != uint64(i) {
		m.t.Fatalf("Rank(%d, %.40q) = %d, %v, want %d, %v", p.score, p.member, rank, ok, i, had)
	}
	after := i
	if had {
		after++
	}
	if got := t.Seek(m.root, p.score, []byte(p.member), false); got != uint64(after) {
		m.t.Fatalf("Seek(%d, %.40q) = %d, want %d", p.score, p.member, got, after)
	}
}

// at returns entry i.
func (m *sequence) at(root tree.Root, i int) pair {
	if m.sorted {
		score, member := m.sortedTree().At(root, uint64(i))
		return pair{score, string(member)}
	}
	return pair{0, string(m.list().Get(root, uint64(i)))}
}

// same compares a state of the tree with its expected contents.
func (m *sequence) same(root tree.Root, want []pair) {
	m.t.Helper()
	check, from := m.list().Check, m.list().From
	if m.sorted {
		check, from = m.sortedTree().Check, m.sortedTree().From
	}
	if err := check(root); err != nil {
		m.t.Fatal(err)
	}
	if root.Count != uint64(len(want)) {
		m.t.Fatalf("tree has %d entries, want %d", root.Count, len(want))
	}
	for i := 0; i < len(want); i += 1 + len(want)/100 {
		if got := m.at(root, i); got != want[i] {
			m.t.Fatalf("entry %d is %.40v, want %.40v", i, got, want[i])
		}
	}
	middle := len(want) / 3
	c := from(root, uint64(middle))
	for i := middle; i < len(want); i++ {
		if !c.Next() || m.passed(&c) != want[i] {
			m.t.Fatalf("Next to %d found %.40q, want %.40v", i, c.Entry(), want[i])
		}
	}
	if c.Next() {
		m.t.Fatal("Next at the end = true, want false")
	}
	for i := len(want) - 1; i >= 0; i-- {
		if !c.Prev() || m.passed(&c) != want[i] {
			m.t.Fatalf("Prev to %d found %.40q, want %.40v", i, c.Entry(), want[i])
		}
	}
	if c.Prev() {
		m.t.Fatal("Prev at the start = true, want false")
	}
	if c.Next() != (len(want) > 0) {
		m.t.Fatalf("Next at the start = %v, want %v", len(want) == 0, len(want) > 0)
	}
}

func (m *sequence) passed(c *tree.Cursor) pair {
	if m.sorted {
		return pair{c.Key(), string(c.Entry())}
	}
	return pair{0, string(c.Entry())}
}

// step does a random operation. The tree has about size entries.
func (m *sequence) step(rng *rand.Rand, size int) error {
	n := len(m.want)
	p := pair{member: text(rng)}
	if m.sorted {
		p.score = rng.Uint64N(m.scores)
		if m.scores > 1<<40 {
			p.score = ^p.score
		}
	}
	place := rng.IntN(n + 1)
	switch rng.IntN(8) {
	case 0:
		place = 0
	case 1:
		place = n
	}
	switch k := rng.IntN(200); {
	case k == 0:
		m.states = append(m.states, sequenceState{m.space.Pin(), m.root, slices.Clone(m.want)})
	case k == 1:
		m.unpin(rng)
	case k == 2:
		m.space.Reclaim(rng.IntN(50))
	case k < 5 && n > 0:
		from := rng.IntN(n)
		to := from + rng.IntN(n-from+1)
		if rng.IntN(4) > 0 {
			to = min(to, from+rng.IntN(200))
		}
		return m.deleteRange(from, to)
	case k < 40:
		m.look(p)
		if n > 0 {
			m.look(m.want[rng.IntN(n)])
		}
	case k < 60 && n > 0 && !m.sorted:
		return m.set(rng.IntN(n), p.member)
	case k < 60 && n > 0:
		return m.move(rng.IntN(n), p.score)
	case (k < 120) == (n < size) || n == 0:
		return m.insert(place, p)
	default:
		return m.delete(min(place, n-1))
	}
	return nil
}

// unpin compares a random pinned state with its copy, and ends its pin.
func (m *sequence) unpin(rng *rand.Rand) {
	m.t.Helper()
	if len(m.states) == 0 {
		return
	}
	i := rng.IntN(len(m.states))
	st := m.states[i]
	m.same(st.root, st.want)
	m.space.Unpin(st.pin)
	m.states = slices.Delete(m.states, i, i+1)
}

// finish compares everything, ends all pins, drops the tree, and checks that no memory remains.
func (m *sequence) finish(rng *rand.Rand) {
	m.t.Helper()
	m.memory.refuse = nil
	m.same(m.root, m.want)
	checkMemory(m.t, m.space, m.memory, m.root)
	for len(m.states) > 0 {
		m.unpin(rng)
	}
	m.space.Drop(m.root)
	for m.space.Reclaim(1 + rng.IntN(100)) {
	}
	checkMemory(m.t, m.space, m.memory)
	if len(m.memory.live) > 0 || m.space.Stats() != (tree.Stats{}) {
		m.t.Fatalf("%d allocations remain and %+v, want none", len(m.memory.live), m.space.Stats())
	}
}

// scoreSets are numbers of different scores, 0 for a List.
var scoreSets = map[string]uint64{"List": 0, "Sorted": 1 << 50, "SortedTies": 30, "SortedOneScore": 1}

func TestSequenceAgainstSlice(t *testing.T) {
	for name, scores := range scoreSets {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds(6) {
				rng := rand.New(rand.NewPCG(seed, scores))
				m := newSequence(t, scores)
				size := []int{30, 1000, 8000}[seed%3]
				for i := range 12_000 {
					if err := m.step(rng, size); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					if i%3000 == 0 {
						m.same(m.root, m.want)
						checkMemory(t, m.space, m.memory, m.root)
					}
				}
				m.finish(rng)
			}
		})
	}
}

func TestSequenceWithoutMemory(t *testing.T) {
	for name, scores := range scoreSets {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds(6) {
				rng := rand.New(rand.NewPCG(seed, scores))
				m := newSequence(t, scores)
				m.memory.refuse = func(int) bool { return rng.IntN(12) == 0 }
				for i := range 4000 {
					err := m.step(rng, 1500)
					switch {
					case errors.Is(err, tree.ErrNoMemory):
						if i%8 == 0 {
							m.same(m.root, m.want)
							checkMemory(t, m.space, m.memory, m.root)
						}
					case err != nil:
						t.Fatal(err)
					}
				}
				m.finish(rng)
			}
		})
	}
}

func TestSequenceTransactions(t *testing.T) {
	for name, scores := range scoreSets {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds(4) {
				rng := rand.New(rand.NewPCG(seed, scores))
				m := newSequence(t, scores)
				m.transactions(rng)
				m.finish(rng)
			}
		})
	}
}

// transactions runs random transactions, half of which are rolled back.
func (m *sequence) transactions(rng *rand.Rand) {
	steps := func(n int) {
		for range n {
			if err := m.step(rng, 1500); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	var tx tree.Tx
	for range 40 {
		steps(200)
		root, want := m.root, slices.Clone(m.want)
		m.space.Begin(&tx)
		m.tx = &tx
		steps(rng.IntN(200))
		m.tx = nil
		if rng.IntN(2) == 0 {
			tx.Commit()
		} else {
			tx.Rollback()
			m.root, m.want = root, want
		}
		m.same(m.root, m.want)
		checkMemory(m.t, m.space, m.memory, m.root)
	}
}
