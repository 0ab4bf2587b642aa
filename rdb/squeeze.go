package rdb

import "github.com/perduredb/perdure/internal/lzf"

// Redis's policy for compressing a string.
const (
	compressAbove = 20 // strings up to this length are not compressed
	compressSaves = 4  // minimum number of bytes saved

	// Strings of compressBelow bytes and more are not compressed. Their streams would need as much
	// memory again, when none may be free.
	compressBelow = 64 << 20
)

// After squeezeMaxMisses consecutive short strings that did not shrink, only one in squeezeTries is
// tried until one shrinks. A data set of random or compressed values is then saved in half the
// time. A data set in which 10% of the values can be compressed loses a few percent.
const (
	squeezeMaxMisses = 64
	squeezeTries     = 8
	squeezeShort     = 1 << 10 // longer strings are always tried: there is more to save
	squeezeLong      = 1 << 20
)

// squeezer compresses strings if that saves enough bytes.
type squeezer struct {
	lzf    lzf.Compressor
	stream []byte
	misses int // consecutive
}

// squeeze returns the LZF stream for p, which is valid until the next call. ok reports whether p is
// to be written compressed.
func (s *squeezer) squeeze(p []byte) (stream []byte, ok bool) {
	if len(p) <= compressAbove || len(p) >= compressBelow {
		return nil, false
	}
	if len(p) <= squeezeShort && s.misses >= squeezeMaxMisses && s.misses%squeezeTries != 0 {
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
