package main

import (
	"container/heap"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// These constants describe the memory of a store for an entry: a slot with a header of 4 bytes, in
// steps of 8 bytes, and a share of the index. Larger values have larger steps, which are ignored.
const (
	slotHead  = 4
	slotStep  = 8
	indexPart = 8 // 12 entries in a bucket of 64 bytes, about 2/3 of them in use
)

// memoryOf estimates the memory that perdure uses for an entry.
func memoryOf(e *snapshot.Entry) int64 {
	n := slotHead + len(e.Key) + len(e.Value)
	if e.Type == snapshot.String && len(e.Value) <= 20 {
		if v, err := strconv.ParseInt(string(e.Value), 10, 64); err == nil && strconv.FormatInt(v, 10) == string(e.Value) {
			n = slotHead + len(e.Key) + 8
		}
	}
	if e.ExpireAtMs != 0 {
		n += 8
	}
	return int64((n+slotStep-1)/slotStep*slotStep + indexPart)
}

// statTTL counts the keys that expire within a span from now.
type statTTL struct {
	Within string `json:"within"` // "past", "1m", ..., "later", "never"
	Keys   int64  `json:"keys"`

	span time.Duration
}

func ttlSpans() []statTTL {
	return []statTTL{
		{Within: "past"}, {Within: "1m", span: time.Minute}, {Within: "1h", span: time.Hour}, {Within: "1d", span: 24 * time.Hour},
		{Within: "7d", span: 7 * 24 * time.Hour}, {Within: "30d", span: 30 * 24 * time.Hour},
		{Within: "later", span: 1<<63 - 1}, {Within: "never"},
	}
}

// addTTL counts a key in its span.
func (s *statistics) addTTL(expireAtMs int64) {
	if expireAtMs == 0 {
		s.TTLs[len(s.TTLs)-1].Keys++
		return
	}
	i := 0
	for i < len(s.TTLs)-2 && expireAtMs-s.now >= s.TTLs[i].span.Milliseconds() {
		i++
	}
	s.TTLs[i].Keys++
}

// statKey is one of the largest keys.
type statKey struct {
	DB         int    `json:"db"`
	Key        string `json:"key"` // quoted as in Go
	Type       string `json:"type"`
	Bytes      int64  `json:"bytes"`              // of the value; in a dump if not a string
	Elements   int    `json:"elements,omitempty"` // of a collection
	ExpireAtMs int64  `json:"expireAtMs,omitempty"`
}

// largest keeps the n keys with the largest values, the smallest of them first.
type largest struct {
	n    int
	keys []statKey
}

func (l *largest) Len() int           { return len(l.keys) }
func (l *largest) Less(i, j int) bool { return l.keys[i].Bytes < l.keys[j].Bytes }
func (l *largest) Swap(i, j int)      { l.keys[i], l.keys[j] = l.keys[j], l.keys[i] }
func (l *largest) Push(x any)         { l.keys = append(l.keys, x.(statKey)) }
func (l *largest) Pop() any {
	x := l.keys[len(l.keys)-1]
	l.keys = l.keys[:len(l.keys)-1]
	return x
}

func (l *largest) add(e *snapshot.Entry) {
	size := int64(len(e.Value))
	if l.n == 0 || len(l.keys) == l.n && size <= l.keys[0].Bytes {
		return
	}
	k := statKey{DB: e.DB, Key: strconv.QuoteToASCII(string(e.Key)), Type: rdb.TypeName(e.Type), Bytes: size, ExpireAtMs: e.ExpireAtMs}
	if v, err := rdb.DecodeValue(e.Type, e.Value, rdb.Validate(false)); err == nil {
		if c, ok := v.(interface{ Len() int }); ok {
			k.Elements = c.Len()
		}
	}
	heap.Push(l, k)
	if len(l.keys) > l.n {
		heap.Pop(l)
	}
}

// sorted returns the keys with the largest first.
func (l *largest) sorted() []statKey {
	keys := slices.Clone(l.keys)
	slices.SortFunc(keys, func(x, y statKey) int {
		switch {
		case x.Bytes != y.Bytes:
			return int(min(max(y.Bytes-x.Bytes, -1), 1))
		case x.DB != y.DB:
			return x.DB - y.DB
		case x.Key < y.Key:
			return -1
		}
		return 1
	})
	return keys
}

// printMore writes the parts about memory, expiry and the largest keys.
func (s *statistics) printMore(w io.Writer) {
	if s.Keys > 0 {
		fmt.Fprintf(w, "memory: about %s in perdure, %d B per key\n", size(s.MemoryBytes), s.MemoryBytes/s.Keys)
	}
	if s.Expires > 0 {
		fmt.Fprintf(w, "expiries: %d (%d past), first %s, last %s\n ", s.Expires, s.Expired, timeText(s.FirstMs), timeText(s.LastMs))
		for _, t := range s.TTLs {
			if t.Keys > 0 {
				fmt.Fprintf(w, " %s: %d ", t.Within, t.Keys)
			}
		}
		fmt.Fprintln(w)
	}
	for _, k := range s.Largest {
		fmt.Fprintf(w, "  %10s  db %d %s: %s", size(k.Bytes), k.DB, k.Key, k.Type)
		if k.Elements > 0 {
			fmt.Fprintf(w, ", %s", count(int64(k.Elements), "element"))
		}
		if k.ExpireAtMs != 0 {
			fmt.Fprintf(w, ", expires %s", timeText(k.ExpireAtMs))
		}
		fmt.Fprintln(w)
	}
}
