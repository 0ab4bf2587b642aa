package rdb

import (
	"encoding/binary"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// form checks the bytes of one packed form and returns what is wrong with them, or "".
//
// What is checked is the frame, by which Redis walks: sizes and the end. The entries within are
// carried as they are.
type form func(p []byte) string

// formOf returns the form in which a value of type t, one string, is packed.
func formOf(t snapshot.Type) form {
	switch t {
	case typeHashZipmap:
		return zipmap
	case typeSetIntset:
		return intset
	case typeListZiplist, typeZSetZiplist, typeHashZiplist:
		return ziplist
	}
	return listpack
}

// packed passes over a string that holds a packed form.
func (s *skipper) packed(check form) error {
	at := s.r.offset()
	p, err := s.r.str(s.scratch, s.limit)
	if err != nil {
		return err
	}
	if what := check(p.bytes(s.r)); what != "" {
		return corrupt.New(at, "%s", what)
	}
	return nil
}

// listpack: size (4 bytes little-endian, all of it), count (2; 65535 is unknown), entries, ff.
func listpack(p []byte) string {
	const least = 4 + 2 + 1
	if len(p) < least {
		return fmt.Sprintf("want a listpack of at least %d bytes, found %d", least, len(p))
	}
	return framed("listpack", p)
}

// ziplist: size (4 bytes little-endian, all of it), where the last entry stands (4), count (2),
// entries, ff.
func ziplist(p []byte) string {
	const head, least = 4 + 4 + 2, 4 + 4 + 2 + 1
	if len(p) < least {
		return fmt.Sprintf("want a ziplist of at least %d bytes, found %d", least, len(p))
	}
	if tail := binary.LittleEndian.Uint32(p[4:]); tail < head || int64(tail) >= int64(len(p)) {
		return fmt.Sprintf("want the last entry of a ziplist within %d bytes, found it at %d", len(p), tail)
	}
	return framed("ziplist", p)
}

// framed checks size and end of a listpack or ziplist.
func framed(name string, p []byte) string {
	if size := binary.LittleEndian.Uint32(p); int64(size) != int64(len(p)) {
		return fmt.Sprintf("want a %s of its %d bytes, found a size of %d", name, len(p), size)
	}
	if last := p[len(p)-1]; last != 0xff {
		return fmt.Sprintf("want ff at the end of a %s, found %02x", name, last)
	}
	return ""
}

// intset: width (4 bytes little-endian: 2, 4 or 8), count (4), that many integers of that width.
func intset(p []byte) string {
	const head = 4 + 4
	if len(p) < head {
		return fmt.Sprintf("want an intset of at least %d bytes, found %d", head, len(p))
	}
	width, count := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
	if width != 2 && width != 4 && width != 8 {
		return fmt.Sprintf("want an intset of width 2, 4 or 8, found %d", width)
	}
	if want := head + int64(width)*int64(count); want != int64(len(p)) {
		return fmt.Sprintf("want an intset of %d bytes, found %d", want, len(p))
	}
	return ""
}

// zipmap: count (1 byte; 254 and more is unknown), entries, ff.
func zipmap(p []byte) string {
	if len(p) < 2 {
		return fmt.Sprintf("want a zipmap of at least 2 bytes, found %d", len(p))
	}
	if last := p[len(p)-1]; last != 0xff {
		return fmt.Sprintf("want ff at the end of a zipmap, found %02x", last)
	}
	return ""
}
