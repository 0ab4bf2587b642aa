package rdb

import (
	"strings"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// layouts says what the value of each type is made of, for passing over it:
//
//	s string   n length   4, 8, w that many bytes, w being 16   d score in decimal
//	m the pieces of a module, to their end   a array
//	*(...) a length, and what is in the brackets that many times
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

// skip passes over what a layout says, and holds none of it: a count or a length that is not true
// ends with the input.
func (r *input) skip(layout string) error {
	for i := 0; i < len(layout); i++ {
		var err error
		switch c := layout[i]; c {
		case 's':
			err = r.skipString()
		case 'n':
			_, err = r.length()
		case '4', '8':
			err = r.pass(uint64(c - '0'))
		case 'w':
			err = r.pass(streamIDSize)
		case 'd':
			err = r.skipTextScore()
		case 'm':
			err = r.skipModule()
		case 'a':
			err = r.skipArray()
		case '*':
			end := i + 1 + closing(layout[i+1:])
			err = r.skipEach(layout[i+2 : end])
			i = end
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// closing returns where the bracket that s begins with is closed.
func closing(s string) int {
	depth := 0
	for i, c := range s {
		depth += strings.Count("(", string(c)) - strings.Count(")", string(c))
		if depth == 0 {
			return i
		}
	}
	panic("rdb: a layout without its end: " + s)
}

// skipEach reads a count and passes over a layout that many times.
func (r *input) skipEach(layout string) error {
	n, err := r.length()
	if err != nil {
		return err
	}
	for range n {
		if err := r.skip(layout); err != nil {
			return err
		}
	}
	return nil
}

// pass passes over n bytes, of any number, and lets go of what was held.
func (r *input) pass(n uint64) error {
	if r.size >= 0 && n > uint64(max(r.size-r.offset(), 0)) {
		return corrupt.Torn(r.offset(), "want %d bytes, found %d to the end", n, max(r.size-r.offset(), 0))
	}
	for n > uint64(r.end-r.pos) {
		n -= uint64(r.end - r.pos)
		r.pos = r.end
		r.hold()
		if err := r.fill(1); err != nil {
			return err
		}
	}
	r.pos += int(n)
	return nil
}

// skipString passes over a string as it stands in the file.
func (r *input) skipString() error {
	at := r.offset()
	first, err := r.byte()
	if err != nil {
		return err
	}
	switch first {
	case stringInt8:
		return r.pass(1)
	case stringI16:
		return r.pass(2)
	case stringI32:
		return r.pass(4)
	case stringLZF:
		n, err := r.length()
		if err == nil {
			_, err = r.length()
		}
		if err != nil {
			return err
		}
		return r.pass(n)
	}
	if first >= stringInt8 {
		return corrupt.New(at, "want a string, found encoding %#x", first)
	}
	n, err := r.longLength(first, at)
	if err != nil {
		return err
	}
	return r.pass(n)
}

// skipTextScore passes over a score in decimal.
func (r *input) skipTextScore() error {
	size, err := r.byte()
	if err != nil || size >= 253 {
		return err
	}
	return r.pass(uint64(size))
}

// skipModule passes over the pieces of a module's value.
func (r *input) skipModule() error {
	operands := [...]string{moduleInt: "n", moduleUint: "n", moduleFloat: "4", moduleDouble: "8", moduleString: "s"}
	for {
		at := r.offset()
		op, err := r.length()
		if err != nil || op == moduleEnd {
			return err
		}
		if op >= uint64(len(operands)) {
			return corrupt.New(at, "want an opcode of a module value (0 to 5), found %d", op)
		}
		if err := r.skip(operands[op]); err != nil {
			return err
		}
	}
}

// skipArray passes over an array.
func (r *input) skipArray() error {
	n, err := r.length()
	if err != nil {
		return err
	}
	at := r.offset()
	flag, err := r.length()
	if err == nil && flag == 1 {
		_, err = r.length()
	}
	if err != nil {
		return err
	}
	if flag > 1 {
		return corrupt.New(at, "want an insert flag of 0 or 1, found %d", flag)
	}
	for range n {
		if err := r.skip("n"); err != nil {
			return err
		}
		at := r.offset()
		tag, err := r.length()
		if err != nil {
			return err
		}
		if tag > 3 {
			return corrupt.New(at, "want a tag of an array element (0 to 3), found %d", tag)
		}
		if err := r.skip([...]string{"s", "8", "8", "s"}[tag]); err != nil {
			return err
		}
	}
	return nil
}
