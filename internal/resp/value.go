package resp

import (
	"bytes"
	"math"
	"strconv"
)

// A Value is a reply in version 3 of the protocol, decoded.
type Value struct {
	Type     ValueType
	Int      int64
	Double   float64
	Text     []byte
	Elements []Value // of a map: key, value, key, value, ...
}

// A ValueType is the type of a Value.
type ValueType uint8

// The types of values. An error is also a text.
const (
	NullValue ValueType = iota
	IntegerValue
	DoubleValue
	TextValue
	ErrorValue
	ArrayValue
	SetValue
	MapValue
)

// Decode decodes the first reply of b, which a [Reply] has encoded, and returns the rest of b. The
// texts of the Value are parts of b.
func Decode(b []byte) (v Value, rest []byte) {
	var d Decoder
	return d.value(b)
}

// A Decoder decodes replies into memory that it uses again. It must be used by one goroutine.
type Decoder struct {
	elements []Value // of the arrays of a reply
}

// Decode is like the function [Decode]. The Value is valid until Release.
func (d *Decoder) Decode(b []byte) Value {
	v, _ := d.value(b)
	return v
}

// keepValues is the number of elements above which a Decoder does not keep their memory.
const keepValues = 2 << 10

// Release ends the use of decoded values.
func (d *Decoder) Release() {
	clear(d.elements) // their texts
	d.elements = d.elements[:0]
	if cap(d.elements) > keepValues {
		d.elements = nil
	}
}

// take returns memory for n elements.
func (d *Decoder) take(n int) []Value {
	from := len(d.elements)
	if from+n > cap(d.elements) { // an earlier array keeps its part of the old memory
		from, d.elements = 0, make([]Value, 0, max(n, 2*cap(d.elements)))
	}
	d.elements = d.elements[:from+n]
	return d.elements[from : from+n : from+n]
}

func (d *Decoder) value(b []byte) (v Value, rest []byte) {
	switch b[0] {
	case '$':
		n, rest := head(b)
		if n < 0 {
			return Value{}, rest
		}
		return Value{Type: TextValue, Text: rest[:n:n]}, rest[n+2:]
	case '=':
		n, rest := head(b)
		return Value{Type: TextValue, Text: rest[len("txt:"):n:n]}, rest[n+2:]
	case ':':
		n, rest := head(b)
		return Value{Type: IntegerValue, Int: n}, rest
	case '*', '~', '%':
		return d.array(b)
	}
	end := bytes.IndexByte(b, '\r')
	line, rest := b[1:end], b[end+2:]
	switch b[0] {
	case '+':
		return Value{Type: TextValue, Text: line}, rest
	case '-':
		return Value{Type: ErrorValue, Text: line}, rest
	case ',':
		return Value{Type: DoubleValue, Double: double(line)}, rest
	}
	return Value{}, rest // '_'
}

func (d *Decoder) array(b []byte) (v Value, rest []byte) {
	n, rest := head(b)
	if n < 0 {
		return Value{}, rest
	}
	switch b[0] {
	case '~':
		v.Type = SetValue
	case '%':
		v.Type = MapValue
		n *= 2
	default:
		v.Type = ArrayValue
	}
	v.Elements = d.take(int(n))
	for i := range v.Elements {
		v.Elements[i], rest = d.value(rest)
	}
	return v, rest
}

// head returns the number in the first line of b, and the rest of b.
func head(b []byte) (n int64, rest []byte) {
	i := 1
	if b[1] == '-' {
		i++
	}
	for ; b[i] != '\r'; i++ {
		n = 10*n + int64(b[i]-'0')
	}
	if b[1] == '-' {
		n = -n
	}
	return n, b[i+2:]
}

func double(line []byte) float64 {
	switch string(line) {
	case "inf":
		return math.Inf(1)
	case "-inf":
		return math.Inf(-1)
	}
	f, _ := strconv.ParseFloat(string(line), 64)
	return f
}
