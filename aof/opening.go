package aof

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

// Each file of a log that perdure writes records its own id, its store, and one neighbor. An
// incremental file, and a base file of commands, begins with an opening line, which is an empty
// commit marker:
//
//	#p1:<8 hex digits> salt:<16 hex digits> store:<16> link:<16> gen:<16> CR LF
//
// The salt is 64 random bits and identifies the file. The file's checksums are seeded with the
// salt. So a client that chooses values cannot forge a marker, and no block of another file
// verifies. The store id is the same in all files of a store. The link of an incremental file is
// the salt of the incremental file before it. The link of a base file is the salt of the
// incremental file after it. A link of 0 means none. The generation counts the logs that the store
// has begun.
//
// An RDB base file stores the same words in its AUX field perdure-origin: see [appendlog.Base].
//
// The manifest repeats the properties that it must find (see manifest.go). If a server has
// rewritten the manifest, neighbors are compared with each other. A file that another program began
// has no identity, and its bytes count as unverified.
type identity struct {
	salt, store, link, gen uint64
	bare                   bool // a file of commands without an opening line
}

const (
	saltPrefix  = " salt:"
	storePrefix = " store:"
	linkPrefix  = " link:"
	genPrefix   = " gen:"
	idHex       = 16
)

// openingLen is the length of an opening line. shortOpening is the length of one with only a salt,
// as an earlier format had.
const (
	shortOpening = len(markPrefix) + markHex + len(saltPrefix) + idHex + len("\r\n")
	openingLen   = shortOpening + len(storePrefix) + len(linkPrefix) + len(genPrefix) + 3*idHex
)

// randomID returns 64 random bits that are not all 0.
func randomID() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails
		if id := binary.LittleEndian.Uint64(b[:]); id != 0 {
			return id
		}
	}
}

// String returns the identity as it is stored in the AUX field of an RDB base.
func (id identity) String() string {
	return string(bytes.TrimLeft(id.appendWords(nil), " "))
}

func (id identity) appendWords(dst []byte) []byte {
	return fmt.Appendf(dst, "%s%s%s%s%s%s%s%s", saltPrefix, formatID(id.salt), storePrefix, formatID(id.store),
		linkPrefix, formatID(id.link), genPrefix, formatID(id.gen))
}

// formatID returns the 16 hex digits of an id.
func formatID(id uint64) string { return fmt.Sprintf("%0*x", idHex, id) }

// parseID parses what formatID returns. It returns 0 for anything else.
func parseID(text string) uint64 {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil || formatID(id) != text {
		return 0
	}
	return id
}

// parseIdentity parses the words of an identity. It returns the zero identity for anything else.
func parseIdentity(text string) identity {
	if len(text) < len(saltPrefix)-1+idHex {
		return identity{}
	}
	var id identity
	id.salt = parseID(text[len(saltPrefix)-1:][:idHex])
	rest := text[len(saltPrefix)-1+idHex:]
	if len(rest) == openingLen-shortOpening {
		id.store = parseID(rest[len(storePrefix):][:idHex])
		rest = rest[len(storePrefix)+idHex:]
		id.link = parseID(rest[len(linkPrefix):][:idHex])
		id.gen = parseID(rest[len(linkPrefix)+idHex+len(genPrefix):])
	}
	short := saltPrefix[1:] + formatID(id.salt)
	if id.salt == 0 || text != id.String() && text != short {
		return identity{}
	}
	return id
}

// ofDump replaces the salt of a base file that was saved as a dump of a store. Such a base file
// belongs before the first incremental file of a log; perdure convert makes such logs.
const ofDump = math.MaxUint64

// baseIdentity returns the identity of an RDB base with an origin.
func baseIdentity(origin string) identity {
	id := parseIdentity(origin)
	if strings.HasPrefix(origin, storePrefix[1:]) {
		id = identity{salt: ofDump}
	}
	return id
}

// follows reports whether a file can be the neighbor after another one. It accepts files without an
// identity.
func (id identity) follows(before identity) bool {
	return id.salt == 0 || before.salt == 0 || id.store == 0 || before.store == 0 ||
		id.store == before.store && (id.link == before.salt || before.link == id.salt)
}

// checkFollows compares the identities of two neighbors with the given paths.
func (id identity) checkFollows(path string, before identity, beforePath string) error {
	if before.bare && id.link != 0 {
		return &corrupt.Error{File: beforePath, What: "file does not begin with the opening line that its neighbor names"}
	}
	if id.follows(before) && (before.salt != ofDump || id.link == 0) {
		return nil
	}
	return &corrupt.Error{File: path, What: fmt.Sprintf("file does not belong after %s: it is of another store or generation",
		beforePath)}
}

// appendOpening appends the opening line of a file whose seed without the salt is s.
func appendOpening(dst []byte, s seed, id identity) ([]byte, seed) {
	rest := append(id.appendWords(nil), "\r\n"...)
	return appendMarkLine(dst, s.group(0), rest), s.salted(id.salt)
}

// parseOpening parses the opening line of a file whose seed without the salt is s.
func parseOpening(line []byte, s seed) (id identity, salted seed, ok bool) {
	m, ok := parseDigits(line)
	if !ok || len(line) != openingLen && len(line) != shortOpening || !m.verifies(s.group(0)) {
		return identity{}, s, false
	}
	words := bytes.TrimSuffix(m.rest, []byte("\r\n"))
	if id = parseIdentity(string(bytes.TrimPrefix(words, []byte(" ")))); id.salt == 0 {
		return identity{}, s, false
	}
	return id, s.salted(id.salt), true
}

// readOpening reads the identity and the seed of a file. A file without an opening line has a zero
// identity and the seed of its sequence number.
func readOpening(file io.ReaderAt, seq int64) (identity, seed, error) {
	var head [openingLen]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return identity{}, 0, err
	}
	line := head[:bytes.IndexByte(head[:n], '\n')+1]
	id, s, _ := parseOpening(line, newSeed(seq))
	return id, s, nil
}
