package vfs

import (
	"math/rand/v2"
	"sort"
)

// CrashKind selects how much of the unsynced data a Crash keeps.
type CrashKind int

// The kinds of Crash.
const (
	KeepNone CrashKind = iota // power failure: exactly the synced data remains
	KeepAll                   // killed process: all data remains, still not synced
	KeepSome                  // power failure: each thing is kept or lost separately, at random
)

// A Thing is an unsynced change. A power failure may leave its old or its new form.
type Thing struct {
	Kind ThingKind
	Name string // of the file or the directory
	// Of a unit: its byte range. Of a size: the synced and the current size.
	From, To int64
}

// ThingKind is the kind of a Thing.
type ThingKind int

// The kinds of Thing.
const (
	AName ThingKind = iota // a create, a rename or a removal in a directory
	ASize                  // a file's size
	AUnit                  // a unit of a file's content
)

// Fate is the form of a Thing after a power failure.
type Fate int64

// The fates. A size may also be any number of bytes from 0 on.
const (
	New     Fate = -1
	Old     Fate = -2 // zeros for a unit without old content
	Zero    Fate = -3 // a unit only: the size was written, the content was not
	Garbage Fate = -4 // a unit only: earlier content of the disk (see Emptied), otherwise anything
)

// Crash returns the file system as found after a crash at this point. The original is not changed.
// Equal seeds lead to equal results.
func (m *Mem) Crash(kind CrashKind, seed uint64) *Mem {
	switch kind {
	case KeepNone:
		return m.LosePower(4096, seed, func(int, Thing) Fate { return Old })
	case KeepAll:
		return m.Kill()
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	unit := []int64{512, 4096}[rng.IntN(2)]
	return m.LosePower(unit, seed, func(_ int, t Thing) Fate {
		switch t.Kind {
		case AName:
			return []Fate{Old, New}[rng.IntN(2)]
		case ASize:
			return someSize(rng, t, unit)
		}
		return []Fate{New, New, Zero, Garbage, Old}[rng.IntN(5)]
	})
}

// someSize returns a possible length of a file: the synced one, the current one, or one between
// them.
func someSize(rng *rand.Rand, t Thing, unit int64) Fate {
	lo, hi := min(t.From, t.To), max(t.From, t.To)
	switch rng.IntN(4) {
	case 0:
		return Old
	case 1:
		return New
	case 2:
		return Fate(lo + rng.Int64N(hi-lo+1))
	default:
		return Fate(min(hi, (lo/unit+1)*unit))
	}
}

// Kill returns the file system after a process crash without a reboot: the content that programs
// see, with unsynced data still unsynced. No file is locked.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	nodes := map[*memNode]*memNode{}
	for _, n := range m.nodesLocked() {
		c := *n.memNode
		c.failed, c.lateWrite, c.lateTruncate = false, false, false
		c.data = n.data[:len(n.data):len(n.data)] // the next append copies
		c.writes = append([]extent(nil), n.writes...)
		c.stored = append([]extent(nil), n.stored...)
		n.lent, c.lent = true, true
		nodes[n.memNode] = &c
	}
	for _, n := range nodes {
		if !n.dir {
			continue
		}
		n.names, n.durableNames = renamed(n.names, nodes), renamed(n.durableNames, nodes)
		n.changes = append([]nameChange(nil), n.changes...)
		for i := range n.changes {
			n.changes[i].node = nodes[n.changes[i].node]
		}
	}
	out := newMem(nodes[m.root], m.now)
	out.used, out.boot, out.before = m.used, m.boot, m.before
	return out
}

// Emptied returns a file system whose files have all been deleted. A file created under the name of
// one reuses its blocks, so a power failure may leave the old file's content in it.
func (m *Mem) Emptied() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := NewMem()
	out.boot, out.before = m.boot, map[string][]byte{}
	for _, n := range m.nodesLocked() {
		if !n.dir {
			out.before[n.name] = n.data[:len(n.data):len(n.data)]
			n.lent = true
		}
	}
	return out
}

// renamed maps the names of a directory to their new nodes.
func renamed(names map[string]*memNode, nodes map[*memNode]*memNode) map[string]*memNode {
	out := make(map[string]*memNode, len(names))
	for base, n := range names {
		out[base] = nodes[n]
	}
	return out
}

// Things returns the unsynced changes in a stable order, with content in units of unit bytes.
func (m *Mem) Things(unit int64) []Thing {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Thing
	for _, n := range m.nodesLocked() {
		all = n.things(all, unit)
	}
	return all
}

// LosePower returns the file system as found after a power failure. It calls fate for each of
// Things(unit), with its index. A unit that is kept extends its file to contain it, unless the size
// is a number. seed generates the garbage.
func (m *Mem) LosePower(unit int64, seed uint64, fate func(i int, t Thing) Fate) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{
		rng: rand.New(rand.NewPCG(seed, 1)), unit: unit, fate: fate,
		out: map[*memNode]*memNode{}, names: map[*memNode]map[string]*memNode{}, before: m.before,
	}
	for _, n := range m.nodesLocked() {
		c.node(n)
	}
	out := newMem(c.link(m.root), m.now)
	out.boot, out.before = m.boot+1, m.before
	for _, n := range out.nodesLocked() {
		out.used += int64(len(n.data))
	}
	return out
}

// namedNode is a node with one of its names.
type namedNode struct {
	*memNode
	name string
}

// nodesLocked returns every node that a name leads to: now, on disk, or through a change in
// between.
func (m *Mem) nodesLocked() []namedNode {
	all, seen := []namedNode{{m.root, "/"}}, map[*memNode]bool{m.root: true}
	for i := 0; i < len(all); i++ {
		dir := all[i]
		for _, names := range []map[string]*memNode{dir.durableNames, dir.names} {
			bases := make([]string, 0, len(names))
			for base := range names {
				bases = append(bases, base)
			}
			sort.Strings(bases)
			for _, base := range bases {
				all = addNode(all, seen, names[base], dir.name+base)
			}
		}
		for _, change := range dir.changes {
			all = addNode(all, seen, change.node, dir.name+change.set)
		}
	}
	return all
}

func addNode(all []namedNode, seen map[*memNode]bool, n *memNode, name string) []namedNode {
	if n == nil || seen[n] {
		return all
	}
	seen[n] = true
	if n.dir {
		name += "/"
	}
	return append(all, namedNode{n, name})
}

// things appends the unsynced changes of a node.
func (n namedNode) things(all []Thing, unit int64) []Thing {
	for range n.changes {
		all = append(all, Thing{Kind: AName, Name: n.name})
	}
	if n.dir {
		return all
	}
	old, now := int64(len(n.durable)), int64(len(n.data))
	if old != now && !n.dropped {
		all = append(all, Thing{ASize, n.name, old, now})
	}
	for _, w := range n.writes {
		for from := w.from; from < min(w.to, now); {
			to := min(w.to, now, (from/unit+1)*unit)
			all = append(all, Thing{AUnit, n.name, from, to})
			from = to
		}
	}
	return all
}

// crash builds the state after a power failure.
type crash struct {
	rng    *rand.Rand
	unit   int64
	fate   func(int, Thing) Fate
	asked  int
	out    map[*memNode]*memNode
	names  map[*memNode]map[string]*memNode // of directories: names on disk
	before map[string][]byte
}

func (c *crash) ask(t Thing) Fate {
	c.asked++
	return c.fate(c.asked-1, t)
}

// node decides the fate of one node.
func (c *crash) node(n namedNode) {
	things := n.things(nil, c.unit)
	if !n.dir {
		data := c.content(n, things)
		c.out[n.memNode] = &memNode{modTime: n.modTime, data: data, durable: data[:len(data):len(data)], lent: true}
		return
	}
	names := make(map[string]*memNode, len(n.durableNames))
	for base, child := range n.durableNames {
		names[base] = child
	}
	for i, change := range n.changes {
		if c.ask(things[i]) != New {
			continue
		}
		if change.remove != "" {
			delete(names, change.remove)
		}
		if change.set != "" {
			names[change.set] = change.node
		}
	}
	c.names[n.memNode] = names
}

// content returns the remaining content of a file.
func (c *crash) content(n namedNode, things []Thing) []byte {
	size, exact := int64(len(n.durable)), false
	if len(things) > 0 && things[0].Kind == ASize {
		switch f := c.ask(things[0]); {
		case f == New:
			size, exact = things[0].To, true
		case f >= 0:
			size, exact = int64(f), true
		}
		things = things[1:]
	}
	fates := make([]Fate, len(things))
	for i, t := range things {
		if fates[i] = c.ask(t); fates[i] != Old && !exact {
			size = max(size, t.To)
		}
	}
	out := make([]byte, size)
	copy(out, n.durable)
	for i, t := range things {
		if t.From >= size {
			continue
		}
		part := out[t.From:min(t.To, size)]
		switch fates[i] {
		case New:
			copy(part, n.data[t.From:])
		case Zero:
			clear(part)
		case Garbage:
			for j := range part {
				part[j] = byte(c.rng.Uint32())
			}
			if old := c.before[n.name]; t.From < int64(len(old)) {
				copy(part, old[t.From:])
			}
		}
	}
	n.mix(out, c.rng)
	return out
}

// link attaches the nodes of a directory.
func (c *crash) link(dir *memNode) *memNode {
	if done := c.out[dir]; done != nil {
		return done
	}
	out := newMemDir()
	out.modTime = dir.modTime
	c.out[dir] = out
	for base, child := range c.names[dir] {
		n := c.out[child]
		if child.dir {
			n = c.link(child)
		}
		out.names[base], out.durableNames[base] = n, n
	}
	return out
}
