package clients_test

import (
	"net"
	"os/exec"
	"path/filepath"
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
	run(t, dir, "npm", "ci", "--no-audit", "--no-fund")
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

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q = %v, want nil\n%s", args, err, out)
	}
}
