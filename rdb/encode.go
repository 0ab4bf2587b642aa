package rdb

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// Encode writes v as one dump to w and returns the dump's size, version, and number of keys. It
// iterates over v once and retains nothing of it.
//
// The version is the lowest from 9 on that has the types and function libraries of v, or VALKEY 80
// if v has types of Valkey. Encode returns an [*UnsupportedError] if no version has all of them. It
// writes every entry, expired or not, in the order of v, and names the database again whenever it
// changes. It writes strings as Redis would: 32-bit integers in binary, and strings longer than 20
// bytes as LZF if that saves 4 bytes.
//
// Options: [Compression], [Checksum], [Version], [AOFBase], [UsedMemory]. An error of v, w, or ctx
// stops the dump at that point. Encode checks ctx every MiB. Any number of goroutines may call
// Encode.
func Encode(ctx context.Context, w io.Writer, v snapshot.View, opts ...Option) (info snapshot.Info, err error) {
	defer errtext.Name(&err)
	s := defaults()
	if err := s.set(forEncode, opts...); err != nil {
		return snapshot.Info{}, err
	}
	return encode(ctx, w, v, s)
}

func encode(ctx context.Context, w io.Writer, v snapshot.View, s settings) (snapshot.Info, error) {
	types := slices.Clone(v.Types())
	for i, t := range types {
		if s.version != 0 && !versionOf(s.version).has(t) {
			types[i] = plainest(t)
		}
	}
	ver, err := chooseVersion(s.version, types)
	if err != nil {
		return snapshot.Info{}, err
	}
	if ver.number < functionSince && slices.ContainsFunc(v.Extras(), isFunction) {
		if s.version != 0 {
			return snapshot.Info{}, fmt.Errorf("%w: %w", ErrOption,
				&UnsupportedError{Offset: -1, What: fmt.Sprintf("function libraries in version %d", s.version)})
		}
		ver.number = functionSince
	}
	if err := ctx.Err(); err != nil {
		return snapshot.Info{}, err
	}
	out := newWriter(ctx, w, s, ver)
	out.overlap = true
	// No goroutine may use w after Encode returns, even after an error of w itself.
	defer func() { _ = out.flushAll() }()
	if err := out.view(v, s); err != nil {
		return snapshot.Info{}, err
	}
	info, err := out.Close()
	info.Time = v.Time()
	return info, err
}

// plainest returns the type that EncodeValue uses for a value of type t in every version, or t if
// that depends on the value.
func plainest(t snapshot.Type) snapshot.Type {
	switch t {
	case typeHashListpack:
		return typeHash
	case typeZSetListpack:
		return typeZSet
	case typeQuicklist2:
		return typeList
	case typeSetListpack:
		return typeSet
	}
	return t
}

// inVersion encodes a value in a version that lacks its type.
func inVersion(t snapshot.Type, value []byte, version int) (snapshot.Type, []byte, error) {
	v, err := DecodeValue(t, value, Validate(false), MaxValue(maxInt/4))
	if err != nil {
		return 0, nil, err
	}
	return EncodeValue(v, version)
}

func isFunction(x snapshot.Extra) bool { return x.Opcode == opFunction }

// view writes the contents of v.
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
		if err == nil && s.version != 0 && !w.version.has(x.Type) {
			x.Type, x.Value, err = inVersion(x.Type, x.Value, s.version)
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

// extras writes the records that belong to no key: those stored before the keys, or those stored
// after them.
func (w *Writer) extras(v snapshot.View, after bool) error {
	for _, x := range v.Extras() {
		if isAfterKeys(x) == after {
			if err := w.extra(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// isAfterKeys reports whether a module wrote its data after the keys. It did if the field "when",
// which follows the module's id, is 2.
func isAfterKeys(x snapshot.Extra) bool {
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

// enter writes the database of the following entries and, the first time, its number of keys.
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
