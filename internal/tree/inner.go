package tree

// An inner page has three arrays after its header, each with room for all children that fit: keys
// of 8 bytes, counts of 4 bytes, and refs of 4 bytes. The key of a child is that of the first entry
// below it, and the count is the number of entries below it.
const (
	childSize   = 16
	maxChildren = (maxPage - headerSize) / childSize
)

// child describes a child of an inner page.
type child struct {
	key   uint64
	count uint32
	ref   uint32
}

// room returns the maximum number of children.
func (p page) room() int { return (len(p) - headerSize) / childSize }

func (p page) keyAt(i int) int   { return headerSize + 8*i }
func (p page) countAt(i int) int { return headerSize + 8*p.room() + 4*i }
func (p page) refAt(i int) int   { return headerSize + 12*p.room() + 4*i }

func (p page) childKey(i int) uint64   { return u64(p[p.keyAt(i):]) }
func (p page) childCount(i int) uint32 { return u32(p[p.countAt(i):]) }
func (p page) childRef(i int) uint32   { return u32(p[p.refAt(i):]) }

func (p page) child(i int) child {
	return child{p.childKey(i), p.childCount(i), p.childRef(i)}
}

func (p page) setChild(i int, c child) {
	putU64(p[p.keyAt(i):], c.key)
	putU32(p[p.countAt(i):], c.count)
	putU32(p[p.refAt(i):], c.ref)
}

// shiftChildren moves the children from index from on to index to, and adjusts the number of
// children.
func (p page) shiftChildren(from, to int) {
	n := p.n()
	for _, a := range [3]struct{ start, size int }{{p.keyAt(0), 8}, {p.countAt(0), 4}, {p.refAt(0), 4}} {
		copy(p[a.start+a.size*to:], p[a.start+a.size*from:a.start+a.size*n])
	}
	p.setN(n + to - from)
}

func (p page) appendChild(c child) {
	n := p.n()
	p.setN(n + 1)
	p.setChild(n, c)
}

func (p page) appendChildren(src page, from, to int) {
	n, m := p.n(), to-from
	copy(p[p.keyAt(n):], src[src.keyAt(from):][:8*m])
	copy(p[p.countAt(n):], src[src.countAt(from):][:4*m])
	copy(p[p.refAt(n):], src[src.refAt(from):][:4*m])
	p.setN(n + m)
}

// below returns the number of entries below a page.
func (p page) below() uint32 {
	if p.kind() != kindInner {
		return uint32(p.n())
	}
	return uint32(p.countBefore(p.n()))
}

// countBefore returns the number of entries below the children before i.
func (p page) countBefore(i int) (sum uint64) {
	counts := p[p.countAt(0):p.countAt(i)]
	for ; len(counts) >= 8; counts = counts[8:] {
		two := u64(counts)
		sum += two&0xffffffff + two>>32
	}
	if len(counts) > 0 {
		sum += uint64(u32(counts))
	}
	return sum
}

// childAt returns the child that contains the entry at rank, and the rank of the entry below it. If
// the rank is total, the number of entries, it returns the last child.
func (p page) childAt(rank, total uint64) (i int, below uint64) {
	n := p.n()
	counts := p[p.countAt(0):p.countAt(n)]
	if rank < total/2 {
		for {
			c := uint64(u32(counts[4*i:]))
			if rank < c {
				return i, rank
			}
			rank -= c
			i++
		}
	}
	for i = n - 1; ; i-- { // total is the number of entries before child i+1
		total -= uint64(u32(counts[4*i:]))
		if rank >= total {
			return i, rank - total
		}
	}
}

// childOf returns the last child whose key is at most key, or the first child.
func (p page) childOf(key uint64) int {
	keys := p[headerSize:p.keyAt(p.n())]
	lo, hi := 0, p.n()
	for hi-lo > 1 {
		mid := int(uint(lo+hi) / 2)
		if u64(keys[8*mid:]) <= key {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// replaceChild replaces child i by others.
func (p page) replaceChild(i int, others []child) {
	if len(others) != 1 {
		p.shiftChildren(i+1, i+len(others))
	}
	for j, c := range others {
		p.setChild(i+j, c)
	}
}

// appendRevised appends to p the children from index from to to that src has after others have
// replaced its child i.
func (p page) appendRevised(src page, i int, others []child, from, to int) {
	if from < i {
		p.appendChildren(src, from, min(to, i))
	}
	for j, c := range others {
		if from <= i+j && i+j < to {
			p.appendChild(c)
		}
	}
	if after := i + len(others); to > after {
		p.appendChildren(src, max(from, after)-len(others)+1, to-len(others)+1)
	}
}
