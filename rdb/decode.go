package rdb

import (
	"context"
	"io"

	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// Decode reads one dump from r and passes its contents to l in file order. size is the length of r
// in bytes, or -1 if it is unknown. Decode returns the number of bytes in the dump, including its
// checksum. It may read more from r but ignores those bytes.
//
// Decode reads versions 1 to 13 of Redis and 80 to 81 of Valkey, and later ones up to the first
// record of an unknown kind; docs/formats.md lists the records that it refuses. It passes strings
// decoded. It passes values of other types as stored in the file, after checking them to their last
// element as [DecodeValue] does. Unlike DecodeValue, it accepts values that a server loads but
// never writes, such as empty ones. Expired keys are passed like others; idle times and use
// counters are ignored. Entry slices are valid only during the call. Decode allocates nothing per
// entry except for the groups of a stream, and never allocates by a declared length.
//
// Damage is reported as a [*CorruptError] with the offset, marked torn if the input ends early. An
// unknown version or record is reported as an [*UnsupportedError]. Errors of r, l, and ctx are
// wrapped. Decode checks ctx and reports progress to l every MiB. Options: [Checksum], [MaxValue],
// [Validate], [HeaderTo]. Decode is a [snapshot.Decoder] if called without options. Any number of
// goroutines may call it.
func Decode(
	ctx context.Context, r io.Reader, size int64, l snapshot.Loader, opts ...Option,
) (n int64, err error) {
	defer errtext.Name(&err)
	s := defaults()
	if err := s.set(forDecode, opts...); err != nil {
		return 0, err
	}
	d := newReader(r, size, s)
	if err := d.load(ctx, l); err != nil {
		return 0, err
	}
	return d.Offset(), nil
}

// load passes every record to l. It returns an error for data that a store must not lose and a
// Loader cannot accept.
func (r *Reader) load(ctx context.Context, l snapshot.Loader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.ctx, r.progress = ctx, l.Progress
	l.Progress(0, r.in.size)
	r.in.readAhead()
	defer r.in.close()
	for {
		rec, err := r.record()
		if err == io.EOF {
			l.Progress(r.in.offset(), r.in.size)
			return r.ended(ctx)
		}
		switch rec := rec.(type) {
		case *Entry:
			err = r.loadEntry(l, rec)
		case *Extra:
			err = l.Extra(rec.Extra)
		case *Aux:
			if rec.Name == auxOrder {
				l.Ordered(rec.Value)
			}
		case *Sizes:
			l.Expect(rec.DB, rec.Keys, rec.Expires)
		}
		if err != nil {
			return err
		}
	}
}

func (r *Reader) loadEntry(l snapshot.Loader, e *Entry) error {
	if e.Meta != nil {
		return r.judged(&UnsupportedError{
			Offset: e.Offset, What: "key metadata of a module (opcode 243)", Owner: "a module of Redis 8.6",
			WayOut: "delete the module's data on the server that wrote the file, and save again",
		}, true)
	}
	return r.judged(l.Load(e.Entry), true)
}
