package rdb

import "github.com/perduredb/perdure/internal/lzf"

// Redis's policy for compressing a string.
const (
	compressAbove = 20 // bytes that are never worth it
	compressSaves = 4  // bytes that it must save at least

	// compressBelow is the length from which a string is not compressed: its stream would take as much
	// memory again, at a moment when there may be none.
	compressBelow = 64 << 20
)

// When so many short strings in a row did not get shorter, only one of a few is tried until one does: a
// data set whose values are random, or compressed already, is saved in half the time, and one in
// which a tenth of them can be compressed loses a few in a hundred.
const (
	squeezeGivesUp = 64
	squeezeTries   = 8
	squeezeShort   = 1 << 10 // longer strings are always tried: there is more to save
	squeezeLong    = 1 << 20
)

// squeezer compresses strings where that saves enough.
type squeezer struct {
	lzf    lzf.Compressor
	stream []byte
	misses int // in a row
}

// squeeze returns the LZF stream for p, valid until the next call, if p is to be written so.
func (s *squeezer) squeeze(p []byte) (stream []byte, ok bool) {
	if len(p) <= compressAbove || len(p) >= compressBelow {
		return nil, false
	}
	if len(p) <= squeezeShort && s.misses >= squeezeGivesUp && s.misses%squeezeTries != 0 {
		s.misses++
		return nil, false
	}
	if len(p) > squeezeLong && cap(s.stream) < len(p) {
		s.stream = make([]byte, 0, len(p)) // once, and not by doubling
	}
	s.stream, ok = s.lzf.Append(s.stream[:0], p, len(p)-compressSaves)
	if s.misses++; ok {
		s.misses = 0
	}
	return s.stream, ok
}
