package campaign

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perduredb/perdure/internal/vfs"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes files to a real directory.
func write(dir string, files map[string]string) error {
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// inMem writes files to dataDir of a new file system in memory, and makes all of them durable.
func inMem(files map[string]string) (*vfs.Mem, error) {
	mem := vfs.NewMem(dataDir, logDir)
	for _, name := range sortedKeys(files) {
		f, err := mem.Create(filepath.Join(dataDir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			return nil, err
		}
		if err := firstError(f.Sync(), f.Close()); err != nil {
			return nil, err
		}
	}
	return mem, firstError(mem.SyncDir(dataDir), mem.SyncDir(logDir))
}

// redisChecks runs Redis's checkers on the files of a file system, if the checkers are installed.
func redisChecks(r *Run, fsys vfs.FS) error {
	aofTool, err := exec.LookPath("redis-check-aof")
	if err != nil {
		return nil // the summary shows that no file was checked
	}
	all, err := files(fsys)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(dir, all); err != nil {
		return err
	}
	for name := range all {
		tool := ""
		switch {
		case strings.HasSuffix(name, ".manifest"):
			tool = aofTool
		case name == "dump.rdb":
			tool = strings.Replace(aofTool, "aof", "rdb", 1)
		default:
			continue
		}
		if out, err := exec.Command(tool, filepath.Join(dir, name)).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s = %w, want nil: %s", filepath.Base(tool), name, err, out)
		}
		r.Count("accepted by redis-check", 1)
	}
	return nil
}
