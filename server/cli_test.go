package server_test

import (
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
		{"--scan", "", "k\n"},
		{"--pipe", "SET a 1\r\nSET b 2\r\n", "errors: 0, replies: 2"},
		{"--bigkeys", "", "Biggest string found"},
		{"--memkeys", "", "Biggest string found"},
		{"-r 3 PING", "", "PONG\nPONG\nPONG\n"},
		{"-x SET big", "from stdin", "OK\n"},
		{"INFO server", "", "redis_version:7.0.15"},
		{"COMMAND COUNT", "", "\n"},
		{"CLIENT SETINFO LIB-NAME test", "", "OK\n"},
		{"XLEN x", "", "ERR 'XLEN' is not supported: perdure holds a stream opaquely"},
	} {
		cmd := exec.Command(cli, append([]string{"-s", socket}, strings.Fields(c.args)...)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("redis-cli %s = %v, want %q in\n%s", c.args, err, c.want, out)
		}
	}
}

// TestRedisBenchmark checks that redis-benchmark runs against a server. It measures nothing.
func TestRedisBenchmark(t *testing.T) {
	tool := redistest.Tool(t, "redis-benchmark")
	socket := serve(t, memory(t), server.WithReadOnly())
	out, err := exec.Command(tool, "-s", socket, "-n", "100", "-c", "5", "-P", "4", "-q", "-t", "ping,get").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "GET: ") {
		t.Errorf("redis-benchmark = %v, want a result for GET\n%s", err, out)
	}
}
