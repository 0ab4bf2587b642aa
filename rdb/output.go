package rdb

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"strconv"

	"github.com/perduredb/perdure/internal/crc64"
)

const (
	writeSize = 256 << 10 // bytes of the buffer; longer data bypasses it
)

// output buffers and checksums the bytes of a dump. Errors are sticky.
type output struct {
	w      io.Writer
	buf    []byte
	done   int64 // bytes written
	ticked int64 // done at the last look at ctx
	ctx    context.Context
	crc    uint64
	noSum  bool

	overlap    bool              // write in a separate goroutine if there is much data
	background *backgroundWriter // that goroutine; it then has the checksum

	squeezer *squeezer // nil if strings are not compressed
}

func newOutput(ctx context.Context, w io.Writer, s settings) *output {
	out := &output{w: w, buf: make([]byte, 0, writeSize), ctx: ctx, noSum: !s.checksum}
	if s.compression {
		out.squeezer = new(squeezer)
	}
	return out
}

// room makes room for n bytes in the buffer, so that append does not reallocate it. n must be
// small.
func (w *output) room(n int) error {
	if len(w.buf)+n <= cap(w.buf) {
		return nil
	}
	return w.flush()
}

// flush writes out the buffer and checks ctx every MiB.
func (w *output) flush() error {
	if w.overlap && w.background == nil && len(w.buf) > writeSize/2 {
		w.background = newBackgroundWriter(w.w, w.crc, w.noSum)
	}
	if w.background == nil {
		err := w.write(w.buf)
		w.buf = w.buf[:0]
		return err
	}
	w.done += int64(len(w.buf))
	w.buf = w.background.swap(w.buf)
	if w.background.failed.Load() {
		return w.flushAll()
	}
	return w.tick()
}

// flushAll drains the separate goroutine, so that everything flushed is written.
func (w *output) flushAll() (err error) {
	if w.background != nil {
		b := w.background
		w.background = nil
		w.crc, err = b.end()
	}
	return err
}

// tick checks the context every MiB.
func (w *output) tick() error {
	if w.done-w.ticked < progressStep {
		return nil
	}
	w.ticked = w.done
	return w.ctx.Err()
}

// write writes p without buffering it.
func (w *output) write(p []byte) error {
	if err := w.flushAll(); err != nil {
		return err
	}
	if !w.noSum {
		w.crc = crc64.Update(w.crc, p)
	}
	n, err := w.w.Write(p)
	w.done += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = w.tick()
	}
	return err
}

// raw adds p unchanged.
func (w *output) raw(p []byte) error {
	if len(p) <= cap(w.buf)-len(w.buf) {
		w.buf = append(w.buf, p...)
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if len(p) > cap(w.buf)/2 {
		return w.write(p)
	}
	w.buf = append(w.buf, p...)
	return nil
}

// str adds p as a string, in the shortest of the encodings among which Redis chooses.
func (w *output) str(p []byte) error {
	if err := w.room(maxHead); err != nil {
		return err
	}
	if v, ok := smallInteger(p); ok {
		w.buf = appendInteger(w.buf, v)
		return nil
	}
	if w.squeezer != nil {
		if stream, ok := w.squeezer.squeeze(p); ok {
			w.buf = append(w.buf, stringLZF)
			w.buf = appendLength(w.buf, uint64(len(stream)))
			w.buf = appendLength(w.buf, uint64(len(p)))
			return w.raw(stream)
		}
	}
	w.buf = appendLength(w.buf, uint64(len(p)))
	return w.raw(p)
}

// maxHead is the maximum number of bytes before the bytes of a string: one byte and two lengths.
const maxHead = 1 + 2*9

// appendLength appends n in the shortest form.
func appendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 0x40|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, length32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, length64), n)
}

// appendString appends p as a string, encoded as an integer if it is the decimal text of one.
func appendString(dst, p []byte) []byte {
	if v, ok := smallInteger(p); ok {
		return appendInteger(dst, v)
	}
	return append(appendLength(dst, uint64(len(p))), p...)
}

// appendInteger appends v in the shortest integer form of a string.
func appendInteger(dst []byte, v int32) []byte {
	switch {
	case v >= math.MinInt8 && v <= math.MaxInt8:
		return append(dst, stringInt8, byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return binary.LittleEndian.AppendUint16(append(dst, stringI16), uint16(v))
	}
	return binary.LittleEndian.AppendUint32(append(dst, stringI32), uint32(v))
}

// smallInteger returns the integer with the exact decimal text p if the integer fits in 32 bits.
func smallInteger(p []byte) (int32, bool) {
	if len(p) == 0 || len(p) > len("-2147483648") {
		return 0, false
	}
	digits := p
	if p[0] == '-' {
		digits = p[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(p) > 1 {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
	}
	v, err := strconv.ParseInt(string(p), 10, 32)
	return int32(v), err == nil
}
