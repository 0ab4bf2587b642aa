// Package crc64 computes CRC-64/Jones, the checksum at the end of Redis's dumps.
//
// The reflected polynomial is 0x95ac9329ac4bc9b5, the initial value is 0, and nothing is
// complemented: the checksum of no bytes is 0. The standard library's hash/crc64 does this
// polynomial arithmetic at about half the speed, because it follows one chain of lookups and this
// package follows four. On amd64, this package multiplies polynomials instead (fold_amd64.go).
//
// Functions are pure and safe for concurrent use.
package crc64

import "encoding/binary"

// poly is the polynomial 0xad93d23594c935a9 with its bits reversed.
const poly = 0x95ac9329ac4bc9b5

const (
	lanes     = 4 // independent chains, which the processor executes in parallel
	laneLog2  = 10
	laneSize  = 1 << laneLog2 // bytes of one chain before the chains are joined
	blockSize = lanes * laneSize
)

// slicing[i][b] is the effect of byte b on the checksum if i more bytes follow it.
var slicing = makeSlicing()

// overLane advances a checksum over laneSize zero bytes: the exclusive or of overLane[i][byte i of
// the checksum].
var overLane = makeShift(laneLog2)

// Update returns the checksum of the data with checksum crc followed by p.
func Update(crc uint64, p []byte) uint64 {
	crc, p = folded(crc, p)
	return update(crc, p)
}

// update does the work of Update with the tables.
func update(crc uint64, p []byte) uint64 {
	for len(p) >= blockSize {
		crc = updateBlock(crc, (*[blockSize]byte)(p))
		p = p[blockSize:]
	}
	for len(p) >= 8 {
		crc = step(crc ^ binary.LittleEndian.Uint64(p))
		p = p[8:]
	}
	for _, b := range p {
		crc = slicing[0][byte(crc)^b] ^ crc>>8
	}
	return crc
}

// Checksum returns the checksum of p.
func Checksum(p []byte) uint64 { return Update(0, p) }

// step advances a checksum, into which 8 bytes are already mixed, over these 8 bytes.
func step(x uint64) uint64 {
	return slicing[7][byte(x)] ^ slicing[6][byte(x>>8)] ^
		slicing[5][byte(x>>16)] ^ slicing[4][byte(x>>24)] ^
		slicing[3][byte(x>>32)] ^ slicing[2][byte(x>>40)] ^
		slicing[1][byte(x>>48)] ^ slicing[0][byte(x>>56)]
}

// updateBlock checksums the four quarters of a block as separate chains and joins them.
func updateBlock(a uint64, p *[blockSize]byte) uint64 {
	var b, c, d uint64
	for i := 0; i < laneSize; i += 8 {
		a = step(a ^ binary.LittleEndian.Uint64(p[i:]))
		b = step(b ^ binary.LittleEndian.Uint64(p[i+laneSize:]))
		c = step(c ^ binary.LittleEndian.Uint64(p[i+2*laneSize:]))
		d = step(d ^ binary.LittleEndian.Uint64(p[i+3*laneSize:]))
	}
	a = overLane.apply(a) ^ b
	a = overLane.apply(a) ^ c
	return overLane.apply(a) ^ d
}

func makeSlicing() (t [8][256]uint64) {
	for b := range 256 {
		crc := uint64(b)
		for range 8 {
			crc = crc>>1 ^ poly&-(crc&1)
		}
		t[0][b] = crc
	}
	for b := range 256 {
		crc := t[0][b]
		for i := 1; i < 8; i++ {
			crc = t[0][byte(crc)] ^ crc>>8
			t[i][b] = crc
		}
	}
	return t
}

// Rewind reverses [Update]: it returns the checksum of the data before p from the checksum of that
// data followed by p. It processes one byte at a time.
func Rewind(crc uint64, p []byte) uint64 {
	for i := len(p) - 1; i >= 0; i-- {
		n := undo[crc>>56]
		crc = (crc^slicing[0][n])<<8 | uint64(n^p[i])
	}
	return crc
}

// undo maps the top byte of a checksum to its index in slicing[0]. The top bytes of all entries
// differ.
var undo = func() (u [256]byte) {
	for i, sum := range slicing[0] {
		u[sum>>56] = byte(i)
	}
	return u
}()
