// Package redistest runs a real redis-server for tests. The server is the reference for every
// statement of perdure about Redis's files.
//
// A server listens on a unix socket in a separate directory, not on a port, and ends with its test.
// If redis-server is not installed, the test is skipped with a message. A Server must be used by
// one goroutine.
package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/internal/resp"
)

// Server is a running redis-server.
type Server struct {
	Dir    string // its working directory
	Socket string // path of its unix socket

	t      testing.TB
	cmd    *exec.Cmd
	log    *bytes.Buffer
	exited chan struct{}
	conn   net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	sent   int // commands sent but not yet answered
}

// Tool returns the path of one of Redis's programs. If the program is missing, it skips the test.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: this test needs Redis 7.0 (Debian: redis-server, redis-tools)", name)
	}
	return path
}

// Servers returns the server programs for a test of file formats, by name: redis-server, and the
// Valkey server that VALKEY_SERVER names. Without redis-server, it skips the test.
func Servers(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{"redis": Tool(t, "redis-server")}
	if path := os.Getenv("VALKEY_SERVER"); path != "" {
		all["valkey"] = path
	}
	return all
}

// Start runs a server in dir with additional arguments such as "--appendonly", "yes". If dir is "",
// it uses a new directory. It waits until the server has loaded the files, and fails the test if
// the server refuses them.
func Start(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	return StartProgram(t, Tool(t, "redis-server"), dir, args...)
}

// StartProgram is like Start for another server, whose path is given.
//
// A server writes its log before it replies, unless the arguments say otherwise. By default
// (everysec), it postpones the write while an earlier fsync runs.
func StartProgram(t testing.TB, path, dir string, args ...string) *Server {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	s := newServer(t, dir)
	s.launch("", path, append([]string{"--port", "0", "--unixsocket", s.Socket, "--dir", dir,
		"--save", "", "--enable-debug-command", "yes", "--appendfsync", "no"}, args...))
	s.connect()
	return s
}

// newServer returns a server with a name for its socket, which launch starts.
func newServer(t testing.TB, dir string) *Server {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("redis-server has no unix sockets here")
	}
	home, err := os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	return &Server{Dir: dir, Socket: filepath.Join(home, "s"), t: t, log: &bytes.Buffer{}, exited: make(chan struct{})}
}

// launch starts the program in a working directory. It ends with the test.
func (s *Server) launch(dir, path string, args []string) {
	s.t.Helper()
	s.cmd = exec.Command(path, args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // the server's log shows how it ended
		close(s.exited)
	}()
	s.t.Cleanup(s.Kill)
}

// connect waits for the socket and the end of loading.
func (s *Server) connect() {
	s.t.Helper()
	deadline := time.After(5 * time.Minute)
	for {
		conn, err := net.Dial("unix", s.Socket)
		if err == nil {
			s.conn, s.in, s.out = conn, bufio.NewReaderSize(conn, 1<<20), bufio.NewWriterSize(conn, 1<<20)
			break
		}
		s.pause(deadline)
	}
	for strings.HasPrefix(s.Do("PING").String(), "-LOADING") {
		s.pause(deadline)
	}
}

func (s *Server) pause(deadline <-chan time.Time) {
	s.t.Helper()
	select {
	case <-s.exited:
		s.t.Fatalf("redis-server ended, want an answer:\n%s", s.log)
	case <-deadline:
		s.t.Fatalf("redis-server is silent, want an answer:\n%s", s.log)
	case <-time.After(5 * time.Millisecond):
	}
}

// Kill kills the server with SIGKILL. The server's files remain.
func (s *Server) Kill() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	s.cmd.Process.Kill()
	<-s.exited
}

// Reply is an answer of the server. Text is a line (with its sign), an integer (with its colon), or
// a bulk string. Elements are the elements of an array.
type Reply struct {
	Text     string
	Null     bool
	Err      bool
	Elements []Reply
}

// String returns the text, or "" for null.
func (r Reply) String() string { return r.Text }

// Int returns the number in an integer reply. For any other reply it panics.
func (r Reply) Int() int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(r.Text, ":"), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("redistest: %q is not an integer reply", r.Text))
	}
	return n
}

// Do sends a command and returns its reply.
func (s *Server) Do(args ...string) Reply {
	s.t.Helper()
	s.Send(args...)
	replies := s.Flush()
	return replies[len(replies)-1]
}

// Must is like Do, but fails the test if the server returns an error.
func (s *Server) Must(args ...string) Reply {
	s.t.Helper()
	r := s.Do(args...)
	if r.Err {
		s.t.Fatalf("%s = %s, want no error", args[0], r.Text)
	}
	return r
}

// Send adds a command to the pipeline. Flush returns the replies.
func (s *Server) Send(args ...string) {
	s.t.Helper()
	if _, err := s.out.Write(resp.AppendCommand(nil, args...)); err != nil {
		s.t.Fatalf("Write to redis-server = %v, want nil\n%s", err, s.log)
	}
	s.sent++
}

// Flush sends the pipeline and returns all replies, in order. An error reply does not fail the
// test.
func (s *Server) Flush() []Reply {
	s.t.Helper()
	// Flush writes concurrently with reading, so that neither side waits for the other with a full
	// buffer.
	done := make(chan error, 1)
	go func() { done <- s.out.Flush() }()
	replies := make([]Reply, s.sent)
	for i := range replies {
		replies[i] = s.read()
	}
	s.sent = 0
	if err := <-done; err != nil {
		s.t.Fatalf("Flush = %v, want nil\n%s", err, s.log)
	}
	return replies
}

func (s *Server) read() Reply {
	s.t.Helper()
	line, err := s.in.ReadString('\n')
	if err != nil {
		s.t.Fatalf("read from redis-server = %v, want nil\n%s", err, s.log)
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch line[0] {
	case '$':
		n, _ := strconv.Atoi(line[1:])
		if n < 0 {
			return Reply{Null: true}
		}
		p := make([]byte, n+2)
		if _, err := io.ReadFull(s.in, p); err != nil {
			s.t.Fatalf("read from redis-server = %v, want nil\n%s", err, s.log)
		}
		return Reply{Text: string(p[:n])}
	case '*':
		n, _ := strconv.Atoi(line[1:])
		r := Reply{Null: n < 0}
		for range n {
			r.Elements = append(r.Elements, s.read())
		}
		return r
	}
	return Reply{Text: line, Err: line[0] == '-'}
}

// Wait polls the server's INFO persistence until field has value.
func (s *Server) Wait(field, value string) {
	s.t.Helper()
	deadline := time.After(5 * time.Minute)
	for !strings.Contains(s.Must("INFO", "persistence").Text, field+":"+value+"\r\n") {
		s.pause(deadline)
	}
}

// Run runs one of Redis's checking programs, and fails the test if the program finds a problem.
func Run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(Tool(t, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s = %v, want nil\n%s", name, strings.Join(args, " "), err, out)
	}
}
