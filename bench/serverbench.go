package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A serverLoad is a load of redis-benchmark, with the share of redis-server's speed that is the
// target.
type serverLoad struct {
	connections, pipeline, commands int
	target                          float64
}

var serverLoads = []serverLoad{
	{1, 1, 50_000, 0.8}, {50, 1, 100_000, 0.8}, {500, 1, 100_000, 0.8},
	{1, 32, 500_000, 1.2}, {50, 32, 1_000_000, 1.2}, {500, 32, 1_000_000, 1.2},
}

// serverCommands are the tests of redis-benchmark, and the names in its output.
var serverCommands = []string{"SET", "GET", "INCR"}

// servers compares perdure serve with redis-server, both without a log and saves, with
// redis-benchmark. It writes server.md. Each round runs both servers one after the other, and the
// ratio is the median of the ratios of the rounds.
func servers(s settings) error {
	out, err := os.Create(filepath.Join(s.out, "server.md"))
	if err != nil {
		return err
	}
	defer out.Close()
	w := io.MultiWriter(os.Stdout, out)
	home, err := os.MkdirTemp(s.dir, "server")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	redis, err := startBenchServer(home, "redis")
	if err != nil {
		return err
	}
	defer redis.stop()
	perdure, err := startBenchServer(home, "perdure")
	if err != nil {
		return err
	}
	defer perdure.stop()
	size, err := perdure.idleConnections(10_000) // before other loads leave free memory
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "# perdure serve and redis-server %s\n\n%s. Medians of %d rounds of redis-benchmark on TCP loopback connections, %d\n",
		versionOf(redisServer), machine(), s.rounds, s.keys)
	fmt.Fprint(w, "keys, 3-byte values. CPU is the processor time of the server per command.\n\n")
	fmt.Fprintf(w, "Memory of the process for each of 10,000 idle connections: %.1f KiB (target: 16 KiB).\n\n", size/1024)
	fmt.Fprint(w, "| Connections | Pipeline | Command | redis-server | CPU | perdure | CPU | ratio | target |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, load := range serverLoads {
		for _, command := range serverCommands {
			if err := compareServers(w, s, redis, perdure, command, load); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

// compareServers prints a row of the table.
func compareServers(w io.Writer, s settings, redis, perdure *benchServer, command string, load serverLoad) error {
	var theirs, ours, theirCPU, ourCPU, ratios []float64
	for range s.rounds {
		a, busyA, err := redis.load(command, load, s.keys)
		if err != nil {
			return err
		}
		b, busyB, err := perdure.load(command, load, s.keys)
		if err != nil {
			return err
		}
		theirs, ours, ratios = append(theirs, a), append(ours, b), append(ratios, b/a)
		theirCPU, ourCPU = append(theirCPU, busyA), append(ourCPU, busyB)
	}
	fmt.Fprintf(w, "| %d | %d | %s | %.0f k/s | %.1f us | %.0f k/s | %.1f us | %.2f | %.1f |\n", load.connections, load.pipeline, command,
		median(theirs)/1000, median(theirCPU), median(ours)/1000, median(ourCPU), median(ratios), load.target)
	return nil
}

// A benchServer is a running server on a port.
type benchServer struct {
	cmd  *exec.Cmd
	port string
}

func startBenchServer(home, name string) (*benchServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		return nil, err
	}
	dir, config := filepath.Join(home, name), filepath.Join(home, name+".conf")
	if err := os.WriteFile(config, []byte("save \"\"\nappendonly no\n"), 0o644); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	s := &benchServer{port: port, cmd: exec.Command(redisServer, config, "--port", port, "--dir", dir)}
	if name == "perdure" {
		program := filepath.Join(home, "program")
		if text, err := exec.Command("go", "-C", "..", "build", "-o", program, "./cmd/perdure").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w\n%s", err, text)
		}
		s.cmd = exec.Command(program, "serve", dir, "--config", config, "--listen", "127.0.0.1:"+port)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := s.dial()
		if err == nil {
			return s, c.Close()
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, err
		}
	}
}

func (s *benchServer) dial() (net.Conn, error) { return net.Dial("tcp", "127.0.0.1:"+s.port) }

func (s *benchServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
}

// load runs redis-benchmark, and returns the commands per second and the processor time of the
// server per command in microseconds.
func (s *benchServer) load(command string, load serverLoad, keys int) (rate, busy float64, err error) {
	before := processorTime(s.cmd.Process.Pid)
	text, err := exec.Command("redis-benchmark", "-p", s.port, "-c", strconv.Itoa(load.connections), "-P", strconv.Itoa(load.pipeline),
		"-n", strconv.Itoa(load.commands), "-r", strconv.Itoa(keys), "-t", strings.ToLower(command), "--csv").Output()
	if err != nil {
		return 0, 0, err
	}
	used := processorTime(s.cmd.Process.Pid) - before
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, `","`); fields[0] == `"`+command {
			rate, err = strconv.ParseFloat(fields[1], 64)
			return rate, float64(used) / float64(time.Microsecond) / float64(load.commands), err
		}
	}
	return 0, 0, fmt.Errorf("redis-benchmark has no result for %s:\n%s", command, text)
}

// idleConnections opens n connections, sends a command on each, and returns the growth of the
// process's memory per connection.
func (s *benchServer) idleConnections(n int) (float64, error) {
	var all []net.Conn
	defer func() {
		for _, c := range all {
			c.Close()
		}
	}()
	before := residentOf(strconv.Itoa(s.cmd.Process.Pid))
	reply := make([]byte, 64)
	for range n {
		c, err := s.dial()
		if err != nil {
			return 0, err
		}
		all = append(all, c)
		if _, err := io.WriteString(c, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n"); err != nil {
			return 0, err
		}
		if _, err := c.Read(reply); err != nil {
			return 0, err
		}
	}
	return float64(residentOf(strconv.Itoa(s.cmd.Process.Pid))-before) / float64(n), nil
}
