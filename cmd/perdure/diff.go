package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var diffCommand = &command{
	name: "diff",
	args: "A B",
	what: "compare two data sets key by key, in any format",
	help: `Diff compares the data sets at A and B, which are any PATHs. It compares the contents
that a program can see: types, values, and expiries of keys, and function libraries. It ignores how
a value is encoded, and the order of a set, a hash, or equal scores of a sorted set. Expired keys
that a file still contains are compared, too. It prints one line for each difference, sorted by
database and key, and a line of totals:

  - db 0 "key": string           only in A
  + db 0 "key": string           only in B
  ~ db 0 "key": value, expiry    in both, with the parts that differ

Data sets with the same fingerprint (see perdure digest) are equal and need no memory. Otherwise
diff holds about --memory MiB at a time: it reads larger data sets in parts and sorts each part. A
log is always loaded into memory.

Exit status: 0 same, 1 different, 2 usage error, 3 not supported, 4 damaged or unreadable.`,
	run: (*app).diff,
}

// differences counts and prints the differences.
type differences struct {
	*app
	limit int // the maximum number of lines to print; 0 means all
	keys  bool

	lines                   int
	removed, added, changed int64
}

func (a *app) diff(c *command, args []string) error {
	f := c.flags()
	limit := f.Int("limit", 20, "print at most `n` keys; 0 prints all")
	hide := f.Bool("no-keys", false, "print only the totals")
	memory := f.Int64("memory", 1024, "hold at most about this many `MiB` of keys and values")
	paths, err := a.parse(c, f, args, 2, 2)
	if err != nil {
		return err
	}
	d := &differences{app: a, limit: *limit, keys: !*hide}
	var sides [2]fingerprint
	for i, path := range paths {
		if sides[i], err = a.fingerprint(path); err != nil {
			return failed{err}
		}
	}
	if !sides[0].same(sides[1]) {
		if err := d.sides(paths, 1+int((sides[0].size+sides[1].size)/max(1, *memory<<20))); err != nil {
			return failed{err}
		}
	}
	if d.keys && d.limit > 0 && d.lines > d.limit {
		fmt.Fprintf(a.stdout, "... and %d more (use --limit 0 to print all)\n", d.lines-d.limit)
	}
	fmt.Fprintf(a.stdout, "%s: %s; %s: %s; %d only in the first, %d only in the second, %d changed\n",
		paths[0], count(sides[0].keys, "key"), paths[1], count(sides[1].keys, "key"),
		d.removed, d.added, d.changed)
	if d.removed+d.added+d.changed > 0 {
		return exit(exitDamaged)
	}
	return nil
}

// failed is an error whose status is exitFailed, even for damage. For diff, status 1 reports that
// there are differences.
type failed struct{ error }

// Unwrap returns the error.
func (f failed) Unwrap() error { return f.error }

// sides compares two different data sets, one part after another.
func (d *differences) sides(paths []string, parts int) error {
	for part := range parts {
		var sides [2][]snapshot.Entry
		var err error
		for i, path := range paths {
			if sides[i], err = d.part(d.ctx, path, part, parts); err != nil {
				return err
			}
		}
		if err := d.compare(sides[0], sides[1]); err != nil {
			return err
		}
	}
	var extras [2][]snapshot.Extra
	for i, path := range paths {
		src, err := d.source(path)
		if err != nil {
			return err
		}
		extras[i], err = src.extras(d.ctx)
		if err = errors.Join(err, src.close()); err != nil {
			return err
		}
	}
	if !sameExtras(extras[0], extras[1]) {
		fmt.Fprintln(d.stdout, "~ function libraries or module data")
		d.changed++
	}
	return nil
}

// compare walks both lists in parallel. Both are sorted by database and key.
func (d *differences) compare(a, b []snapshot.Entry) error {
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(b) == 0:
			order = -1
		case len(a) == 0:
			order = 1
		default:
			order = cmp.Or(cmp.Compare(a[0].DB, b[0].DB), bytes.Compare(a[0].Key, b[0].Key))
		}
		if order < 0 {
			d.removed++
			d.print("-", &a[0], rdb.TypeName(a[0].Type))
			a = a[1:]
			continue
		}
		if order > 0 {
			d.added++
			d.print("+", &b[0], rdb.TypeName(b[0].Type))
			b = b[1:]
			continue
		}
		what, err := difference(&a[0], &b[0])
		if err != nil {
			return err
		}
		if what != "" {
			d.changed++
			d.print("~", &a[0], what)
		}
		a, b = a[1:], b[1:]
		if d.ctx.Err() != nil {
			return context.Cause(d.ctx)
		}
	}
	return nil
}

func (d *differences) print(sign string, e *snapshot.Entry, what string) {
	d.lines++
	if d.keys && (d.limit <= 0 || d.lines <= d.limit) {
		fmt.Fprintf(d.stdout, "%s db %d %s: %s\n", sign, e.DB, strconv.QuoteToASCII(string(e.Key)), what)
	}
}

// difference describes how two entries of one key differ, or returns "" if they do not.
func difference(a, b *snapshot.Entry) (string, error) {
	what := ""
	nameA, nameB := rdb.TypeName(a.Type), rdb.TypeName(b.Type)
	switch {
	case nameA != nameB:
		what = nameA + " -> " + nameB
	case a.Type == b.Type && bytes.Equal(a.Value, b.Value):
	default:
		x, err := meaning(a)
		if err != nil {
			return "", err
		}
		y, err := meaning(b)
		if err != nil {
			return "", err
		}
		if !bytes.Equal(x, y) {
			what = "value of the " + nameA
		}
	}
	if a.ExpireAtMs != b.ExpireAtMs {
		if what != "" {
			what += ", "
		}
		what += "expiry " + expiryText(a.ExpireAtMs) + " -> " + expiryText(b.ExpireAtMs)
	}
	return what, nil
}

func expiryText(ms int64) string {
	if ms == 0 {
		return "none"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// meaning returns the meaning of a value, independent of its encoding.
func meaning(e *snapshot.Entry) ([]byte, error) {
	if e.Type == snapshot.String {
		return e.Value, nil
	}
	v, err := rdb.DecodeValue(e.Type, e.Value, rdb.Validate(false))
	if errors.Is(err, rdb.ErrUnsupported) {
		return e.Value, nil
	}
	if err != nil {
		return nil, err
	}
	if !isComplete(v) {
		return e.Value, nil // a module's value, or a new type with only one encoding
	}
	j := (&texts{base64: true}).value(v)
	return json.Marshal([]any{j.value, j.expiry})
}

// sameExtras compares the data that belongs to no key, in any order.
func sameExtras(a, b []snapshot.Extra) bool {
	n := make(map[string]int)
	for _, x := range a {
		n[string(x.Opcode)+string(x.Payload)]++
	}
	for _, x := range b {
		n[string(x.Opcode)+string(x.Payload)]--
	}
	for _, k := range n {
		if k != 0 {
			return false
		}
	}
	return true
}
