package wire

import (
	"bytes"
	"hash/crc32"
	"strconv"

	"github.com/perduredb/perdure/internal/resp"
)

// A commit marker is a line that perdure writes between commands. Redis 7 and Valkey skip it:
//
//	#p1:<8 hex digits>[ sync:<offset>][ ring:<16 hex digits>| close:<16 hex digits>] CR LF
//
// It ends a commit group, which is the bytes of one write. The digits are a CRC-32C over, in this
// order,
//
//	the file's sequence number   8 bytes, little endian
//	the file's salt              8 bytes, if it has one: see opening.go
//	the offset of the group      8 bytes, little endian
//	the group                    every byte since the end of the previous marker
//	the rest of the marker       the text after the digits, CR LF included
//
// A group that was changed or moved, or that belongs to another file, does not verify. sync
// declares that the file was durable up to that offset when the marker was written. No crash
// explains damage below it. ring is the id of the tail file that mirrors the log from there on; 0
// means none. The log writes it in a marker when it begins or ends to use a tail file: see
// package ring. close is 64 random bits that distinguish one end of a log from every other: see
// logend.go. It also ends the use of a tail file.
//
// Every incremental file begins with an opening line (opening.go), which is durable before the
// manifest lists the file. Once that manifest is durable, and before Start or Rewrite returns, a
// second marker follows. So if the manifest is missing, a file with such a marker has lost it. An
// incremental file that was closed in order ends with an empty commit marker whose sync is its own
// offset. A file in use under Always may have padding after its last marker (padding.go). A whole
// incremental file with number 1:
//
//	0   #p1:50f93491 salt:0123456789abcdef store:fedcba9876543210
//	    link:0000000000000000 gen:0000000000000001 CR LF           (all on one line)
//	102 #p1:46c1183f sync:102 CR LF
//	125 *2 CR LF $6 CR LF select CR LF $1 CR LF 0 CR LF
//	148 *3 CR LF $3 CR LF SET CR LF $1 CR LF k CR LF $1 CR LF v CR LF
//	175 #p1:d44ea961 sync:125 CR LF
//	198 #p1:<8> sync:198 close:<16> CR LF
//
// A SELECT in capitals is not written by perdure: another program has appended there. Redis and
// Valkey write it so, at the start of whatever they append to a file. They read both forms.
const (
	MarkerPrefix = "#p1:"
	selectLower  = "*2\r\n$6\r\nselect\r\n"
	selectUpper  = "*2\r\n$6\r\nSELECT\r\n"
	syncPrefix   = " sync:"
	RingPrefix   = " ring:"
	ClosePrefix  = " close:"
	markerHex    = 8
	// MaxMarker is the length of the longest marker other than an opening line.
	MaxMarker = len(MarkerPrefix) + markerHex + len(syncPrefix) + 19 + len(ClosePrefix) + idHex + 2
)

// Note is the extra word of a commit marker; nil means none.
type Note struct {
	Prefix string // RingPrefix or ClosePrefix
	ID     uint64
}

// AppendMarker appends the commit marker of a group whose checksum so far is crc. It omits a sync
// of 0. It builds the marker in dst: the checksum would move a buffer on the stack to the heap,
// which takes 70 ns of the 2 us of a Set in Direct mode.
func AppendMarker(dst []byte, crc uint32, sync int64, n *Note) []byte {
	dst, digits := appendDigits(dst)
	if sync > 0 {
		dst = append(dst, syncPrefix...)
		dst = strconv.AppendInt(dst, sync, 10)
	}
	if n != nil {
		dst = append(dst, n.Prefix...)
		dst = append(dst, FormatID(n.ID)...)
	}
	return endMarker(dst, digits, crc)
}

// appendDigits begins a commit marker, and returns the offset of its digits, which endMarker sets.
func appendDigits(dst []byte) (_ []byte, digits int) {
	dst = append(dst, MarkerPrefix...)
	return append(dst, "00000000"...), len(dst)
}

// endMarker completes the commit marker at the end of dst.
func endMarker(dst []byte, digits int, crc uint32) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '\r', '\n')
	crc = crc32.Update(crc, Castagnoli, dst[digits+markerHex:])
	for i := digits + markerHex - 1; i >= digits; i-- {
		dst[i] = hex[crc&15]
		crc >>= 4
	}
	return dst
}

// MarkerLen returns the length of the marker that AppendMarker appends.
func MarkerLen(sync int64, note *Note) int {
	n := len(MarkerPrefix) + markerHex + len("\r\n")
	if sync > 0 {
		n += len(syncPrefix)
		for ; sync > 0; sync /= 10 {
			n++
		}
	}
	if note != nil {
		n += len(note.Prefix) + idHex
	}
	return n
}

// lowerHex contains the value of each lower-case hex digit, and 0xff for any other byte.
var lowerHex = func() (values [256]byte) {
	for c := range values {
		values[c] = 0xff
	}
	for v, c := range []byte("0123456789abcdef") {
		values[c] = byte(v)
	}
	return values
}()

// Marker is a parsed commit marker.
type Marker struct {
	CRC     uint32
	Synced  int64
	HasRing bool   // it reports which tail file is in use
	Ring    uint64 // id of the tail file in use from here on; 0 if none
	Close   uint64 // id of an end of the log; 0 if it is not an end
	rest    []byte // text after the digits
}

// ParseMarker parses a line as a commit marker. It accepts only the output of AppendMarker.
func ParseMarker(line []byte) (m Marker, ok bool) {
	if len(line) > MaxMarker {
		return m, false
	}
	m, ok = ParseDigits(line)
	if !ok || string(m.rest) == "\r\n" { // the common case
		return m, ok
	}
	words := m.rest[:len(m.rest)-len("\r\n")]
	if i := bytes.LastIndexByte(words, ' '); i >= 0 && !bytes.HasPrefix(words[i:], []byte(syncPrefix)) {
		prefix, digits, _ := bytes.Cut(words[i:], []byte(":"))
		id := ParseID(string(digits))
		switch string(prefix) + ":" {
		case RingPrefix:
			m.Ring = id
		case ClosePrefix:
			m.Close = id
		default:
			return m, false
		}
		if m.HasRing, words = true, words[:i]; FormatID(id) != string(digits) {
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
	m.Synced = sync
	return m, err == nil
}

// ParseDigits parses a commit marker without the text after its digits.
func ParseDigits(line []byte) (m Marker, ok bool) {
	text, ok := bytes.CutPrefix(line, []byte(MarkerPrefix))
	if !ok || len(text) < markerHex+2 {
		return m, false
	}
	var wrong byte
	for _, c := range text[:markerHex] {
		digit := lowerHex[c]
		wrong |= digit
		m.CRC = m.CRC<<4 | uint32(digit&0xf)
	}
	m.rest = text[markerHex:]
	return m, wrong <= 0xf && bytes.HasSuffix(m.rest, []byte("\r\n"))
}

// Verifies reports whether m closes a group whose checksum so far is crc.
func (m Marker) Verifies(crc uint32) bool {
	return crc32.Update(crc, Castagnoli, m.rest) == m.CRC
}

// AppendSelect appends the command that selects db, for a log with or without commit markers.
func AppendSelect(dst []byte, db int, marked bool) []byte {
	if marked {
		dst = append(dst, selectLower...)
	} else {
		dst = append(dst, selectUpper...)
	}
	return resp.AppendInt(dst, int64(db))
}

// ShortMarker is the length of a marker without a durable offset.
const ShortMarker = int64(len(MarkerPrefix) + markerHex + len("\r\n"))
