package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// view adapts a source for the writer of dumps. It reads the source twice, because the writer needs
// the counts and the types before the first entry.
type view struct {
	src    source
	counts []snapshot.Count
	types  []snapshot.Type
	extras []snapshot.Extra
}

// encode writes a source as a dump.
func encode(ctx context.Context, w io.Writer, src source, opts ...rdb.Option) error {
	v := &view{src: src}
	if err := v.count(ctx); err != nil {
		return err
	}
	_, err := rdb.Encode(ctx, w, v, opts...)
	return err
}

func (v *view) count(ctx context.Context) (err error) {
	if v.extras, err = v.src.extras(ctx); err != nil {
		return err
	}
	dbs := make(map[int]*snapshot.Count)
	types := make(map[snapshot.Type]bool)
	err = v.src.each(ctx, func(e snapshot.Entry) error {
		c := dbs[e.DB]
		if c == nil {
			c = &snapshot.Count{DB: e.DB}
			dbs[e.DB] = c
		}
		c.Keys++
		if e.ExpireAtMs != 0 {
			c.Expires++
		}
		if e.Type != snapshot.String {
			types[e.Type] = true
		}
		return nil
	})
	for _, c := range dbs {
		v.counts = append(v.counts, *c)
	}
	slices.SortFunc(v.counts, func(x, y snapshot.Count) int { return x.DB - y.DB })
	for t := range types {
		v.types = append(v.types, t)
	}
	slices.Sort(v.types)
	return err
}

// errBreak ends a pass after the caller left the loop.
var errBreak = errors.New("break")

// All implements [snapshot.View].
func (v *view) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		err := v.src.each(ctx, func(e snapshot.Entry) error {
			if !yield(e, nil) {
				return errBreak
			}
			return nil
		})
		if err != nil && !errors.Is(err, errBreak) {
			yield(snapshot.Entry{}, err)
		}
	}
}

func (v *view) Counts() []snapshot.Count { return v.counts }
func (v *view) Types() []snapshot.Type   { return v.types }
func (v *view) Order() string            { return "" }
func (v *view) Origin() string           { return "" }
func (v *view) Extras() []snapshot.Extra { return v.extras }
func (v *view) Time() time.Time          { return time.Now() }
