package aof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// units records the log records that a replay yields: a string for each, its commands joined by ";
// ", as "db: args". A base in the tests is the list of the records before it, one per line.
type units struct {
	got    []string
	fail   func(unit string) error
	bases  int
	onBase func(ctx context.Context, r io.Reader, size int64) (appendlog.BaseInfo, error)
}

const rdbHead = "REDIS-test\n"

func (u *units) Base(ctx context.Context, r io.Reader, size int64) (base appendlog.BaseInfo, err error) {
	u.bases++
	if u.onBase != nil {
		return u.onBase(ctx, r, size)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return base, err
	}
	head, rest, ok := strings.Cut(string(text), "\n")
	if !ok || head+"\n" != rdbHead {
		return base, errors.New("not a test base")
	}
	base.Origin, rest, _ = strings.Cut(rest, "\n")
	body, _, ok := strings.Cut(rest, "END\n")
	if !ok {
		return base, errors.New("base without an end")
	}
	for line := range strings.Lines(body) {
		u.got = append(u.got, strings.TrimSuffix(line, "\n"))
	}
	base.Size = int64(len(rdbHead) + len(base.Origin) + 1 + len(body) + len("END\n"))
	return base, nil
}

func (u *units) Apply(unit []appendlog.Command) error {
	var parts []string
	for _, c := range unit {
		args := bytes.Join(c.Args, []byte(" "))
		parts = append(parts, fmt.Sprintf("%d: %s", c.DB, args))
	}
	s := strings.Join(parts, "; ")
	if u.fail != nil {
		if err := u.fail(s); err != nil {
			return err
		}
	}
	u.got = append(u.got, s)
	return nil
}

func (u *units) Progress(done, total int64) {}

// base returns a base that writes the records as the test's RDB, or as commands.
func base(list []string) appendlog.Base {
	return appendlog.Base{
		RDB: func(w io.Writer, origin string) error {
			_, err := io.WriteString(w, rdbHead+origin+"\n"+lines(list)+"END\n")
			return err
		},
		Commands: func(w io.Writer) error {
			for _, s := range list {
				var out []byte
				out = resp.AppendCommand(out, "SELECT", s[:1])
				out = resp.AppendCommand(out, strings.Fields(s[3:])...)
				if _, err := w.Write(out); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func lines(list []string) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s + "\n")
	}
	return b.String()
}

func env(fs vfs.FS, dir string) snapshot.Env {
	return snapshot.Env{FS: dirfs.New(fs), Dir: dir, Logger: slog.New(slog.DiscardHandler)}
}

// open opens a log and replays it, or starts it with an empty base.
func open(fs vfs.FS, dir string, opts ...aof.Option) (*aof.Log, *units, appendlog.ReplayReport, error) {
	return openEnv(env(fs, dir), opts...)
}

func openEnv(e snapshot.Env, opts ...aof.Option) (*aof.Log, *units, appendlog.ReplayReport, error) {
	l := aof.New(opts...)
	u := &units{}
	found, err := l.Open(e)
	if err != nil {
		return nil, u, appendlog.ReplayReport{}, err
	}
	if !found {
		return l, u, appendlog.ReplayReport{}, rewrite(l, nil)
	}
	recovery, err := l.Replay(context.Background(), u)
	if err != nil {
		return nil, u, recovery, err
	}
	return l, u, recovery, l.Start()
}

func rewrite(l *aof.Log, list []string) error {
	r, err := l.BeginRewrite()
	if err != nil {
		return err
	}
	r.Cut()
	return r.Commit(context.Background(), base(list))
}

func mustOpen(t testing.TB, dir string, opts ...aof.Option) (*aof.Log, *units, appendlog.ReplayReport) {
	t.Helper()
	l, u, recovery, err := open(vfs.OS(), dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, u, recovery
}

// command appends one command on db. It returns the position and the record that a replay yields.
func command(l *aof.Log, db int, args ...string) (appendlog.Position, string) {
	p := l.Append(db, db, resp.AppendCommand(nil, args...))
	return p, fmt.Sprintf("%d: %s", db, strings.Join(args, " "))
}

// set appends SET k v on db 0, commits it, and returns the record.
func set(t testing.TB, l *aof.Log, k, v string) string {
	t.Helper()
	p, s := command(l, 0, "SET", k, v)
	if err := l.Commit(p, false); err != nil {
		t.Fatal(err)
	}
	return s
}

// transaction encodes commands of the form "db: args" as one log record.
func transaction(l *aof.Log, commands ...string) (first, last int, unit []byte) {
	unit = append(unit, appendlog.Multi...)
	for i, c := range commands {
		db := int(c[0] - '0')
		if i == 0 {
			first = db
		} else if db != last {
			unit = l.AppendSelect(unit, db)
		}
		last = db
		unit = resp.AppendCommand(unit, strings.Fields(c[3:])...)
	}
	return first, last, append(unit, appendlog.Exec...)
}

func want(t testing.TB, u *units, list []string) {
	t.Helper()
	if len(u.got) == 0 && len(list) == 0 {
		return
	}
	if diff := cmp.Diff(list, u.got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("records differ (-want +got):\n%s", diff)
	}
}

func closeLog(t testing.TB, l *aof.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, parts ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, data []byte, parts ...string) {
	t.Helper()
	path := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func dirNames(t testing.TB, dir string) string {
	t.Helper()
	names, err := vfs.OS().ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func TestRoundTrip(t *testing.T) {
	for _, policy := range []aof.FsyncPolicy{aof.EverySec, aof.Always, aof.No} {
		for _, checksums := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v checksums %v", policy, checksums), func(t *testing.T) {
				dir := t.TempDir()
				opts := []aof.Option{aof.Fsync(policy), aof.Checksums(checksums), aof.Timestamps(checksums)}
				l, _, _ := mustOpen(t, dir, opts...)
				var list []string
				for i := range 20 {
					p, s := command(l, i/5, "SET", fmt.Sprint("k", i), "v")
					list = append(list, s)
					if err := l.Commit(p, i%7 == 0); err != nil {
						t.Fatal(err)
					}
				}
				first, last, unit := transaction(l, "3: DEL a", "1: INCR b", "1: INCR c")
				if err := l.Commit(l.Append(first, last, unit), true); err != nil {
					t.Fatal(err)
				}
				list = append(list, "3: DEL a; 1: INCR b; 1: INCR c")
				_, s := command(l, 1, "SET", "uncommitted", "x")
				list = append(list, s)
				closeLog(t, l)

				for range 3 {
					again, u, recovery := mustOpen(t, dir, opts...)
					want(t, u, list)
					if recovery.Cut != 0 || checksums && recovery.Unverified != 0 {
						t.Fatalf("report = %+v, want nothing truncated or unverified", recovery)
					}
					list = append(list, set(t, again, "more", "y"))
					closeLog(t, again)
				}
			})
		}
	}
}

func TestRewriteReplacesHistory(t *testing.T) {
	for _, rdb := range []bool{true, false} {
		dir := t.TempDir()
		l, _, _ := mustOpen(t, dir, aof.LogMode(aof.Direct), aof.RDBBase(rdb))
		var list []string
		for i := range 5 {
			for j := range 3 {
				list = append(list, set(t, l, fmt.Sprint(i), fmt.Sprint(j)))
			}
			r, err := l.BeginRewrite()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, set(t, l, "before", "cut"))
			command(l, 0, "SET", "buffered", "b")
			list = append(list, "0: SET buffered b")
			r.Cut()
			before := list[:len(list):len(list)]
			p, s := command(l, 0, "SET", "after", "cut")
			list = append(list, s)
			if err := r.Commit(context.Background(), base(before)); err != nil {
				t.Fatal(err)
			}
			if err := l.Commit(p, true); err != nil {
				t.Fatal(err)
			}
			ext := map[bool]string{true: "rdb", false: "aof"}[rdb]
			names := fmt.Sprintf("appendonly.aof.%d.base.%s appendonly.aof.%[1]d.incr.aof appendonly.aof.manifest", i+2, ext)
			if got := dirNames(t, filepath.Join(dir, "appendonlydir")); got != names {
				t.Fatalf("files %s, want %s", got, names)
			}
		}
		closeLog(t, l)
		_, u, _ := mustOpen(t, dir)
		want(t, u, list)
	}
}
