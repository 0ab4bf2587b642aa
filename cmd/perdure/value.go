package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/perduredb/perdure/rdb"
)

// jsonValue is a value as JSON. Plain strings and base64 share one shape. Plain strings are used if
// all strings are valid UTF-8.
//
//	list, set     ["a","b"]
//	hash          {"field":"value"}
//	zset          [{"member":"a","score":1.5}]            an infinite score is "inf" or "-inf"
//	stream        {"entries":[{"id":"1-1","fields":[["f","v"]]}], ...}
//	array         [{"at":0,"value":"a"}]                  numbers are numbers
//	module        {"module":"name","version":1}
type jsonValue struct {
	value  any
	base64 bool
	expiry map[string]int64 // of fields of a hash
}

// valueOf converts v to JSON, with plain strings if possible and otherwise with base64 throughout.
func valueOf(v rdb.Value) jsonValue {
	plain := &texts{}
	j := plain.value(v)
	if plain.binary {
		j = (&texts{base64: true}).value(v)
		j.base64 = true
	}
	return j
}

// texts converts bytes to JSON strings, and records whether any bytes were not valid UTF-8.
type texts struct {
	base64 bool
	binary bool
}

func (t *texts) text(p []byte) string {
	if t.base64 {
		return base64.StdEncoding.EncodeToString(p)
	}
	t.binary = t.binary || !utf8.Valid(p)
	return string(p)
}

func (t *texts) value(v rdb.Value) jsonValue {
	switch v := v.(type) {
	case rdb.String:
		return jsonValue{value: t.text(v)}
	case *rdb.List:
		all := make([]string, 0, v.Len())
		for p := range v.All() {
			all = append(all, t.text(p))
		}
		return jsonValue{value: all}
	case *rdb.Set:
		return jsonValue{value: t.set(v)}
	case *rdb.Hash:
		return t.hash(v)
	case *rdb.SortedSet:
		return jsonValue{value: t.sortedSet(v)}
	case *rdb.Stream:
		return jsonValue{value: t.stream(v)}
	case *rdb.Array:
		return jsonValue{value: t.array(v)}
	case *rdb.Module:
		return jsonValue{value: jsonModule{v.Name, v.Version}}
	}
	return jsonValue{}
}

// set returns the members sorted by their bytes.
func (t *texts) set(s *rdb.Set) []string {
	members := make([][]byte, 0, s.Len())
	for p := range s.All() {
		members = append(members, bytes.Clone(p))
	}
	slices.SortFunc(members, bytes.Compare)
	all := make([]string, len(members))
	for i, p := range members {
		all[i] = t.text(p)
	}
	return all
}

// hash returns an object; encoding/json sorts its names.
func (t *texts) hash(h *rdb.Hash) jsonValue {
	all := make(map[string]string, h.Len())
	var expiry map[string]int64
	for f := range h.All() {
		name := t.text(f.Name)
		all[name] = t.text(f.Value)
		if f.ExpireAtMs != 0 {
			if expiry == nil {
				expiry = make(map[string]int64)
			}
			expiry[name] = f.ExpireAtMs
		}
	}
	return jsonValue{value: all, expiry: expiry}
}

// jsonScored is a member of a sorted set.
type jsonScored struct {
	Member string `json:"member"`
	Score  any    `json:"score"`
}

// sortedSet returns the members in the order of ZRANGE: by score, and by bytes for equal scores.
func (t *texts) sortedSet(z *rdb.SortedSet) []jsonScored {
	members := make([]rdb.ScoredMember, 0, z.Len())
	for m := range z.All() {
		members = append(members, rdb.ScoredMember{Member: bytes.Clone(m.Member), Score: m.Score})
	}
	slices.SortFunc(members, func(x, y rdb.ScoredMember) int {
		return cmp.Or(cmp.Compare(x.Score, y.Score), bytes.Compare(x.Member, y.Member))
	})
	all := make([]jsonScored, len(members))
	for i, m := range members {
		all[i] = jsonScored{t.text(m.Member), score(m.Score)}
	}
	return all
}

func score(f float64) any {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	return f
}

// jsonSlot is an element of an array.
type jsonSlot struct {
	At    uint64 `json:"at"`
	Value any    `json:"value"`
}

func (t *texts) array(a *rdb.Array) []jsonSlot {
	all := make([]jsonSlot, 0, a.Len())
	for at, v := range a.All() {
		switch x := v.(type) {
		case []byte:
			v = t.text(x)
		case float64:
			v = score(x)
		}
		all = append(all, jsonSlot{at, v})
	}
	return all
}

// jsonModule is the name and version of a module. The module's data is not printed.
type jsonModule struct {
	Module  string `json:"module"`
	Version int    `json:"version"`
}

// jsonStream is a stream. IDs are in Redis's form: milliseconds, a dash, and a number.
type jsonStream struct {
	Entries      []jsonEntry `json:"entries"`
	Length       uint64      `json:"length"`
	LastID       string      `json:"lastId"`
	FirstID      string      `json:"firstId"`
	MaxDeletedID string      `json:"maxDeletedId"`
	EntriesAdded uint64      `json:"entriesAdded"`
	Groups       []jsonGroup `json:"groups"`
}

type jsonEntry struct {
	ID     string      `json:"id"`
	Fields [][2]string `json:"fields"`
}

type jsonGroup struct {
	Name        string         `json:"name"`
	LastID      string         `json:"lastId"`
	EntriesRead int64          `json:"entriesRead"` // -1 if unknown
	Pending     []jsonPending  `json:"pending"`
	Consumers   []jsonConsumer `json:"consumers"`
}

type jsonPending struct {
	ID            string `json:"id"`
	DeliveredAtMs int64  `json:"deliveredAtMs"`
	Deliveries    uint64 `json:"deliveries"`
}

type jsonConsumer struct {
	Name       string   `json:"name"`
	SeenAtMs   int64    `json:"seenAtMs"`
	ActiveAtMs int64    `json:"activeAtMs"`
	Pending    []string `json:"pending"`
}

func (t *texts) stream(s *rdb.Stream) jsonStream {
	j := jsonStream{
		Entries: make([]jsonEntry, 0, s.Len()), Groups: make([]jsonGroup, 0, len(s.Groups)),
		Length: s.Length, LastID: s.LastID.String(), FirstID: s.FirstID.String(),
		MaxDeletedID: s.MaxDeletedID.String(), EntriesAdded: s.EntriesAdded,
	}
	for e := range s.All() {
		fields := make([][2]string, 0, e.Len())
		for name, value := range e.Fields() {
			fields = append(fields, [2]string{t.text(name), t.text(value)})
		}
		j.Entries = append(j.Entries, jsonEntry{e.ID.String(), fields})
	}
	for i := range s.Groups {
		j.Groups = append(j.Groups, t.group(&s.Groups[i]))
	}
	return j
}

func (t *texts) group(g *rdb.StreamGroup) jsonGroup {
	j := jsonGroup{
		Name: t.text(g.Name), LastID: g.LastID.String(), EntriesRead: g.EntriesRead,
		Pending: make([]jsonPending, len(g.Pending)), Consumers: make([]jsonConsumer, len(g.Consumers)),
	}
	for i, p := range g.Pending {
		j.Pending[i] = jsonPending{p.ID.String(), p.DeliveredAtMs, p.Deliveries}
	}
	for i, c := range g.Consumers {
		ids := make([]string, len(c.Pending))
		for k, id := range c.Pending {
			ids[k] = id.String()
		}
		j.Consumers[i] = jsonConsumer{t.text(c.Name), c.SeenAtMs, c.ActiveAtMs, ids}
	}
	return j
}
