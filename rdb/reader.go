package rdb

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/vfs"
)

// Reader reads a dump record by record, with one value at a time in memory: the way for tools.
// Decode gives a dump to a store, by the same means.
//
// It belongs to one goroutine at a time. It reads ahead; what stands behind the dump is not looked at.
type Reader struct {
	ctx      context.Context // of the present loop
	progress func(done, total int64)
	in       *input
	settings settings
	header   *Header
	version  version
	path     string // added to errors; may be empty
	close    func() error

	ahead []Record // read by Header and not yet asked for
	err   error    // what it ended with; io.EOF behind the checksum

	entry      Entry // the present one, and the attributes of the next
	begun      bool  // its Offset is known
	attributes bool  // it has any
	given      bool  // entry was handed out
	sawKey     bool
	at         int64 // the offset of the present opcode or type
	keyScratch []byte
	scratch    []byte
	walker     walker
	validator  *validator
	discard    bool                   // nobody wants the values of strings
	refused    func(e *corrupt.Error) // told of values that some servers refuse; may be nil
	odd        func(e *corrupt.Error) // told of values that a server loads but never writes; may be nil
	foreign    *UnsupportedError      // the first aux field that holds data of another producer
	keys       int64                  // read so far
}

// NewReader returns a Reader of the dump that src holds, which has size bytes or an unknown number
// when that is -1. Nothing is read yet. Options: Checksum, MaxValue, Validate, Databases, Keys,
// Types, Where; the error is ErrOption.
func NewReader(src io.Reader, size int64, opts ...Option) (*Reader, error) {
	s := defaults()
	if err := s.set(forReader, opts...); err != nil {
		return nil, err
	}
	return newReader(src, size, s), nil
}

// OpenReader is NewReader of a file, whose path it adds to errors. Close closes it.
func OpenReader(path string, opts ...Option) (*Reader, error) {
	f, err := vfs.OS().Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := NewReader(f, size, opts...)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.path, r.entry.path, r.close = path, path, f.Close
	return r, nil
}

func newReader(src io.Reader, size int64, s settings) *Reader {
	r := &Reader{ctx: context.Background(), progress: func(int64, int64) {}, settings: s, header: s.header}
	if r.header == nil {
		r.header = new(Header)
	}
	*r.header = Header{}
	r.in = newInput(src, size, func(done int64) error {
		r.progress(done, size)
		return r.ctx.Err()
	})
	r.in.noSum = !s.checksum
	r.validator = newValidator(deaf{})
	r.walker = walker{r: r.in, limit: s.maxValue, visitor: r.validator}
	return r
}

// Close closes the file of OpenReader; otherwise it does nothing. Records are no longer valid.
func (r *Reader) Close() error {
	if r.err == nil {
		r.err = fs.ErrClosed
	}
	if r.close == nil {
		return nil
	}
	c := r.close
	r.close = nil
	return c()
}

// Header says what is known of the dump so far, for which it reads up to the first key if that was
// not done yet; what it read is still there for the loops. After the last record it is complete. An
// error is that of the loops, which give it again; the Header holds what was met before it.
func (r *Reader) Header(ctx context.Context) (Header, error) {
	r.ctx = ctx
	for r.err == nil && !r.sawKey {
		if rec, err := r.read(); err == nil {
			r.ahead = append(r.ahead, rec)
		}
	}
	if r.err != nil && r.err != io.EOF {
		return *r.header, r.err
	}
	return *r.header, nil
}

// Offset returns how many bytes of the dump are read: after the last record all of them, its
// checksum included.
func (r *Reader) Offset() int64 { return r.in.offset() }

// Entries yields the keys in the order of the file, each of which is valid until the next is asked
// for; skipped ones are passed over without being copied or decoded. Expired keys are yielded like
// others.
//
// An error ends the loop: damage is a *CorruptError with the offset, torn when the input just ends;
// an unknown version or record is an *UnsupportedError; ctx's error is looked at every MiB. A loop
// that is left goes on where it was in the next one.
func (r *Reader) Entries(ctx context.Context) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for rec, err := range r.Records(ctx) {
			e, ok := rec.(*Entry)
			if (ok || err != nil) && !yield(e, err) {
				return
			}
		}
	}
}

// Records yields everything that a dump holds, as Entries does the keys. Records other than an
// *Entry stay valid.
func (r *Reader) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		r.ctx = ctx
		for {
			rec, err := r.next()
			if err == io.EOF || !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// next returns the next record, or io.EOF behind the last one.
func (r *Reader) next() (Record, error) {
	if len(r.ahead) > 0 {
		rec := r.ahead[0]
		r.ahead = r.ahead[1:]
		return rec, nil
	}
	return r.read()
}

// read reads the next record. What it fails with it goes on to fail with.
func (r *Reader) read() (Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	rec, err := r.record()
	if err != nil {
		if r.path != "" {
			err = inFile(err, r.path)
		}
		r.err = err
	}
	return rec, err
}
