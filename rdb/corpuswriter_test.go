package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
)

// inVersion writes a dump again in a version. It copies each value if the version has its type and
// typed is false, and re-encodes it otherwise. It also returns the keys that the version cannot
// store.
func inVersion(t *testing.T, p []byte, version int, typed bool) (again []byte, left []string) {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, rdb.Version(version))
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range read(t, p).Records(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := rec.(*rdb.Entry)
		if !ok || !typed {
			err = w.Write(rec)
		}
		if ok && (typed || errors.Is(err, rdb.ErrUnsupported)) {
			err = w.WriteValue(e, must(e.Decode(rdb.Validate(false))))
		}
		switch {
		case errors.Is(err, rdb.ErrUnsupported) && ok:
			left = append(left, string(e.Key))
		case errors.Is(err, rdb.ErrUnsupported) && version == 9: // a function library
		case err != nil:
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), left
}

// contents returns the decoded values of a dump by database and key, as inAllVersions prints them.
func contents(t *testing.T, p []byte) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for e, err := range read(t, p).Entries(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprintf("%d %q @%d", e.DB, e.Key, e.ExpireAtMs)] = inAllVersions(must(e.Decode(rdb.Validate(false))))
	}
	return all
}

// inAllVersions prints a value. For a stream it prints only the properties of all versions.
func inAllVersions(v rdb.Value) string {
	s, ok := v.(*rdb.Stream)
	if !ok {
		return print(v)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "stream %d %v", s.Length, s.LastID)
	for e := range s.All() {
		fmt.Fprintf(&b, " %v", e.ID)
		for name, value := range e.Fields() {
			fmt.Fprintf(&b, " %q=%q", name, value)
		}
	}
	for _, g := range s.Groups {
		fmt.Fprintf(&b, " %q %v %v", g.Name, g.LastID, g.Pending)
		for _, c := range g.Consumers {
			fmt.Fprintf(&b, " %q %d %v", c.Name, c.SeenAtMs, c.Pending)
		}
	}
	return b.String()
}

// TestCorpusVersions writes every dump of the corpus in versions 9, 10, and 11, copied and
// re-encoded, and compares the contents.
func TestCorpusVersions(t *testing.T) {
	written := 0
	for name, p := range corpusFiles(t) {
		if _, damaged := damagedCorpus[name]; damaged {
			continue
		}
		want := contents(t, p)
		for _, version := range []int{9, 10, 11} {
			for _, typed := range []bool{false, true} {
				again, left := inVersion(t, p, version, typed)
				got := contents(t, again)
				if len(left) > 0 && !strings.Contains(name, "hfe") {
					t.Errorf("%s in version %d: omitted keys %q, want none", name, version, left)
				}
				if len(got) != len(want)-len(left) {
					t.Errorf("%s in version %d: %d keys, want %d", name, version, len(got), len(want)-len(left))
				}
				for key, value := range got {
					if value != want[key] {
						t.Errorf("%s in version %d, %s: got\n%.300s\nwant\n%.300s", name, version, key, value, want[key])
					}
				}
				written += len(got)
			}
		}
	}
	if written < 800 {
		t.Errorf("wrote %d keys, want at least 800", written)
	}
}

// TestServerLoadsCorpus loads each dump of the corpus that is not too new into a server of version
// 7.0. It also loads copies in versions 9 and 10, copied and re-encoded. The digests must be equal.
// The dumps that the server then saves must have equal contents.
func TestServerLoadsCorpus(t *testing.T) {
	files := corpusFiles(t)
	dir := t.TempDir()
	s := &server{redistest.Start(t, dir, "--databases", "200", "--sanitize-dump-payload", "yes")}
	dump := filepath.Join(dir, "dump.rdb")
	load := func(name string, p []byte) string {
		if err := os.WriteFile(dump, p, 0o600); err != nil {
			t.Fatal(err)
		}
		s.must("FUNCTION", "FLUSH")
		if got := s.do("DEBUG", "RELOAD", "NOSAVE"); got != "+OK" {
			t.Fatalf("%s: DEBUG RELOAD = %s, want OK", name, got)
		}
		return s.must("DEBUG", "DIGEST")
	}
	compared := 0
	for name, p := range files {
		if _, damaged := damagedCorpus[name]; damaged {
			continue
		}
		digest := ""
		if string(p[:9]) <= "REDIS0010" {
			digest = load(name, p)
		}
		for _, version := range []int{9, 10} {
			for _, typed := range []bool{false, true} {
				again, _ := inVersion(t, p, version, typed)
				if got := load(name, again); digest != "" && got != digest {
					t.Errorf("%s, version %d, typed %v: digest = %s, want %s", name, version, typed, got, digest)
				}
				s.must("SAVE")
				saved, err := os.ReadFile(dump)
				if err != nil {
					t.Fatal(err)
				}
				found, want := contents(t, saved), contents(t, again)
				for key, value := range found {
					if normalized(value) != normalized(want[key]) {
						t.Errorf("%s, version %d, typed %v, %s: server has\n%.300s\nwant\n%.300s", name, version, typed, key, value, want[key])
					}
				}
				if len(want) > 0 && len(found) == 0 && !strings.Contains(name, "expir") && !strings.Contains(name, "empty") {
					t.Errorf("%s, version %d, typed %v: server is empty, want %d keys", name, version, typed, len(want))
				}
				compared += len(found)
			}
		}
	}
	if compared < 500 {
		t.Errorf("compared %d keys, want at least 500", compared)
	}
	t.Log(compared, "keys")
}

// normalized returns a printed value with unordered elements in sorted order.
func normalized(s string) string {
	if strings.HasPrefix(s, "list ") || strings.HasPrefix(s, "stream ") {
		return s
	}
	return sorted(s)
}
