package wire

import (
	"hash/crc32"
	"math/bits"
)

var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum adds p to a checksum.
func Sum(crc uint32, p []byte) uint32 {
	return crc32.Update(crc, Castagnoli, p)
}

// sum8 adds 8 bytes, little endian, to a checksum that is not inverted.
func sum8(crc uint32, n uint64) uint32 {
	n ^= uint64(crc)
	return slicing[7][byte(n)] ^ slicing[6][byte(n>>8)] ^ slicing[5][byte(n>>16)] ^ slicing[4][byte(n>>24)] ^
		slicing[3][byte(n>>32)] ^ slicing[2][byte(n>>40)] ^ slicing[1][byte(n>>48)] ^ slicing[0][byte(n>>56)]
}

// slicing[i][b] is the effect of byte b on a checksum when i more bytes follow it.
var slicing = func() (s [8][256]uint32) {
	s[0] = *Castagnoli
	for i := 1; i < len(s); i++ {
		for b, crc := range s[i-1] {
			s[i][b] = s[0][byte(crc)] ^ crc>>8
		}
	}
	return s
}()

// Seed is the initial value of the checksums of a file. It is the checksum of the file's sequence
// number and salt, without the final inversion.
type Seed uint32

// NewSeed returns the seed of a file without a salt.
func NewSeed(seq int64) Seed { return Seed(sum8(^uint32(0), uint64(seq))) }

// salted returns the seed of the file with a salt.
func (s Seed) salted(salt uint64) Seed {
	return Seed(sum8(uint32(s), bits.ReverseBytes64(salt))) // the digits' bytes, in order
}

// Group returns the initial checksum of the group at an offset. It computes the CRC of the offset's
// bytes here so that nothing is allocated.
func (s Seed) Group(offset int64) uint32 { return ^sum8(uint32(s), uint64(offset)) }
