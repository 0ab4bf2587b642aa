package redisconf_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/redisconf"
)

// open opens a store with the options of a configuration.
func open(t *testing.T, text string, opts ...perdure.Option) *perdure.Store {
	t.Helper()
	c := parse(t, text)
	s, err := perdure.Open(c.Dir, append(c.Options(), opts...)...)
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { s.CloseNoSave() })
	return s
}

func set(t *testing.T, s *perdure.Store, key string) {
	t.Helper()
	if err := s.Set(key, []byte("v")); err != nil {
		t.Fatalf("Set(%q) = %v, want nil", key, err)
	}
}

// names returns the names that match a pattern in the working directory.
func names(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestOptionsNameFiles(t *testing.T) {
	write(t)
	s := open(t, "dir data\nappendonly yes\nappendfilename log\nappenddirname logs\ndbfilename d.rdb\ndatabases 3")
	set(t, s, "k")
	if n := s.Databases(); n != 3 {
		t.Errorf("Databases = %d, want 3", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(names(t, "data/logs/log.*.incr.aof")) != 1 || len(names(t, "data/d.rdb")) != 1 {
		t.Errorf("files = %q, want logs/log.1.incr.aof and d.rdb", names(t, "data/*"))
	}
}

func TestOptionsWithoutAppendOnlyWriteNoLog(t *testing.T) {
	for _, text := range []string{"", "appendonly yes\nappendonly no"} {
		write(t)
		s := open(t, text)
		set(t, s, "k")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := names(t, "*"); !slices.Contains(got, "dump.rdb") || slices.Contains(got, "appendonlydir") {
			t.Errorf("files with %q = %q, want dump.rdb and no appendonlydir", text, got)
		}
	}
}

func TestOptionsWithoutSaveRulesWriteNoDump(t *testing.T) {
	write(t)
	s := open(t, `save ""`)
	set(t, s, "k")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, "dump.rdb"); len(got) != 0 {
		t.Errorf("files = %q, want no dump.rdb", got)
	}
}

func TestOptionsRefuseTornLog(t *testing.T) {
	write(t)
	s := open(t, "appendonly yes")
	set(t, s, "k")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log := names(t, "appendonlydir/*.incr.aof")[0]
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("*3\r\n$3\r\nSET")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, "appendonly yes\naof-load-truncated no")
	if s, err := perdure.Open(".", c.Options()...); !errors.Is(err, perdure.ErrTorn) {
		t.Errorf("Open with aof-load-truncated no = %v, %v, want ErrTorn", s, err)
	}
	if n, err := open(t, "appendonly yes").Exists("k"); n != 1 || err != nil {
		t.Errorf("Exists = %d, %v, want 1", n, err)
	}
}

// TestOptionsCanBeUsedTwice opens two stores with one configuration.
func TestOptionsCanBeUsedTwice(t *testing.T) {
	write(t)
	c := parse(t, "appendonly yes")
	for _, dir := range []string{"a", "b"} {
		s, err := perdure.Open(dir, c.Options()...)
		if err != nil {
			t.Fatalf("Open(%q) = %v, want nil", dir, err)
		}
		defer s.CloseNoSave()
	}
}

// TestLinesReportErrorsOfOpen gives names that a server accepts and Open refuses.
func TestLinesReportErrorsOfOpen(t *testing.T) {
	for _, name := range []string{".", "..", "a\x01", strings.Repeat("n", 201), "temp-perdure-x"} {
		for _, directive := range []string{"dbfilename", "appendfilename", "appenddirname"} {
			c := redisconf.Default()
			c.AppendOnly = true
			switch directive {
			case "dbfilename":
				c.DumpFilename = name
			case "appendfilename":
				c.LogFilename = name
			case "appenddirname":
				c.LogDirname = name
			}
			if s, err := perdure.Open(t.TempDir(), c.Options()...); !errors.Is(err, perdure.ErrOptions) {
				t.Errorf("Open with %s %q = %v, %v, want ErrOptions", directive, name, s, err)
			}
			if _, err := redisconf.Parse([]byte(directive + " " + quote(name))); !errors.Is(err, perdure.ErrOptions) {
				t.Errorf("Parse of %s %q = %v, want ErrOptions", directive, name, err)
			}
		}
	}
}
