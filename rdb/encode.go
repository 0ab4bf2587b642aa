package rdb

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/perduredb/perdure/snapshot"
)

// Encode writes v as one dump to w and returns its size, version and number of keys. It makes
// the one pass over v, and keeps nothing of it.
//
// The version is the lowest from 9 on that has v's types and function libraries, or VALKEY 80 when Valkey's own are among
// them; an *UnsupportedError means that there is none. Every entry is written, expired or not, in
// the order of v; a database is named again whenever it changes. Strings are written as
// Redis would: integers of 32 bits in binary, longer than 20 bytes as LZF where that saves 4 bytes.
//
// Options: Compression, Checksum, Version, AOFBase, UsedMemory. An error of v, of w or of ctx, which is
// looked at every MiB, ends the dump where it is. It may run in any number of goroutines.
func Encode(ctx context.Context, w io.Writer, v snapshot.View, opts ...Option) (snapshot.Info, error) {
	s := defaults()
	if err := s.set(forEncode, opts...); err != nil {
		return snapshot.Info{}, err
	}
	return encode(ctx, w, v, s)
}

func encode(ctx context.Context, w io.Writer, v snapshot.View, s settings) (snapshot.Info, error) {
	ver, err := chooseVersion(s.version, v.Types())
	if err != nil {
		return snapshot.Info{}, err
	}
	if ver.number < functionSince && slices.ContainsFunc(v.Extras(), isFunction) {
		if s.version != 0 {
			return snapshot.Info{}, fmt.Errorf("%w: %w", ErrOption,
				&UnsupportedError{Offset: -1, What: fmt.Sprintf("version %d has no function libraries", s.version)})
		}
		ver.number = functionSince
	}
	if err := ctx.Err(); err != nil {
		return snapshot.Info{}, err
	}
	out := newWriter(ctx, w, s, ver)
	out.overlap = true
	// After an error, w's own included, nobody may use w any more when this returns.
	defer func() { _ = out.settle() }()
	if err := out.view(v, s); err != nil {
		return snapshot.Info{}, err
	}
	info, err := out.Close()
	info.Time = v.Time()
	return info, err
}

func isFunction(x snapshot.Extra) bool { return x.Opcode == opFunction }

// view writes what v has.
func (w *Writer) view(v snapshot.View, s settings) error {
	for _, a := range w.describing(v, s) {
		if err := w.aux(&a); err != nil {
			return err
		}
	}
	if err := w.extras(v, false); err != nil {
		return err
	}
	counts := slices.Clone(v.Counts())
	for x, err := range v.All(w.ctx) {
		if err == nil && x.DB != w.db {
			err = w.enter(x.DB, counts)
		}
		if err == nil {
			err = w.entry(&x, Usage{}, nil)
		}
		if err != nil {
			return err
		}
	}
	return w.extras(v, true)
}

// describing returns the fields that describe the dump of v.
func (w *Writer) describing(v snapshot.View, s settings) []Aux {
	server, number := w.version.server()
	fields := []Aux{
		{server, number},
		{"redis-bits", strconv.Itoa(strconv.IntSize)},
		{"ctime", strconv.FormatInt(v.Time().Unix(), 10)},
	}
	if s.usedMemory > 0 {
		fields = append(fields, Aux{"used-mem", strconv.FormatInt(s.usedMemory, 10)})
	}
	base := "0"
	if s.aofBase {
		base = "1"
	}
	fields = append(fields, Aux{"aof-base", base})
	if order := v.Order(); order != "" {
		fields = append(fields, Aux{auxOrder, order})
	}
	if origin := v.Origin(); origin != "" {
		fields = append(fields, Aux{auxOrigin, origin})
	}
	return fields
}

// extras writes the records that belong to no key: those that stand before the keys, or after.
func (w *Writer) extras(v snapshot.View, after bool) error {
	for _, x := range v.Extras() {
		if standsAfter(x) == after {
			if err := w.extra(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// standsAfter reports whether a module wrote its data behind the keys: the field "when" that
// follows the module's id is 2.
func standsAfter(x snapshot.Extra) bool {
	const after = 2
	if x.Opcode != opModuleAux {
		return false
	}
	r := memoryReader(x.Payload)
	var v [3]uint64 // module id, the opcode of an unsigned integer, when
	for i := range v {
		n, err := r.length()
		if err != nil {
			return false
		}
		v[i] = n
	}
	return v[1] == 2 && v[2] == after
}

// enter names the database of the entries that follow and, the first time, how much it holds.
func (w *Writer) enter(db int, counts []snapshot.Count) error {
	if err := w.selectDB(db); err != nil {
		return err
	}
	for i, c := range counts {
		if c.DB == db {
			counts[i].DB = -1
			return w.sizes(c)
		}
	}
	return nil
}
