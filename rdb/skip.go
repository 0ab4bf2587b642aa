package rdb

import (
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// layouts describes the value layout of each type, for skipping. See walk.go for the full layouts:
//
//	s string   n length   4, 8, w that many bytes, w being 16   d score in decimal
//	m the pieces of a module, to their end   a array
//	*(...) a length, and the layout in parentheses that many times
var layouts = map[snapshot.Type]string{
	typeString:        "s",
	typeList:          "*(s)",
	typeSet:           "*(s)",
	typeZSetText:      "*(sd)",
	typeHash:          "*(ss)",
	typeZSet:          "*(s8)",
	typeModule:        "nm",
	typeHashZipmap:    "s",
	typeListZiplist:   "s",
	typeSetIntset:     "s",
	typeZSetZiplist:   "s",
	typeHashZiplist:   "s",
	typeQuicklist:     "*(s)",
	typeStream:        "*(ss)nnn*(snn*(w8n)*(s8*(w)))",
	typeHashListpack:  "s",
	typeZSetListpack:  "s",
	typeQuicklist2:    "*(ns)",
	typeStream2:       "*(ss)nnnnnnnn*(snnn*(w8n)*(s8*(w)))",
	typeSetListpack:   "s",
	typeStream3:       "*(ss)nnnnnnnn*(snnn*(w8n)*(sw*(w)))",
	typeHashTTLOld:    "*(nss)",
	typeHashTTLLPOld:  "s",
	typeHashTTL:       "8*(nss)",
	typeHashTTLLP:     "8s",
	typeStream4:       "*(ss)nnnnnnnn*(snnn*(w8n)*(sw*(w)))nn*(s*(snn))nn",
	typeStream5:       "*(ss)nnnnnnnn*(snnn*(w8n)*(sw*(w))*(w))nn*(s*(snn))nn",
	typeArray:         "a",
	typeValkeyHashTTL: "*(ss8)",
}

// layoutKeyMeta is the layout of the module metadata of a key: a class of 4 bytes for each module,
// and pieces.
const layoutKeyMeta = "*(4m)"

// skipper skips data of a given layout without checking it. A wrong count or length ends at the end
// of the input.
type skipper struct {
	in    *input
	keep  bool  // retain the bytes from start on
	start int   // a place
	limit int64 // maximum number of held bytes
}

// kept skips data of a given layout and returns it. It allows at most limit bytes. The data is
// valid until the next hold.
func (r *input) kept(layout string, limit int64) ([]byte, error) {
	s := skipper{r, true, r.place(), limit}
	if err := s.all(layout); err != nil {
		return nil, err
	}
	return r.between(s.start, r.place()), nil
}

// skip skips data of a given layout, of any size, without holding it.
func (r *input) skip(layout string) error {
	s := skipper{in: r}
	return s.all(layout)
}

func (s *skipper) all(layout string) error {
	for i := 0; i < len(layout); i++ {
		var err error
		switch c := layout[i]; c {
		case 's':
			err = s.str()
		case 'n':
			_, err = s.in.length()
		case '4', '8':
			err = s.pass(uint64(c - '0'))
		case 'w':
			err = s.pass(streamIDSize)
		case 'd':
			err = s.textScore()
		case 'm':
			err = s.pieces()
		case 'a':
			err = s.array()
		case '*':
			end := i + 1 + closing(layout[i+1:])
			err = s.each(layout[i+2 : end])
			i = end
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// closing returns the index of the parenthesis that closes the one at the start of s.
func closing(s string) int {
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	panic("rdb: internal error: layout without an end: " + s)
}

// each reads a count and skips a layout that many times.
func (s *skipper) each(layout string) error {
	n, err := s.in.length()
	if err != nil {
		return err
	}
	for range n {
		if err := s.all(layout); err != nil {
			return err
		}
		if err := s.within(); err != nil {
			return err
		}
	}
	return nil
}

// within returns an error if more bytes are held than the limit.
func (s *skipper) within() error {
	if n := int64(s.in.place() - s.start); s.keep && n > s.limit {
		return s.in.overLimit(s.in.offset(), uint64(n), s.limit)
	}
	return nil
}

// pass skips n bytes.
func (s *skipper) pass(n uint64) error {
	r := s.in
	if s.keep {
		if n > uint64(s.limit) {
			return r.tooLong(r.offset(), n, s.limit)
		}
		_, err := r.bytes(int(n))
		return err
	}
	if r.size >= 0 && n > uint64(max(r.size-r.offset(), 0)) {
		return corrupt.Torn(r.offset(), "want %d bytes, found %d before the end", n, max(r.size-r.offset(), 0))
	}
	start, all := r.offset(), n
	for n > uint64(r.end-r.pos) {
		n -= uint64(r.end - r.pos)
		r.pos = r.end
		r.hold()
		err := r.fill(1)
		if torn, ok := err.(*corrupt.Error); ok && torn.Torn {
			return corrupt.Torn(start, "want %d bytes, found %d before the end", all, all-n)
		}
		if err != nil {
			return err
		}
	}
	r.pos += int(n)
	return nil
}

// str skips an encoded string.
func (s *skipper) str() error {
	at := s.in.offset()
	first, err := s.in.byte()
	if err != nil {
		return err
	}
	if first < 0x40 {
		return s.pass(uint64(first))
	}
	switch first {
	case stringInt8:
		return s.pass(1)
	case stringI16:
		return s.pass(2)
	case stringI32:
		return s.pass(4)
	case stringLZF:
		n, err := s.in.length()
		if err == nil {
			_, err = s.in.length()
		}
		if err != nil {
			return err
		}
		return s.pass(n)
	}
	if first >= stringInt8 {
		return corrupt.New(at, "want a string, found encoding %#x", first)
	}
	n, err := s.in.longLength(first, at)
	if err != nil {
		return err
	}
	return s.pass(n)
}

// textScore skips a decimal score.
func (s *skipper) textScore() error {
	size, err := s.in.byte()
	if err != nil || size >= 253 {
		return err
	}
	return s.pass(uint64(size))
}

// pieces skips the pieces of a module's value.
func (s *skipper) pieces() error {
	operands := [...]string{moduleInt: "n", moduleUint: "n", moduleFloat: "4", moduleDouble: "8", moduleString: "s"}
	for {
		at := s.in.offset()
		op, err := s.in.length()
		if err != nil || op == moduleEnd {
			return err
		}
		if op >= uint64(len(operands)) {
			return corrupt.New(at, "want a module value opcode of 0 to 5, found %d", op)
		}
		if err := s.all(operands[op]); err != nil {
			return err
		}
		if err := s.within(); err != nil {
			return err
		}
	}
}

// array skips an array.
func (s *skipper) array() error {
	n, err := s.in.length()
	if err != nil {
		return err
	}
	at := s.in.offset()
	flag, err := s.in.length()
	if err == nil && flag == 1 {
		_, err = s.in.length()
	}
	if err != nil {
		return err
	}
	if flag > 1 {
		return corrupt.New(at, "want an insert flag of 0 or 1, found %d", flag)
	}
	operands := [...]string{arrayString: "s", arrayInt: "8", arrayDouble: "8", arrayShortString: "s"}
	for range n {
		if _, err := s.in.length(); err != nil {
			return err
		}
		at := s.in.offset()
		tag, err := s.in.length()
		if err != nil {
			return err
		}
		if tag >= uint64(len(operands)) {
			return corrupt.New(at, "want an array element tag of 0 to 3, found %d", tag)
		}
		if err := s.all(operands[tag]); err != nil {
			return err
		}
		if err := s.within(); err != nil {
			return err
		}
	}
	return nil
}
