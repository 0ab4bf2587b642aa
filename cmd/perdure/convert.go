package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

var convertCommand = &command{
	name: "convert",
	args: "SRC DST",
	what: "turn a dump, a log, an append-only file, JSON lines into another",
	help: `SRC is any PATH. DST takes the form that its name or --to says:

  name.rdb   dump    a dump
  name.zst   zst     a dump compressed with zstd, for shipping
  name.jsonl jsonl   JSON lines as perdure dump prints them, in the order of SRC, with a line
                     {"type":"extra",...} for each function library; .jsonl.zst compressed
  name.aof   aof     a single append-only file: an RDB, or with --commands commands alone
  no suffix  dir     a data directory with a log; a DST called appendonlydir is the log itself

Nothing that exists is overwritten, and DST appears whole or not at all. A dump is checked first
and then copied byte for byte, so that no version and no type is lost; a log is loaded into
memory first. --rdb-version writes a dump that older servers load, or with 80 Valkey 9: values in
newer encodings are written in older ones. What has no older form, a hash with fields that expire, is
an error; what an older form leaves out, such as when a consumer was active, is told on stderr. What has expired is kept. A torn end of a log is passed over, with a warning.`,
	run: (*app).convert,
}

// converters maps the name of a form, as in --to, to its converter.
var converters = map[string]func(a *app, src source, dst string, asCommands bool) error{
	"dump": func(a *app, src source, dst string, _ bool) error {
		return a.createFile(dst, func(w io.Writer) error { return src.writeRDB(a.ctx, w) })
	},
	"zst": func(a *app, src source, dst string, _ bool) error {
		return a.createFile(dst, func(w io.Writer) error {
			return zip(w, func(w io.Writer) error { return src.writeRDB(a.ctx, w) })
		})
	},
	"aof": func(a *app, src source, dst string, asCommands bool) error {
		return a.createFile(dst, func(w io.Writer) error {
			if asCommands {
				return writeCommands(a.ctx, w, src)
			}
			return src.writeRDB(a.ctx, w)
		})
	},
	"jsonl": func(a *app, src source, dst string, _ bool) error {
		return a.createFile(dst, func(w io.Writer) error {
			if strings.HasSuffix(dst, ".zst") {
				return zip(w, func(w io.Writer) error { return writeLines(a.ctx, w, src) })
			}
			return writeLines(a.ctx, w, src)
		})
	},
	"dir": (*app).convertToDir,
}

func (a *app) convert(c *command, args []string) error {
	f := c.flags()
	until := untilFlag(f)
	to := f.String("to", "", "`form` of DST: dump, zst, aof, jsonl or dir; its name decides otherwise")
	version := f.Int("rdb-version", 0, "write dumps in format `version` 9 to 14, or 80 for Valkey 9; otherwise as SRC, or the lowest that fits")
	asCommands := f.Bool("commands", false, "write a log without RDB, for programs that do not read it")
	paths, err := a.parse(c, f, args, 2, 2)
	if err != nil {
		return err
	}
	dst := filepath.Clean(paths[1])
	if *to == "" {
		*to = formByName(dst)
	}
	write, ok := converters[*to]
	switch {
	case *to == "":
		return c.misuse(fmt.Sprintf("the name %s tells no form; --to says it", strconv.Quote(filepath.Base(dst))))
	case !ok:
		return c.misuse(fmt.Sprintf("unknown form %q", *to))
	case *version != 0 && (*version < 9 || *version > 14 && *version != 80 || *to == "jsonl" || *asCommands):
		return c.misuse("--rdb-version is 9 to 14 or 80, for what holds a dump")
	case *asCommands && *to != "aof" && *to != "dir":
		return c.misuse("--commands is for aof and dir")
	}
	if err := a.absent(dst); err != nil {
		return err
	}
	p, err := a.locateUntil(paths[0], until)
	if err != nil {
		return err
	}
	src, err := a.open(&p, true)
	if err != nil {
		return err
	}
	defer src.close()
	if d, ok := src.(*dumpSource); ok && *asCommands && d.report.Extras > 0 {
		a.warn("%s: %s left out, which are no commands", d.path, count(d.report.Extras, "function library"))
	}
	if d, ok := src.(*dumpSource); ok && d.report.Used > 0 && (*to == "jsonl" || *asCommands || *version != 0) {
		a.warn("%s: how lately or how often %s were used is left out", d.path, count(d.report.Used, "key"))
	}
	old := &oldTypes{source: src, version: *version}
	if *version != 0 {
		src = old
	}
	if err := write(a, src, dst, *asCommands); err != nil {
		return err
	}
	a.warnOfLosses(old)
	fmt.Fprintf(a.stdout, "%s: %s\n", dst, a.sizeBelow(dst))
	return nil
}

// formByName returns the form for a name, or "" for an unknown suffix.
func formByName(name string) string {
	if strings.HasSuffix(strings.ToLower(name), ".jsonl.zst") {
		return "jsonl"
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jsonl":
		return "jsonl"
	case ".rdb":
		return "dump"
	case ".zst":
		return "zst"
	case ".aof":
		return "aof"
	}
	if name = filepath.Base(name); strings.ContainsRune(strings.TrimLeft(name, "."), '.') {
		return "" // an unknown suffix, or a name with a dot
	}
	return "dir"
}

// convertToDir makes a data directory with a log. If dst has the name of a log directory, it makes
// the log directory alone. A crash leaves:
//
//  1. while the log is written: a directory with a name that begins with temp-perdure-, which the
//     next run with the same DST deletes.
//  2. after the rename, before the directory is synced: the same, or dst, whole.
//  3. after that: dst.
func (a *app) convertToDir(src source, dst string, asCommands bool) error {
	stage, err := a.stage(dst)
	if err != nil {
		return err
	}
	if err := a.writeLog(stage, src, asCommands); err != nil {
		return errors.Join(err, removeTree(a.fs, stage))
	}
	made := stage
	if filepath.Base(dst) == logDirName {
		made = filepath.Join(stage, logDirName)
	}
	err = a.absent(dst)
	if err == nil {
		err = a.fs.Rename(made, dst)
	}
	if err != nil {
		return errors.Join(err, removeTree(a.fs, stage))
	}
	return errors.Join(a.fs.SyncDir(filepath.Dir(dst)), removeTree(a.fs, stage))
}

// sizeBelow returns the size of a file, or of all files below a directory.
func (a *app) sizeBelow(path string) string {
	var total int64
	var add func(path string)
	add = func(path string) {
		info, err := a.fs.Lstat(path)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return
		case err == nil && info.IsDir():
			names, _ := a.fs.ReadDir(path) // the number is only for people
			for _, name := range names {
				add(filepath.Join(path, name))
			}
		case err == nil:
			total += info.Size()
		}
	}
	add(path)
	return size(total)
}
