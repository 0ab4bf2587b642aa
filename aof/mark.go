package aof

import (
	"bytes"
	"hash/crc32"
	"strconv"

	"github.com/perduredb/perdure/internal/resp"
)

// A mark is a line of ours between commands, which Redis 7 and Valkey skip:
//
//	#p1:<8 hex digits>[ sync:<offset>][ ring:<16 hex digits>| close:<16 hex digits>] CR LF
//
// It ends a group, what one write gave to the system. The digits are a CRC-32C over, in turn,
//
//	the file's sequence number   8 bytes, little endian
//	the file's salt              8 bytes, where it has one: see opening.go
//	the offset of the group      8 bytes, little endian
//	the group                    every byte since the end of the mark before
//	the rest of the mark         what follows the digits, CR LF included
//
// so that a group that was changed, moved, or belongs to another file does not pass. sync says
// that the file was on disk up to that offset when the mark was written: no crash explains
// damage below it. ring names the tail file that mirrors the log from there on; 0 is none. The mark
// that a log writes when it begins or ends to use one carries it: see tailfile.go. close is 64 random bits
// that tell one end of a log from every other: see end.go. It ends the use of a tail file too.
//
// Every increment begins with an opening line (identity.go), on disk before the manifest names the
// file. A second mark follows when the manifest that names the file is durable, and always before
// Start or Rewrite returns: where there is no manifest, a file with such a mark has lost it. An
// increment that was closed in order ends with a mark over nothing whose sync is its own offset. One
// that is in use under Always may have filler after its last mark (filler.go). A whole one, of
// increment 1:
//
//	0   #p1:50f93491 salt:0123456789abcdef store:fedcba9876543210 link:0000000000000000 gen:0000000000000001 CR LF
//	102 #p1:46c1183f sync:102 CR LF
//	125 *2 CR LF $6 CR LF select CR LF $1 CR LF 0 CR LF
//	148 *3 CR LF $3 CR LF SET CR LF $1 CR LF k CR LF $1 CR LF v CR LF
//	175 #p1:d44ea961 sync:125 CR LF
//	198 #p1:<8> sync:198 close:<16> CR LF
//
// A SELECT in capitals is not ours: another program has appended here. Redis and Valkey write theirs so, with which
// they begin whenever they go on with a file, and read both.
const (
	markPrefix = "#p1:"
	selectOurs = "*2\r\n$6\r\nselect\r\n"
	selectElse = "*2\r\n$6\r\nSELECT\r\n"
	syncPrefix = " sync:"
	ringPrefix = " ring:"
	endPrefix  = " close:"
	markHex    = 8
	// maxMark is the length of the longest mark but for an opening line.
	maxMark = len(markPrefix) + markHex + len(syncPrefix) + 19 + len(endPrefix) + idHex + 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum8 takes 8 bytes, little endian, into a checksum that is not inverted.
func sum8(crc uint32, n uint64) uint32 {
	n ^= uint64(crc)
	return slicing[7][byte(n)] ^ slicing[6][byte(n>>8)] ^ slicing[5][byte(n>>16)] ^ slicing[4][byte(n>>24)] ^
		slicing[3][byte(n>>32)] ^ slicing[2][byte(n>>40)] ^ slicing[1][byte(n>>48)] ^ slicing[0][byte(n>>56)]
}

// slicing[i][b] is the effect of byte b on a checksum when i more bytes follow it.
var slicing = func() (s [8][256]uint32) {
	s[0] = *castagnoli
	for i := 1; i < len(s); i++ {
		for b, crc := range s[i-1] {
			s[i][b] = s[0][byte(crc)] ^ crc>>8
		}
	}
	return s
}()

// note is what a mark reports besides the checksum; nil is nothing.
type note struct {
	prefix string // ringPrefix or endPrefix
	id     uint64
}

// appendMark appends the mark of a group whose checksum so far is crc. A sync of 0 is left out.
func appendMark(dst []byte, crc uint32, sync int64, n *note) []byte {
	var buf [maxMark]byte
	rest := buf[:0]
	if sync > 0 {
		rest = append(rest, syncPrefix...)
		rest = strconv.AppendInt(rest, sync, 10)
	}
	if n != nil {
		rest = append(rest, n.prefix...)
		rest = append(rest, formatID(n.id)...)
	}
	return appendMarkLine(dst, crc, append(rest, '\r', '\n'))
}

// appendMarkLine appends a mark, of which rest is what follows the digits.
func appendMarkLine(dst []byte, crc uint32, rest []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, markPrefix...)
	at := len(dst)
	dst = append(dst, "00000000"...)
	dst = append(dst, rest...)
	crc = crc32.Update(crc, castagnoli, rest)
	for i := markHex - 1; i >= 0; i-- {
		dst[at+i] = digits[crc&15]
		crc >>= 4
	}
	return dst
}

// markLen returns the length of a mark that appendMark appends.
func markLen(sync int64, note *note) int {
	n := len(markPrefix) + markHex + len("\r\n")
	if sync > 0 {
		n += len(syncPrefix)
		for ; sync > 0; sync /= 10 {
			n++
		}
	}
	if note != nil {
		n += len(note.prefix) + idHex
	}
	return n
}

// lowerHex gives the value of a digit; 0xff of what is none.
var lowerHex = func() (values [256]byte) {
	for c := range values {
		values[c] = 0xff
	}
	for v, c := range []byte("0123456789abcdef") {
		values[c] = byte(v)
	}
	return values
}()

// mark is a mark line, read.
type mark struct {
	crc   uint32
	sync  int64
	rings bool   // it reports the tail file in use
	ring  uint64 // the id of the tail file in use from here on; 0 is none
	close uint64 // the id of an end of the log; 0 when it is none
	rest  []byte // what follows the digits
}

// parseMark reads a line as a mark. Only what appendMark writes is one.
func parseMark(line []byte) (m mark, ok bool) {
	if len(line) > maxMark {
		return m, false
	}
	m, ok = parseDigits(line)
	if !ok || string(m.rest) == "\r\n" { // as most are
		return m, ok
	}
	words := m.rest[:len(m.rest)-len("\r\n")]
	if i := bytes.LastIndexByte(words, ' '); i >= 0 && !bytes.HasPrefix(words[i:], []byte(syncPrefix)) {
		prefix, digits, _ := bytes.Cut(words[i:], []byte(":"))
		id := parseID(string(digits))
		switch string(prefix) + ":" {
		case ringPrefix:
			m.ring = id
		case endPrefix:
			m.close = id
		default:
			return m, false
		}
		if m.rings, words = true, words[:i]; formatID(id) != string(digits) {
			return m, false
		}
	}
	if len(words) == 0 {
		return m, true
	}
	number, ok := bytes.CutPrefix(words, []byte(syncPrefix))
	if !ok || len(number) == 0 || number[0] < '1' || number[0] > '9' {
		return m, false
	}
	sync, err := strconv.ParseInt(string(number), 10, 64)
	m.sync = sync
	return m, err == nil
}

// parseDigits reads a mark but for what follows its digits.
func parseDigits(line []byte) (m mark, ok bool) {
	text, ok := bytes.CutPrefix(line, []byte(markPrefix))
	if !ok || len(text) < markHex+2 {
		return m, false
	}
	var wrong byte
	for _, c := range text[:markHex] {
		digit := lowerHex[c]
		wrong |= digit
		m.crc = m.crc<<4 | uint32(digit&0xf)
	}
	m.rest = text[markHex:]
	return m, wrong <= 0xf && bytes.HasSuffix(m.rest, []byte("\r\n"))
}

// verifies tells whether m closes a group whose checksum so far is crc.
func (m mark) verifies(crc uint32) bool {
	return crc32.Update(crc, castagnoli, m.rest) == m.crc
}

// appendSelect appends the command that selects db, in a log with marks or without.
func appendSelect(dst []byte, db int, marked bool) []byte {
	if marked {
		dst = append(dst, selectOurs...)
	} else {
		dst = append(dst, selectElse...)
	}
	return resp.AppendInt(dst, int64(db))
}
