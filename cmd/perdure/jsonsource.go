package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// jsonSource is a data set as JSON lines, compressed or not. It holds no more than one line.
type jsonSource struct {
	a          *app
	path       string
	compressed bool
	version    int // the newest that types may need
}

// newestVersion is that of the types that JSON lines are read into.
const newestVersion = 12

func (a *app) jsonLines(p *place) *jsonSource {
	return &jsonSource{a: a, path: p.lines, compressed: p.compressed(), version: newestVersion}
}

func (j *jsonSource) each(ctx context.Context, fn func(snapshot.Entry) error) error {
	return j.lines(ctx, func(l *parsedLine) error {
		if l.Type == extraType {
			_, err := l.extra()
			return err
		}
		e, err := l.entry(j.version)
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return &notOfLine{err}
		}
		return nil
	})
}

// notOfLine keeps the error of a receiver apart from that of a line.
type notOfLine struct{ error }

// lines gives every line. The error about one is a *perdure.CorruptError with the line's offset,
// and never shows what stands there.
func (j *jsonSource) lines(ctx context.Context, fn func(*parsedLine) error) error {
	return j.a.withDump("reading", j.path, j.compressed, func(r io.Reader, _ int64) error {
		in := bufio.NewReaderSize(r, 256<<10)
		for offset, n := int64(0), 1; ; n++ {
			text, err := in.ReadBytes('\n')
			if err == io.EOF && len(text) == 0 {
				return nil
			}
			if err != nil && err != io.EOF {
				return err
			}
			if err := j.line(text, fn); err != nil {
				var outside *notOfLine
				if errors.As(err, &outside) {
					return outside.error
				}
				return &perdure.CorruptError{Offset: offset, What: fmt.Sprintf("line %d: %v", n, err)}
			}
			offset += int64(len(text))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	})
}

// verify reads every line, and refuses a key that stands there twice: no server would load what is
// written from them. It returns how many keys there are and takes some 30 bytes of memory for each.
func (j *jsonSource) verify(ctx context.Context) (keys int64, err error) {
	type fingerprint struct{ a, b uint64 } // equal for two keys once in the age of the universe
	seeds := [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	seen := make(map[fingerprint]struct{})
	err = j.lines(ctx, func(l *parsedLine) error {
		if l.Type == extraType {
			_, err := l.extra()
			return err
		}
		e, err := l.entry(j.version)
		if err != nil {
			return err
		}
		f := fingerprint{maphash.Bytes(seeds[0], e.Key) + uint64(e.DB), maphash.Bytes(seeds[1], e.Key)}
		if _, twice := seen[f]; twice {
			return fmt.Errorf("a key that database %d has already", e.DB)
		}
		seen[f] = struct{}{}
		keys++
		return nil
	})
	return keys, err
}

func (j *jsonSource) line(text []byte, fn func(*parsedLine) error) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	var l parsedLine
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return errors.New("want one JSON object with the fields that perdure dump prints")
	}
	return fn(&l)
}

func (j *jsonSource) extras(ctx context.Context) (all []snapshot.Extra, err error) {
	err = j.lines(ctx, func(l *parsedLine) error {
		if l.Type != extraType {
			return nil
		}
		x, err := l.extra()
		all = append(all, x)
		return err
	})
	return all, err
}

func (j *jsonSource) writeRDB(ctx context.Context, w io.Writer) error {
	return encode(ctx, w, j)
}

func (j *jsonSource) close() error { return nil }

// writeLines writes a data set as JSON lines, in the source's order.
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

// jsonExtra is the line of a function library, or of what a module keeps beside its keys: the
// bytes behind the opcode of the dump.
type jsonExtra struct {
	Type          string `json:"type"`
	Opcode        int    `json:"opcode"`
	PayloadBase64 string `json:"payloadBase64"`
}

// oldTypes is a source whose values are written in types that version has. A value that has one is
// left as it is.
type oldTypes struct {
	source
	version int
}

func (o *oldTypes) each(ctx context.Context, fn func(snapshot.Entry) error) error {
	return o.source.each(ctx, func(e snapshot.Entry) error {
		if versionOf(e.Type) > o.version {
			line, err := lineOf(&e)
			if err != nil {
				return err
			}
			text, err := json.Marshal(line)
			if err != nil {
				return err
			}
			var parsed parsedLine
			if err := json.Unmarshal(text, &parsed); err != nil {
				return err
			}
			old, err := parsed.entry(o.version)
			if err == nil && versionOf(old.Type) > o.version {
				err = errors.New("it has no older form")
			}
			if err != nil {
				return fmt.Errorf("a %s of type %d cannot be written in version %d: %w",
					rdb.TypeName(e.Type), e.Type.RDB(), o.version, err)
			}
			e = old
		}
		return fn(e)
	})
}

func (o *oldTypes) writeRDB(ctx context.Context, w io.Writer) error {
	return encode(ctx, w, o, rdb.Version(o.version))
}

// versionOf is the lowest format version that has a type.
func versionOf(t snapshot.Type) int {
	p := rdb.AppendDump(nil, t, nil)
	return int(p[len(p)-10]) | int(p[len(p)-9])<<8
}
