package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var restoreCommand = &command{
	name: "restore",
	args: "BACKUP DIR",
	what: "restore a backup into a data directory",
	help: `Restore writes BACKUP, which is any PATH, to DIR as dump.rdb. If DIR has a log, or no
data at all, it also writes a log, because Open and redis-server load the log and ignore the dump.
The previous files are kept in DIR, in a directory called before-restore-<time>. If BACKUP is
damaged, restore changes nothing. A crash leaves the old data or the backup, never a mixture.

DIR must not be in use. Restore takes the store's lock, but redis-server does not use a lock.

With --until and a log that has timestamps, restore recovers the state at the end of that second.
BACKUP can then be DIR, and its complete log is kept with the previous files.`,
	run: (*app).restore,
}

// restoration is one restore. The steps below list the data that Open loads from DIR after a crash.
// If not stated otherwise, Open loads the old data:
//
//  1. after the lock is taken: nothing has changed.
//  2. while the new dump and the new log are written to temp-perdure-restore: a directory that Open
//     ignores and the next restore deletes.
//  3. after the old dump is moved aside: by a rename if there is an old log next to it. Otherwise
//     by a second link or a copy, so that the dump always exists when Open would load it.
//  4. after the new dump is renamed into place: without an old log, the backup. Otherwise the old
//     log, because Open ignores the dump next to it.
//  5. after the old log is renamed aside: the backup, from the dump. If there are several logs, the
//     one that Open prefers is moved last.
//  6. after the new log is renamed into place: the backup, from the log.
//
// Every step is synced before the next one.
type restoration struct {
	*app
	dir   string
	stage string // the directory for the new files
	aside string // the directory for the old files; "" until it exists

	hadDump bool
	oldLogs []string // files and directories, by name, in the order of moving
	// names of the new log
	logDir  string
	logName string
}

func (a *app) restore(c *command, args []string) error {
	f := c.flags()
	until := untilFlag(f)
	withLog := f.Bool("log", false, "create a log even if DIR has a dump and no log")
	withoutLog := f.Bool("no-log", false, "create no log, for a store or server that uses none")
	paths, err := a.parse(c, f, args, 2, 2)
	if err != nil {
		return err
	}
	if *withLog && *withoutLog {
		return c.misuse("--log and --no-log are mutually exclusive")
	}
	backup, err := a.locateUntil(paths[0], until)
	if err != nil {
		return err
	}
	r := &restoration{app: a, dir: filepath.Clean(paths[1])}
	lock, err := r.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := r.inspect(); err != nil {
		return err
	}
	makeLog := *withLog || !*withoutLog && (len(r.oldLogs) > 0 || !r.hadDump)
	keys, err := r.prepare(&backup, makeLog)
	if err != nil {
		return errors.Join(err, removeTree(a.fs, r.stage))
	}
	if err := r.exchange(makeLog); err != nil {
		return r.halfWay(err)
	}
	r.report(&backup, keys, makeLog)
	return nil
}

// lock is step 1. It makes the directory if it does not exist.
func (r *restoration) lock() (io.Closer, error) {
	_, err := r.fs.Lstat(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.fs.Mkdir(r.dir); err == nil {
			err = r.fs.SyncDir(filepath.Dir(r.dir))
		}
	}
	if err != nil {
		return nil, err
	}
	return r.fs.Lock(filepath.Join(r.dir, lockName))
}

// inspect finds the old files. The new log gets the name of the old log.
func (r *restoration) inspect() error {
	r.hadDump = isFile(r.fs, r.path(dumpName))
	r.logDir, r.logName = logDirName, logName
	for _, name := range []string{dumpName, logName, logDirName} {
		if isLink(r.fs, r.path(name)) {
			return fmt.Errorf("%s: is a symbolic link, which cannot be kept; move it to another directory", r.path(name))
		}
	}
	names, err := r.fs.ReadDir(r.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := r.path(name)
		if name == logDirName || strings.HasPrefix(name, tempPrefix) || !isDir(r.fs, path) {
			continue
		}
		manifest, err := manifestIn(r.fs, path)
		if err != nil {
			return err
		}
		if manifest == "" {
			continue
		}
		if r.logDir != logDirName {
			return fmt.Errorf("%s: two logs, %s and %s; move one to another directory", r.dir, r.logDir, name)
		}
		r.oldLogs = append(r.oldLogs, name)
		r.logDir, r.logName = name, strings.TrimSuffix(filepath.Base(manifest), manifestSuffix)
	}
	return r.inspectUsual()
}

// inspectUsual adds the logs with the usual names. The log that Open prefers is the last.
func (r *restoration) inspectUsual() error {
	single := isFile(r.fs, r.path(logName))
	dir := isDir(r.fs, r.path(logDirName))
	manifest, err := manifestIn(r.fs, r.path(logDirName))
	if err != nil {
		return err
	}
	if manifest != "" {
		r.logDir, r.logName = logDirName, strings.TrimSuffix(filepath.Base(manifest), manifestSuffix)
	}
	prefersSingle := manifest == ""
	if single && manifest != "" {
		if prefersSingle, err = r.listsSingle(manifest); err != nil {
			return err
		}
	}
	if single && !prefersSingle {
		r.oldLogs = append(r.oldLogs, logName)
	}
	if dir {
		r.oldLogs = append(r.oldLogs, logDirName)
	}
	if single && prefersSingle {
		r.oldLogs = append(r.oldLogs, logName)
	}
	return nil
}

// listsSingle reports whether an upgrade from Redis 6 was interrupted, so the manifest lists the
// single file.
func (r *restoration) listsSingle(manifest string) (bool, error) {
	f, err := r.fs.Open(manifest)
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return strings.Contains(string(text), "file "+logName+" "), errors.Join(err, f.Close())
}

func (r *restoration) path(name string) string { return filepath.Join(r.dir, name) }

// prepare is step 2. It reads the backup and writes the new files, whole and synced.
func (r *restoration) prepare(backup *place, makeLog bool) (keys int64, err error) {
	if r.stage, err = r.app.stage(r.path("restore")); err != nil {
		return 0, err
	}
	src, err := r.open(backup, true)
	if err != nil {
		return 0, err
	}
	dump := filepath.Join(r.stage, dumpName)
	err = r.createFile(dump, func(w io.Writer) error { return src.writeRDB(r.ctx, w) })
	if err := errors.Join(err, src.close()); err != nil {
		return 0, err
	}
	// The written dump is read again, because it will replace everything.
	written := &place{path: dump, form: formDump, dump: dump}
	report, err := r.checkDump(written)
	if err != nil || !makeLog {
		return report.Keys, err
	}
	copied := &dumpSource{a: r.app, path: dump, report: rdb.Report{Size: report.Size}}
	return report.Keys, r.writeLog(r.stage, copied, false, aof.Dirname(r.logDir), aof.Filename(r.logName))
}

// exchange runs steps 3 to 6.
func (r *restoration) exchange(makeLog bool) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.hadDump || len(r.oldLogs) > 0 {
		if err := r.makeAside(); err != nil {
			return err
		}
	}
	if r.hadDump {
		if err := r.keepDump(); err != nil {
			return err
		}
	}
	if err := r.move(filepath.Join(r.stage, dumpName), r.path(dumpName)); err != nil {
		return err
	}
	for _, name := range r.oldLogs {
		if err := r.move(r.path(name), filepath.Join(r.aside, name)); err != nil {
			return err
		}
	}
	if makeLog {
		if err := r.move(filepath.Join(r.stage, r.logDir), r.path(r.logDir)); err != nil {
			return err
		}
	}
	return removeTree(r.fs, r.stage)
}

// makeAside makes the directory for the old files.
func (r *restoration) makeAside() error {
	name := r.path("before-restore-" + time.Now().UTC().Format("20060102-150405"))
	r.aside = name
	for n := 2; ; n++ {
		err := r.fs.Mkdir(r.aside)
		if err == nil {
			return r.fs.SyncDir(r.dir)
		}
		if !errors.Is(err, fs.ErrExist) {
			r.aside = ""
			return err
		}
		r.aside = fmt.Sprintf("%s-%d", name, n)
	}
}

// keepDump is step 3.
func (r *restoration) keepDump() error {
	from, to := r.path(dumpName), filepath.Join(r.aside, dumpName)
	if len(r.oldLogs) > 0 {
		return r.move(from, to)
	}
	if r.fs == vfs.OS() && os.Link(from, to) == nil {
		return r.fs.SyncDir(r.aside)
	}
	f, err := r.fs.Open(from)
	if err != nil {
		return err
	}
	_, err = snapshot.Replace(dirfs.New(r.fs), r.aside, dumpName, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
	return errors.Join(err, f.Close())
}

// move durably renames from to to. It syncs the directory of to first.
func (r *restoration) move(from, to string) error {
	if err := r.fs.Rename(from, to); err != nil {
		return err
	}
	if err := r.fs.SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return r.fs.SyncDir(filepath.Dir(from))
}

// halfWay adds the location of the files to the error of a failed exchange.
func (r *restoration) halfWay(err error) error {
	if r.aside == "" {
		return fmt.Errorf("restore did not finish; run it again: %w", err)
	}
	return fmt.Errorf("restore did not finish; run it again; previous files are in %s: %w", r.aside, err)
}

func (r *restoration) report(backup *place, keys int64, makeLog bool) {
	what := dumpName + " and a log"
	if !makeLog {
		what = dumpName
	}
	fmt.Fprintf(r.stdout, "%s: restored %s from %s to %s\n", r.dir, count(keys, "key"), backup.path, what)
	if r.aside != "" {
		fmt.Fprintf(r.stdout, "%s: previous files\n", r.aside)
	}
	if !makeLog && len(r.oldLogs) == 0 {
		fmt.Fprintf(r.stdout, "%s: has no log and none was created; use --log to create one\n", r.dir)
	}
}
