package crc64

// A checksum over zero bytes is linear in the checksum before them, so appending n zero bytes is a
// 64 by 64 matrix over GF(2). The matrix for 2n bytes is the square of the matrix for n bytes.

// matrix contains in row i the image of the checksum with only bit i set.
type matrix [64]uint64

// oneByte is the matrix for one zero byte.
func oneByte() (m matrix) {
	for i := range m {
		crc := uint64(1) << i
		m[i] = slicing[0][byte(crc)] ^ crc>>8
	}
	return m
}

func (m *matrix) apply(crc uint64) (sum uint64) {
	for i := 0; crc != 0; i++ {
		sum ^= m[i&63] & -(crc & 1)
		crc >>= 1
	}
	return sum
}

func (m *matrix) square() (sq matrix) {
	for i := range m {
		sq[i] = m.apply(m[i])
	}
	return sq
}

// shift is a matrix as tables by byte, which are faster to apply.
type shift [8][256]uint64

// makeShift returns the shift for 1<<log2 zero bytes. It computes the squares separately, so that
// program start does not pay for all powers.
func makeShift(log2 int) *shift {
	m := oneByte()
	for range log2 {
		m = m.square()
	}
	s := new(shift)
	for i := range s {
		for b := 1; b < 256; b++ {
			s[i][b] = m.apply(uint64(b) << (8 * i))
		}
	}
	return s
}

func (s *shift) apply(x uint64) uint64 {
	return s[0][byte(x)] ^ s[1][byte(x>>8)] ^ s[2][byte(x>>16)] ^ s[3][byte(x>>24)] ^
		s[4][byte(x>>32)] ^ s[5][byte(x>>40)] ^ s[6][byte(x>>48)] ^ s[7][byte(x>>56)]
}
