package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// node is a value in a line of JSON exactly as written. encoding/json is more lenient. It accepts
// the last of two members with one name, a name in another case, null for any value, and a lone
// surrogate as U+FFFD.
type node struct {
	at    int // offset in the line
	kind  nodeKind
	text  string   // the meaning of a string, or the text of a number
	names []string // names of an object's members, one for each of nodes
	nodes []node   // values of an object or an array
}

// nodeKind is the first byte of a value; every number has the kind '0'.
type nodeKind byte

const (
	object nodeKind = '{'
	array  nodeKind = '['
	str    nodeKind = '"'
	number nodeKind = '0'
	yes    nodeKind = 't'
	no     nodeKind = 'f'
)

// String returns the name of a kind for messages.
func (k nodeKind) String() string {
	switch k {
	case object:
		return "an object"
	case array:
		return "an array"
	case str:
		return "a string"
	case number:
		return "a number"
	}
	return "true or false"
}

// lineError is a problem in a line, with its offset. It never shows the contents of the line.
type lineError struct {
	at   int
	what string
}

func (e *lineError) Error() string { return e.what }

func wrong(at int, format string, args ...any) error {
	return &lineError{at, fmt.Sprintf(format, args...)}
}

// maxDepth is more than the depth of any line that perdure writes.
const maxDepth = 16

// parser reads one line.
type parser struct {
	text  []byte
	at    int
	depth int
}

// parseLine reads a line, with or without its line end. The line must contain one object and
// otherwise only white space.
func parseLine(text []byte) (*node, error) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	p := &parser{text: text}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, wrong(i, "want UTF-8, found another byte")
		}
		i += size
	}
	p.space()
	if p.peek() != byte(object) {
		return nil, wrong(p.at, "want a JSON object, found something else")
	}
	n, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, wrong(p.at, "want the end of the line after the object, found more")
	}
	return &n, nil
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r':
			p.at++
		default:
			return
		}
	}
}

// want skips one byte and the white space after it.
func (p *parser) want(b byte) error {
	if p.at == len(p.text) || p.text[p.at] != b {
		return wrong(p.at, "want %q, found something else", b)
	}
	p.at++
	p.space()
	return nil
}

// value reads a value and the white space after it.
func (p *parser) value() (n node, err error) {
	n.at = p.at
	switch b := p.peek(); {
	case b == byte(object) || b == byte(array):
		if p.depth++; p.depth > maxDepth {
			return n, wrong(p.at, "want at most %d levels, found more", maxDepth)
		}
		err = p.many(&n, nodeKind(b))
		p.depth--
	case b == byte(str):
		n.kind = str
		n.text, err = p.str()
	case b == '-' || '0' <= b && b <= '9':
		n.kind = number
		n.text, err = p.number()
	case p.literal("true"):
		n.kind = yes
	case p.literal("false"):
		n.kind = no
	case p.literal("null"):
		err = wrong(n.at, "want a value, found null")
	default:
		err = wrong(n.at, "want a value, found something else")
	}
	p.space()
	return n, err
}

func (p *parser) literal(w string) bool {
	if !strings.HasPrefix(string(p.text[p.at:min(len(p.text), p.at+len(w))]), w) {
		return false
	}
	p.at += len(w)
	return true
}

// many reads the values between brackets.
func (p *parser) many(n *node, kind nodeKind) error {
	n.kind = kind
	end := byte(']')
	if kind == object {
		end = '}'
	}
	p.at++
	p.space()
	var names map[string]bool
	for first := true; p.peek() != end; first = false {
		if !first {
			if err := p.want(','); err != nil {
				return err
			}
		}
		if kind == object {
			if names == nil {
				names = make(map[string]bool)
			}
			if err := p.name(n, names); err != nil {
				return err
			}
		}
		v, err := p.value()
		if err != nil {
			return err
		}
		n.nodes = append(n.nodes, v)
	}
	p.at++
	return nil
}

// name reads the name of a member, which must be new, and its colon.
func (p *parser) name(n *node, names map[string]bool) error {
	at := p.at
	if p.peek() != byte(str) {
		return wrong(at, "want a member name, found something else")
	}
	name, err := p.str()
	if err != nil {
		return err
	}
	if names[name] {
		return wrong(at, "want unique member names, found a duplicate")
	}
	names[name] = true
	n.names = append(n.names, name)
	p.space()
	return p.want(':')
}

// number reads a number in JSON's syntax.
func (p *parser) number() (string, error) {
	start := p.at
	digits := func() bool {
		from := p.at
		for b := p.peek(); '0' <= b && b <= '9'; b = p.peek() {
			p.at++
		}
		return p.at > from
	}
	if p.peek() == '-' {
		p.at++
	}
	good := true
	if p.peek() == '0' {
		p.at++
	} else {
		good = digits()
	}
	if good && p.peek() == '.' {
		p.at++
		good = digits()
	}
	if b := p.peek(); good && (b == 'e' || b == 'E') {
		p.at++
		if b := p.peek(); b == '+' || b == '-' {
			p.at++
		}
		good = digits()
	}
	if b := p.peek(); !good || '0' <= b && b <= '9' {
		return "", wrong(start, "want a number, found something else")
	}
	return string(p.text[start:p.at]), nil
}

// str reads a string.
func (p *parser) str() (string, error) {
	start := p.at
	p.at++
	from := p.at
	var made []byte
	for p.at < len(p.text) {
		switch b := p.text[p.at]; {
		case b == '"':
			made = append(made, p.text[from:p.at]...)
			p.at++
			return string(made), nil
		case b < ' ':
			return "", wrong(p.at, "want an escaped control character in a string, found a literal one")
		case b != '\\':
			p.at++
			continue
		}
		made = append(made, p.text[from:p.at]...)
		r, err := p.escaped()
		if err != nil {
			return "", err
		}
		made = utf8.AppendRune(made, r)
		from = p.at
	}
	return "", wrong(start, "want the end of a string, found the end of the line")
}

// escaped reads an escape sequence, which begins with a backslash.
func (p *parser) escaped() (rune, error) {
	const short, means = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	at := p.at
	p.at++
	if i := strings.IndexByte(short, p.peek()); i >= 0 && p.at < len(p.text) {
		p.at++
		return rune(means[i]), nil
	}
	r, err := p.unit(at)
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if p.peek() == '\\' {
		p.at++
		if low, err := p.unit(at); err == nil {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, nil
			}
		}
	}
	return 0, wrong(at, "want a surrogate pair, found a lone surrogate")
}

// unit reads the u and the four digits of an escape sequence that begins at offset at.
func (p *parser) unit(at int) (rune, error) {
	if p.peek() != 'u' || len(p.text)-p.at < 5 {
		return 0, wrong(at, "want an escape sequence, found something else")
	}
	n, err := strconv.ParseUint(string(p.text[p.at+1:p.at+5]), 16, 16)
	if err != nil {
		return 0, wrong(at, "want four hex digits in an escape sequence, found something else")
	}
	p.at += 5
	return rune(n), nil
}
