package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A startFunc returns the name of a server, and the command that runs it with a configuration file
// and a data directory on a port.
type startFunc func(config, dir string, port int) (string, *exec.Cmd)

func redisServer(program string) startFunc {
	return func(config, dir string, port int) (string, *exec.Cmd) {
		return "redis-server", exec.Command(program, config, "--port", fmt.Sprint(port), "--dir", dir, "--enable-protected-configs", "yes")
	}
}

func perdureServer(program string) startFunc {
	return func(config, dir string, port int) (string, *exec.Cmd) {
		return "perdure", exec.Command(program, "serve", dir, "--config", config, "--listen", fmt.Sprintf("127.0.0.1:%d", port))
	}
}

// configuration is the configuration of both servers.
const configuration = `save ""
appendonly no
enable-debug-command yes
`

// A server is a running server with a new data directory.
type server struct {
	name string
	dir  string
	port int
	cmd  *exec.Cmd
}

// startServer starts a server, and waits until it accepts connections.
func startServer(start startFunc) (*server, error) {
	dir, err := os.MkdirTemp("", "upstream")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.start(start); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func (s *server) start(start startFunc) (err error) {
	if s.port, err = freePort(); err != nil {
		return err
	}
	config, data := filepath.Join(s.dir, "redis.conf"), filepath.Join(s.dir, "data")
	if err := os.WriteFile(config, []byte(configuration), 0o644); err != nil {
		return err
	}
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	s.name, s.cmd = start(config, data, s.port)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			_ = s.cmd.Process.Kill()
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s does not listen: %w\n%s", s.name, err, text)
		}
	}
}

// stop kills the server and removes its files.
func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	os.RemoveAll(s.dir)
}

// freePort returns a port on which no program listens.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
