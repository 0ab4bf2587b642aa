package rdb

import (
	"bytes"
	"cmp"
	"fmt"
	"math"

	"github.com/perduredb/perdure/snapshot"
)

// validator is the visitor that performs the checks for which the walker would need more than one
// element: nothing occurs twice, and the parts match each other. It forwards everything but
// elements to the next visitor. One validator serves any number of values, one after the other.
type validator struct {
	visitor // next visitor, for everything not checked here

	strict bool   // refuse valid values that no server writes
	odd    string // first oddity of the current value, if not refused

	// The first reason for which some servers refuse the current value and others do not: the
	// servers and the reason. It is not an error here.
	refused string

	w            *walker
	t            snapshot.Type
	n            int  // elements, members, fields, entries, pieces or places
	pastElements bool // after the entries of a stream
	seen         seen
	twice        bool     // a member or a field occurs twice
	groups       [][]byte // names

	firstID, lastID StreamID // ids of entries
	lastIndex       uint64   // of an array
	lastExpiry      int64    // expiry of a field of a packed hash; initially -1
	added           uint64   // entries added to a stream
}

func newValidator(next visitor) *validator {
	return &validator{visitor: next, seen: newSeen()}
}

// walk makes w walk a value of type t and checks the value as a whole.
func (v *validator) walk(w *walker, t snapshot.Type) error {
	at := w.r.offset()
	v.w, v.t, v.n, v.pastElements = w, t, 0, false
	v.odd, v.refused = "", ""
	v.lastExpiry, v.added = -1, 0
	v.firstID, v.lastID, v.groups = StreamID{}, StreamID{}, v.groups[:0]
	v.seen.reset()
	err := w.value(t)
	if v.seen.twice() {
		err = cmp.Or(v.duplicate(at), err)
	}
	if err != nil {
		return err
	}
	if v.n > 0 {
		return nil
	}
	if name := kinds[t].name; name != "stream" && name != "module" {
		if err := v.reportOdd("want a " + name + " that is not empty, found an empty one"); err != nil {
			return w.withOffset(at, err)
		}
	}
	return nil
}

// reportOdd refuses or records an oddity.
func (v *validator) reportOdd(what string) error {
	if v.strict {
		return flawed(0, "%s", what)
	}
	if v.odd == "" {
		v.odd = what
	}
	return nil
}

func (v *validator) element([]byte) error {
	v.n++
	return nil
}

func (v *validator) member(p []byte, _ float64) error { return v.unique(p, "member") }

func (v *validator) field(name, _ []byte, expireAtMs int64) error {
	if v.t == typeHashTTLLP || v.t == typeHashTTLLPOld {
		if expireAtMs != 0 && (v.lastExpiry == 0 || expireAtMs < v.lastExpiry) {
			v.reportRefused("Redis 7.4 and later with sanitize-dump-payload", "fields are not in the order of their expiry")
		}
		v.lastExpiry = expireAtMs
	}
	return v.unique(name, "field")
}

// reportRefused records that some servers refuse the current value.
func (v *validator) reportRefused(who, format string, args ...any) {
	if v.refused == "" {
		v.refused = fmt.Sprintf("want a %s that every server loads, found one refused by %s: %s",
			kinds[v.t].name, who, fmt.Sprintf(format, args...))
	}
}

func (v *validator) piece(modulePiece) error {
	v.n++
	return nil
}

// slot counts an element of an array.
func (v *validator) slot(index uint64, _ modulePiece) error {
	if v.n > 0 && index <= v.lastIndex {
		if err := v.reportOdd("want ascending array indexes, found one out of order"); err != nil {
			return err
		}
	}
	v.lastIndex = index
	v.n++
	return nil
}

// entry counts an entry of a stream.
func (v *validator) entry(e *StreamEntry) error {
	if v.n == 0 {
		v.firstID = e.ID
	} else if v.lastID.Compare(e.ID) >= 0 {
		if err := v.reportOdd("want ascending IDs in a stream, found one out of order"); err != nil {
			return err
		}
	}
	v.lastID = e.ID
	v.n++
	return nil
}

func (v *validator) streamHead(h *streamHead) error {
	if v.n > 0 && v.lastID.Compare(h.lastID) > 0 {
		if err := v.reportOdd("want a last ID of a stream at or after its last entry, found it before"); err != nil {
			return err
		}
	}
	const redis88 = "Redis 8.8"
	switch {
	case h.length != uint64(v.n):
		v.reportRefused(redis88+" and Valkey 9", "length is %d, but it has %d entries", h.length, v.n)
	case h.added < h.length:
		v.reportRefused(redis88, "%d entries were added, but its length is %d", h.added, h.length)
	case h.added > math.MaxInt64:
		v.reportRefused(redis88, "number of entries added, %d, is out of range", h.added)
	}
	v.pastElements, v.added = true, h.added
	return v.visitor.streamHead(h)
}

// place names the next element unless it is the first: the element where reading stopped. Damage
// before the first element may be damage of the whole value.
func (v *validator) place() string {
	if v.n == 0 || v.pastElements {
		return ""
	}
	word := "element"
	switch kinds[v.t].name {
	case "set", "zset":
		word = "member"
	case "hash":
		word = "field"
	case "stream":
		word = "entry"
	}
	return fmt.Sprintf(", %s %d", word, v.n+1)
}

func (v *validator) group(g *StreamGroup) error {
	names := make([][]byte, len(g.Consumers))
	for i := range names {
		names[i] = g.Consumers[i].Name
	}
	if sameName(names) {
		return flawed(0, "want unique consumers in a group, found a duplicate")
	}
	if g.EntriesRead < -1 || g.EntriesRead >= 0 && uint64(g.EntriesRead) > v.added {
		v.reportRefused("Redis 8.8", "a group has read %d entries, but %d were added", uint64(g.EntriesRead), v.added)
	}
	v.groups = append(doubled(v.groups), g.Name)
	if !v.seen.add(g.Name) && sameName(v.groups) {
		v.twice = true
		return flawed(0, "want unique groups in a stream, found a duplicate")
	}
	return v.visitor.group(g)
}

// unique counts p and returns an error if p has occurred before.
func (v *validator) unique(p []byte, what string) error {
	if v.seen.add(p) || !v.isDuplicate(p) {
		v.n++
		return nil
	}
	v.twice = true
	return flawed(0, "want unique %ss, found a duplicate", what)
}

// duplicate reads the current value again, as far as it was read, and returns an error if a member
// or a field occurs twice. The value begins at offset at.
func (v *validator) duplicate(at int64) error {
	again := newValidator(deaf{})
	again.seen.exact = true
	w := walker{r: memoryReader(v.w.r.between(v.w.start, v.w.r.place())), limit: v.w.limit, visitor: again}
	w.r.base, w.r.size = at, at+w.r.size
	if err := again.walk(&w, v.t); again.twice {
		v.n = again.n
		return err
	}
	return nil
}

// isDuplicate reports whether p occurs more than once in the part of the value read so far. It is
// called when a hash occurs twice. It may be slow because two different members with equal hashes
// are not expected in practice.
//
// isDuplicate reads the value again with the walker's scratch. That does not disturb the walker: a
// type that is one packed form decompresses the same bytes to the same place, and other types need
// nothing in the scratch any longer.
func (v *validator) isDuplicate(p []byte) bool {
	c := &counter{want: bytes.Clone(p)}
	read := v.w.r.between(v.w.start, v.w.r.place())
	again := walker{r: memoryReader(read), limit: v.w.limit, visitor: c, first: v.w.first, second: v.w.second}
	_ = again.value(v.t) // it ends at the bytes not read yet
	return c.n > 1
}

// counter counts the occurrences of a member or field name.
type counter struct {
	deaf
	want []byte
	n    int
}

func (c *counter) member(p []byte, _ float64) error { return c.field(p, nil, 0) }

func (c *counter) field(name, _ []byte, _ int64) error {
	if bytes.Equal(name, c.want) {
		c.n++
	}
	return nil
}
