package wire

import (
	"bytes"
	"io"
)

// ClosingMarker returns the clean-shutdown marker that a file ends with, and its offset. The offset
// is 0 if the file does not end with one.
func ClosingMarker(file io.ReaderAt, seed Seed, size int64) (Marker, int64, error) {
	var buf [MaxMarker]byte
	last := buf[:min(int64(len(buf)), size)]
	if _, err := file.ReadAt(last, size-int64(len(last))); err != nil && err != io.EOF {
		return Marker{}, 0, err
	}
	for i := range last {
		m, ok := ParseMarker(last[i:])
		offset := size - int64(len(last)-i)
		if ok && m.Ring == 0 && m.Synced == offset && m.Verifies(seed.Group(offset)) {
			return m, offset, nil
		}
	}
	return Marker{}, 0, nil
}

// AfterMarkers is like afterMarker but skips any number of markers.
func AfterMarkers(file io.ReaderAt, offset, end int64) (int64, error) {
	for offset < end {
		next, err := afterMarker(file, offset, end)
		if err != nil || next == offset {
			return offset, err
		}
		offset = next
	}
	return offset, nil
}

// afterMarker returns the offset after the marker at an offset, including the alignment padding
// before it. Without a marker there, it returns the offset unchanged.
func afterMarker(file io.ReaderAt, offset, end int64) (int64, error) {
	var lines [MaxAlignment + MaxMarker]byte
	n, err := file.ReadAt(lines[:min(int64(len(lines)), end-offset)], offset)
	if err != nil && err != io.EOF {
		return 0, err
	}
	at := alignmentLen(lines[:n])
	if eol := bytes.IndexByte(lines[at:n], '\n'); eol >= 0 {
		if _, ok := ParseMarker(lines[at : at+eol+1]); ok {
			return offset + int64(at+eol) + 1, nil
		}
	}
	return offset, nil
}

// IsRDB reports whether a file begins with an RDB. Commands begin with * or #.
func IsRDB(f io.ReaderAt) (bool, error) {
	var head [6]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	return bytes.HasPrefix(head[:n], []byte("REDIS")) || string(head[:n]) == "VALKEY", nil
}
