package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var dumpCommand = &command{
	name: "dump",
	args: "PATH",
	what: "print every key as JSON lines",
	help: `Prints one JSON object a line for each key, sorted by database and key:

  {"db":0,"key":"visits","type":"string","value":"42","expireAtMs":1700000000000}

expireAtMs is left out of a key without expiry. A key or value that is not valid UTF-8 stands in
keyBase64 or valueBase64 instead. Values of other types than string are not printed. What has
expired and still stands in the file is. Of a data directory the log is read when there is one,
otherwise the dump. Memory: the whole data set is held, since it is sorted.`,
	run: (*app).dump,
}

// dumped is one line. Its order is that of the fields.
type dumped struct {
	DB          int     `json:"db"`
	Key         *string `json:"key,omitempty"`
	KeyBase64   *string `json:"keyBase64,omitempty"`
	Type        string  `json:"type"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 *string `json:"valueBase64,omitempty"`
	ExpireAtMs  int64   `json:"expireAtMs,omitempty"`
}

func (a *app) dump(c *command, args []string) error {
	paths, err := a.parse(c, c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	entries, err := a.entries(paths[0])
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(a.stdout, 64<<10)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range entries {
		if err := enc.Encode(lineOf(&entries[i])); err != nil {
			return err
		}
		entries[i] = snapshot.Entry{}
		if i%1024 == 0 && a.ctx.Err() != nil {
			return a.ctx.Err()
		}
	}
	return w.Flush()
}

// entries reads all there is, sorted by database and key.
func (a *app) entries(path string) ([]snapshot.Entry, error) {
	p, err := locate(a.fs, path)
	if err != nil {
		return nil, err
	}
	src, err := a.open(&p, false)
	if err != nil {
		return nil, err
	}
	defer src.close()
	var entries []snapshot.Entry
	err = src.each(a.ctx, func(e snapshot.Entry) error {
		e.Key = bytes.Clone(e.Key)
		if e.Type == snapshot.String {
			e.Value = bytes.Clone(e.Value)
		} else {
			e.Value = nil
		}
		entries = append(entries, e)
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

func lineOf(e *snapshot.Entry) *dumped {
	line := &dumped{DB: e.DB, Type: rdb.TypeName(e.Type), ExpireAtMs: e.ExpireAtMs}
	line.Key, line.KeyBase64 = text(e.Key)
	if e.Type == snapshot.String {
		line.Value, line.ValueBase64 = text(e.Value)
	}
	return line
}

// text gives bytes as a string where they are UTF-8, and in base64 otherwise.
func text(p []byte) (plain, encoded *string) {
	if utf8.Valid(p) {
		s := string(p)
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(p)
	return nil, &s
}
