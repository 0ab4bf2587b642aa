package resp

import (
	"bytes"
	"io"

	"github.com/perduredb/perdure/internal/corrupt"
)

// Limits of a Reader.
const (
	MaxArgs = 1 << 20   // arguments of a command
	MaxBulk = 512 << 20 // bytes of an argument
	MaxLine = 1023      // bytes of an annotation, LF included: Redis's limit
)

const (
	firstBuffer = 256 << 10
	slideBelow  = 64 << 10
	growStep    = 1 << 20
	keepLong    = 64 // groups to keep a large buffer for; long arguments often follow
	// maxHead is the longest header line: a letter, 20 digits, CR LF.
	maxHead = 23
)

// A Reader reads commands from a file, one after the other, with their offsets.
//
// It accepts the syntax that both Redis's loader and redis-check-aof accept, and nothing else.
// Header lines end with CR LF, numbers are plain decimal digits, and CR LF follows a bulk string.
// Memory grows with the bytes read, never with a length that the file declares.
//
// Its errors are: io.EOF if the input ends between two commands; a *corrupt.Error that is Torn if
// the input ends inside a command; another *corrupt.Error, at the first wrong byte, for anything
// else that is not a command; and the errors of the underlying reader. After an error, Next returns
// that error again.
type Reader struct {
	src   io.Reader
	base  int64 // file offset of buf[0]
	buf   []byte
	start int // buf[start:pos] is the last token read, or the token being read
	pos   int
	hold  int   // buf[hold:] must be retained; -1 if nothing is held
	eof   bool  // src is at its end
	size  int64 // offset of the end of src; -1 if unknown
	small int   // number of Releases since a long argument
	err   error
	arena [][]byte // arguments of the token, or of all held tokens
}

// A Token is a command, or an annotation if Args is empty.
type Token struct {
	Args   [][]byte // the name first
	Line   []byte   // an annotation with its line end, otherwise nil
	Raw    []byte   // the token's bytes in the file
	Offset int64    // offset of its first byte
}

// End returns the offset after the token.
func (t *Token) End() int64 { return t.Offset + int64(len(t.Raw)) }

// NewReader returns a Reader of src, whose first byte is at offset.
func NewReader(src io.Reader, offset int64) *Reader {
	size, end := firstBuffer, int64(-1)
	if s, ok := src.(interface{ Size() int64 }); ok { // as an io.SectionReader has
		size, end = int(max(64, min(firstBuffer, s.Size()+1))), offset+s.Size()
	}
	return &Reader{src: src, base: offset, buf: make([]byte, 0, size), hold: -1, size: end}
}

// Next returns the next command or annotation. Its slices are valid until the next call, or until
// Release after a Hold.
func (r *Reader) Next() (Token, error) {
	if r.err != nil {
		return Token{}, r.err
	}
	if r.hold < 0 {
		r.arena = r.arena[:0]
		if r.err = r.slide(); r.err != nil {
			return Token{}, r.err
		}
	}
	r.start = r.pos
	var token Token
	token, r.err = r.next()
	return token, r.err
}

// Hold keeps the tokens of later Next calls valid until Release. Memory grows with them.
func (r *Reader) Hold() {
	if r.hold < 0 && r.err == nil {
		r.err = r.slide()
		r.hold, r.arena = r.pos, r.arena[:0]
	}
}

// Release ends Hold.
func (r *Reader) Release() {
	r.hold = -1
	if r.small++; r.small > keepLong && cap(r.buf) > 8*growStep && len(r.buf)-r.pos < firstBuffer {
		// One huge group does not keep its memory for the rest of the file.
		r.move(r.pos, firstBuffer)
	}
	if cap(r.arena) > growStep/16 {
		r.arena = nil
	}
}

// Offset returns the offset of the next token or, after an error, of the faulty token.
func (r *Reader) Offset() int64 {
	if r.err != nil {
		return r.base + int64(r.start)
	}
	return r.offset()
}

func (r *Reader) next() (Token, error) {
	if r.pos == len(r.buf) {
		if err := r.fill(1); err != nil {
			return Token{}, err
		}
		if r.pos == len(r.buf) {
			return Token{}, io.EOF
		}
	}
	if r.buf[r.pos] == '#' {
		return r.annotation()
	}
	if args, ok := r.short(); ok {
		return r.token(args, nil), nil
	}
	argc, err := r.head('*', MaxArgs)
	if err != nil {
		return Token{}, err
	}
	if argc == 0 {
		return Token{}, corrupt.New(r.base+int64(r.start), "command without a name")
	}
	first := len(r.arena)
	for range argc {
		arg, err := r.bulk()
		if err != nil {
			return Token{}, err
		}
		r.arena = append(r.arena, arg)
	}
	return r.token(r.arena[first:len(r.arena):len(r.arena)], nil), nil
}

// token describes buf[start:pos].
func (r *Reader) token(args [][]byte, line []byte) Token {
	raw := r.buf[r.start:r.pos:r.pos]
	return Token{Args: args, Line: line, Raw: raw, Offset: r.base + int64(r.start)}
}

// annotation reads a line that begins with #.
func (r *Reader) annotation() (Token, error) {
	size := 0
	for searched := 0; size == 0; {
		if i := bytes.IndexByte(r.buf[r.pos+searched:], '\n'); i >= 0 {
			size = searched + i + 1
			break
		}
		searched = len(r.buf) - r.pos
		if searched >= MaxLine {
			size = searched + 1
			break
		}
		if err := r.fill(searched + 1); err != nil {
			return Token{}, err
		}
		if len(r.buf)-r.pos == searched {
			return Token{}, corrupt.Torn(r.offset(), "file ends inside an annotation")
		}
	}
	if size > MaxLine {
		return Token{}, corrupt.New(r.offset(), "annotation longer than %d bytes", MaxLine)
	}
	r.pos += size
	return r.token(nil, r.buf[r.start:r.pos:r.pos]), nil
}

// head reads a header line: letter, number, CR LF.
func (r *Reader) head(letter byte, limit int) (int, error) {
	if len(r.buf)-r.pos < maxHead {
		if err := r.fill(maxHead); err != nil {
			return 0, err
		}
	}
	line := r.buf[r.pos:]
	if len(line) > 0 && line[0] != letter {
		return 0, corrupt.New(r.offset(), "found %q, want %q", line[0], letter)
	}
	n, i := int64(0), 1
	for ; i < len(line) && i <= 20; i++ {
		digit := line[i] - '0'
		if digit > 9 {
			break
		}
		n = n*10 + int64(digit)
		if n > int64(limit) {
			return 0, corrupt.New(r.offset(), "length over the limit of %d", limit)
		}
	}
	switch {
	case i < len(line) && (line[i] != '\r' || i == 1):
		return 0, corrupt.New(r.offset()+int64(i), "found %q in a length", line[i])
	case i+1 < len(line) && line[i+1] != '\n':
		return 0, corrupt.New(r.offset()+int64(i+1), "found %q, want LF", line[i+1])
	case i+1 >= len(line):
		return 0, corrupt.Torn(r.base+int64(r.start), "file ends inside a command")
	case line[1] == '0' && i > 2:
		return 0, corrupt.New(r.offset()+1, "leading zero in a length")
	}
	r.pos += i + 2
	return int(n), nil
}

// bulk reads one argument.
func (r *Reader) bulk() ([]byte, error) {
	n, err := r.head('$', MaxBulk)
	if err != nil {
		return nil, err
	}
	if len(r.buf)-r.pos < n+2 {
		if err := r.fill(n + 2); err != nil {
			return nil, err
		}
	}
	rest := r.buf[r.pos:]
	for i, want := range []byte("\r\n") {
		switch {
		case len(rest) <= n+i:
			return nil, corrupt.Torn(r.base+int64(r.start), "file ends inside a command")
		case rest[n+i] != want:
			return nil, corrupt.New(r.offset()+int64(n+i), "found %q, want %q", rest[n+i], want)
		}
	}
	r.pos += n + 2
	return rest[:n:n], nil
}

func (r *Reader) offset() int64 { return r.base + int64(r.pos) }

// slide moves unread bytes to the front if few of them are left, and reads more. At this point
// nothing references the buffer.
func (r *Reader) slide() error {
	below := slideBelow
	if r.pos > growStep { // a buffer enlarged by a long argument
		below = 2 * firstBuffer
	}
	if len(r.buf)-r.pos >= below || r.eof {
		return nil
	}
	r.base += int64(r.pos)
	r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
	r.pos, r.start = 0, 0
	return r.read()
}

// fill reads until n bytes follow pos, or until the source ends. Arguments of the current token and
// held arguments reference the buffer, so fill does not overwrite but replaces it.
func (r *Reader) fill(n int) error {
	for len(r.buf)-r.pos < n && !r.eof {
		if len(r.buf) == cap(r.buf) {
			keep := r.start
			if r.hold >= 0 {
				keep = r.hold
			}
			used := len(r.buf) - keep
			size := used + max(used, firstBuffer)
			if need := r.pos - keep + n; n > growStep && r.size-r.offset() >= int64(n) {
				// The source has that many bytes, so allocate once.
				size, r.small = need+firstBuffer, 0
			} else if r.hold < 0 {
				size = max(min(size, need), used+firstBuffer)
			}
			r.move(keep, size)
		}
		if err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

// read reads from the source once into the free space of the buffer.
func (r *Reader) read() error {
	n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if err == io.EOF {
		r.eof, err = true, nil
	}
	return err
}

// move copies buf[keep:] to a new array of the given size.
func (r *Reader) move(keep, size int) {
	r.buf = append(make([]byte, 0, max(size, len(r.buf)-keep)), r.buf[keep:]...)
	r.base += int64(keep)
	r.pos -= keep
	r.start -= keep
	if r.hold >= 0 {
		r.hold -= keep
	}
}
