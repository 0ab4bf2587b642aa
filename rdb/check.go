package rdb

import (
	"context"
	"errors"
	"hash/maphash"
	"io"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// A Report holds the findings of [Check], up to the damage if there is any.
type Report struct {
	Header
	Databases []snapshot.Count        // in the order of their first key
	Types     map[snapshot.Type]int64 // keys of each type; see TypeName for the names
	Extras    int64                   // function libraries and module data
	Used      int64                   // keys with a Usage
	Keys      int64
	Expires   int64         // keys with an expiry
	Odd       int64         // values valid but never written by a server; see [DecodeValue]
	FirstOdd  *CorruptError // offset and description of the first one

	Refused      int64         // values that some servers refuse and others load and write
	FirstRefused *CorruptError // offset of the first one, the servers, and the reason

	Size     int64 // bytes of the dump, checksum included; up to the damage if there is any
	Trailing int64 // bytes after it, which Redis ignores in a dump and reads as commands in a log
}

// Check reads a whole dump and reports its contents. size is the length of r in bytes, or -1 if it
// is unknown. Options: [Checksum], [MaxValue], [Validate].
//
// Check returns the errors of [Decode] for damage. Damage in a value names the key by its number in
// the file, never by its bytes. A key that occurs twice in a database is also damage: a server
// refuses such a dump, but redis-check-rdb does not detect it. A value that a server loads but
// never writes, such as an empty list, is not an error and counts as Odd. Check uses about 30 bytes
// of memory per key in addition to the longest value.
func Check(ctx context.Context, r io.Reader, size int64, opts ...Option) (report Report, err error) {
	defer errtext.Name(&err)
	s := defaults()
	if err := s.set(forDecode, opts...); err != nil {
		return Report{}, err
	}
	d := newReader(r, size, s)
	c := newChecker()
	d.odd, d.refused, d.discard = c.odd, c.refused, true
	err = c.all(ctx, d)
	c.report.Header = *d.header
	c.report.Size = d.Offset()
	if err != nil {
		return c.report, err
	}
	c.report.Trailing, err = d.in.drain(ctx)
	return c.report, err
}

// CheckFile runs [Check] on a regular file and adds its path to errors.
func CheckFile(path string, opts ...Option) (report Report, err error) {
	defer errtext.Name(&err)
	f, err := vfs.OS().Open(path)
	if err != nil {
		return Report{}, err
	}
	size, err := f.Size()
	if err != nil {
		return Report{}, errors.Join(err, f.Close())
	}
	report, err = Check(context.Background(), f, size, opts...)
	return report, errors.Join(inFile(err, path), f.Close())
}

// checker counts records and detects duplicate keys. It remembers keys by 128 bits of a seeded
// hash. A collision of two different keys is not expected within the age of the universe.
type checker struct {
	report Report
	dbs    map[int]int // database number to index in report.Databases
	seeds  [2]maphash.Seed
	seen   map[fingerprint]struct{}
}

// fingerprint identifies a key in a database.
type fingerprint struct{ a, b uint64 }

func newChecker() *checker {
	return &checker{
		report: Report{Types: make(map[snapshot.Type]int64)},
		dbs:    make(map[int]int),
		seeds:  [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		seen:   make(map[fingerprint]struct{}),
	}
}

// odd records a value that a server loads but never writes.
func (c *checker) odd(e *corrupt.Error) {
	if c.report.Odd++; c.report.FirstOdd == nil {
		c.report.FirstOdd = e
	}
}

// refused records a value that some servers refuse.
func (c *checker) refused(e *corrupt.Error) {
	if c.report.Refused++; c.report.FirstRefused == nil {
		c.report.FirstRefused = e
	}
}

// all checks every record of r.
func (c *checker) all(ctx context.Context, r *Reader) error {
	for rec, err := range r.Records(ctx) {
		if err != nil {
			return err
		}
		switch rec := rec.(type) {
		case *Entry:
			if err := c.entry(rec, r.at); err != nil {
				return err
			}
		case *Extra:
			c.report.Extras++
		}
	}
	return r.ended(ctx)
}

// entry counts a key whose type byte is at offset at.
func (c *checker) entry(e *Entry, at int64) error {
	f := fingerprint{maphash.Bytes(c.seeds[0], e.Key) + uint64(e.DB), maphash.Bytes(c.seeds[1], e.Key)}
	if _, ok := c.seen[f]; ok {
		return corrupt.New(at, "duplicate key in database %d", e.DB)
	}
	c.seen[f] = struct{}{}
	i, ok := c.dbs[e.DB]
	if !ok {
		i = len(c.report.Databases)
		c.dbs[e.DB] = i
		c.report.Databases = append(c.report.Databases, snapshot.Count{DB: e.DB})
	}
	c.report.Databases[i].Keys++
	c.report.Keys++
	if e.ExpireAtMs != 0 {
		c.report.Databases[i].Expires++
		c.report.Expires++
	}
	if e.HasIdle || e.HasFreq {
		c.report.Used++
	}
	c.report.Types[e.Type]++
	return nil
}

// drain reads to the end of the input and returns the number of bytes after pos.
func (r *input) drain(ctx context.Context) (int64, error) {
	if r.size >= 0 {
		return max(r.size-r.offset(), 0), nil
	}
	rest := int64(r.end - r.pos)
	for !r.eof {
		r.end = 0
		if err := r.readSome(); err != nil {
			return rest, err
		}
		rest += int64(r.end)
		if err := ctx.Err(); err != nil {
			return rest, err
		}
	}
	return rest, nil
}
