package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// jsonSource is a data set in JSON lines, compressed or not. It keeps at most one line in memory.
type jsonSource struct {
	a          *app
	path       string
	compressed bool
	longest    int // the maximum length of a line in bytes
}

// perByte is the maximum number of bytes in a line for one byte of a value. The byte is escaped or
// in base64, and is also in the payload of DUMP.
const perByte = 6

func (a *app) jsonLines(p *place) *jsonSource {
	return &jsonSource{a: a, path: p.lines, compressed: p.compressed(), longest: lineLimit(p.maxValue)}
}

// lineLimit returns the maximum length of a line for values of at most maxValue bytes.
func lineLimit(maxValue int64) int {
	limit := perByte*cmp.Or(maxValue, rdb.DefaultMaxValue) + 1<<20
	return int(min(limit, math.MaxInt))
}

// readBounded reads a line with its end, of at most limit bytes.
func readBounded(in *bufio.Reader, limit int) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, wrong(limit, "want a line of at most %d bytes, found more", limit)
		}
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

func (j *jsonSource) each(ctx context.Context, fn func(snapshot.Entry) error) error {
	return j.lines(ctx, func(l *parsedLine, x *jsonExtra) error {
		if x != nil {
			_, err := x.extra()
			return err
		}
		e, err := l.entry()
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return &notOfLine{err}
		}
		return nil
	})
}

// notOfLine marks an error of the receiver, as opposed to an error about a line.
type notOfLine struct{ error }

// lines passes every line to fn. The error about a line is a [*perdure.CorruptError]. Its offset is
// the offset of the problem if known, and otherwise of the line. The error never shows the line's
// contents.
func (j *jsonSource) lines(ctx context.Context, fn func(*parsedLine, *jsonExtra) error) error {
	return j.a.withDump("reading", j.path, j.compressed, func(r io.Reader, _ int64) error {
		in := bufio.NewReaderSize(r, 256<<10)
		for offset, n := int64(0), 1; ; n++ {
			text, err := readBounded(in, j.longest)
			if err == io.EOF && len(text) == 0 {
				return nil
			}
			if errors.As(err, new(*lineError)) {
				return ofLine(err, n, offset)
			}
			if err != nil && err != io.EOF {
				return err
			}
			l, x, err := readLine(text)
			if err == nil {
				err = fn(l, x)
			}
			if err != nil {
				return ofLine(err, n, offset)
			}
			offset += int64(len(text))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	})
}

// ofLine adds the position to an error about the n-th line, which begins at an offset.
func ofLine(err error, n int, offset int64) error {
	var outside *notOfLine
	if errors.As(err, &outside) {
		return outside.error
	}
	what := errtext.Trim(err)
	var damage *perdure.CorruptError
	if errors.As(err, &damage) { // of a payload made from the line: the offset is not in the file
		what = damage.What
	}
	var place *lineError
	if errors.As(err, &place) {
		offset += int64(place.at)
	}
	return &perdure.CorruptError{Offset: offset, What: fmt.Sprintf("line %d: %s", n, what)}
}

// verify reads every line, and refuses a key that occurs twice, because no server would load the
// resulting dump. It returns the number of keys and uses about 30 bytes of memory for each key.
func (j *jsonSource) verify(ctx context.Context) (keys int64, err error) {
	type fingerprint struct{ a, b uint64 } // equal for two keys once in the age of the universe
	seeds := [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	seen := make(map[fingerprint]struct{})
	err = j.lines(ctx, func(l *parsedLine, x *jsonExtra) error {
		if x != nil {
			_, err := x.extra()
			return err
		}
		e, err := l.entry()
		if err != nil {
			return err
		}
		f := fingerprint{maphash.Bytes(seeds[0], e.Key) + uint64(e.DB), maphash.Bytes(seeds[1], e.Key)}
		if _, twice := seen[f]; twice {
			return fmt.Errorf("duplicate key in database %d", e.DB)
		}
		seen[f] = struct{}{}
		keys++
		return nil
	})
	return keys, err
}

func (j *jsonSource) extras(ctx context.Context) (all []snapshot.Extra, err error) {
	err = j.lines(ctx, func(_ *parsedLine, x *jsonExtra) error {
		if x == nil {
			return nil
		}
		extra, err := x.extra()
		all = append(all, extra)
		return err
	})
	return all, err
}

func (j *jsonSource) writeRDB(ctx context.Context, w io.Writer) error {
	return encode(ctx, w, j)
}

func (j *jsonSource) close() error { return nil }

// writeLines writes a data set as JSON lines, in the order of the source.
func writeLines(ctx context.Context, w io.Writer, src source) error {
	out := bufio.NewWriterSize(w, 256<<10)
	extras, err := src.extras(ctx)
	if err != nil {
		return err
	}
	for _, x := range extras {
		if err := writeJSON(out, &jsonExtra{extraType, int(x.Opcode), base64.StdEncoding.EncodeToString(x.Payload)}); err != nil {
			return err
		}
	}
	err = src.each(ctx, func(e snapshot.Entry) error {
		line, err := lineOf(&e)
		if err == nil {
			err = writeJSON(out, line)
		}
		return err
	})
	return errors.Join(err, out.Flush())
}
