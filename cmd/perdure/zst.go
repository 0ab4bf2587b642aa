package main

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/perduredb/perdure"
)

// maxWindow limits the memory that a compressed file can request. zstd's own tool also has this
// limit.
const maxWindow = 128 << 20

// unzip reads a zstd file. It reports damage as a [*perdure.CorruptError]. The error's offset is
// the number of bytes of that file already read, which may be somewhat after the damage.
type unzip struct {
	dec   *zstd.Decoder
	input *inputCounter
	path  string
}

// inputCounter counts bytes, and separates errors of the file from errors in its content.
type inputCounter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *inputCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func newUnzip(r io.Reader, path string) (*unzip, error) {
	z := &unzip{input: &inputCounter{r: r}, path: path}
	var err error
	z.dec, err = zstd.NewReader(z.input, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	return z, err
}

func (z *unzip) Read(p []byte) (int, error) {
	n, err := z.dec.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case z.input.err != nil:
		return n, z.input.err
	}
	return n, &perdure.CorruptError{
		File:   z.path,
		Offset: z.input.n,
		What:   "want compressed data, found " + err.Error() + " at or before this offset",
		Torn:   errors.Is(err, io.ErrUnexpectedEOF),
	}
}

func (z *unzip) Close() { z.dec.Close() }

// zip writes the output of write as a zstd file with a checksum.
func zip(w io.Writer, write func(io.Writer) error) error {
	enc, err := zstd.NewWriter(w)
	if err != nil {
		return err
	}
	if err := write(enc); err != nil {
		return errors.Join(err, enc.Close())
	}
	return enc.Close()
}
