package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestOutgrowingCommands runs the shell commands of docs/outgrowing.md in order, in a directory
// with a store. Wrappers add a private socket to the commands of Redis.
func TestOutgrowingCommands(t *testing.T) {
	server, cli, shell := redistest.Tool(t, "redis-server"), redistest.Tool(t, "redis-cli"), redistest.Tool(t, "sh")
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "outgrowing.md"))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(bin) })
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "perdure"), "../../cmd/perdure").CombinedOutput(); err != nil {
		t.Fatalf("go build = %v, want nil\n%s", err, out)
	}
	socket := filepath.Join(bin, "s")
	for name, command := range map[string]string{
		"redis-server": fmt.Sprintf(`exec %s "$@" --port 0 --unixsocket %s`, server, socket),
		"redis-cli":    fmt.Sprintf(`exec %s -s %s "$@"`, cli, socket),
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+command+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { exec.Command(cli, "-s", socket, "shutdown", "nosave").Run() })

	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	countVisits(t, data, 41)
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1])
	}
	cmd := exec.Command(shell, "-e", "-c", script.String())
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("commands = %v, want nil\n%s", err, out)
	}
	for _, want := range []string{"\n41\n42\n", "\n42\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("output has no %q\n%s", want, out)
		}
	}
	countVisits(t, data, 1) // the way back
	s, err := perdure.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseNoSave()
	if v, err := s.Get("visits"); string(v) != "43" || err != nil {
		t.Errorf("Get = %q, %v, want 43", v, err)
	}
}

// countVisits adds n to the key visits of a store.
func countVisits(t *testing.T, dir string, n int64) {
	t.Helper()
	s, err := perdure.Open(dir)
	if err == nil {
		_, err = s.IncrBy("visits", n)
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
