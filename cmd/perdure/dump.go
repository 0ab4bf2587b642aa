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
	help: `Prints one JSON object a line for each key, sorted by database and key:

  {"db":0,"key":"visits","type":"string","value":"42","expireAtMs":1700000000000}

expireAtMs is left out of a key without expiry. What has expired and still stands in the file is
printed. The value of

  list, set   is an array of strings; a set's is sorted
  hash        an object; fieldExpireAtMs stands beside it when fields expire
  zset        [{"member":"a","score":1.5}] by score; an infinite one is "inf" or "-inf"
  stream      {"entries":[{"id":"1-1","fields":[["f","v"]]}],...,"groups":[...]}
  array       [{"at":0,"value":"a"}]
  module      {"module":"name","version":1}

and what does not say all of a value has dumpBase64 beside it, the payload of DUMP. perdure convert
writes and reads these lines, name.jsonl. A key that is not valid UTF-8 stands in keyBase64
instead of key. A value with any string that is not stands in valueBase64 instead of value: of the
same shape, with every string in base64, names of fields, groups and consumers included.

Of a dump that is not supported the keys that can be read are printed, and the exit status is 3. Of a
data directory the log is read when there is one, otherwise the dump. Memory: the whole data
set is held, since it is sorted; compressed strings take up to 88 times their size in the file. With
--unsorted no more than one value is held, at most --max-value bytes of it: keys are printed in the
order of the file, up to where it is damaged.`,
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
	unsorted := f.Bool("unsorted", false, "print keys in the order of the file, and hold one at a time")
	limit := f.Int64("max-value", rdb.DefaultMaxValue, "refuse values of more `bytes`, decompressed")
	paths, err := a.parse(c, f, args, 1, 1)
	if err != nil {
		return err
	}
	p, err := a.locateUntil(paths[0], until)
	if err != nil {
		return err
	}
	if p.maxValue = *limit; *limit < 1 || *limit > rdb.DefaultMaxValue {
		return c.misuse(fmt.Sprintf("--max-value is 1 to %d", int64(rdb.DefaultMaxValue)))
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
	return fmt.Errorf("%w; printed is what can be read, %s", unknown, count(int64(len(entries)), "key"))
}

// dumpUnsorted prints keys in the order in which they are read.
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
	if !saysAll(v) {
		line.DumpBase64 = base64.StdEncoding.EncodeToString(rdb.AppendDump(nil, e.Type, e.Value))
	}
	return line, nil
}

// saysAll reports whether a line's value contains everything in v.
func saysAll(v rdb.Value) bool {
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
