package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
)

// These are the default names of a store's files, which are also Redis's.
const (
	dumpName       = "dump.rdb"
	logDirName     = "appendonlydir"
	logName        = "appendonly.aof"
	manifestSuffix = ".manifest"
	lockName       = "perdure.lock"
	tempPrefix     = "temp-"
)

// form is the kind of files at a PATH.
type form string

const (
	formDir  form = "data directory"
	formLog  form = "log"              // a directory with a manifest, or the manifest
	formAOF  form = "append-only file" // a single file
	formDump form = "dump"
	formZst  form = "compressed dump"
	formJSON form = "JSON lines" // compressed or not
)

// place is a PATH with the files found there.
type place struct {
	path string // the argument
	form form
	dump string // the file of the dump; empty without a dump
	log  string // the log's manifest, or its single file; empty without a log

	lines string // the file of JSON lines; or empty

	maxValue int64 // the longest value in bytes that is read; 0 is rdb.DefaultMaxValue

	until time.Time // read the log up to this time; zero means all of it
}

// compressed reports whether the dump, or the JSON lines, are compressed.
func (p *place) compressed() bool {
	return p.form == formZst || p.form == formJSON && strings.HasSuffix(p.lines, ".zst")
}

// locate determines the form of path. It reads the first bytes of a file and the names in a
// directory.
func locate(fsys vfs.FS, path string) (place, error) {
	p := place{path: path}
	if fsys == vfs.OS() {
		if real, err := filepath.EvalSymlinks(path); err == nil && isLink(fsys, path) {
			path = real
		}
	}
	info, err := fsys.Lstat(path)
	if err != nil {
		return p, err
	}
	if info.IsDir() {
		return p, p.directory(fsys, path)
	}
	head, err := readHead(fsys, path)
	if err != nil {
		return p, err
	}
	if p.form = formOf(filepath.Base(path), head); p.form == "" {
		return p, fmt.Errorf("%s: not a dump, an append-only file, JSON lines, or a manifest", path)
	}
	switch p.form {
	case formDump, formZst:
		p.dump = path
	case formJSON:
		p.lines = path
	default:
		p.log = path
	}
	return p, nil
}

func isLink(fsys vfs.FS, path string) bool {
	info, err := fsys.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// readHead reads the first bytes of a file.
func readHead(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, 9)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], errors.Join(err, f.Close())
}

// formOf returns a file's form from its name and first bytes. The content decides, with two
// exceptions. A dump and an append-only file may both begin with an RDB, so the name decides
// between them. If the head is damaged, the name alone decides.
func formOf(name string, head []byte) form {
	text := string(head)
	named := form("")
	switch {
	case strings.HasSuffix(name, manifestSuffix):
		return formLog
	case strings.HasSuffix(name, ".jsonl"), strings.HasSuffix(name, ".jsonl.zst"):
		return formJSON
	case strings.HasSuffix(name, ".aof") || partName.MatchString(name):
		named = formAOF
	case strings.HasSuffix(name, ".zst"):
		named = formZst
	case strings.HasSuffix(name, ".rdb"):
		named = formDump
	}
	switch {
	case strings.HasPrefix(text, "\x28\xb5\x2f\xfd"):
		return formZst
	case strings.HasPrefix(text, "REDIS") || strings.HasPrefix(text, "VALKEY"):
		if named == formAOF {
			return formAOF
		}
		return formDump
	case named != formDump && named != formZst && (strings.HasPrefix(text, "*") || strings.HasPrefix(text, "#")):
		return formAOF
	case named == "" && strings.HasPrefix(text, "{"):
		return formJSON
	}
	return named
}

// partName is the end of a log file's name.
var partName = regexp.MustCompile(`\.([0-9]{1,18})\.(?:base\.rdb|base\.aof|incr\.aof)$`)

// seqOf returns the sequence number in the name of a log's file, or 1 for a name without a number.
func seqOf(path string) int64 {
	if m := partName.FindStringSubmatch(path); m != nil {
		if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && n > 0 {
			return n
		}
	}
	return 1
}

// directory inspects a directory. With a manifest it is a log's directory. Any other directory
// contains a dump, a log, or both.
func (p *place) directory(fsys vfs.FS, dir string) (err error) {
	if p.log, err = manifestIn(fsys, dir); err != nil {
		return err
	}
	if p.log != "" {
		p.form = formLog
		return nil
	}
	p.form = formDir
	if isFile(fsys, filepath.Join(dir, dumpName)) {
		p.dump = filepath.Join(dir, dumpName)
	}
	if p.log, err = logIn(fsys, dir); err != nil {
		return err
	}
	if p.dump == "" && p.log == "" {
		return fmt.Errorf("%s: %w", dir, errNoData)
	}
	return nil
}

var errNoData = errors.New("directory contains neither " + dumpName + " nor a log")

// logIn returns the log in a data directory. The log is a manifest in the directory with the usual
// name, a manifest in another directory, or the single file of Redis 6.
func logIn(fsys vfs.FS, dir string) (string, error) {
	if path, err := manifestIn(fsys, filepath.Join(dir, logDirName)); err != nil || path != "" {
		return path, err
	}
	if path := filepath.Join(dir, logName); isFile(fsys, path) {
		return path, nil
	}
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return "", err
	}
	found := ""
	for _, name := range names {
		if strings.HasPrefix(name, tempPrefix) || !isDir(fsys, filepath.Join(dir, name)) {
			continue
		}
		path, err := manifestIn(fsys, filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		if path != "" && found != "" {
			return "", fmt.Errorf("%s: two logs, %s and %s; pass the path of one", dir, found, path)
		}
		found += path
	}
	return found, nil
}

// manifestIn returns the only manifest in a directory, or "" if the manifest or the directory does
// not exist.
func manifestIn(fsys vfs.FS, dir string) (string, error) {
	if !isDir(fsys, dir) {
		return "", nil
	}
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return "", err
	}
	found := ""
	for _, name := range names {
		if !strings.HasSuffix(name, manifestSuffix) || strings.HasPrefix(name, tempPrefix) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%s: more than one manifest; pass the path of one", dir)
		}
		found = filepath.Join(dir, name)
	}
	if found == "" {
		return aof.LostManifest(dirfs.New(fsys), dir)
	}
	return found, nil
}

func isFile(fsys vfs.FS, path string) bool {
	info, err := fsys.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// isDir reports whether path is a directory. For a link it returns false, because Open refuses a
// link to a log directory.
func isDir(fsys vfs.FS, path string) bool {
	info, err := fsys.Lstat(path)
	return err == nil && info.IsDir()
}
