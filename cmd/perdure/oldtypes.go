package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// oldTypes is a source that writes values in types that a version supports. It leaves a value of
// such a type unchanged. For other values, it counts the properties that the version cannot store.
type oldTypes struct {
	source
	version int
	lost    map[string]int64 // the number of keys that lose a property, in the last pass
}

func (o *oldTypes) each(ctx context.Context, fn func(snapshot.Entry) error) error {
	o.lost = make(map[string]int64)
	return o.source.each(ctx, func(e snapshot.Entry) error {
		if rdb.Fits(e.Type, o.version) {
			return fn(e)
		}
		v, err := rdb.DecodeValue(e.Type, e.Value, rdb.Validate(false))
		if err != nil {
			return err
		}
		for _, what := range rdb.Lost(v, o.version) {
			o.lost[what]++
		}
		name, number := rdb.TypeName(e.Type), e.Type.RDB()
		if e.Type, e.Value, err = rdb.EncodeValue(v, o.version); err != nil {
			return fmt.Errorf("a %s of type %d lacks an older encoding: %w", name, number, err)
		}
		return fn(e)
	})
}

func (o *oldTypes) writeRDB(ctx context.Context, w io.Writer) error {
	return encode(ctx, w, o, rdb.Version(o.version))
}

// warnOfLosses prints the properties that the version cannot store.
func (a *app) warnOfLosses(o *oldTypes) {
	if len(o.lost) == 0 {
		return
	}
	all := make([]string, 0, len(o.lost))
	for what, n := range o.lost {
		all = append(all, fmt.Sprintf("%s (%s)", what, count(n, "key")))
	}
	slices.Sort(all)
	a.warn("omitted, because version %d does not support it: %s", o.version, strings.Join(all, "; "))
}
