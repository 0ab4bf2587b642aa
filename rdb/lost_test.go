package rdb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// serverStreams creates streams on a server and returns their names.
func serverStreams(s *redistest.Server) []string {
	streams := map[string][]string{
		"plain":    nil,
		"begun":    {"XGROUP CREATE begun g 0"},
		"ended":    {"XGROUP CREATE ended g $"},
		"one":      {"XGROUP CREATE one g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS one >"},
		"middle":   {"XGROUP CREATE middle g 0", "XREADGROUP GROUP g c COUNT 3 STREAMS middle >"},
		"all":      {"XGROUP CREATE all g 0", "XREADGROUP GROUP g c STREAMS all >"},
		"unknown":  {"XGROUP CREATE unknown g 3-1"},
		"deleted":  {"XDEL deleted 3-1"},
		"trimmed":  {"XTRIM trimmed MAXLEN 2"},
		"emptied":  {"XTRIM emptied MAXLEN 0"},
		"emptied2": {"XGROUP CREATE emptied2 g $", "XTRIM emptied2 MAXLEN 0"},
		"setid":    {"XSETID setid 9-9 ENTRIESADDED 100 MAXDELETEDID 2-1"},
	}
	var names []string
	for name, commands := range streams {
		names = append(names, name)
		for i := range 6 {
			s.Must("XADD", name, fmt.Sprintf("%d-1", i+1), "f", "v")
		}
		for _, c := range commands {
			s.Must(strings.Fields(c)...)
		}
	}
	slices.Sort(names)
	return names
}

// TestLostMatchesServer encodes streams of a server in version 9 and restores them on the server.
// The properties that then differ must be those that Lost returns.
func TestLostMatchesServer(t *testing.T) {
	s := redistest.Start(t, t.TempDir())
	decode := func(payload string) *rdb.Stream {
		typ, value, err := rdb.ParseDump([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		v, err := rdb.DecodeValue(typ, value)
		if err != nil {
			t.Fatal(err)
		}
		return v.(*rdb.Stream)
	}
	for _, name := range serverStreams(s) {
		was := decode(s.Must("DUMP", name).Text)
		typ, value, err := rdb.EncodeValue(was, 9)
		if err != nil || typ != 15 {
			t.Fatal(typ, err)
		}
		s.Must("RESTORE", name, "0", string(rdb.AppendDump(nil, typ, value)), "REPLACE")
		is := decode(s.Must("DUMP", name).Text)
		var differ []string
		if was.MaxDeletedID != is.MaxDeletedID {
			differ = append(differ, "maximum deleted ID of streams")
		}
		if was.EntriesAdded != is.EntriesAdded {
			differ = append(differ, "number of entries added to streams")
		}
		if len(was.Groups) > 0 && was.Groups[0].EntriesRead != is.Groups[0].EntriesRead {
			differ = append(differ, "number of entries read by groups")
		}
		if lost := rdb.Lost(was, 9); !slices.Equal(lost, differ) {
			t.Errorf("%s: Lost in version 9 = %q, want %q (groups %+v, before %+v)", name, lost, differ, is.Groups, was.Groups)
		}
		if lost := rdb.Lost(was, 10); len(lost) > 0 {
			t.Errorf("%s: Lost in version 10 = %q, want none", name, lost)
		}
	}
}

func TestLostListsNewerStreamProperties(t *testing.T) {
	s := must(rdb.NewStream(rdb.StreamItem{ID: rdb.StreamID{Ms: 1}}))
	s.Groups = []rdb.StreamGroup{{Name: []byte("g"), EntriesRead: 0, Consumers: []rdb.StreamConsumer{{Name: []byte("c"), SeenAtMs: 5, ActiveAtMs: -1}}}}
	s.Idempotence = &rdb.Idempotence{Duration: 100, MaxIDs: 100}
	for version, want := range map[int]int{9: 1, 10: 1, 11: 0, 12: 0, 80: 0} {
		if lost := rdb.Lost(s, version); len(lost) != want {
			t.Errorf("Lost in version %d = %q, want %d properties", version, lost, want)
		}
	}
	s.Idempotence.Duration = 7
	for version, want := range map[int]int{10: 2, 11: 1, 12: 1, 13: 0, 14: 0, 80: 1} {
		if lost := rdb.Lost(s, version); len(lost) != want {
			t.Errorf("Lost in version %d = %q, want %d properties", version, lost, want)
		}
	}
}

// TestVersion80IsOfValkey writes a type that only Valkey 9 has, and checks Fits for such types.
func TestVersion80IsOfValkey(t *testing.T) {
	p := written(t, 80, func(w *rdb.Writer) {
		if err := w.WriteValue(&rdb.Entry{Entry: snapshot.Entry{Key: []byte("h")}}, must(rdb.NewHash(rdb.HashField{Name: []byte("f"), Value: []byte("v"), ExpireAtMs: 5}))); err != nil {
			t.Fatal(err)
		}
	})
	if !strings.HasPrefix(string(p), "VALKEY080") || p[9+2] != 22 {
		t.Errorf("dump = %q, want VALKEY080 with a hash of type 22", p)
	}
	if !rdb.Fits(valkeyHash, 80) || rdb.Fits(valkeyHash, 12) || rdb.Fits(24, 80) || !rdb.Fits(24, 12) || !rdb.Fits(0, 9) || rdb.Fits(27, 80) {
		t.Error("Fits = wrong result, want true for just the versions that have the type")
	}
}
