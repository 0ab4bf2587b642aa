package clients_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestNode runs programs that use the libraries for Node.js. npm installs them into testdata/node.
func TestNode(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: this test needs Node.js (Debian: nodejs, npm)", tool)
		}
	}
	dir := filepath.Join("testdata", "node")
	install(t, dir)
	for _, program := range []string{"node-redis.js", "ioredis.js"} {
		t.Run(program, func(t *testing.T) {
			host, port, err := net.SplitHostPort(serve(t))
			if err != nil {
				t.Fatal(err)
			}
			run(t, dir, "node", program, host, port, password)
		})
	}
}

// unreachable are the codes of npm's errors if it cannot download.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|E403|E407|E50\d`)

// install installs the libraries. It skips the test if they cannot be downloaded.
func install(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && unreachable.Match(out) {
		t.Skipf("npm cannot download the libraries:\n%s", out)
	}
	if err != nil {
		t.Fatalf("npm ci = %v, want nil\n%s", err, out)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q = %v, want nil\n%s", args, err, out)
	}
}
