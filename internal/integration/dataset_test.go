package integration_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
)

// A datum is the content of a key: the bytes of a string, or the text of another type.
type datum struct {
	value      string
	expireAtMs int64
}

// dataOf returns all live keys of a store, by "db/key".
func dataOf(t testing.TB, s *perdure.Store) map[string]datum {
	t.Helper()
	all := map[string]datum{}
	snap, err := s.Snapshot()
	ok(t, err)
	defer snap.Close()
	now := time.Now().UnixMilli()
	for e, err := range snap.All(t.Context()) {
		ok(t, err)
		if e.ExpireAtMs != 0 && e.ExpireAtMs < now {
			continue
		}
		value := string(e.Value)
		if e.Type != 0 {
			value = textOf(rdb.AppendDump(nil, e.Type, e.Value))
		}
		all[fmt.Sprintf("%d/%s", e.DB, e.Key)] = datum{value, e.ExpireAtMs}
	}
	return all
}

// textOf returns the contents of a DUMP: of a list, a set, a hash, or a sorted set as a text that
// does not depend on the encoding, and of another type the bytes without version and checksum.
func textOf(dump []byte) string {
	const trailer = 2 + 8
	raw := string(dump[:len(dump)-trailer])
	t, payload, err := rdb.ParseDump(dump)
	if err != nil {
		return raw
	}
	v, err := rdb.DecodeValue(t, payload)
	if err != nil {
		return raw
	}
	var all []string
	switch v := v.(type) {
	case *rdb.List:
		for e := range v.All() {
			all = append(all, fmt.Sprintf("%q", e))
		}
		return fmt.Sprintf("list %v", all)
	case *rdb.Set:
		for m := range v.All() {
			all = append(all, fmt.Sprintf("%q", m))
		}
	case *rdb.Hash:
		for f := range v.All() {
			all = append(all, fmt.Sprintf("%q=%q@%d", f.Name, f.Value, f.ExpireAtMs))
		}
	case *rdb.SortedSet:
		for m := range v.All() {
			all = append(all, fmt.Sprintf("%q=%v", m.Member, m.Score))
		}
	default:
		return raw
	}
	slices.Sort(all)
	return fmt.Sprintf("%s %v", rdb.TypeName(t), all)
}

// dataOfServer returns all keys of a server, by "db/key".
func dataOfServer(s *redistest.Server) map[string]datum {
	all := map[string]datum{}
	for db := range 16 {
		s.Must("SELECT", strconv.Itoa(db))
		keys := s.Must("KEYS", "*").Elements
		for _, k := range keys {
			s.Send("GET", k.Text)
			s.Send("PEXPIRETIME", k.Text)
			s.Send("DUMP", k.Text)
		}
		if len(keys) == 0 {
			continue
		}
		replies := s.Flush()
		for i, k := range keys {
			value, at, dump := replies[3*i], replies[3*i+1].Int(), replies[3*i+2].Text
			if at == -2 { // the key expired after KEYS
				continue
			}
			d := datum{value.Text, max(at, 0)}
			if value.Err {
				d.value = textOf([]byte(dump))
			}
			all[fmt.Sprintf("%d/%s", db, k.Text)] = d
		}
	}
	return all
}

// sameData fails the test if the data sets differ. Expiries may differ by slack, because some were
// relative.
func sameData(t testing.TB, name string, got, want map[string]datum, slack time.Duration) {
	t.Helper()
	var bad []string
	for k, v := range want {
		o, found := got[k]
		late := time.Duration(o.expireAtMs-v.expireAtMs) * time.Millisecond
		if !found || o.value != v.value || late.Abs() > slack || (o.expireAtMs == 0) != (v.expireAtMs == 0) {
			bad = append(bad, fmt.Sprintf("%.40q = %.60q, expiry %d (found: %v), want %.60q, expiry %d",
				k, o.value, o.expireAtMs, found, v.value, v.expireAtMs))
		}
	}
	for k, o := range got {
		if _, found := want[k]; !found {
			bad = append(bad, fmt.Sprintf("%.40q = %.60q, expiry %d, want no such key", k, o.value, o.expireAtMs))
		}
	}
	slices.Sort(bad)
	for i, line := range bad {
		if i == 10 {
			break
		}
		t.Errorf("%s: %s", name, line)
	}
	if len(bad) > 0 {
		t.Fatalf("%s: %d of %d keys differ", name, len(bad), len(want))
	}
}
