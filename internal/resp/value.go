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
	end := bytes.IndexByte(b, '\r')
	line, rest := b[1:end], b[end+2:]
	switch b[0] {
	case '+':
		return Value{Type: TextValue, Text: line}, rest
	case '-':
		return Value{Type: ErrorValue, Text: line}, rest
	case ':':
		return Value{Type: IntegerValue, Int: number(line)}, rest
	case ',':
		return Value{Type: DoubleValue, Double: double(line)}, rest
	case '$', '=':
		n := number(line)
		if n < 0 {
			return Value{}, rest
		}
		text := rest[:n:n]
		if b[0] == '=' {
			text = text[len("txt:"):]
		}
		return Value{Type: TextValue, Text: text}, rest[n+2:]
	case '*', '~', '%':
		return elements(b[0], number(line), rest)
	}
	return Value{}, rest // '_'
}

func elements(letter byte, n int64, b []byte) (v Value, rest []byte) {
	if n < 0 {
		return Value{}, b
	}
	switch letter {
	case '~':
		v.Type = SetValue
	case '%':
		v.Type = MapValue
		n *= 2
	default:
		v.Type = ArrayValue
	}
	v.Elements = make([]Value, n)
	for i := range v.Elements {
		v.Elements[i], b = Decode(b)
	}
	return v, b
}

func number(line []byte) int64 {
	n, _ := strconv.ParseInt(string(line), 10, 64)
	return n
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
