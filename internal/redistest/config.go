package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// StartConfig runs the program at path in dir with a configuration file, and waits until it accepts
// connections. If the server refuses the configuration, StartConfig returns nil and its log. The
// text must not set the port, the socket, or the log file.
func StartConfig(t testing.TB, path, dir, text string) (s *Server, refusal string) {
	t.Helper()
	s = newServer(t, dir)
	text += fmt.Sprintf("\nport 0\nlogfile \"\"\nunixsocket %s\n", s.Socket)
	file := filepath.Join(filepath.Dir(s.Socket), "redis.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.launch(dir, path, []string{file})
	for {
		if _, err := os.Stat(s.Socket); err == nil {
			s.connect()
			return s, ""
		}
		select {
		case <-s.exited:
			return nil, s.log.String()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
