package rdb

import (
	"io"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/crc64"
)

// backgroundBuffers is the number of buffers of an output when a separate goroutine writes them.
const backgroundBuffers = 3

// A backgroundWriter checksums and writes buffers in a separate goroutine while the next ones are
// filled. An output starts it when the first buffer is full, so a small dump does not need a
// goroutine.
type backgroundWriter struct {
	full  chan []byte
	empty chan []byte // contains all free buffers while nothing is being written

	failed atomic.Bool // writing has failed; skip further buffers

	// Written by the goroutine; read after it has returned its buffers.
	crc      uint64
	err      error // the first
	panicked any
}

func newBackgroundWriter(w io.Writer, crc uint64, noSum bool) *backgroundWriter {
	b := &backgroundWriter{
		full:  make(chan []byte, backgroundBuffers),
		empty: make(chan []byte, backgroundBuffers),
		crc:   crc,
	}
	for range backgroundBuffers - 1 { // the output has the remaining one
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

func (b *backgroundWriter) write(w io.Writer, p []byte, noSum bool) {
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

// swap passes p to the goroutine for writing and returns an empty buffer.
func (b *backgroundWriter) swap(p []byte) []byte {
	b.full <- p
	return <-b.empty
}

// end waits until all buffers are written, stops the goroutine, and returns the checksum and the
// first error.
func (b *backgroundWriter) end() (crc uint64, err error) {
	for range backgroundBuffers - 1 {
		<-b.empty
	}
	close(b.full)
	if b.panicked != nil {
		panic(b.panicked) // in the caller's goroutine
	}
	return b.crc, b.err
}
