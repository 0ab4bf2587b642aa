package aof_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// server starts a redis-server on the log in dir. It writes each command before it replies. Under
// everysec, a killed Redis may have acknowledged more than it has written.
func server(t *testing.T, dir string, args ...string) *redistest.Server {
	t.Helper()
	return redistest.Start(t, dir, append(args, "--appendonly", "yes", "--appendfsync", "always")...)
}

// keys returns "db key value" for each key, sorted.
func keys(s *redistest.Server) []string {
	var all []string
	for db := range 4 {
		s.Must("SELECT", fmt.Sprint(db))
		for _, k := range s.Must("KEYS", "*").Elements {
			all = append(all, fmt.Sprintf("%d %s %s", db, k, s.Must("GET", k.Text)))
		}
	}
	slices.Sort(all)
	return all
}

// apply returns the keys and values that SET, DEL, and INCR records leave, in that form.
func apply(list []string) []string {
	data := map[string]string{}
	for _, unit := range list {
		for _, c := range strings.Split(unit, "; ") {
			f := strings.Fields(c)
			key := strings.TrimSuffix(f[0], ":") + " " + f[2]
			switch strings.ToUpper(f[1]) {
			case "SET":
				data[key] = f[3]
			case "DEL":
				delete(data, key)
			case "INCR":
				n := 0
				fmt.Sscan(data[key], &n)
				data[key] = fmt.Sprint(n + 1)
			}
		}
	}
	var all []string
	for k, v := range data {
		all = append(all, k+" "+v)
	}
	slices.Sort(all)
	return all
}

// writeLog fills a log with all kinds of records and one rewrite, and returns the records.
func writeLog(t *testing.T, dir string, opts ...aof.Option) []string {
	t.Helper()
	l, u, _ := mustOpen(t, dir, append(opts, aof.RDBBase(false))...)
	list := u.got
	fill := func() {
		for i := range 30 {
			p, s := command(l, i%3, "SET", fmt.Sprint("k", i), fmt.Sprint("v", len(list)))
			list = append(list, s)
			if i%2 == 0 {
				if err := l.Commit(p, i%10 == 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		first, last, unit := transaction(l, "0: INCR n", "2: INCR n", "1: DEL k4")
		if err := l.Commit(l.Append(first, last, unit), false); err != nil {
			t.Fatal(err)
		}
		list = append(list, "0: INCR n; 2: INCR n; 1: DEL k4")
	}
	fill()
	var flat []string
	for _, s := range list {
		flat = append(flat, strings.Split(s, "; ")...)
	}
	if err := rewrite(l, flat); err != nil {
		t.Fatal(err)
	}
	list = flat
	fill()
	closeLog(t, l)
	return list
}

func TestServerReadsOurs(t *testing.T) {
	redistest.Tool(t, "redis-server")
	for name, opts := range map[string][]aof.Option{
		"checksums":  nil,
		"plain":      {aof.Checksums(false)},
		"timestamps": {aof.Timestamps(true)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			list := writeLog(t, dir, opts...)
			sub := filepath.Join(dir, "appendonlydir")
			redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.manifest"))
			redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.2.incr.aof"))
			s := server(t, dir)
			if got := keys(s); !slices.Equal(got, apply(list)) {
				t.Fatalf("the server has\n%s\nwant\n%s", lines(got), lines(apply(list)))
			}
			// The server continues perdure's file and is killed. Then perdure continues the
			// server's file.
			s.Must("SELECT", "1")
			for i := range 5 {
				s.Must("SET", fmt.Sprint("theirs", i), "t")
				list = append(list, fmt.Sprintf("1: SET theirs%d t", i))
			}
			s.Must("MULTI")
			s.Must("INCR", "n")
			s.Must("INCR", "n")
			s.Must("EXEC")
			list = append(list, "1: INCR n; 1: INCR n")
			s.Kill()
			l, u, recovery := mustOpen(t, dir, opts...)
			want(t, u, list)
			if recovery.Cut > 0 || recovery.Unverified == 0 {
				t.Fatalf("report = %+v, want unverified bytes and nothing truncated", recovery)
			}
			list = append(list, set(t, l, "ours", "again"))
			closeLog(t, l)
			redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.manifest"))
			s = server(t, dir)
			if got := keys(s); !slices.Equal(got, apply(list)) {
				t.Fatalf("the server has\n%s\nwant\n%s", lines(got), lines(apply(list)))
			}
		})
	}
}

func TestServerTruncatesTornTail(t *testing.T) {
	redistest.Tool(t, "redis-server")
	dir := t.TempDir()
	list := writeLog(t, dir)
	path := filepath.Join(dir, "appendonlydir", "appendonly.aof.2.incr.aof")
	data := readFile(t, path)
	// The incremental file ends within a group that was never acknowledged.
	torn := resp.AppendCommand(nil, "SET", "unacknowledged", "1")
	torn = append(torn, resp.AppendCommand(nil, "SET", "half", "2")[:11]...)
	writeFile(t, append(data, torn...), path)
	s := server(t, dir)
	s.Must("SET", "theirs", "t")
	s.Kill()
	_, u, recovery := mustOpen(t, dir)
	list = append(list, u.got[len(list)], "0: SET theirs t")
	want(t, u, list)
	if recovery.Cut > 0 || recovery.Unverified == 0 {
		t.Fatalf("report = %+v, want unverified bytes and nothing truncated", recovery)
	}
}

func TestReplayOfServerLogs(t *testing.T) {
	redistest.Tool(t, "redis-server")
	for name, args := range map[string][]string{
		"rdb base":     nil,
		"command base": {"--aof-use-rdb-preamble", "no"},
		"timestamps":   {"--aof-timestamp-enabled", "yes"},
		"names":        {"--appendfilename", "my log", "--appenddirname", "my dir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := server(t, dir, args...)
			for db := range 3 {
				s.Must("SELECT", fmt.Sprint(db))
				for i := range 20 {
					s.Must("SET", fmt.Sprint("k", i), fmt.Sprint("v", i))
				}
			}
			s.Must("MULTI")
			s.Must("INCR", "n")
			s.Must("DEL", "k1")
			s.Must("EXEC")
			s.Kill()
			var opts []aof.Option
			if name == "names" {
				opts = []aof.Option{aof.Filename("my log"), aof.Dirname("my dir")}
			}
			l := aof.New(opts...)
			u := &units{onBase: func(_ context.Context, _ io.Reader, size int64) (appendlog.BaseInfo, error) {
				return appendlog.BaseInfo{Size: size}, nil
			}}
			found, err := l.Open(env(vfs.OS(), dir))
			if !found || err != nil {
				t.Fatalf("Open = %v, %v, want true, nil", found, err)
			}
			if _, err := l.Replay(context.Background(), u); err != nil {
				t.Fatal(err)
			}
			if (u.bases > 0) != (name != "command base") || len(u.got) != 61 ||
				u.got[60] != "2: INCR n; 2: DEL k1" {
				t.Fatalf("%d bases, %d records, want the server's:\n%s", u.bases, len(u.got), lines(u.got))
			}
			if err := l.Start(); err != nil {
				t.Fatal(err)
			}
			set(t, l, "more", "x")
			closeLog(t, l)
			s = server(t, dir, args...)
			if v := s.Must("GET", "more").Text; v != "x" {
				t.Fatalf("GET more = %q, want x", v)
			}
		})
	}
}
