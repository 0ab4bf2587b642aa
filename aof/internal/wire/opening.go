package wire

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/corrupt"
)

// An Identity is the id of a file of a log, its store, and one neighbor. Each file that perdure
// writes records them. An incremental file, and a base file of commands, begins with an opening
// line, which is an empty commit marker:
//
//	#p1:<8 hex digits> salt:<16 hex digits> store:<16> link:<16> gen:<16> CR LF
//
// The salt is 64 random bits and identifies the file. The file's checksums are seeded with the
// salt. So a client that chooses values cannot forge a marker, and no block of another file
// verifies. All files of a store have one store id. The link of an incremental file is the salt of
// the incremental file before it. The link of a base file is the salt of the incremental file after
// it. A link of 0 means none. The generation counts the logs that the store has begun.
//
// An RDB base file stores these words in its AUX field perdure-origin: see [appendlog.Base].
//
// The manifest repeats the properties that it must find (see package manifest). If a server has
// rewritten the manifest, neighbors are compared with each other. A file that another program began
// has no identity, and its bytes count as unverified.
type Identity struct {
	Salt, Store, Link, Gen uint64
	Bare                   bool // a file of commands without an opening line
}

const (
	saltPrefix  = " salt:"
	storePrefix = " store:"
	linkPrefix  = " link:"
	genPrefix   = " gen:"
	idHex       = 16
)

// OpeningLen is the length of an opening line. shortOpening is the length of one with only a salt,
// as an earlier format had.
const (
	shortOpening = len(MarkerPrefix) + markerHex + len(saltPrefix) + idHex + len("\r\n")
	OpeningLen   = shortOpening + len(storePrefix) + len(linkPrefix) + len(genPrefix) + 3*idHex
)

// RandomID returns 64 random bits that are not all 0.
func RandomID() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails
		if id := binary.LittleEndian.Uint64(b[:]); id != 0 {
			return id
		}
	}
}

// String returns the identity as stored in the AUX field of an RDB base.
func (id Identity) String() string {
	return string(bytes.TrimLeft(id.appendWords(nil), " "))
}

func (id Identity) appendWords(dst []byte) []byte {
	return fmt.Appendf(dst, "%s%s%s%s%s%s%s%s", saltPrefix, FormatID(id.Salt), storePrefix, FormatID(id.Store),
		linkPrefix, FormatID(id.Link), genPrefix, FormatID(id.Gen))
}

// FormatID returns the 16 hex digits of an id.
func FormatID(id uint64) string { return fmt.Sprintf("%0*x", idHex, id) }

// ParseID parses what FormatID returns. It returns 0 for anything else.
func ParseID(text string) uint64 {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil || FormatID(id) != text {
		return 0
	}
	return id
}

// parseIdentity parses the words of an identity. It returns the zero identity for anything else.
func parseIdentity(text string) Identity {
	if len(text) < len(saltPrefix)-1+idHex {
		return Identity{}
	}
	var id Identity
	id.Salt = ParseID(text[len(saltPrefix)-1:][:idHex])
	rest := text[len(saltPrefix)-1+idHex:]
	if len(rest) == OpeningLen-shortOpening {
		id.Store = ParseID(rest[len(storePrefix):][:idHex])
		rest = rest[len(storePrefix)+idHex:]
		id.Link = ParseID(rest[len(linkPrefix):][:idHex])
		id.Gen = ParseID(rest[len(linkPrefix)+idHex+len(genPrefix):])
	}
	short := saltPrefix[1:] + FormatID(id.Salt)
	if id.Salt == 0 || text != id.String() && text != short {
		return Identity{}
	}
	return id
}

// OfDump replaces the salt of a base file that was saved as a dump of a store. Such a base file
// belongs before the first incremental file of a log; perdure convert makes such logs.
const OfDump = math.MaxUint64

// BaseIdentity returns the identity of an RDB base with an origin.
func BaseIdentity(origin string) Identity {
	id := parseIdentity(origin)
	if strings.HasPrefix(origin, storePrefix[1:]) {
		id = Identity{Salt: OfDump}
	}
	return id
}

// Follows reports whether a file can be the neighbor after another one. It accepts files without an
// identity.
func (id Identity) Follows(before Identity) bool {
	return id.Salt == 0 || before.Salt == 0 || id.Store == 0 || before.Store == 0 ||
		id.Store == before.Store && (id.Link == before.Salt || before.Link == id.Salt)
}

// CheckFollows compares the identities of two neighbors with the given paths.
func (id Identity) CheckFollows(path string, before Identity, beforePath string) error {
	if before.Bare && id.Link != 0 {
		return &corrupt.Error{File: beforePath, What: "file does not begin with the opening line that its neighbor names"}
	}
	if id.Follows(before) && (before.Salt != OfDump || id.Link == 0) {
		return nil
	}
	return &corrupt.Error{File: path, What: fmt.Sprintf("file does not belong after %s: it is of another store or generation",
		beforePath)}
}

// AppendOpening appends the opening line of a file whose seed without the salt is s.
func AppendOpening(dst []byte, s Seed, id Identity) ([]byte, Seed) {
	dst, digits := appendDigits(dst)
	return endMarker(id.appendWords(dst), digits, s.Group(0)), s.salted(id.Salt)
}

// ParseOpening parses the opening line of a file whose seed without the salt is s.
func ParseOpening(line []byte, s Seed) (id Identity, salted Seed, ok bool) {
	m, ok := ParseDigits(line)
	if !ok || len(line) != OpeningLen && len(line) != shortOpening || !m.Verifies(s.Group(0)) {
		return Identity{}, s, false
	}
	words := bytes.TrimSuffix(m.rest, []byte("\r\n"))
	if id = parseIdentity(string(bytes.TrimPrefix(words, []byte(" ")))); id.Salt == 0 {
		return Identity{}, s, false
	}
	return id, s.salted(id.Salt), true
}

// ReadOpening reads the identity and the seed of a file. A file without an opening line has a zero
// identity and the seed of its sequence number.
func ReadOpening(file io.ReaderAt, seq int64) (Identity, Seed, error) {
	var head [OpeningLen]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Identity{}, 0, err
	}
	line := head[:bytes.IndexByte(head[:n], '\n')+1]
	id, s, _ := ParseOpening(line, NewSeed(seq))
	return id, s, nil
}
