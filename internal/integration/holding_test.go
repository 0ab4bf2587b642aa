package integration_test

import (
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// A holding is a data set as Redis reports it.
type holding struct {
	seed maphash.Seed
	keys map[string]held // by "db/key"
}

type held struct {
	kind       string // Redis's type name
	value      uint64 // hash of the bytes of a string
	dump       string // DUMP payload of another type; for a hash and a set their elements, sorted
	expireAtMs int64
}

func (h *holding) clone() *holding {
	c := &holding{seed: h.seed, keys: make(map[string]held, len(h.keys))}
	for k, v := range h.keys {
		c.keys[k] = v
	}
	return c
}

func (h *holding) string(v string, at int64) held {
	return held{kind: "string", value: maphash.String(h.seed, v), expireAtMs: at}
}

// compare reports the keys that differ. got is a server's data, hashed with the seed of h.
func (h *holding) compare(t *testing.T, who string, got *holding) {
	t.Helper()
	bad := 0
	for k, v := range h.keys {
		if g, there := got.keys[k]; !there || g != v {
			if bad++; bad <= 10 {
				t.Errorf("%s: %.60q: %+v, want %+v (there: %v)", who, k, shortened(g), shortened(v), there)
			}
		}
	}
	if len(got.keys) != len(h.keys) || bad > 0 {
		t.Fatalf("%s: %d keys, want %d; %d differ", who, len(got.keys), len(h.keys), bad)
	}
	t.Logf("%s: %d keys agree", who, len(got.keys))
}

func shortened(v held) held {
	if len(v.dump) > 20 {
		v.dump = v.dump[:20] + "..."
	}
	return v
}

// readRedis returns all data of a server.
func readRedis(s *redistest.Server) *holding {
	h := &holding{seed: holdingSeed, keys: map[string]held{}}
	for db := range 16 {
		s.Must("SELECT", strconv.Itoa(db))
		for cursor := "0"; ; {
			page := s.Must("SCAN", cursor, "COUNT", "1000")
			cursor = page.Elements[0].Text
			readPage(s, h, db, page.Elements[1].Elements)
			if cursor == "0" {
				break
			}
		}
	}
	return h
}

func readPage(s *redistest.Server, h *holding, db int, keys []redistest.Reply) {
	if len(keys) == 0 {
		return
	}
	for _, k := range keys {
		s.Send("TYPE", k.Text)
		s.Send("PEXPIRETIME", k.Text)
	}
	about := s.Flush()
	for i, k := range keys {
		if about[2*i].Text == "+string" {
			s.Send("GET", k.Text)
			continue
		}
		s.Send(readerOf(about[2*i]), k.Text)
	}
	values := s.Flush()
	for i, k := range keys {
		at := max(0, about[2*i+1].Int())
		name := fmt.Sprintf("%d/%s", db, k.Text)
		if about[2*i].Text == "+string" {
			h.keys[name], values = h.string(values[0].Text, at), values[1:]
			continue
		}
		v := held{kind: about[2*i].Text[1:], dump: values[0].Text, expireAtMs: at}
		if values[0].Elements != nil {
			v.dump = sorted(values[0].Elements)
		}
		h.keys[name], values = v, values[1:]
	}
}

// readerOf returns the command that reads a value of a type: DUMP, or for a type whose elements are
// in no order the elements.
func readerOf(kind redistest.Reply) string {
	switch kind.Text {
	case "+set":
		return "SMEMBERS"
	case "+hash":
		return "HGETALL"
	}
	return "DUMP"
}

// sorted returns a hash of elements that does not depend on their order. (Fields of
// a hash begin with "field ", so a field swapped with its value is detected.)
func sorted(elements []redistest.Reply) string {
	texts := make([]string, 0, len(elements))
	for _, e := range elements {
		texts = append(texts, e.Text)
	}
	slices.Sort(texts)
	return strconv.FormatUint(maphash.String(holdingSeed, strings.Join(texts, "\x00")), 16)
}

// compareStore compares all data that a store can report with a holding: strings by their bytes,
// other types by name and expiry.
func compareStore(t *testing.T, s *perdure.Store, h *holding) {
	t.Helper()
	total := int64(0)
	for db := range s.Databases() {
		total += s.DB(db).Len()
	}
	if total != int64(len(h.keys)) {
		t.Errorf("%d keys, want %d", total, len(h.keys))
	}
	for name, v := range h.keys {
		number, key, _ := strings.Cut(name, "/")
		n, _ := strconv.Atoi(number)
		d := s.DB(n)
		kind, err := d.Type(key)
		if err != nil || kind != v.kind {
			t.Fatalf("%.60q is %q, %v; want %s", name, kind, err, v.kind)
		}
		if kind == "string" {
			got, err := d.Get(key)
			ok(t, err)
			if h.string(string(got), v.expireAtMs) != v {
				t.Fatalf("Get(%.60q) = %d other bytes, want the server's value", name, len(got))
			}
		} else if _, err := d.Get(key); err == nil {
			t.Fatalf("Get of a %s = nil error, want ErrWrongType", kind)
		}
		ttl, err := d.TTL(key)
		ok(t, err)
		left := time.Until(time.UnixMilli(v.expireAtMs))
		if (ttl == perdure.NoExpiry) != (v.expireAtMs == 0) || v.expireAtMs != 0 && (ttl-left).Abs() > time.Second {
			t.Fatalf("%.60q lives %v, want %v", name, ttl, left)
		}
	}
}

func copyFiles(t *testing.T, dir string, names ...string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		ok(t, err)
		if info.IsDir() {
			ok(t, os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(dir, name))))
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(to, name), data, 0o600))
	}
	return to
}
