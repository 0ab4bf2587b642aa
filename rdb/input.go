package rdb

import (
	"errors"
	"fmt"
	"io"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
)

const (
	readSize     = 256 << 10 // bytes of the buffer, which fits in the L2 cache
	progressStep = 1 << 20   // bytes between two checks of the context
)

// input yields a dump's bytes in order, from its own buffer. The bytes between held and pos stay in
// the buffer, so a key and its value can be returned without a copy.
//
// The buffer grows only when it is full of bytes that have arrived, to at most twice their number.
type input struct {
	src   io.Reader
	size  int64  // size of the whole input; -1 if unknown
	ahead *ahead // reads src if that is worthwhile
	tick  func(done int64) error

	buf    []byte
	pos    int    // the next byte
	end    int    // index after the last byte read
	held   int    // index of the first byte to retain
	base   int64  // offset of buf[0]
	crc    uint64 // checksum of everything before end
	noSum  bool
	ticked int64 // offset at the last tick
	filled int   // refills of a large buffer since a long value
	eof    bool
	long   []byte // for the next long value; may be nil
}

func newInput(src io.Reader, size int64, tick func(int64) error) *input {
	n := int64(readSize)
	if size >= 0 && size < n {
		n = max(size, 64)
	}
	return &input{src: src, size: size, tick: tick, buf: make([]byte, n)}
}

// readAhead starts a goroutine that reads the input if the input is long. An input of unknown size
// may end with the dump, so only the bytes needed are read from it.
func (r *input) readAhead() {
	if r.size >= aheadFrom {
		r.ahead = newAhead(r.src, r.size, r.noSum)
	}
}

// close stops the goroutine that readAhead started.
func (r *input) close() {
	if r.ahead != nil {
		r.ahead.close()
	}
}

// offset returns the offset of the next byte.
func (r *input) offset() int64 { return r.base + int64(r.pos) }

// hold releases everything before pos and retains the following bytes until the next hold.
func (r *input) hold() { r.held = r.pos }

// place returns pos relative to held. It remains correct when the buffer moves.
func (r *input) place() int { return r.pos - r.held }

// between returns the held bytes between two places. They are valid until the buffer moves or the
// next hold.
func (r *input) between(from, to int) []byte { return r.buf[r.held+from : r.held+to : r.held+to] }

// need makes at least n bytes available after pos. If the input ends before that, it returns a torn
// error at the offset of pos.
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

// keepLong is the number of refills before a buffer that grew for a long value shrinks to its usual
// size. It is above 1 because more long values often follow.
const keepLong = 8

// keepBuffer is the size up to which a buffer that grew is kept for the next long value.
const keepBuffer = 32 << 20

// makeRoom moves the held bytes to the front. It enlarges a buffer that has no room for n bytes
// after pos: to twice its size, but if the size of the input is known, at least to the size needed,
// and not beyond the end of the input. It replaces a buffer that grew for a long value by one of
// the usual size.
func (r *input) makeRoom(n int) {
	kept := r.buf[r.held:r.end]
	to := r.buf
	need := r.pos - r.held + n
	switch {
	case r.size >= 0 && need > readSize:
		if r.filled = 0; need+readSize/2 > len(r.buf) {
			more := min(int64(len(kept)), r.size-r.base-int64(r.end))
			to = r.room(max(need, len(kept)+int(more)) + readSize)
		}
	case len(kept) > len(r.buf)/2:
		to = r.room(2 * max(len(kept), len(r.buf)/2))
	case len(r.buf) > 4*readSize && len(kept) < readSize/2:
		if r.filled++; r.filled < keepLong {
			break
		}
		to = make([]byte, readSize)
		if len(r.buf) <= keepBuffer {
			r.long = r.buf
		}
	}
	copy(to, kept)
	r.buf = to
	r.base += int64(r.held)
	r.pos -= r.held
	r.end -= r.held
	r.held = 0
}

// room returns a buffer of at least size bytes.
func (r *input) room(size int) []byte {
	if size > len(r.long) {
		return make([]byte, size)
	}
	to := r.long
	r.long = nil
	return to
}

// readSome reads at least one byte or records the end of the input.
func (r *input) readSome() error {
	for range 100 {
		n, err := r.read(r.buf[r.end:])
		r.end += n
		if err == io.EOF {
			r.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("read at offset %d: %w", r.base+int64(r.end), err)
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// read reads from the source and updates the checksum.
func (r *input) read(p []byte) (n int, err error) {
	if r.ahead != nil {
		n, r.crc, err = r.ahead.next(p)
		return n, err
	}
	n, err = r.src.Read(p)
	if n < 0 || n > len(p) {
		return 0, errors.New("impossible count returned by Read")
	}
	if !r.noSum {
		r.crc = crc64.Update(r.crc, p[:n])
	}
	return n, err
}

// sum returns the checksum of everything before pos.
func (r *input) sum() uint64 { return crc64.Rewind(r.crc, r.buf[r.pos:r.end]) }

func (r *input) torn(n int) error {
	left := int64(r.end - r.pos)
	if r.size >= 0 {
		left = max(r.size-r.offset(), 0)
	}
	return corrupt.Torn(r.offset(), "want %d bytes, found %d before the end", n, left)
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

// overLimit returns the error for n bytes where at most limit are allowed.
func (r *input) overLimit(offset int64, n uint64, limit int64) error {
	e := corrupt.New(offset, "want a value of at most %d bytes, found at least %d", limit, n)
	e.Err = ErrLimit
	return e
}
