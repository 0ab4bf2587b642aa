package rdb

import (
	"io"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/crc64"
)

// behindBuffers is how many buffers an output has when another goroutine writes them.
const behindBuffers = 3

// behind sums and writes buffers in a goroutine of its own, while the next ones are filled. It is begun
// when the first buffer is full, so that a small dump does without.
type behind struct {
	full  chan []byte
	empty chan []byte // all of them are here when nothing is being written

	failed atomic.Bool // there is no use in going on

	// Written by the goroutine, read when it has given its buffers back.
	crc      uint64
	err      error // the first
	panicked any
}

func newBehind(w io.Writer, crc uint64, noSum bool) *behind {
	b := &behind{
		full:  make(chan []byte, behindBuffers),
		empty: make(chan []byte, behindBuffers),
		crc:   crc,
	}
	for range behindBuffers - 1 { // the output has one
		b.empty <- make([]byte, 0, writeSize)
	}
	go func() {
		for p := range b.full {
			b.write(w, p, noSum)
			b.empty <- p[:0]
		}
	}()
	return b
}

func (b *behind) write(w io.Writer, p []byte, noSum bool) {
	defer func() {
		if r := recover(); r != nil {
			b.panicked = r
			b.failed.Store(true)
		}
	}()
	if b.failed.Load() {
		return
	}
	if !noSum {
		b.crc = crc64.Update(b.crc, p)
	}
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		b.err = err
		b.failed.Store(true)
	}
}

// swap takes a buffer to be written and gives an empty one.
func (b *behind) swap(p []byte) []byte {
	b.full <- p
	return <-b.empty
}

// end waits until everything is written, ends the goroutine, and returns the sum and the first error.
func (b *behind) end() (crc uint64, err error) {
	for range behindBuffers - 1 {
		<-b.empty
	}
	close(b.full)
	if b.panicked != nil {
		panic(b.panicked) // where the caller can see it
	}
	return b.crc, b.err
}
