package lzf

import (
	"encoding/binary"
	"math"
)

const (
	tableBits = 13 // 8192 places of 4 bytes: stays in the first cache, and covers maxDistance
	tableSize = 1 << tableBits

	// After 32 bytes without a match the search goes on in steps of 2, after 64 of 3: data that
	// does not compress is passed quickly. The bound lets it find what follows such data.
	missShift = 5
	maxStep   = 16
)

// Compressor writes LZF. The zero value is ready; reusing one saves clearing its 32 KiB table,
// and no call allocates except to lengthen dst.
type Compressor struct {
	// table holds, by the hash of three bytes, where they stood last, counted from origin 0 over
	// all inputs: what is below base belongs to an earlier input and is not looked at.
	table [tableSize]uint32
	base  uint32
}

// Append appends the LZF stream for src to dst if it takes at most budget bytes; otherwise it
// returns dst as it was and false. Neither slice is kept. An empty src has no stream.
func (c *Compressor) Append(dst, src []byte, budget int) ([]byte, bool) {
	if len(src) == 0 || len(src) > math.MaxInt32 {
		return dst, false
	}
	base := c.advance(len(src))
	start := len(dst)
	limit := start + budget
	anchor := 0 // the first byte not yet written
	end := len(src) - 3
	for i := 0; i < end; {
		v := binary.LittleEndian.Uint32(src[i:]) << 8
		slot := &c.table[hash(v)]
		last := *slot
		*slot = base + uint32(i)
		candidate := int(last - base)
		if last < base || i-candidate > maxDistance ||
			binary.LittleEndian.Uint32(src[candidate:])<<8 != v {
			i += min(1+(i-anchor)>>missShift, maxStep)
			continue
		}
		length := matchLength(src, candidate, i)
		var ok bool
		if dst, ok = appendLiterals(dst, src[anchor:i], limit); !ok || limit-len(dst) < 3 {
			return dst[:start], false
		}
		dst = appendMatch(dst, length, i-candidate-1)
		next := i + length
		for j := next - 2; j < min(next, end); j++ { // where the next match often begins
			v := binary.LittleEndian.Uint32(src[j:]) << 8
			c.table[hash(v)] = base + uint32(j)
		}
		i, anchor = next, next
	}
	dst, ok := appendLiterals(dst, src[anchor:], limit)
	if !ok {
		return dst[:start], false
	}
	return dst, true
}

// advance returns the number for the first byte of an input of size bytes; numbers are used once,
// until they run out and the table is cleared.
func (c *Compressor) advance(size int) uint32 {
	if c.base == 0 || int64(c.base)+int64(size) > math.MaxUint32 {
		c.table = [tableSize]uint32{}
		c.base = 1
	}
	base := c.base
	c.base += uint32(size)
	return base
}

// hash gives the place for three bytes, in the upper part of v.
func hash(v uint32) uint32 { return v * 0x9e3779b1 >> (32 - tableBits) }

// matchLength returns how many bytes at i equal those at candidate, at least minMatch of which
// are known to.
func matchLength(src []byte, candidate, i int) int {
	most := min(len(src)-i, maxMatch)
	n := minMatch
	for n < most && src[candidate+n] == src[i+n] {
		n++
	}
	return n
}

// appendLiterals appends runs of literals, if that does not pass limit.
func appendLiterals(dst, p []byte, limit int) ([]byte, bool) {
	if len(dst)+len(p)+(len(p)+maxLiteral-1)/maxLiteral > limit {
		return dst, false
	}
	for len(p) > 0 {
		n := min(len(p), maxLiteral)
		dst = append(dst, byte(n-1))
		dst = append(dst, p[:n]...)
		p = p[n:]
	}
	return dst, true
}

// appendMatch appends a reference of length bytes, offset+1 bytes back.
func appendMatch(dst []byte, length, offset int) []byte {
	l := length - 2
	if l < longMatch {
		return append(dst, byte(l<<5|offset>>8), byte(offset))
	}
	return append(dst, byte(longMatch<<5|offset>>8), byte(l-longMatch), byte(offset))
}
