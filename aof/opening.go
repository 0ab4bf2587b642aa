package aof

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"

	"github.com/perduredb/perdure/internal/planted"
)

// An increment of ours begins with a mark over nothing that tells its salt, 64 random bits:
//
//	#p1:<8 hex digits> salt:<16 hex digits> CR LF
//
// The checksums of the file begin with the salt. So who chooses values cannot write a mark into one that fits, and
// the blocks of another file, which a loss of power may bring to light, do not fit either: not those of a
// log that stood in the same directory before. A file that another program has begun has no salt.
const saltPrefix = " salt:"

// openingLen is the length of an opening mark.
const openingLen = len(markPrefix) + markHex + len(saltPrefix) + 16 + len("\r\n")

// seed begins the checksums of a file: it is that of its sequence number and its salt, not inverted.
type seed uint32

// newSeed is the seed of a file without a salt.
func newSeed(seq int64) seed { return seed(sum8(^uint32(0), uint64(seq))) }

// salted is the seed of a file with the salt that opening tells.
func (s seed) salted(salt []byte) seed {
	if planted.On(planted.SaltUnused) {
		return s
	}
	return seed(sum8(uint32(s), binary.LittleEndian.Uint64(salt)))
}

// group begins the checksum of the group at an offset. It is the CRC of the numbers' bytes, done here so that nothing is
// put on the heap.
func (s seed) group(offset int64) uint32 { return ^sum8(uint32(s), uint64(offset)) }

// appendOpening appends the first line of an increment, with a new salt.
func appendOpening(dst []byte, s seed) ([]byte, seed) {
	var salt [8]byte
	rand.Read(salt[:]) // which does not fail
	rest := hex.AppendEncode([]byte(saltPrefix), salt[:])
	return appendMarkLine(dst, s.group(0), append(rest, "\r\n"...)), s.salted(salt[:])
}

// parseOpening reads a line as an opening mark, of a file whose seed without the salt is given.
func parseOpening(line []byte, s seed) (salted seed, ok bool) {
	if len(line) != openingLen {
		return s, false
	}
	m, ok := parseDigits(line)
	digits, found := bytes.CutPrefix(m.rest, []byte(saltPrefix))
	var salt [8]byte
	if !ok || !found || !m.verifies(s.group(0)) {
		return s, false
	}
	if n, err := hex.Decode(salt[:], bytes.TrimSuffix(digits, []byte("\r\n"))); n < len(salt) || err != nil {
		return s, false
	}
	return s.salted(salt[:]), true
}

// readSeed reads the seed of a file.
func readSeed(file io.ReaderAt, seq int64) (seed, error) {
	var line [openingLen]byte
	if n, err := file.ReadAt(line[:], 0); n < len(line) && err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	s, _ := parseOpening(line[:], newSeed(seq))
	return s, nil
}
