package wire

import (
	"bytes"
	"io"
	"sync"
)

// Preallocated padding consists of lines that Redis 7 skips. A log writes them ahead at the end of
// its newest incremental file, and writes groups over them:
//
//	offset   0 ... 63   64 ... 127   and so on, to a multiple of 4,096
//	         ##...#LF   ##...#LF
//	written over up to 100:
//	         group      group##...LF
//
// The remainder of a partly overwritten line is itself a valid padding line, unless only its LF
// remains. In that case #LF is written over that byte and the next, and counts as padding.
//
//  1. Each sector of a group that a power loss has torn holds the group, padding, zeros or garbage.
//  2. No sector that begins inside a log record begins with the first byte of a command or a line.
//     So a SELECT inside a value is never read as the SELECT of another program. No record crosses
//     a page boundary: see paginate. Nor does a marker.
//  3. If only padding follows the last marker, the file ends at that marker. Sizes do not count
//     padding.
//
// Alignment padding also consists of such lines. It keeps a marker inside one page.
const (
	PaddingLine = 64
	MinLine     = len("#\n")
	PaddingMax  = 256 << 10 // bytes that are written ahead at once, at most
	sector      = 512       // bytes that a disk writes atomically
	PageSize    = 4096      // the smallest page size in use; larger pages are multiples of it
	// LeadSize is the room for a clean-shutdown marker and the start of the next group: a #TS: line
	// and the SELECT.
	LeadSize = MaxMarker + 56
	// MaxAlignment is the largest number of bytes of alignment padding before a marker.
	MaxAlignment = LeadSize + MaxMarker
)

// PaddingLines returns padding lines, enough for every extension.
var PaddingLines = sync.OnceValue(func() []byte {
	return bytes.Repeat(append(bytes.Repeat([]byte{'#'}, PaddingLine-1), '\n'), (PaddingMax+PageSize)/PaddingLine+1)
})

// IsPadding reports whether a line is a padding line, or the rest of one.
func IsPadding(line []byte) bool {
	n := len(line) - 1
	return n > 0 && line[n] == '\n' && len(bytes.TrimLeft(line[:n], "#")) == 0
}

// AppendPadding appends padding lines of n bytes in total. n is 0 or at least 2.
func AppendPadding(dst []byte, n int) []byte {
	for n > 0 {
		line := min(n, PaddingLine)
		if n-line == 1 {
			line--
		}
		dst = append(dst, PaddingLines()[PaddingLine-line:PaddingLine]...)
		n -= line
	}
	return dst
}

// alignmentLen returns the length of the alignment padding before a marker, if
// text begins with it.
func alignmentLen(text []byte) (n int) {
	if bytes.HasPrefix(text, []byte(selectLower)) {
		return max(0, commandLen(text))
	}
	for line := range bytes.Lines(text) {
		if !IsPadding(line) {
			break
		}
		n += len(line)
	}
	return n
}

// PaddingAfter returns the number of bytes of padding at the end of a file, at or after offset
// from.
func PaddingAfter(f io.ReaderAt, from, size int64) (int64, error) {
	whole := true // the first line is whole
	if longest := size - PaddingMax - 2*PageSize; longest > from {
		from, whole = longest, false
	}
	last := make([]byte, size-from)
	if n, err := f.ReadAt(last, from); n < len(last) {
		return 0, err
	}
	padding := len(last)
	for rest := last; len(rest) > 0; whole = true {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			return 0, nil // the file ends inside a line
		}
		if !whole || !IsPadding(rest[:end]) {
			padding = len(rest) - end
		}
		rest = rest[end:]
	}
	return int64(padding), nil
}
