package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// dataSet is a data set as of one point in time: a [snapshot.View] that can be made to fail.
type dataSet struct {
	entries []snapshot.Entry
	extras  []snapshot.Extra
	origin  string
	// Before entry failAt, All ends with err, or cancel is called if it is not nil.
	failAt int
	err    error
	cancel context.CancelFunc
}

var _ snapshot.View = (*dataSet)(nil)

// at is the point in time of every dataSet.
var at = time.Date(2030, 4, 5, 6, 7, 8, 0, time.UTC)

// All implements [snapshot.View]. The slices of an entry are overwritten when the next one is asked
// for.
func (d *dataSet) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		for i, e := range d.entries {
			if i == d.failAt && d.cancel != nil {
				d.cancel()
			}
			if i == d.failAt && d.err != nil {
				yield(snapshot.Entry{}, d.err)
				return
			}
			if err := ctx.Err(); err != nil {
				yield(snapshot.Entry{}, err)
				return
			}
			e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
			more := yield(e, nil)
			overwrite(e.Key)
			overwrite(e.Value)
			if !more {
				return
			}
		}
	}
}

// overwrite makes a slice useless to a component that has kept it.
func overwrite(b []byte) {
	for i := range b {
		b[i] = '!'
	}
}

// Counts implements [snapshot.View].
func (d *dataSet) Counts() (counts []snapshot.Count) {
	for _, e := range d.entries {
		if len(counts) == 0 || counts[len(counts)-1].DB != e.DB {
			counts = append(counts, snapshot.Count{DB: e.DB})
		}
		c := &counts[len(counts)-1]
		c.Keys++
		if e.ExpireAtMs != 0 {
			c.Expires++
		}
	}
	return counts
}

// Types implements [snapshot.View].
func (d *dataSet) Types() (types []snapshot.Type) {
	for _, e := range d.entries {
		if e.Type != snapshot.String {
			types = append(types, e.Type)
		}
	}
	return types
}

// Extras implements [snapshot.View].
func (d *dataSet) Extras() []snapshot.Extra { return d.extras }

// Time implements [snapshot.View].
func (d *dataSet) Time() time.Time { return at }

// Order implements [snapshot.View].
func (d *dataSet) Order() string { return "" }

// Origin implements [snapshot.View].
func (d *dataSet) Origin() string { return d.origin }

// text describes the data set, as loaded.text describes one that was loaded.
func (d *dataSet) text() string {
	l := &loaded{extras: d.extras}
	for _, e := range d.entries {
		l.entries = append(l.entries, entryText(e))
	}
	return l.text()
}

func entryText(e snapshot.Entry) string {
	return fmt.Sprintf("db %d type %d %q = %q expires %d", e.DB, e.Type, e.Key, e.Value, e.ExpireAtMs)
}

// loaded is a [snapshot.Loader] that keeps a description of every entry.
type loaded struct {
	entries []string
	extras  []snapshot.Extra
	failAt  int // Load of this entry returns err
	err     error
	calls   int
}

var _ snapshot.Loader = (*loaded)(nil)

// Expect implements [snapshot.Loader].
func (l *loaded) Expect(int, int64, int64) {}

// Ordered implements [snapshot.Loader].
func (l *loaded) Ordered(string) {}

// Progress implements [snapshot.Loader].
func (l *loaded) Progress(int64, int64) {}

// Load implements [snapshot.Loader].
func (l *loaded) Load(e snapshot.Entry) error {
	l.calls++
	if l.err != nil && len(l.entries) == l.failAt {
		return l.err
	}
	l.entries = append(l.entries, entryText(e))
	return nil
}

// Extra implements [snapshot.Loader].
func (l *loaded) Extra(x snapshot.Extra) error {
	l.extras = append(l.extras, x)
	return nil
}

func (l *loaded) text() string {
	lines := append([]string{}, l.entries...)
	for _, x := range l.extras {
		lines = append(lines, fmt.Sprintf("extra %d %q", x.Opcode, x.Payload))
	}
	return strings.Join(lines, "\n")
}

// entries returns n entries in three databases: empty and binary keys and values, expiries, and a
// value of another type than string.
func entries(n int, value string) (list []snapshot.Entry) {
	for i := range n {
		e := snapshot.Entry{DB: 3 * i / n, Key: fmt.Appendf(nil, "key %d\x00\r\n", i), Value: fmt.Append(nil, value, i)}
		switch i % 5 {
		case 1:
			e.ExpireAtMs = at.Add(time.Hour).UnixMilli() + int64(i)
		case 2:
			e.Value = []byte{}
		case 3:
			e.Type, e.Value = 2, []byte("\x02\x01a\x02bc") // a set of a and bc
		case 4:
			e.Value = bytes.Repeat([]byte{0, 255, '\n', byte(i)}, 100)
		}
		list = append(list, e)
	}
	if n > 0 {
		list[0].Key = []byte{}
	}
	return list
}

// encode writes d as an RDB file, the base of a log.
func (d *dataSet) encode(w io.Writer, origin string) error {
	copied := *d
	copied.origin = origin
	_, err := rdb.Encode(context.Background(), w, &copied, rdb.AOFBase(true))
	return err
}
