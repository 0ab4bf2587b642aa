package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// linear is campaign f. It runs a program of another module, so that perdure's module does not
// require the checker, porcupine.
func linear(r *Run) {
	if r.size == Small {
		r.Skip("the tests of module internal/torture/linear cover this size")
		return
	}
	dir, err := linearDir()
	if err != nil {
		r.Skip(err.Error())
		return
	}
	args := []string{"run", ".", "-seed", fmt.Sprint(r.Seed), "-histories", "2000"}
	if !r.deadline.IsZero() {
		args = append(args, "-for", max(time.Until(r.deadline), time.Second).Round(time.Second).String())
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	for part := range strings.SplitSeq(strings.SplitN(out.String(), " in ", 2)[0], ", ") {
		var n int64
		number, what, _ := strings.Cut(part, " ")
		if _, bad := fmt.Sscan(number, &n); bad == nil {
			r.Count(strings.TrimSpace(what), n)
		}
	}
	if err != nil {
		r.fail("", fmt.Errorf("linear = %w, want nil: %s", err, out.String()))
	}
}

// linearDir returns the directory of that module, from any directory of the repository.
func linearDir() (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("no go command to run internal/torture/linear")
	}
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		dir := filepath.Join(at, "internal", "torture", "linear")
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", errors.New("working directory is outside the repository, which contains internal/torture/linear")
		}
		at = up
	}
}
