package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// prepare returns the suite in a directory with the source text of Redis. If source is "", it is
// downloaded to the cache directory of the user.
func prepare(source, redis string) (*suite, error) {
	tclsh, err := exec.LookPath("tclsh")
	if err != nil {
		return nil, fmt.Errorf("%w (Debian: tcl)", err)
	}
	if source == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		if source, err = download(filepath.Join(cache, "perdure", "redis-source")); err != nil {
			return nil, err
		}
	}
	if source, err = filepath.Abs(source); err != nil {
		return nil, err
	}
	// The suite does not start without this program, although it does not run it.
	link := filepath.Join(source, "src", "redis-server")
	if err := os.Symlink(redis, link); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return &suite{dir: source, tclsh: tclsh}, nil
}

// download returns a directory with the source text of Debian's redis. It downloads the package to
// dir if dir lacks it.
func download(dir string) (string, error) {
	if found := unpacked(dir); found != "" {
		return found, nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "lists", "partial"), 0o755); err != nil {
		return "", err
	}
	options, err := sourceLists(dir)
	if err != nil {
		return "", err
	}
	for _, args := range [][]string{{"update"}, {"source", "--download-only", "redis"}} {
		cmd := exec.Command("apt-get", append(append([]string{"-q"}, options...), args...)...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w; -source names a directory with the source text of Redis 7.0\n%s", args[0], err, text)
		}
	}
	archives, err := filepath.Glob(filepath.Join(dir, "redis_7.0.*.orig.tar.gz"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("%s has %d archives of Redis 7.0, want 1 (%v)", dir, len(archives), err)
	}
	if text, err := exec.Command("tar", "-xzf", archives[0], "-C", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w\n%s", err, text)
	}
	if found := unpacked(dir); found != "" {
		return found, nil
	}
	return "", fmt.Errorf("%s has no tests", archives[0])
}

// unpacked returns the directory with the source text in dir, or "".
func unpacked(dir string) string {
	found, _ := filepath.Glob(filepath.Join(dir, "redis-7.0.*", "tests", "test_helper.tcl"))
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(filepath.Dir(found[0]))
}

var (
	debLine = regexp.MustCompile(`(?m)^deb `)
	debType = regexp.MustCompile(`(?m)^Types: .*$`)
)

// sourceLists returns the options of apt-get to use the source packages of Debian's repositories,
// with lists in dir, so that the configuration of apt does not change.
func sourceLists(dir string) (options []string, err error) {
	list := filepath.Join(dir, "debian.sources")
	text, err := os.ReadFile("/etc/apt/sources.list.d/debian.sources")
	if err == nil {
		text = debType.ReplaceAll(text, []byte("Types: deb-src"))
	} else {
		list = strings.TrimSuffix(list, "sources") + "list"
		if text, err = os.ReadFile("/etc/apt/sources.list"); err != nil {
			return nil, err
		}
		text = debLine.ReplaceAll(text, []byte("deb-src "))
	}
	if err := os.WriteFile(list, text, 0o644); err != nil {
		return nil, err
	}
	return []string{
		"-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=/dev/null", "-o", "Dir::State::lists=" + filepath.Join(dir, "lists"),
		"-o", "APT::Sandbox::User=root",
	}, nil
}
