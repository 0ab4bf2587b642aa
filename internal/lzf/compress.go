package lzf

import (
	"encoding/binary"
	"math"
)

const (
	tableBits = 13 // 8192 slots of 4 bytes: fits in the L1 cache and covers maxDistance
	tableSize = 1 << tableBits

	// After 32 bytes without a match the search advances in steps of 2, after 64 in steps of 3.
	// Incompressible data is thus skipped quickly. The bound lets the search find matches in the
	// data that follows.
	missShift = 5
	maxStep   = 16
)

// A Compressor compresses to LZF. The zero value is ready to use. Reusing a Compressor saves
// clearing its 32 KiB table. No call allocates except to lengthen dst.
type Compressor struct {
	// table contains, by the hash of three bytes, their last position. Positions are counted from
	// origin 0 over all inputs; those below base belong to an earlier input and are ignored.
	table [tableSize]uint32
	base  uint32
}

// Append appends the LZF stream for src to dst if the stream takes at most budget bytes. Otherwise
// it returns dst unchanged and false. It retains neither slice. An empty src does not have a
// stream.
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
		for j := next - 2; j < min(next, end); j++ { // the next match often begins here
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

// advance returns the position number of the first byte of an input of size bytes. A number is used
// once; when the numbers run out, the table is cleared.
func (c *Compressor) advance(size int) uint32 {
	if c.base == 0 || int64(c.base)+int64(size) > math.MaxUint32 {
		c.table = [tableSize]uint32{}
		c.base = 1
	}
	base := c.base
	c.base += uint32(size)
	return base
}

// hash returns the table index for three bytes, which are in the upper part of v.
func hash(v uint32) uint32 { return v * 0x9e3779b1 >> (32 - tableBits) }

// matchLength returns the number of bytes at i that equal those at candidate. At least minMatch
// bytes are known to be equal.
func matchLength(src []byte, candidate, i int) int {
	most := min(len(src)-i, maxMatch)
	n := minMatch
	for n < most && src[candidate+n] == src[i+n] {
		n++
	}
	return n
}

// appendLiterals appends literal runs if the result does not exceed limit.
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
