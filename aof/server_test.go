package aof_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// server is a redis-server on a private socket.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	conn net.Conn
	r    *bufio.Reader
	log  string
}

// startServer starts a redis-server on dir and waits until it has loaded it.
func startServer(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	short, err := os.MkdirTemp("", "rs") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "s")
	s := &server{t: t, log: filepath.Join(short, "log")}
	s.cmd = exec.Command(program(t, "redis-server"), append([]string{"--port", "0", "--unixsocket", socket,
		"--dir", dir, "--save", "", "--logfile", s.log, "--appendonly", "yes"}, args...)...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if s.conn, err = net.Dial("unix", socket); err == nil {
			s.r = bufio.NewReader(s.conn)
			if reply := s.do("PING"); reply == "PONG" {
				break
			}
			s.conn.Close()
		}
		select {
		case <-done:
			out, _ := os.ReadFile(s.log)
			t.Fatalf("redis-server ends:\n%s", out)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-done
	})
	return s
}

func (s *server) stop() {
	if s.conn != nil {
		s.conn.Close()
	}
}

// kill ends the server without a word.
func (s *server) kill() {
	s.cmd.Process.Kill()
	io.Copy(io.Discard, s.r)
}

// do sends a command and returns the reply: a string, or lines for an array.
func (s *server) do(args ...string) string {
	s.t.Helper()
	if _, err := s.conn.Write(resp.AppendCommand(nil, args...)); err != nil {
		s.t.Fatal(err)
	}
	return s.reply()
}

func (s *server) reply() string {
	s.t.Helper()
	line, err := s.r.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	line = strings.TrimSuffix(line, "\r\n")
	var n int
	fmt.Sscan(line[1:], &n)
	switch line[0] {
	case '$':
		if n < 0 {
			return "(nil)"
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(s.r, data); err != nil {
			s.t.Fatal(err)
		}
		return string(data[:n])
	case '*':
		var parts []string
		for range n {
			parts = append(parts, s.reply())
		}
		return strings.Join(parts, "\n")
	default:
		return line[1:]
	}
}

// keys gives "db key value" of every key, sorted.
func (s *server) keys() []string {
	var all []string
	for db := range 4 {
		s.do("SELECT", fmt.Sprint(db))
		for _, k := range strings.Fields(s.do("KEYS", "*")) {
			all = append(all, fmt.Sprintf("%d %s %s", db, k, s.do("GET", k)))
		}
	}
	slices.Sort(all)
	return all
}

// apply gives the same of SET, DEL and INCR units.
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

func checkAOF(t *testing.T, path string) {
	t.Helper()
	out, err := exec.Command(program(t, "redis-check-aof"), path).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-check-aof %s: %v\n%s", path, err, out)
	}
}

// writeLog fills a log with units of all kinds and one rewrite, and returns them.
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
	program(t, "redis-server")
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
			checkAOF(t, filepath.Join(sub, "appendonly.aof.manifest"))
			checkAOF(t, filepath.Join(sub, "appendonly.aof.2.incr.aof"))
			s := startServer(t, dir)
			if got := s.keys(); !slices.Equal(got, apply(list)) {
				t.Fatalf("the server has\n%s\nwant\n%s", lines(got), lines(apply(list)))
			}
			// It goes on with our increment, is killed, and we go on with its.
			s.do("SELECT", "1")
			for i := range 5 {
				s.do("SET", fmt.Sprint("theirs", i), "t")
				list = append(list, fmt.Sprintf("1: SET theirs%d t", i))
			}
			s.do("MULTI")
			s.do("INCR", "n")
			s.do("INCR", "n")
			s.do("EXEC")
			list = append(list, "1: INCR n; 1: INCR n")
			s.kill()
			l, u, recovery := mustOpen(t, dir, opts...)
			want(t, u, list)
			if recovery.Cut > 0 || recovery.Unverified == 0 {
				t.Fatalf("%+v", recovery)
			}
			list = append(list, set(t, l, "ours", "again"))
			closeLog(t, l)
			checkAOF(t, filepath.Join(sub, "appendonly.aof.manifest"))
			s = startServer(t, dir)
			if got := s.keys(); !slices.Equal(got, apply(list)) {
				t.Fatalf("the server has\n%s\nwant\n%s", lines(got), lines(apply(list)))
			}
		})
	}
}

func TestServerCutsOurTornTail(t *testing.T) {
	program(t, "redis-server")
	dir := t.TempDir()
	list := writeLog(t, dir)
	path := filepath.Join(dir, "appendonlydir", "appendonly.aof.2.incr.aof")
	data := readFile(t, path)
	// The increment ends inside of a group that was never acknowledged.
	torn := resp.AppendCommand(nil, "SET", "unacknowledged", "1")
	torn = append(torn, resp.AppendCommand(nil, "SET", "half", "2")[:11]...)
	writeFile(t, append(data, torn...), path)
	s := startServer(t, dir)
	s.do("SET", "theirs", "t")
	s.kill()
	_, u, recovery := mustOpen(t, dir)
	list = append(list, u.got[len(list)], "0: SET theirs t")
	want(t, u, list)
	if recovery.Cut > 0 || recovery.Unverified == 0 {
		t.Fatalf("%+v", recovery)
	}
}

func TestWeReadServers(t *testing.T) {
	program(t, "redis-server")
	for name, args := range map[string][]string{
		"rdb base":     nil,
		"command base": {"--aof-use-rdb-preamble", "no"},
		"timestamps":   {"--aof-timestamp-enabled", "yes"},
		"names":        {"--appendfilename", "my log", "--appenddirname", "my dir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := startServer(t, dir, args...)
			for db := range 3 {
				s.do("SELECT", fmt.Sprint(db))
				for i := range 20 {
					s.do("SET", fmt.Sprint("k", i), fmt.Sprint("v", i))
				}
			}
			s.do("MULTI")
			s.do("INCR", "n")
			s.do("DEL", "k1")
			s.do("EXEC")
			s.kill()
			var opts []aof.Option
			if name == "names" {
				opts = []aof.Option{aof.Filename("my log"), aof.Dirname("my dir")}
			}
			l := aof.New(opts...)
			u := &units{onBase: func(_ context.Context, _ io.Reader, size int64) (int64, error) { return size, nil }}
			found, err := l.Open(env(vfs.OS(), dir))
			if !found || err != nil {
				t.Fatal(found, err)
			}
			if _, err := l.Replay(context.Background(), u); err != nil {
				t.Fatal(err)
			}
			if (u.bases > 0) != (name != "command base") || len(u.got) != 61 ||
				u.got[60] != "2: INCR n; 2: DEL k1" {
				t.Fatalf("%d bases, %d units:\n%s", u.bases, len(u.got), lines(u.got))
			}
			if err := l.Start(); err != nil {
				t.Fatal(err)
			}
			set(t, l, "more", "x")
			closeLog(t, l)
			s = startServer(t, dir, args...)
			if v := s.do("GET", "more"); v != "x" {
				t.Fatal(v)
			}
		})
	}
}
