package server

import (
	"bytes"
	"fmt"
	"strconv"
)

// requests splits the bytes from a client into commands. A command is an array of bulk strings, or
// a line of words. Memory grows with the bytes that have arrived, never with a length that the
// client declares.
type requests struct {
	limits *Limits
	auth   bool // the client has to authenticate first: small commands only

	buf   []byte // the bytes from the start of the current command on
	start int    // of the current command
	pos   int    // parsed up to here
	left  int    // arguments that are missing; 0 before the header of a command
	bulk  int    // length of the current argument; -1 before its header
	spans []span // arguments of the current command
	words [][]byte
}

// span is an argument, as offsets from the start of the command.
type span struct{ from, to int }

// Limits of a client that has not authenticated, and of lines, as in Redis.
const (
	loginArguments = 10
	loginArgument  = 16 << 10
	maxLine        = 64 << 10
)

// protocolError is an error of the client, after which the connection is closed.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// next returns the words of the next command, or nil if more bytes are needed. An empty command has
// words that are empty but not nil. The words are valid until the next call.
func (r *requests) next() ([][]byte, error) {
	if r.left == 0 {
		r.start, r.spans, r.bulk = r.pos, r.spans[:0], -1
		if r.pos == len(r.buf) {
			return nil, nil
		}
		if r.buf[r.pos] != '*' {
			return r.line()
		}
		n, ok, err := r.number("mbulk count")
		switch {
		case err != nil || !ok:
			return nil, err
		case n > int64(r.limits.Arguments):
			return nil, protocolError("invalid multibulk length")
		case n > loginArguments && r.auth:
			return nil, protocolError("unauthenticated multibulk length")
		case n <= 0:
			return [][]byte{}, nil
		}
		r.left = int(n)
	}
	for r.left > 0 {
		if ok, err := r.argument(); err != nil || !ok {
			return nil, err
		}
	}
	r.words = r.words[:0]
	for _, s := range r.spans {
		r.words = append(r.words, r.buf[r.start+s.from:r.start+s.to:r.start+s.to])
	}
	return r.words, nil
}

// argument parses one argument, and reports whether it is complete.
func (r *requests) argument() (bool, error) {
	if r.bulk < 0 {
		if r.pos < len(r.buf) && r.buf[r.pos] != '$' {
			if bytes.IndexByte(r.buf[r.pos:], '\r') < 0 {
				return false, r.tooLong("bulk count")
			}
			return false, protocolError(fmt.Sprintf("expected '$', got '%c'", r.buf[r.pos]))
		}
		n, ok, err := r.number("bulk count")
		switch {
		case err != nil || !ok:
			return false, err
		case n < 0 || n > int64(r.limits.Argument):
			return false, protocolError("invalid bulk length")
		case n > loginArgument && r.auth:
			return false, protocolError("unauthenticated bulk length")
		}
		r.bulk = int(n)
	}
	if len(r.buf)-r.pos < r.bulk+2 {
		return false, nil
	}
	at := r.pos - r.start
	r.spans = append(r.spans, span{at, at + r.bulk})
	r.pos += r.bulk + 2
	r.bulk = -1
	r.left--
	return true, nil
}

// number parses a header line: a letter, a number, CR LF. ok is false if the line is not complete.
func (r *requests) number(what string) (n int64, ok bool, err error) {
	line := r.buf[r.pos:]
	if n, size := shortNumber(line); size > 0 {
		r.pos += size
		return int64(n), true, nil
	}
	end := bytes.IndexByte(line, '\r')
	switch {
	case end < 0:
		return 0, false, r.tooLong(what)
	case end+1 >= len(line):
		return 0, false, nil
	}
	n, err = strconv.ParseInt(string(line[1:end]), 10, 64)
	if err != nil || !canonical(line[1:end], n) {
		if what == "mbulk count" {
			return 0, false, protocolError("invalid multibulk length")
		}
		return 0, false, protocolError("invalid bulk length")
	}
	r.pos += end + 2
	return n, true, nil
}

// shortNumber parses a whole header line with a number below 10000, which almost every line is. For
// other lines it returns 0, 0.
func shortNumber(line []byte) (n, size int) {
	for i := 1; i < len(line)-1 && i <= 5; i++ {
		digit := line[i] - '0'
		switch {
		case digit <= 9 && (n > 0 || i == 1) && i < 5:
			n = 10*n + int(digit)
		case line[i] == '\r' && i > 1:
			return n, i + 2
		default:
			return 0, 0
		}
	}
	return 0, 0
}

// canonical reports whether text is the shortest form of n.
func canonical(text []byte, n int64) bool {
	var digits [20]byte
	return bytes.Equal(text, strconv.AppendInt(digits[:0], n, 10))
}

// tooLong returns an error if the rest of the buffer cannot be a header line.
func (r *requests) tooLong(what string) error {
	if len(r.buf)-r.pos > maxLine {
		return protocolError("too big " + what + " string")
	}
	return nil
}

// line parses a command that is a line of words.
func (r *requests) line() ([][]byte, error) {
	end := bytes.IndexByte(r.buf[r.pos:], '\n')
	if end < 0 {
		if len(r.buf)-r.pos > maxLine {
			return nil, protocolError("too big inline request")
		}
		return nil, nil
	}
	line := r.buf[r.pos : r.pos+end]
	r.pos += end + 1
	words, ok := splitLine(bytes.TrimSuffix(line, []byte("\r")))
	if !ok {
		return nil, protocolError("unbalanced quotes in request")
	}
	return words, nil
}

// idle reports whether all bytes belong to commands that next has returned.
func (r *requests) idle() bool { return r.pos == len(r.buf) && r.left == 0 }

// room returns the free part of the buffer, of at least 1 byte. It first removes the commands that
// next has returned.
func (r *requests) room() []byte {
	done := r.start
	if r.left == 0 {
		done = r.pos
	}
	full := len(r.buf) == cap(r.buf)
	if done > 0 && (done == len(r.buf) || full) {
		r.buf = r.buf[:copy(r.buf, r.buf[done:])]
		r.pos -= done
		r.start = 0
	}
	if r.left == 0 && cap(r.spans) > keepArguments {
		r.spans, r.words = nil, nil
	}
	switch {
	case len(r.buf) == 0 && cap(r.buf) > keepBuffer:
		r.buf = nil
		fallthrough
	case cap(r.buf) == 0:
		r.buf = make([]byte, 0, firstBuffer)
	case len(r.buf) == cap(r.buf), full && cap(r.buf) < keepBuffer: // it sends faster
		bigger := make([]byte, len(r.buf), r.size())
		copy(bigger, r.buf)
		r.buf = bigger
	}
	return r.buf[len(r.buf):cap(r.buf)]
}

// size returns the size of a buffer to replace a full one: twice its size, but not more than the
// current argument needs.
func (r *requests) size() int {
	size := 2 * cap(r.buf)
	if need := r.pos + r.bulk + 2; r.bulk >= 0 && need > cap(r.buf) {
		size = min(size, need)
	}
	return max(size, cap(r.buf)+firstBuffer)
}

// memory returns the number of bytes in buffers, apart from those that every client has.
func (r *requests) memory() int {
	const argument = 16 + 24 // a span and a word
	return max(cap(r.buf)-keepBuffer, 0) + max(cap(r.spans)-keepArguments, 0)*argument
}

// Sizes of a client's buffers. A buffer above keepBuffer is not kept between commands.
const (
	firstBuffer   = 1 << 10
	keepBuffer    = 16 << 10
	keepArguments = 64
)
