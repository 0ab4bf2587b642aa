package campaign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// hostile is campaign m. It opens directories that an attacker prepared. Open must not follow a
// link out of the directory, wait for a FIFO, or allocate memory based on a claimed length. Files
// outside the directory must not be read, made, or changed.
func hostile(r *Run) {
	files, err := hostileStore()
	if err != nil {
		r.fail("", err)
		return
	}
	for _, name := range sortedKeys(files) {
		for _, trap := range traps {
			r.Step(trap.name+"/"+name, func() error { return springTrap(r, files, name, trap.set) })
		}
	}
	for name, text := range hostileManifests() {
		r.Step("manifest/"+name, func() error { return tryManifest(r, files, text) })
	}
	for name, data := range bombs() {
		r.Step("bomb/"+name, func() error { return tryBomb(r, name, data) })
	}
	for name, data := range doubles() {
		r.Step("double/"+name, func() error { return tryDouble(r, data) })
	}
	r.Step("read-only", func() error { return readOnlyMedia(r, files) })
	modesUnderMasks(r)
}

// hostileStore returns the files of a valid store: a log and a dump.
func hostileStore() (map[string]string, error) {
	mem := vfs.NewMem(dataDir)
	l := newLife(modeOf("always"), mem, []state{{}}, 0)
	err := firstError(l.open(), l.playAll(script{{key: "k", value: "v"}, {kind: opRewrite}, {key: "l", value: "w"}, {kind: opSave}}))
	if err == nil {
		err = l.store.Close()
	}
	if err != nil {
		return nil, err
	}
	return files(mem)
}

// traps replace a file by something else. outside is a directory that must not change.
var traps = []struct {
	name string
	set  func(path, outside string) error
}{
	{"link", func(path, outside string) error { return os.Symlink(filepath.Join(outside, "secret"), path) }},
	{"dangling link", func(path, outside string) error { return os.Symlink(filepath.Join(outside, "new"), path) }},
	{"link to itself", func(path, _ string) error { return os.Symlink(filepath.Base(path), path) }},
	{"directory", func(path, _ string) error { return os.Mkdir(path, 0o700) }},
	{"fifo", makeFIFO},
	{"device", func(path, _ string) error { return os.Symlink("/dev/zero", path) }},
}

// shape describes the names, the modes, and the contents of regular files below a directory.
func shape(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			b.Write(data)
			return err
		}
		return nil
	})
	return b.String(), err
}

// springTrap replaces a file by a trap and opens the directory in every way.
func springTrap(r *Run, files map[string]string, name string, set func(path, outside string) error) error {
	home, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	dir, outside := filepath.Join(home, "data"), filepath.Join(home, "outside")
	// The target of the link is a file that the store would accept.
	if err := firstError(write(dir, files), write(outside, map[string]string{"secret": files[name]})); err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := set(path, outside); err != nil {
		return err
	}
	before, err := shape(outside)
	if err != nil {
		return err
	}
	for _, opts := range [][]perdure.Option{
		modeOf("always").options(), modeOf("always").options(perdure.WithReadOnly()), modeOf("snapshots").options(),
	} {
		r.Count("cases", 1)
		if err := openTrapped(dir, name, opts); err != nil {
			return err
		}
	}
	if after, err := shape(outside); err != nil || after != before {
		return fmt.Errorf("files outside = %s, want %s: %w", after, before, err)
	}
	return nil
}

// openTrapped opens the directory and writes. Open may succeed if it does not read the trapped
// file. Then it must not follow the trap, but may replace it by a file.
func openTrapped(dir, name string, opts []perdure.Option) error {
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		return nil
	}
	if v, err := s.Get("l"); err == nil && string(v) == "w" && name == "dump.rdb" && s.Recovery().Source == "rdb" {
		return errors.Join(errors.New("followed the trap to a dump"), s.CloseNoSave())
	}
	if s.Recovery().Source == "aof" && name != "dump.rdb" {
		return errors.Join(errors.New("followed the trap to a log"), s.CloseNoSave())
	}
	_ = s.Set("x", []byte("y")) // refused if the store is read-only
	return s.CloseNoSave()
}

// hostileManifests returns manifests that name files elsewhere, are malformed, or are too large.
func hostileManifests() map[string]string {
	line := func(name string) string { return fmt.Sprintf("file %s seq 1 type b\n", name) }
	return map[string]string{
		"parent":        line("../../outside/secret"),
		"dots":          line(".."),
		"dot":           line("."),
		"slash":         line("a/b"),
		"absolute":      line("/etc/passwd"),
		"backslash":     line(`"..\\outside\\secret"`),
		"NUL":           line(`"a\x00b"`),
		"newline":       line(`"a\nb"`),
		"long":          line(strings.Repeat("a", 256)),
		"longer":        line(strings.Repeat("a", 5000)),
		"twice":         line("a") + "file a seq 2 type i\n",
		"two bases":     line("a") + line("b"),
		"lock":          line("../perdure.lock"),
		"manifest":      line("appendonly.aof.manifest"),
		"huge number":   "file a seq 9223372036854775808 type b\n",
		"negative":      "file a seq -1 type b\n",
		"falling":       "file a seq 2 type i\nfile b seq 1 type i\n",
		"history":       "file a seq 1 type b\nfile ../../outside/secret seq 1 type h\n",
		"empty":         "",
		"no line end":   "file a seq 1 type b",
		"megabytes":     strings.Repeat("# nothing\n", 200_000),
		"quotes":        `file "a seq 1 type b` + "\n",
		"unknown type":  "file a seq 1 type x\n",
		"size of 2^63":  "file a seq 1 type b size 9223372036854775807\n",
		"windows names": line("CON") + "file NUL seq 1 type i\n",
	}
}

// tryManifest opens a log with a manifest that Open must refuse. No file may be deleted.
func tryManifest(r *Run, files map[string]string, text string) error {
	r.Count("cases", 1)
	home, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	dir, outside := filepath.Join(home, "data"), filepath.Join(home, "outside")
	changed := map[string]string{"appendonlydir/appendonly.aof.manifest": text}
	if err := firstError(write(dir, files), write(dir, changed), write(outside, map[string]string{"secret": "s"})); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "perdure.lock"), nil, 0o600); err != nil {
		return err
	}
	before, err := shape(outside)
	if err != nil {
		return err
	}
	s, err := perdure.Open(dir, modeOf("always").options()...)
	if err == nil {
		return errors.Join(errors.New("want an error, got a successful Open"), s.CloseNoSave())
	}
	if after, err := shape(outside); err != nil || after != before {
		return fmt.Errorf("files outside = %s, want %s: %w", after, before, err)
	}
	for name, data := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != data && changed[name] == "" && text != string(got) {
			return fmt.Errorf("content of %s = %.100q, want %.100q: %w", name, got, data, err)
		}
	}
	return nil
}

// bombs returns files that claim to be much larger than they are.
func bombs() map[string]string {
	header := "REDIS0009"
	long := func(n uint64) string {
		return string(binary.BigEndian.AppendUint64([]byte{0x81}, n))
	}
	entry := header + "\xfe\x00\x00\x01k"
	return map[string]string{
		"dump/string of 2^63":     entry + long(1<<63),
		"dump/string of 2^31":     entry + long(1<<31),
		"dump/lzf of 500 MiB":     entry + "\xc3" + long(16) + long(500<<20) + strings.Repeat("\x00", 16),
		"dump/lzf of 2^63":        entry + "\xc3" + long(16) + long(1<<63) + strings.Repeat("\x00", 16),
		"dump/2^40 keys":          header + "\xfe\x00\xfb" + long(1<<40) + long(1<<40),
		"dump/list of 2^40":       header + "\xfe\x00\x01\x01k" + long(1<<40),
		"dump/hash of 2^62":       header + "\xfe\x00\x04\x01k" + long(1<<62),
		"dump/set of 2^62":        header + "\xfe\x00\x02\x01k" + long(1<<62),
		"dump/zset of 2^62":       header + "\xfe\x00\x05\x01k" + long(1<<62),
		"dump/quicklist of 2^62":  header + "\xfe\x00\x12\x01k" + long(1<<62) + "\x02" + long(1<<40),
		"dump/intset of 2^32":     header + "\xfe\x00\x0b\x01k\x08\x02\x00\x00\x00\xff\xff\xff\xff",
		"dump/listpack of 4 GiB":  header + "\xfe\x00\x10\x01k\x07\xff\xff\xff\xff\xff\xff\xff",
		"dump/aux of 2^62":        header + "\xfa" + long(1<<62),
		"dump/function of 2^62":   header + "\xf5" + long(1<<62),
		"dump/database 2^40":      header + "\xfe" + long(1<<40),
		"log/a million arguments": "*1048576\r\n",
		"log/2^31 arguments":      "*2147483647\r\n",
		"log/2^63 arguments":      "*9223372036854775808\r\n",
		"log/argument of 512 MiB": "*1\r\n$536870912\r\n",
		"log/argument of 2^63":    "*1\r\n$9223372036854775807\r\n",
		"log/endless MULTI":       "*1\r\n$5\r\nMULTI\r\n" + strings.Repeat("*1\r\n$4\r\nPING\r\n", 1000),
		"log/line":                "#" + strings.Repeat("a", 1<<20),
	}
}

// maxBomb is the number of bytes that Open of a small file may allocate, including its buffers.
const maxBomb = 16 << 20

// tryBomb opens a bomb as a dump or as a single-file log.
func tryBomb(r *Run, name, data string) error {
	r.Count("cases", 1)
	kind, _, _ := strings.Cut(name, "/")
	file, m := "dump.rdb", modeOf("snapshots")
	if kind == "log" {
		file, m = "appendonly.aof", modeOf("always")
	}
	mem, err := inMem(map[string]string{file: data})
	if err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := m.open(mem)
	runtime.ReadMemStats(&after)
	if err == nil {
		err = s.CloseNoSave()
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > maxBomb {
		return fmt.Errorf("open of %d bytes = %v, allocated %d bytes, want at most %d",
			len(data), err, n, maxBomb)
	}
	return nil
}

// readOnlyMedia opens a directory where nothing can be changed.
func readOnlyMedia(r *Run, files map[string]string) error {
	r.Count("cases", 2)
	mem, err := inMem(files)
	if err != nil {
		return err
	}
	denied := vfs.NewFault(mem, func(o vfs.Op) error {
		if o.Changes() || o.Kind == "lock" || o.Kind == "openwrite" {
			return fs.ErrPermission
		}
		return nil
	})
	s, err := perdure.Open(dataDir, modeOf("always").options(storefs.Option(denied), perdure.WithReadOnly())...)
	if err != nil {
		return fmt.Errorf("read-only Open = %w, want nil", err)
	}
	if v, err := s.Get("l"); err != nil || string(v) != "w" {
		return fmt.Errorf("Get(l) = %q, %w, want \"w\"", v, err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if _, err := modeOf("always").open(denied); !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("writable Open = %w, want ErrPermission", err)
	}
	return nil
}
