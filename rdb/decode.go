package rdb

import (
	"context"
	"io"

	"github.com/perduredb/perdure/snapshot"
)

// Decode reads one dump from r, which holds size bytes or an unknown number when that is -1, and
// gives what it holds to l in the order of the file. It returns how many bytes the dump took, up to
// and with its checksum; it may have read more from r, which is not looked at.
//
// Versions 1 to 12 of Redis and 80 to 81 of Valkey are read whole, later ones up to the first record
// of an unknown kind: docs/formats.md lists all. Strings are given decoded, values of other types as
// they stand in the file, checked to their last element as DecodeValue does it, but for empty ones and
// the like that a server takes. Keys that have expired are given like others; how much one was used is
// passed over. Entry slices are valid during the call only; nothing is allocated per entry but for the
// groups of a stream, and never by a declared length.
//
// Damage is a *CorruptError with the offset, torn when the input just ends; an unknown version or
// record is an *UnsupportedError; l's errors and ctx's are returned as they are, the latter looked
// at every MiB, when l is told the progress. Options: Checksum, MaxValue, Validate, HeaderTo. Without
// options Decode is a snapshot.Decoder. It may run in any number of goroutines.
func Decode(
	ctx context.Context, r io.Reader, size int64, l snapshot.Loader, opts ...Option,
) (n int64, err error) {
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

// load gives everything to l. What a Loader has no place for, and a store must not lose, is an error.
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
			WayOut: "delete what the module keeps with the server that wrote the file, and save again",
		}, true)
	}
	return r.judged(l.Load(e.Entry), true)
}
