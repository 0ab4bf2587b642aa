package tree_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// hashModel is a tree of a Map with a plain map of its expected contents. An entry is a key of 4
// bytes and a value.
type hashModel struct {
	t      *testing.T
	memory *memory
	space  *tree.Space
	tree   tree.Map
	root   tree.Root
	want   map[uint32]string
	hashes uint32 // number of different hashes
	states []hashState
}

// hashState is a pinned state of a tree.
type hashState struct {
	pin  tree.Epoch
	root tree.Root
	want map[uint32]string
}

func newHashModel(t *testing.T, hashes uint32) *hashModel {
	m := newMemory()
	s := tree.NewSpace(m)
	return &hashModel{t: t, memory: m, space: s, tree: tree.Map{Space: s}, want: map[uint32]string{}, hashes: hashes}
}

func (m *hashModel) hash(key uint32) uint32 {
	h := key * 2654435761
	return uint32(uint64(h) * uint64(m.hashes) >> 32)
}

func keyed(key uint32, value string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, key), value...)
}

func isKey(key uint32) func([]byte) bool {
	return func(entry []byte) bool { return binary.BigEndian.Uint32(entry) == key }
}

func (m *hashModel) put(key uint32, value string) error {
	m.t.Helper()
	old, had := m.want[key]
	before := m.root
	replaced, err := m.tree.Put(&m.root, m.hash(key), isKey(key), keyed(key, value))
	if err != nil {
		if m.root != before {
			m.t.Fatalf("root is %+v after %v, want %+v", m.root, err, before)
		}
		return err
	}
	if replaced != had {
		m.t.Fatalf("Put(%d) = %v over %q, want %v", key, replaced, old, had)
	}
	m.want[key] = value
	return nil
}

func (m *hashModel) delete(key uint32) error {
	m.t.Helper()
	_, had := m.want[key]
	before := m.root
	existed, err := m.tree.Delete(&m.root, m.hash(key), isKey(key))
	if err != nil {
		if m.root != before {
			m.t.Fatalf("root is %+v after %v, want %+v", m.root, err, before)
		}
		return err
	}
	if existed != had {
		m.t.Fatalf("Delete(%d) = %v, want %v", key, existed, had)
	}
	delete(m.want, key)
	return nil
}

func (m *hashModel) find(key uint32) {
	m.t.Helper()
	v, had := m.want[key]
	entry, ok := m.tree.Find(m.root, m.hash(key), isKey(key))
	if ok != had || ok && !bytes.Equal(entry, keyed(key, v)) {
		m.t.Fatalf("Find(%d) = %.40q, %v, want %.40q, %v", key, entry, ok, v, had)
	}
}

// same compares a state of the tree with its expected contents.
func (m *hashModel) same(root tree.Root, want map[uint32]string) {
	m.t.Helper()
	if err := m.tree.Check(root); err != nil {
		m.t.Fatal(err)
	}
	if root.Count != uint64(len(want)) {
		m.t.Fatalf("tree has %d entries, want %d", root.Count, len(want))
	}
	for rank := range root.Count {
		hash, entry := m.tree.At(root, rank)
		key := binary.BigEndian.Uint32(entry)
		if v, ok := want[key]; !ok || v != string(entry[4:]) || hash != m.hash(key) {
			m.t.Fatalf("entry %d is %.40q, want %.40q", rank, entry, v)
		}
		if r := m.tree.Seek(root, hash); r > rank {
			m.t.Fatalf("Seek(%d) = %d, want at most %d", hash, r, rank)
		}
	}
}

func (m *hashModel) pin() {
	m.states = append(m.states, hashState{m.space.Pin(), m.root, maps.Clone(m.want)})
}

// unpin compares a random pinned state with its copy, and ends its pin.
func (m *hashModel) unpin(rng *rand.Rand) {
	m.t.Helper()
	if len(m.states) == 0 {
		return
	}
	i := rng.IntN(len(m.states))
	st := m.states[i]
	m.same(st.root, st.want)
	m.space.Unpin(st.pin)
	m.states = append(m.states[:i], m.states[i+1:]...)
}

// finish compares everything, ends all pins, drops the tree, and checks that no memory remains.
func (m *hashModel) finish(rng *rand.Rand) {
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
	if len(m.memory.live) > 0 || m.memory.used != 0 || m.space.Stats() != (tree.Stats{}) {
		m.t.Fatalf("%d allocations remain and %+v, want none", len(m.memory.live), m.space.Stats())
	}
}

// text returns a random value that is long now and then.
func text(rng *rand.Rand) string {
	n := rng.IntN(20)
	switch rng.IntN(40) {
	case 0:
		n = 400 + rng.IntN(400)
	case 1:
		n = rng.IntN(3000)
	case 2:
		n = rng.IntN(20) * rng.IntN(2000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}

// step does a random operation.
func (m *hashModel) step(rng *rand.Rand, keys uint32) error {
	key := rng.Uint32N(keys)
	switch k := rng.IntN(200); {
	case k == 0:
		m.pin()
	case k == 1:
		m.unpin(rng)
	case k == 2:
		m.space.Reclaim(rng.IntN(50))
	case k < 60:
		m.find(key)
	case k < 60+int(keys>>4)%80: // more deletions in some sequences
		return m.delete(key)
	default:
		return m.put(key, text(rng))
	}
	return nil
}

func TestMapAgainstPlainMap(t *testing.T) {
	for seed := range seeds(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := newHashModel(t, []uint32{1 << 31, 1000, 40}[seed%3])
		keys := []uint32{100, 700, 3000, 20_000}[seed%4]
		if m.hashes == 40 {
			keys = min(keys, 1000)
		}
		for i := range 20_000 {
			if err := m.step(rng, keys); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if i%4000 == 0 {
				m.same(m.root, m.want)
				checkMemory(t, m.space, m.memory, m.root)
			}
		}
		m.finish(rng)
	}
}

func TestMapWithoutMemory(t *testing.T) {
	for seed := range seeds(12) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m := newHashModel(t, []uint32{1 << 31, 300}[seed%2])
		m.memory.refuse = func(int) bool { return rng.IntN(20) == 0 }
		refused := 0
		for i := range 5000 {
			err := m.step(rng, 2000)
			if errors.Is(err, tree.ErrNoMemory) {
				refused++
				if i%8 == 0 {
					m.same(m.root, m.want)
					checkMemory(t, m.space, m.memory, m.root)
				}
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused == 0 {
			t.Fatal("0 operations were refused, want at least 1")
		}
		m.finish(rng)
	}
}

// TestMapRevertsWithoutMemory pins a tree of another lock between an insertion and its reversal.
func TestMapRevertsWithoutMemory(t *testing.T) {
	m := newHashModel(t, 1<<31)
	rng := rand.New(rand.NewPCG(4, 4))
	for key := range uint32(5000) {
		if err := m.put(key, "0123456789"); err != nil {
			t.Fatal(err)
		}
	}
	for key := range uint32(1000) {
		key += 1_000_000
		snapshot := m.space.Pin()
		m.tree.Frozen = m.space.Frozen()
		if err := m.put(key, "0123456789"); err != nil {
			t.Fatal(err)
		}
		later := m.space.Pin()
		m.memory.refuse = func(int) bool { return true }
		if err := m.delete(key); err != nil {
			t.Fatalf("Delete of an entry that was just inserted = %v, want nil", err)
		}
		m.tree.Frozen = 0
		if err := m.delete(key - 1_000_000); !errors.Is(err, tree.ErrNoMemory) {
			t.Fatalf("Delete during a pin without memory = %v, want ErrNoMemory", err)
		}
		m.memory.refuse = nil
		m.space.Unpin(snapshot)
		m.space.Unpin(later)
	}
	m.finish(rng)
}

func TestMapTransactions(t *testing.T) {
	for seed := range seeds(16) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := newHashModel(t, 1<<31)
		var tx tree.Tx
		for range 60 {
			for range 200 {
				if err := m.step(rng, 3000); err != nil {
					t.Fatal(err)
				}
			}
			before := hashState{root: m.root, want: maps.Clone(m.want)}
			m.space.Begin(&tx)
			m.tree.Tx = &tx
			for range rng.IntN(300) {
				if err := m.step(rng, 3000); err != nil {
					t.Fatal(err)
				}
			}
			if rng.IntN(8) == 0 {
				tx.Drop(m.root)
				m.root, m.want = tree.Root{}, map[uint32]string{}
			}
			m.tree.Tx = nil
			if rng.IntN(2) == 0 {
				tx.Commit()
			} else {
				tx.Rollback()
				m.root, m.want = before.root, before.want
			}
			m.same(m.root, m.want)
			checkMemory(t, m.space, m.memory, m.root)
		}
		m.finish(rng)
	}
}

func TestMapLimitOfEqualHashes(t *testing.T) {
	m := newHashModel(t, 1)
	for key := range uint32(10_000) {
		err := m.put(key, "0123456789")
		if errors.Is(err, tree.ErrFull) {
			m.finish(rand.New(rand.NewPCG(1, 1)))
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("10,000 entries have equal hashes, want ErrFull")
}

func TestMapAddKeepsEntry(t *testing.T) {
	m := newHashModel(t, 1<<31)
	for i, want := range []bool{true, false} {
		added, err := m.tree.Add(&m.root, 7, isKey(1), keyed(1, fmt.Sprint(i)))
		if err != nil || added != want {
			t.Fatalf("Add = %v, %v, want %v", added, err, want)
		}
	}
	if entry, ok := m.tree.Find(m.root, 7, isKey(1)); !ok || string(entry[4:]) != "0" {
		t.Fatalf("Find = %q, %v, want 0", entry, ok)
	}
}
