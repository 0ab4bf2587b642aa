package rdb

import (
	"errors"
	"io"

	"github.com/perduredb/perdure/internal/crc64"
)

const (
	aheadChunk  = readSize / 2 // a reader's buffer always has room for this many bytes
	aheadChunks = 4            // chunks in memory at a time
	aheadFrom   = 1 << 20      // minimum size of an input that is worth a goroutine
)

// ahead reads and checksums an input in a separate goroutine, before the parser needs its bytes.
// Reading, checksumming, and parsing a dump can thus run on separate processors.
type ahead struct {
	src   io.Reader
	left  int64 // bytes still to read; bytes after them are not touched
	noSum bool

	full  chan chunk
	empty chan []byte
	stop  chan struct{}
	ended chan struct{}
}

// chunk is a piece of the input.
type chunk struct {
	bytes []byte
	crc   uint64 // of everything up to the end of bytes
	err   error  // error after bytes: io.EOF, or the source's
}

func newAhead(src io.Reader, size int64, noSum bool) *ahead {
	a := &ahead{
		src: src, left: size, noSum: noSum,
		full:  make(chan chunk, aheadChunks),
		empty: make(chan []byte, aheadChunks),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	for range aheadChunks {
		a.empty <- make([]byte, aheadChunk)
	}
	go a.run()
	return a
}

// close stops the goroutine and waits for it. After close, nothing uses the source.
func (a *ahead) close() {
	close(a.stop)
	<-a.ended
}

func (a *ahead) run() {
	defer close(a.ended)
	var crc uint64
	for {
		var buf []byte
		select {
		case buf = <-a.empty:
		case <-a.stop:
			return
		}
		c := a.read(buf)
		if !a.noSum {
			crc = crc64.Update(crc, c.bytes)
		}
		c.crc = crc
		select {
		case a.full <- c:
		case <-a.stop:
			return
		}
		if c.err != nil {
			return
		}
	}
}

// read fills buf as far as the input has bytes.
func (a *ahead) read(buf []byte) chunk {
	buf = buf[:min(int64(len(buf)), a.left)]
	n, err := io.ReadFull(a.src, buf)
	a.left -= int64(n)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && a.left == 0:
		err = io.EOF
	}
	return chunk{bytes: buf[:n], err: err}
}

// next copies the next chunk to dst, which must have room for it.
func (a *ahead) next(dst []byte) (n int, crc uint64, err error) {
	c := <-a.full
	n = copy(dst, c.bytes)
	if c.err == nil {
		a.empty <- c.bytes[:cap(c.bytes)]
	}
	return n, c.crc, c.err
}
