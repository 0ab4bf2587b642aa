package server_test

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/server"
)

// TestRedisCLI runs redis-cli in its modes.
func TestRedisCLI(t *testing.T) {
	cli := redistest.Tool(t, "redis-cli")
	socket := serve(t, memory(t))
	for _, c := range []struct {
		args  string
		stdin string
		want  string
	}{
		{"SET k v", "", "OK\n"},
		{"-n 2 SET k other", "", "OK\n"},
		{"-3 GET k", "", "v\n"},
		{"--json GET k", "", "\"v\"\n"},
		{"", "GET k\nSELECT 2\nGET k\nINCR n\n", "v\nOK\nother\n1\n"},
		{"", "HELP SET\n", "SET"},
		{"--latency -i 0.05", "", "\n"},
		{"--scan", "", "k\n"},
		{"--scan --pattern k*", "", "k\n"},
		{"--pipe", "SET a 1\r\nSET b 2\r\n", "errors: 0, replies: 2"},
		{"--bigkeys", "", "Biggest string found"},
		{"--memkeys", "", "Biggest string found"},
		{"-r 3 PING", "", "PONG\nPONG\nPONG\n"},
		{"-x SET big", "from stdin", "OK\n"},
		{"INFO server", "", "redis_version:7.0.15"},
		{"COMMAND COUNT", "", "\n"},
		{"CLIENT SETINFO LIB-NAME test", "", "OK\n"},
		{"XLEN x", "", "ERR 'XLEN' is not supported: perdure executes no commands on a stream"},
	} {
		cmd := exec.Command(cli, append([]string{"-s", socket}, strings.Fields(c.args)...)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("redis-cli %s = %v, want %q in\n%s", c.args, err, c.want, out)
		}
	}
}

// TestRedisCLIReadsCommandDocs checks that the interactive redis-cli asks for its help texts.
func TestRedisCLIReadsCommandDocs(t *testing.T) {
	cli := redistest.Tool(t, "redis-cli")
	socket := serve(t, memory(t))
	cmd := exec.Command(cli, "-s", socket)
	cmd.Stdin = strings.NewReader("PING\n")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "PONG\n" {
		t.Fatalf("redis-cli = %q, %v, want PONG", out, err)
	}
	if stats := dial(t, socket).do("INFO", "commandstats"); !strings.Contains(stats, "cmdstat_command:calls=1,") {
		t.Errorf("INFO commandstats = %q, want one call of COMMAND", stats)
	}
}

// TestRedisCLIStat reads the first lines of redis-cli --stat, which does not end.
func TestRedisCLIStat(t *testing.T) {
	cli := redistest.Tool(t, "redis-cli")
	socket := serve(t, memory(t))
	dial(t, socket).do("SET", "k", "v")
	cmd := exec.CommandContext(t.Context(), cli, "-s", socket, "--stat", "-i", "0.01")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 5 && fields[0] == "1" {
			return // one key
		}
	}
	t.Errorf("redis-cli --stat ended: %v, want a line for one key", lines.Err())
}

// TestRedisBenchmark checks that redis-benchmark runs against a server. It measures nothing.
func TestRedisBenchmark(t *testing.T) {
	tool := redistest.Tool(t, "redis-benchmark")
	socket := serve(t, memory(t))
	for _, pipeline := range []string{"1", "16"} {
		out, err := exec.Command(tool, "-s", socket, "-n", "200", "-c", "5", "-P", pipeline, "-r", "10", "-q",
			"-t", "ping,set,get,incr,mset").CombinedOutput()
		for _, name := range []string{"PING_INLINE: ", "SET: ", "GET: ", "INCR: ", "MSET (10 keys): "} {
			if err != nil || !strings.Contains(string(out), name) || strings.Contains(string(out), "rror") {
				t.Errorf("redis-benchmark -P %s = %v, want a result for %q\n%s", pipeline, err, name, out)
			}
		}
	}
	socket = serve(t, memory(t), server.WithReadOnly())
	if out, err := exec.Command(tool, "-s", socket, "-n", "100", "-q", "-t", "get").CombinedOutput(); err != nil {
		t.Errorf("redis-benchmark of a read-only server = %v, want nil\n%s", err, out)
	}
}
