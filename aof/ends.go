package aof

import (
	"bytes"
	"io"
)

// closingMark returns the clean-shutdown marker that a file ends with, and its offset. The offset
// is 0 if the file does not end with one.
func closingMark(file io.ReaderAt, seed seed, size int64) (mark, int64, error) {
	var buf [maxMark]byte
	tail := buf[:min(int64(len(buf)), size)]
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return mark{}, 0, err
	}
	for i := range tail {
		m, ok := parseMark(tail[i:])
		offset := size - int64(len(tail)-i)
		if ok && m.ring == 0 && m.sync == offset && m.verifies(seed.group(offset)) {
			return m, offset, nil
		}
	}
	return mark{}, 0, nil
}

// behindMarks is like behindMark but skips any number of markers.
func behindMarks(file io.ReaderAt, offset, end int64) (int64, error) {
	for offset < end {
		next, err := behindMark(file, offset, end)
		if err != nil || next == offset {
			return offset, err
		}
		offset = next
	}
	return offset, nil
}

// behindMark returns the offset after the marker at an offset, including the alignment padding
// before it. It returns the same offset if there is no marker.
func behindMark(file io.ReaderAt, offset, end int64) (int64, error) {
	var lines [maxPad + maxMark]byte
	n, err := file.ReadAt(lines[:min(int64(len(lines)), end-offset)], offset)
	if err != nil && err != io.EOF {
		return 0, err
	}
	at := padLen(lines[:n])
	if eol := bytes.IndexByte(lines[at:n], '\n'); eol >= 0 {
		if _, ok := parseMark(lines[at : at+eol+1]); ok {
			return offset + int64(at+eol) + 1, nil
		}
	}
	return offset, nil
}

// hasPreamble reports whether a file begins with an RDB. Commands begin with * or #.
func hasPreamble(f io.ReaderAt) (bool, error) {
	var head [6]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	return bytes.HasPrefix(head[:n], []byte("REDIS")) || string(head[:n]) == "VALKEY", nil
}
