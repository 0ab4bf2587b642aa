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
	what: "convert between dumps, logs, append-only files, and JSON lines",
	help: `Convert writes the data set at SRC, which is any PATH, to DST. It never overwrites a
file, and DST is written completely or not at all. The name of DST, or --to, selects the format:

  name.rdb    dump   a dump
  name.zst    zst    a dump compressed with zstd
  name.jsonl  jsonl  JSON lines as perdure dump prints them, in the order of SRC, with a line
                     {"type":"extra",...} for each function library; .jsonl.zst is compressed
  name.aof    aof    a single append-only file that contains an RDB, or, with --commands, only
                     commands
  no suffix   dir    a data directory with a log, or, for the name appendonlydir, only the log

A dump is checked and then copied byte for byte, so no version or type is lost. A log is loaded into
memory. If it has a torn tail, convert skips the tail and prints a warning. Expired keys are kept.

With --rdb-version, convert writes a dump for older servers (80 is Valkey 9) and re-encodes values
that the version does not support. It is an error if a value cannot be re-encoded, such as a hash
with fields that expire. Convert reports lost properties on stderr, such as the time when a consumer
was last active.`,
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
	to := f.String("to", "", "`format` of DST: dump, zst, aof, jsonl, or dir (default: by the name of DST)")
	version := f.Int("rdb-version", 0, "write a dump in `version` 9 to 14 or 80 (default: as SRC, or the lowest possible)")
	asCommands := f.Bool("commands", false, "write a log without an RDB, for programs that cannot read one")
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
		return c.misuse(fmt.Sprintf("unknown format of %s; use --to", strconv.Quote(filepath.Base(dst))))
	case !ok:
		return c.misuse(fmt.Sprintf("unknown format %q", *to))
	case *version != 0 && (*version < 9 || *version > 14 && *version != 80 || *to == "jsonl" || *asCommands):
		return c.misuse("--rdb-version must be 9 to 14, or 80, and needs a format that contains a dump")
	case *asCommands && *to != "aof" && *to != "dir":
		return c.misuse("--commands needs the format aof or dir")
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
		a.warn("%s: %s omitted, because commands cannot create them", d.path, count(d.report.Extras, "function library"))
	}
	if d, ok := src.(*dumpSource); ok && d.report.Used > 0 && (*to == "jsonl" || *asCommands || *version != 0) {
		a.warn("%s: idle time or access frequency of %s omitted", d.path, count(d.report.Used, "key"))
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
//     next run with this DST deletes.
//  2. after the rename, before the directory is synced: that directory, or dst, whole.
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
