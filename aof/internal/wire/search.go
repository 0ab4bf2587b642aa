package wire

import (
	"bytes"
	"io"
)

const (
	searchWindow = 1 << 20
	// searchStarts is the number of earlier offsets where a group may begin, so that a line inside
	// a value that looks like a marker does not hide a real one.
	searchStarts = 4
)

// search searches after damage for markers that can be trusted. The checksum of such a marker
// matches the bytes since an earlier marker, or since the offset that it declares synced.
type search struct {
	file   io.ReaderAt
	seed   Seed
	from   int64
	starts []int64
	budget int64 // bytes that may still be checksummed, to bound the search in hostile input
	best   int64
	buf    []byte
}

// TrustedSync returns the highest offset that a trustworthy marker after from declares synced, or
// 0.
func TrustedSync(f io.ReaderAt, seed Seed, from, size int64) (int64, error) {
	s := &search{
		file: f, seed: seed, from: from, starts: []int64{from},
		budget: 16*(size-from) + 64<<20,
	}
	window := make([]byte, min(searchWindow, size-from))
	for offset := from; offset < size; {
		n, err := f.ReadAt(window[:min(int64(len(window)), size-offset)], offset)
		if n == 0 {
			return 0, err
		}
		last := offset+int64(n) == size
		next, err := s.window(window[:n], offset, last)
		if err != nil {
			return 0, err
		}
		if last || next == 0 {
			break
		}
		offset += int64(next)
	}
	return s.best, nil
}

// window searches one piece of the file and returns the number of its bytes that are done.
func (s *search) window(data []byte, offset int64, last bool) (done int, err error) {
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(MarkerPrefix))
		if i < 0 {
			return max(at, len(data)-len(MarkerPrefix)), nil
		}
		at += i
		line := data[at:]
		if len(line) > MaxMarker {
			line = line[:MaxMarker]
		} else if !last {
			return at, nil // the next window contains all of it
		}
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			if err := s.candidate(line[:end+1], offset+int64(at)); err != nil {
				return 0, err
			}
		}
		at += len(MarkerPrefix)
	}
}

// candidate examines a line that begins like a marker.
func (s *search) candidate(line []byte, offset int64) error {
	m, ok := ParseMarker(line)
	if !ok {
		return nil
	}
	trusted := false
	for i := len(s.starts) - 1; i >= 0 && !trusted; i-- {
		var err error
		if trusted, err = s.fits(m, s.starts[i], offset); err != nil {
			return err
		}
	}
	if !trusted && m.Synced >= s.from && m.Synced <= offset {
		var err error
		if trusted, err = s.fits(m, m.Synced, offset); err != nil {
			return err
		}
	}
	// Bytes missing or inserted before a group have moved it. Its original offset may be its own
	// sync, if everything before it was durable. The clean-shutdown marker, which closes an empty
	// group, is such a case.
	for i := len(s.starts); i >= 0 && !trusted && m.Synced > 0; i-- {
		start := offset
		if i < len(s.starts) {
			start = s.starts[i]
		}
		var err error
		if trusted, err = s.sums(m, m.Synced, start, offset); err != nil {
			return err
		}
	}
	if trusted {
		s.best = max(s.best, m.Synced)
	}
	if len(s.starts) == searchStarts {
		s.starts = append(s.starts[:0], s.starts[1:]...)
	}
	s.starts = append(s.starts, offset+int64(len(line)))
	return nil
}

// fits reports whether m, at offset, closes the group that begins at start.
func (s *search) fits(m Marker, start, offset int64) (bool, error) {
	if m.Synced > start {
		return false, nil
	}
	return s.sums(m, start, start, offset)
}

// sums reports whether m closes the bytes from start to offset as a group that was written at
// the offset place.
func (s *search) sums(m Marker, place, start, offset int64) (bool, error) {
	if start > offset || s.budget < offset-start {
		return false, nil
	}
	s.budget -= offset - start
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	crc := s.seed.Group(place)
	for start < offset {
		n, err := s.file.ReadAt(s.buf[:min(int64(len(s.buf)), offset-start)], start)
		if n == 0 {
			return false, err
		}
		crc = Sum(crc, s.buf[:n])
		start += int64(n)
	}
	return m.Verifies(crc), nil
}
