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

// datum is the content of a key: the bytes of a string, or Redis's DUMP of another type.
type datum struct {
	value      string
	expireAtMs int64
}

// dataOf returns every live key of a store, by "db/key".
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
			p := rdb.AppendDump(nil, e.Type, e.Value)
			value = string(p[:len(p)-10]) // without version and checksum
		}
		all[fmt.Sprintf("%d/%s", e.DB, e.Key)] = datum{value, e.ExpireAtMs}
	}
	return all
}

// dataOfServer returns every key of a server, by "db/key".
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
			if at == -2 { // expired between
				continue
			}
			d := datum{value.Text, max(at, 0)}
			if value.Err {
				d.value = dump[:len(dump)-10]
			}
			all[fmt.Sprintf("%d/%s", db, k.Text)] = d
		}
	}
	return all
}

// sameData compares ours with theirs; expiries may differ by slack where they were relative.
func sameData(t testing.TB, who string, ours, theirs map[string]datum, slack time.Duration) {
	t.Helper()
	var bad []string
	for k, v := range theirs {
		o, there := ours[k]
		late := time.Duration(o.expireAtMs-v.expireAtMs) * time.Millisecond
		if !there || o.value != v.value || late.Abs() > slack || (o.expireAtMs == 0) != (v.expireAtMs == 0) {
			bad = append(bad, fmt.Sprintf("%.40q: ours %.60q %d (there: %v), theirs %.60q %d",
				k, o.value, o.expireAtMs, there, v.value, v.expireAtMs))
		}
	}
	for k, o := range ours {
		if _, there := theirs[k]; !there {
			bad = append(bad, fmt.Sprintf("%.40q: ours %.60q %d, theirs has none", k, o.value, o.expireAtMs))
		}
	}
	slices.Sort(bad)
	for i, line := range bad {
		if i == 10 {
			break
		}
		t.Errorf("%s: %s", who, line)
	}
	if len(bad) > 0 {
		t.Fatalf("%s: %d differ of %d", who, len(bad), len(theirs))
	}
}
