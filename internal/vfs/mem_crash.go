package vfs

import (
	"math/rand/v2"
	"sort"
)

// CrashKind says how much of what was not synced a Crash keeps.
type CrashKind int

// The kinds of Crash.
const (
	KeepNone CrashKind = iota // exactly what was synced
	KeepAll                   // everything, as if only the process had died
	KeepSome                  // each unit of a file and each change of a directory by itself, at random
)

// Crash returns the file system that a machine might find after losing power now. The original
// goes on untouched. With KeepSome, a unit of 512 or 4096 bytes that was not synced is new,
// old, zero or garbage, a size may be there without its data, and each change of a directory is
// kept or lost by itself. The same seed gives the same result.
func (m *Mem) Crash(kind CrashKind, seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{kind: kind, rng: rand.New(rand.NewPCG(seed, 0)), nodes: map[*memNode]*memNode{}}
	out := NewMem()
	out.now = m.now
	out.root = c.node(m.root)
	for _, n := range c.nodes {
		out.used += int64(len(n.data))
	}
	return out
}

type crash struct {
	kind  CrashKind
	rng   *rand.Rand
	nodes map[*memNode]*memNode
}

// keep decides about one thing that was not synced.
func (c *crash) keep() bool {
	return c.kind == KeepAll || c.kind == KeepSome && c.rng.IntN(2) == 0
}

func (c *crash) node(n *memNode) *memNode {
	if done := c.nodes[n]; done != nil {
		return done
	}
	out := &memNode{dir: n.dir, modTime: n.modTime}
	c.nodes[n] = out
	if !n.dir {
		out.data = c.content(n)
		out.durable = out.data[:len(out.data):len(out.data)]
		return out
	}
	names := make(map[string]*memNode, len(n.durableNames))
	for base, child := range n.durableNames {
		names[base] = child
	}
	for _, change := range n.changes {
		if !c.keep() {
			continue
		}
		if change.remove != "" {
			delete(names, change.remove)
		}
		if change.set != "" {
			names[change.set] = change.node
		}
	}
	out.names, out.durableNames = map[string]*memNode{}, map[string]*memNode{}
	bases := make([]string, 0, len(names))
	for base := range names {
		bases = append(bases, base)
	}
	sort.Strings(bases) // the order in which the random numbers are used up
	for _, base := range bases {
		child := c.node(names[base])
		out.names[base], out.durableNames[base] = child, child
	}
	return out
}

// content is what is left of a file.
func (c *crash) content(n *memNode) []byte {
	switch c.kind {
	case KeepNone:
		return append([]byte(nil), n.durable...)
	case KeepAll:
		return append([]byte(nil), n.data...)
	}
	unit := []int64{512, 4096}[c.rng.IntN(2)]
	size := c.size(n, unit)
	out := make([]byte, size)
	copy(out, n.durable)
	copyCommon(out, n)
	for _, w := range n.writes {
		for from := w.from; from < w.to; {
			to := min(w.to, (from/unit+1)*unit, size)
			if from >= to {
				break
			}
			c.fill(out, n.data, from, to)
			from = to
		}
	}
	return out
}

// size is the length the file may have: a synced one, the newest, or between the two.
func (c *crash) size(n *memNode, unit int64) int64 {
	old, now := int64(len(n.durable)), int64(len(n.data))
	switch c.rng.IntN(4) {
	case 0:
		return old
	case 1:
		return now
	case 2:
		lo, hi := min(old, now), max(old, now)
		return lo + c.rng.Int64N(hi-lo+1)
	default:
		return min(max(old, now), (min(old, now)/unit+1)*unit)
	}
}

// copyCommon gives what was truncated and not written again the bytes that stayed.
func copyCommon(out []byte, n *memNode) {
	if len(n.data) < len(n.durable) && len(out) <= len(n.data) {
		copy(out, n.data)
	}
}

// fill decides what a unit that was written and not synced holds.
func (c *crash) fill(out, data []byte, from, to int64) {
	end := min(to, int64(len(data)))
	switch c.rng.IntN(5) {
	case 0, 1: // the new bytes
		if from < end {
			copy(out[from:to], data[from:end])
		}
	case 2: // zeros: the size was written, the data was not
		clear(out[from:to])
	case 3: // garbage: what the blocks held before
		for i := from; i < to; i++ {
			out[i] = byte(c.rng.Uint32())
		}
	case 4: // the old bytes, or zeros where there were none
	}
}
