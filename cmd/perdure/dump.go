package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var dumpCommand = &command{
	name: "dump",
	args: "PATH",
	what: "print every key as JSON lines",
	help: `Dump prints a line with a JSON object for each key, sorted by database and key. It reads
the log of a data directory, or the dump if there is no log:

  {"db":0,"key":"visits","type":"string","value":"42","expireAtMs":1700000000000}

A key without an expiry has no expireAtMs. Expired keys that the file still contains are printed.
The types of values are:

  list, set   an array of strings; sets are sorted
  hash        an object; fieldExpireAtMs is present if fields expire
  zset        [{"member":"a","score":1.5}], sorted by score; infinite scores are "inf" and "-inf"
  stream      {"entries":[{"id":"1-1","fields":[["f","v"]]}],...,"groups":[...]}
  array       [{"at":0,"value":"a"}]
  module      {"module":"name","version":1}

If value does not contain all of a value, dumpBase64 contains the payload of DUMP. A key that is not
valid UTF-8 is in keyBase64 instead of key. If any string in a value is not valid UTF-8, the value
is in valueBase64 instead of value: in the same shape, with every string in base64, including the
names of fields, groups, and consumers. perdure convert reads and writes these lines as name.jsonl.

If a dump is not supported, dump prints the keys that it can read, and exits with status 3.

Memory: the whole data set, because it is sorted; compressed strings take up to 88 times their size
in the file. With --unsorted, dump holds one value at a time, of at most --max-value bytes, and
prints keys in the order of the file up to the first damage.`,
	run: (*app).dump,
}

// dumped is one line. The members of a line are in the order of the fields.
type dumped struct {
	DB              int              `json:"db"`
	Key             *string          `json:"key,omitempty"`
	KeyBase64       *string          `json:"keyBase64,omitempty"`
	Type            string           `json:"type"`
	Value           any              `json:"value,omitempty"`
	ValueBase64     any              `json:"valueBase64,omitempty"`
	DumpBase64      string           `json:"dumpBase64,omitempty"` // if value is incomplete
	FieldExpireAtMs map[string]int64 `json:"fieldExpireAtMs,omitempty"`
	Valkey          bool             `json:"valkey,omitempty"` // fields expire as in Valkey 9
	ExpireAtMs      int64            `json:"expireAtMs,omitempty"`
}

func (a *app) dump(c *command, args []string) error {
	f := c.flags()
	until := untilFlag(f)
	unsorted := f.Bool("unsorted", false, "print keys in the order of the file, and hold one key at a time")
	limit := f.Int64("max-value", rdb.DefaultMaxValue, "refuse values larger than this many `bytes` after decompression")
	paths, err := a.parse(c, f, args, 1, 1)
	if err != nil {
		return err
	}
	p, err := a.locateUntil(paths[0], until)
	if err != nil {
		return err
	}
	if p.maxValue = *limit; *limit < 1 || *limit > rdb.DefaultMaxValue {
		return c.misuse(fmt.Sprintf("--max-value must be 1 to %d", int64(rdb.DefaultMaxValue)))
	}
	if *unsorted {
		return a.dumpUnsorted(&p)
	}
	entries, unknown := a.entries(&p)
	if unknown != nil && !errors.Is(unknown, perdure.ErrUnsupported) {
		return unknown
	}
	w := bufio.NewWriterSize(a.stdout, 64<<10)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range entries {
		line, err := lineOf(&entries[i])
		if err == nil {
			err = enc.Encode(line)
		}
		if err != nil {
			return err
		}
		entries[i] = snapshot.Entry{}
		if i%1024 == 0 && a.ctx.Err() != nil {
			return a.ctx.Err()
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(entries) == 0 || unknown == nil {
		return unknown
	}
	return fmt.Errorf("%w; printed %s that can be read", unknown, count(int64(len(entries)), "key"))
}

// dumpUnsorted prints keys as it reads them.
func (a *app) dumpUnsorted(p *place) error {
	src, err := a.open(p, false)
	if err != nil {
		return err
	}
	defer src.close()
	w := bufio.NewWriterSize(a.stdout, 64<<10)
	err = src.each(a.ctx, func(e snapshot.Entry) error {
		line, err := lineOf(&e)
		if err == nil {
			err = writeJSON(w, line)
		}
		return err
	})
	return errors.Join(w.Flush(), err)
}

// entries reads all entries, sorted by database and key. With an error about something unsupported,
// it still returns the entries that it could read.
func (a *app) entries(p *place) ([]snapshot.Entry, error) {
	src, err := a.open(p, false)
	if err != nil {
		return nil, err
	}
	defer src.close()
	return sortedEntries(a.ctx, src, func(*snapshot.Entry) bool { return true })
}

// sortedEntries returns the entries of a source that wanted accepts, sorted by database and key.
func sortedEntries(ctx context.Context, src source, wanted func(*snapshot.Entry) bool) (entries []snapshot.Entry, err error) {
	err = src.each(ctx, func(e snapshot.Entry) error {
		if wanted(&e) {
			e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
			entries = append(entries, e)
		}
		return nil
	})
	slices.SortStableFunc(entries, func(x, y snapshot.Entry) int {
		if x.DB != y.DB {
			return x.DB - y.DB
		}
		return bytes.Compare(x.Key, y.Key)
	})
	return entries, err
}

// lineOf returns the line of an entry. It prints every value that a server accepts, such as an
// empty list, because the values were checked when they were read.
func lineOf(e *snapshot.Entry) (*dumped, error) {
	line := &dumped{DB: e.DB, Type: rdb.TypeName(e.Type), ExpireAtMs: e.ExpireAtMs}
	line.Key, line.KeyBase64 = text(e.Key)
	v, err := rdb.DecodeValue(e.Type, e.Value, rdb.Validate(false))
	if errors.Is(err, rdb.ErrUnsupported) {
		line.DumpBase64 = base64.StdEncoding.EncodeToString(rdb.AppendDump(nil, e.Type, e.Value))
		return line, nil
	}
	if err != nil {
		return nil, err
	}
	j := valueOf(v)
	if j.base64 {
		line.ValueBase64 = j.value
	} else {
		line.Value = j.value
	}
	line.FieldExpireAtMs, line.Valkey = j.expiry, j.expiry != nil && e.Type.IsValkey()
	if !isComplete(v) {
		line.DumpBase64 = base64.StdEncoding.EncodeToString(rdb.AppendDump(nil, e.Type, e.Value))
	}
	return line, nil
}

// isComplete reports whether a line's value contains everything in v.
func isComplete(v rdb.Value) bool {
	switch v := v.(type) {
	case *rdb.Module, *rdb.Array:
		return false
	case *rdb.Stream:
		if v.Idempotence != nil {
			return false
		}
		for i := range v.Groups {
			if len(v.Groups[i].Nacked) > 0 {
				return false
			}
		}
	}
	return true
}

// text returns bytes as a string if they are valid UTF-8, and in base64 otherwise.
func text(p []byte) (plain, encoded *string) {
	if utf8.Valid(p) {
		s := string(p)
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(p)
	return nil, &s
}
