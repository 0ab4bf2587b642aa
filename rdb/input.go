package rdb

import (
	"errors"
	"fmt"
	"io"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
)

const (
	readSize     = 256 << 10 // bytes of the buffer; it stays in the second cache
	progressStep = 1 << 20   // bytes between two looks at the context
)

// input gives a dump's bytes in order, from a buffer of its own. What stands between held and pos
// stays in the buffer, so that a key and its value can be given away without a copy.
//
// The buffer grows only when it is full of bytes that arrived, at most to twice their number.
type input struct {
	src   io.Reader
	size  int64  // of the whole input; -1 when not known
	ahead *ahead // reads src, when that is worth it
	tick  func(done int64) error

	buf    []byte
	pos    int    // the next byte
	end    int    // behind the last byte that is there
	held   int    // the first byte to be kept
	base   int64  // the offset of buf[0]
	crc    uint64 // of everything before end
	noSum  bool
	ticked int64 // the offset at the last tick
	filled int   // rounds of a big buffer since a long value
	eof    bool
}

func newInput(src io.Reader, size int64, tick func(int64) error) *input {
	n := int64(readSize)
	if size >= 0 && size < n {
		n = max(size, 64)
	}
	return &input{src: src, size: size, tick: tick, buf: make([]byte, n)}
}

// readAhead lets a goroutine read the input, when it is long. An input of unknown size may have
// nothing more to give when the dump is at its end, and is not asked for more than is needed.
func (r *input) readAhead() {
	if r.size >= aheadFrom {
		r.ahead = newAhead(r.src, r.size, r.noSum)
	}
}

// close ends what readAhead began.
func (r *input) close() {
	if r.ahead != nil {
		r.ahead.close()
	}
}

// offset is where the next byte stands.
func (r *input) offset() int64 { return r.base + int64(r.pos) }

// hold lets go of everything before pos, and keeps what follows until the next hold.
func (r *input) hold() { r.held = r.pos }

// place returns pos as a distance from held, which stays right when the buffer moves.
func (r *input) place() int { return r.pos - r.held }

// between returns the held bytes between two places. They are valid until the next hold.
func (r *input) between(from, to int) []byte { return r.buf[r.held+from : r.held+to : r.held+to] }

// need makes at least n bytes available behind pos. An input that ends before is torn at the
// offset of pos.
func (r *input) need(n int) error {
	if r.end-r.pos >= n {
		return nil
	}
	return r.fill(n)
}

func (r *input) fill(n int) error {
	if r.size >= 0 && int64(n) > r.size-r.offset() {
		return r.torn(n)
	}
	for r.end-r.pos < n {
		if r.eof {
			return r.torn(n)
		}
		if len(r.buf)-r.end < min(len(r.buf), readSize)/2 {
			r.makeRoom(n)
		}
		if err := r.readSome(); err != nil {
			return err
		}
		if done := r.base + int64(r.end); done-r.ticked >= progressStep {
			r.ticked = done
			if err := r.tick(done); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepLong is how often a buffer that a long value has made big is filled before it goes back to its
// usual size: often there are others behind it.
const keepLong = 8

// makeRoom moves what is held to the front, and makes a buffer larger that has no room for n bytes behind
// pos: as large as that takes where the input is known to have them, and else twice as large. A buffer
// that a long value has made big goes back to its usual size.
func (r *input) makeRoom(n int) {
	kept := r.buf[r.held:r.end]
	to := r.buf
	need := r.pos - r.held + n
	switch {
	case r.size >= 0 && need > readSize:
		if r.filled = 0; need+readSize/2 > len(r.buf) {
			to = make([]byte, need+readSize)
		}
	case len(kept) > len(r.buf)/2:
		to = make([]byte, 2*max(len(kept), len(r.buf)/2))
	case len(r.buf) > 4*readSize && len(kept) < readSize/2:
		if r.filled++; r.filled < keepLong {
			break
		}
		to = make([]byte, readSize)
	}
	copy(to, kept)
	r.buf = to
	r.base += int64(r.held)
	r.pos -= r.held
	r.end -= r.held
	r.held = 0
}

// readSome reads at least one byte, or notes the end.
func (r *input) readSome() error {
	for range 100 {
		n, err := r.read(r.buf[r.end:])
		r.end += n
		if err == io.EOF {
			r.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("rdb: read at offset %d: %w", r.base+int64(r.end), err)
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// read is a Read of the source that keeps the checksum.
func (r *input) read(p []byte) (n int, err error) {
	if r.ahead != nil {
		n, r.crc, err = r.ahead.next(p)
		return n, err
	}
	n, err = r.src.Read(p)
	if n < 0 || n > len(p) {
		return 0, errors.New("rdb: a Read with an impossible count")
	}
	if !r.noSum {
		r.crc = crc64.Update(r.crc, p[:n])
	}
	return n, err
}

// sum is the checksum of everything before pos.
func (r *input) sum() uint64 { return crc64.Rewind(r.crc, r.buf[r.pos:r.end]) }

func (r *input) torn(n int) error {
	left := int64(r.end - r.pos)
	if r.size >= 0 {
		left = max(r.size-r.offset(), 0)
	}
	return corrupt.Torn(r.offset(), "want %d bytes, found %d to the end", n, left)
}

// byte returns the next byte.
func (r *input) byte() (byte, error) {
	if r.pos == r.end {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	b := r.buf[r.pos]
	r.pos++
	return b, nil
}

// bytes returns the next n bytes, valid until the next read.
func (r *input) bytes(n int) ([]byte, error) {
	if err := r.need(n); err != nil {
		return nil, err
	}
	p := r.buf[r.pos : r.pos+n]
	r.pos += n
	return p, nil
}

// overLimit is the error for n bytes where limit are allowed.
func (r *input) overLimit(offset int64, n uint64, limit int64) error {
	e := corrupt.New(offset, "a value of at least %d bytes, allowed are %d", n, limit)
	e.Err = ErrLimit
	return e
}
