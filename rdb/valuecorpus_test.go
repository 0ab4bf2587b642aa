package rdb_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/rdb"
)

// expected is a value in the JSON file next to a dump.
type expected struct {
	DB      int
	Key     string
	Type    string
	Values  []string
	Members []string
	Hash    map[string]string
	Expire  map[string]int64
	Entries []struct {
		Member string
		Score  float64
		Msgs   []struct {
			ID      string
			Fields  map[string]string
			Deleted bool
		}
	}
	Groups []struct {
		Name, LastID string
		EntriesRead  int64
		Pending      []struct {
			ID                          string
			DeliveryTime, DeliveryCount int64
		}
		Consumers []struct {
			Name                 string
			SeenTime, ActiveTime int64
			Pending              []string
		}
	}
	Version                       int
	Len                           uint64
	LastID, FirstID, MaxDeletedID string
	AddedEntriesCount             uint64
}

// lines returns the expected elements, one per line, in the order of comparison.
func (e *expected) lines() (all []string) {
	switch e.Type {
	case "list":
		all = e.Values
	case "set":
		all = slices.Sorted(slices.Values(e.Members))
	case "hash":
		for name, value := range e.Hash {
			all = append(all, fmt.Sprintf("%q=%q@%d", name, value, e.Expire[name]))
		}
		slices.Sort(all)
	case "zset":
		for _, m := range e.Entries {
			all = append(all, fmt.Sprintf("%q=%v", m.Member, m.Score))
		}
		slices.Sort(all)
	case "stream":
		for _, node := range e.Entries {
			for _, m := range node.Msgs {
				if !m.Deleted {
					all = append(all, fmt.Sprint(m.ID, m.Fields))
				}
			}
		}
		all = append(all, fmt.Sprint(e.Len, e.LastID))
		if e.Version >= 2 {
			all = append(all, fmt.Sprint(e.FirstID, e.MaxDeletedID, e.AddedEntriesCount))
		}
		for _, g := range e.Groups {
			all = append(all, fmt.Sprintf("group %q %s", g.Name, g.LastID))
			if e.Version >= 2 {
				all = append(all, fmt.Sprint(g.EntriesRead))
			}
			for _, p := range g.Pending {
				all = append(all, fmt.Sprint(p.ID, p.DeliveryTime, p.DeliveryCount))
			}
			for _, c := range g.Consumers {
				all = append(all, fmt.Sprintf("%q %d %v", c.Name, c.SeenTime, c.Pending))
				if e.Version >= 3 {
					all = append(all, fmt.Sprint(c.ActiveTime))
				}
			}
		}
	}
	return all
}

// linesOf returns a value in that form.
func linesOf(v rdb.Value, version int) (all []string) {
	switch v := v.(type) {
	case *rdb.List:
		for p := range v.All() {
			all = append(all, jsonText(p))
		}
	case *rdb.Set:
		for p := range v.All() {
			all = append(all, jsonText(p))
		}
		slices.Sort(all)
	case *rdb.Hash:
		for f := range v.All() {
			all = append(all, fmt.Sprintf("%q=%q@%d", jsonText(f.Name), jsonText(f.Value), f.ExpireAtMs))
		}
		slices.Sort(all)
	case *rdb.SortedSet:
		for m := range v.All() {
			all = append(all, fmt.Sprintf("%q=%v", jsonText(m.Member), m.Score))
		}
		slices.Sort(all)
	case *rdb.Stream:
		all = streamLines(v, version)
	}
	return all
}

func streamLines(s *rdb.Stream, version int) (all []string) {
	for e := range s.All() {
		fields := make(map[string]string)
		for name, value := range e.Fields() {
			fields[jsonText(name)] = jsonText(value)
		}
		all = append(all, fmt.Sprint(e.ID.String(), fields))
	}
	all = append(all, fmt.Sprint(s.Length, s.LastID.String()))
	if version >= 2 {
		all = append(all, fmt.Sprint(s.FirstID.String(), s.MaxDeletedID.String(), s.EntriesAdded))
	}
	for _, g := range s.Groups {
		all = append(all, fmt.Sprintf("group %q %s", g.Name, g.LastID))
		if version >= 2 {
			all = append(all, fmt.Sprint(g.EntriesRead))
		}
		for _, p := range g.Pending {
			all = append(all, fmt.Sprint(p.ID.String(), p.DeliveredAtMs, p.Deliveries))
		}
		for _, c := range g.Consumers {
			all = append(all, fmt.Sprintf("%q %d %v", c.Name, c.SeenAtMs, c.Pending))
			if version >= 3 {
				all = append(all, fmt.Sprint(c.ActiveAtMs))
			}
		}
	}
	return all
}

// TestCorpusValues compares every value with the JSON that came with its dump.
func TestCorpusValues(t *testing.T) {
	compared := make(map[string]int)
	for name, p := range corpusFiles(t) {
		text, err := os.ReadFile(filepath.Join(corpus, strings.TrimSuffix(name, ".rdb")+".json"))
		if err != nil || damagedCorpus[name] != 0 {
			continue
		}
		// The values of strings and the numbers of aux fields do not match the fields here. They
		// are not compared, and the records after them are still read.
		var want []expected
		if err := json.Unmarshal(text, &want); err != nil && !strings.Contains(err.Error(), "cannot unmarshal") {
			t.Fatalf("Unmarshal for %s = %v, want nil", name, err)
		}
		found := make(map[string]rdb.Value)
		for _, e := range mustDecodeAll(t, p).entries {
			v, err := rdb.DecodeValue(e.Type, e.Value)
			if err != nil {
				t.Errorf("%s: DecodeValue of %q = %v, want nil", name, e.Key, err)
			}
			found[fmt.Sprint(e.DB, jsonText(e.Key))] = v
		}
		for _, w := range want {
			lines := w.lines()
			if lines == nil {
				continue
			}
			got := linesOf(found[fmt.Sprint(w.DB, w.Key)], w.Version)
			if !slices.Equal(got, lines) {
				t.Errorf("%s: %q: got\n%.300q\nwant\n%.300q", name, w.Key, got, lines)
			}
			compared[w.Type]++
		}
	}
	for kind, least := range map[string]int{"list": 5, "set": 5, "hash": 10, "zset": 5, "stream": 6} {
		if compared[kind] < least {
			t.Errorf("compared %d values of type %s, want more", compared[kind], kind)
		}
	}
	t.Log(compared)
}

// mustDecodeAll reads a dump whose end does not matter.
func mustDecodeAll(t *testing.T, p []byte) *got {
	t.Helper()
	g, _, err := decode(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
