package rdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// A Reader reads a dump record by record and holds one value at a time in memory. It is meant for
// tools. [Decode] loads a dump into a store by the same means.
//
// A Reader is not safe for concurrent use. It may read past the end of the dump but ignores those
// bytes.
type Reader struct {
	ctx      context.Context // context of the current loop
	progress func(done, total int64)
	in       *input
	settings settings
	header   *Header
	version  version
	path     string // added to errors; may be empty
	close    func() error

	ahead []Record // read by Header and not yet returned
	err   error    // final error; io.EOF after the checksum

	entry      Entry // current entry, then attributes of the next
	begun      bool  // entry.Offset is known
	attributes bool  // entry has attributes
	given      bool  // entry was returned or skipped
	sawKey     bool
	known      snapshot.Type // the last type that was found in kinds
	at         int64         // offset of the current opcode or type
	keyScratch []byte
	scratch    []byte
	walker     walker
	validator  *validator
	discard    bool                   // the values of strings are not needed
	refused    func(e *corrupt.Error) // called for values that some servers refuse; may be nil
	odd        func(e *corrupt.Error) // called for valid values that no server writes; may be nil
	foreign    *UnsupportedError      // error for the first aux field with data of another producer
	keys       int64                  // keys read so far
}

// NewReader returns a Reader of the dump in src. size is the length of src in bytes, or -1 if it is
// unknown. NewReader reads nothing yet. Options: [Checksum], [MaxValue], [Validate], [Databases],
// [Keys], [Types], [Where]. It returns an error matching [ErrOption] if an option is not allowed.
func NewReader(src io.Reader, size int64, opts ...Option) (r *Reader, err error) {
	defer errtext.Name(&err)
	s := defaults()
	if err := s.set(forReader, opts...); err != nil {
		return nil, err
	}
	return newReader(src, size, s), nil
}

// OpenReader opens a file and returns a Reader of it that adds the path to errors. [Reader.Close]
// closes the file. See [NewReader] for the options.
func OpenReader(path string, opts ...Option) (r *Reader, err error) {
	defer errtext.Name(&err)
	f, err := vfs.OS().Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err = NewReader(f, size, opts...)
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

// Close closes the file if [OpenReader] opened it; otherwise it closes nothing. Close invalidates
// all records.
func (r *Reader) Close() (err error) {
	defer errtext.Name(&err)
	if r.err == nil {
		r.err = fmt.Errorf("perdure: rdb.Reader: %w", fs.ErrClosed)
	}
	if r.close == nil {
		return nil
	}
	c := r.close
	r.close = nil
	return c()
}

// Header returns the description of the dump as far as it has been read. It first reads up to the
// first key if that has not happened yet; the loops still yield the records that it reads. The
// Header is complete after the last record. On an error, Header returns the fields read before it
// and the error, which the loops return again.
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

// Offset returns the number of bytes of the dump that have been read. After the last record, that
// is the size of the dump, including its checksum.
func (r *Reader) Offset() int64 { return r.in.offset() }

// Entries yields the keys in file order. Each entry is valid until the next iteration. Keys that
// the filters do not select are skipped without being copied or decoded. Expired keys are yielded
// like others.
//
// An error ends the loop. Damage is reported as a [*CorruptError] with the offset, marked torn if
// the input ends early. An unknown version or record is reported as an [*UnsupportedError]. Entries
// checks ctx every MiB and yields its error. If the caller leaves a loop, the next loop continues
// after the last entry yielded.
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

// Records yields all records of a dump; see [Reader.Entries] for its rules. Records other than an
// *Entry remain valid.
func (r *Reader) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, errtext.Named(err))
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

// next returns the next record, or io.EOF after the last one.
func (r *Reader) next() (Record, error) {
	if len(r.ahead) > 0 {
		rec := r.ahead[0]
		r.ahead = r.ahead[1:]
		return rec, nil
	}
	return r.read()
}

// read reads the next record. An error is sticky.
func (r *Reader) read() (Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	rec, err := r.record()
	if err != nil {
		if r.path != "" {
			err = inFile(err, r.path)
		}
		r.err = errtext.Named(err)
	}
	return rec, r.err
}
