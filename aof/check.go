package aof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Report is the result of [Check].
type Report struct {
	Manifest string       // path of the manifest; empty for a single file
	Files    []FileReport // in load order
	Unlisted []string     // files of the log in its directory that the manifest does not list
	Tail     *TailReport  // nil without a tail file

	tailFileID uint64         // id of the tail file that the commit markers report last; 0 if none
	last       *manifest.File // last file of a log with a manifest
	summed     bool           // the manifest has its checksum
}

// FileReport describes one file.
type FileReport struct {
	Path       string
	Kind       string                  // "base", "increment" or "file"
	RDB        bool                    // the file begins with an RDB
	Unchecked  bool                    // it begins with an RDB, and BaseCheck was not given
	Size       int64                   // bytes, without padding
	Commands   int64                   // number of commands, without SELECT, MULTI and EXEC
	Marks      int64                   // number of commit markers whose checksum matches
	Good       int64                   // the file is whole up to this offset
	Unverified int64                   // bytes of commands below Good that no checksum covers
	Torn       int64                   // bytes after Good that Open truncates, left by a crash
	Filler     int64                   // bytes of padding after Size; Open removes them
	Problem    *CorruptError           // the damage at Good; nil for a whole file
	Repairable bool                    // Repair would truncate the file at Good
	Refused    *appendlog.CommandError // the first command that CommandCheck refuses

	verdict scan.Verdict
	id      wire.Identity
	rings   bool
	ring    uint64 // see found
	db      int    // database that is selected at Good
}

// OK reports whether Open would accept the log without truncating anything.
func (r *Report) OK() bool { return r.Err() == nil }

// Err returns the first problem of the log, or nil.
func (r *Report) Err() (err error) {
	defer errtext.Name(&err)
	for i := range r.Files {
		if r.Files[i].Problem != nil {
			return r.Files[i].Problem
		}
		if r.Files[i].Refused != nil {
			return r.Files[i].Refused
		}
	}
	if r.Tail != nil && r.Tail.Problem != nil {
		return r.Tail.Problem
	}
	return nil
}

// A CheckOption configures [Check] or [Repair].
type CheckOption func(*checkConfig)

type checkConfig struct {
	ctx      context.Context
	fs       vfs.FS
	fsErr    error // of OnFS
	base     func(context.Context, io.Reader, int64) (appendlog.BaseInfo, error)
	command  func(appendlog.Command) error
	planOnly bool
}

// BaseCheck sets the function that checks an RDB. Its r begins with the first byte of the file, and
// size is the size of the file. Without the function an RDB is reported as unchecked.
func BaseCheck(f func(ctx context.Context, r io.Reader, size int64) (appendlog.BaseInfo, error)) CheckOption {
	return func(c *checkConfig) { c.base = f }
}

// CommandCheck sets a function that Check calls for every command. If it returns a
// [*appendlog.CommandError], the command cannot be applied, and Check reports it as Refused. Any
// other error ends Check. The arguments of the command are valid during the call only. Repair does
// not check commands.
func CommandCheck(f func(appendlog.Command) error) CheckOption {
	return func(c *checkConfig) { c.command = f }
}

// CheckContext makes [Check] and [Repair] end early if ctx ends.
func CheckContext(ctx context.Context) CheckOption {
	return func(c *checkConfig) { c.ctx = ctx }
}

// OnFS makes [Check] and [Repair] use the file system of a store's Env instead of that of the
// operating system.
func OnFS(fs snapshot.FS) CheckOption {
	return func(c *checkConfig) { c.fs, c.fsErr = dirfs.Of(fs) }
}

func newCheckConfig(opts []CheckOption) *checkConfig {
	c := &checkConfig{ctx: context.Background(), fs: vfs.OS()}
	for _, o := range opts {
		o(c)
	}
	return c
}

// Check reads a log that is not open and reports its damage. It changes nothing. Path is a data
// directory, a log's directory, a manifest, or a single file. The Report contains the damage of
// each file. Check returns an error if a file cannot be read at all, or if the manifest is damaged.
func Check(path string, opts ...CheckOption) (report Report, err error) {
	defer errtext.Name(&err)
	return newCheckConfig(opts).check(path)
}

// target is a file to check.
type target struct {
	path   string
	kind   string
	seq    int64
	listed *manifest.File // entry of the manifest; nil without one
}

// compare compares a file with the manifest, as Open does. Asked returns the damage for which Open
// would refuse the file.
func (t *target) compare(r *FileReport, asked func(*manifest.File) error) (refused bool) {
	if t.listed == nil {
		return false
	}
	var damage *corrupt.Error
	if !errors.As(asked(t.listed), &damage) {
		return false
	}
	r.Problem, r.verdict, r.Torn, r.Repairable = damage, scan.Refused, 0, false
	return true
}

func (c *checkConfig) check(path string) (Report, error) {
	if c.fsErr != nil {
		return Report{}, c.fsErr
	}
	var report Report
	targets, err := c.targets(path, &report)
	if err != nil {
		return report, err
	}
	for i, t := range targets {
		f, err := c.file(t, i == len(targets)-1)
		if err != nil {
			return report, err
		}
		if n := len(report.Files); n > 0 && f.Problem == nil {
			t.compare(&f, func(*manifest.File) error {
				return f.id.CheckFollows(f.Path, report.Files[n-1].id, report.Files[n-1].Path)
			})
		}
		if f.rings {
			report.tailFileID = f.ring
		}
		report.Files = append(report.Files, f)
	}
	return report, c.tailFile(&report)
}

// targets returns the files that path selects, in load order.
func (c *checkConfig) targets(path string, report *Report) ([]target, error) {
	info, err := c.fs.Lstat(path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(path, manifest.Suffix)) {
		return nil, err
	}
	if err == nil && info.IsDir() {
		if path, err = c.manifestIn(path); err != nil {
			return nil, err
		}
	}
	if !strings.HasSuffix(path, manifest.Suffix) {
		return []target{{path, "file", manifest.SeqOf(path), nil}}, nil
	}
	m, err := manifest.Read(c.fs, path)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if err := lostManifest(c.fs, path); err != nil {
			return nil, err
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	report.Manifest, report.last, report.summed = path, m.Last(), m.Checksummed
	dir, filename := filepath.Split(strings.TrimSuffix(path, manifest.Suffix))
	var targets []target
	for _, f := range m.Files() {
		kind := "increment"
		if f.Kind == manifest.KindBase {
			kind = "base"
		}
		path, err := c.locate(dir, filename, f.Name)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target{path, kind, f.Seq, &f})
	}
	report.Unlisted, err = c.unlisted(dir, filename, m)
	return targets, err
}

// locate returns the path of a listed file. If an upgrade was interrupted before the move, the
// single file of Redis 6 is still in the parent of the log's directory.
func (c *checkConfig) locate(dir, filename, name string) (string, error) {
	path := filepath.Join(dir, name)
	if name != filename {
		return path, nil
	}
	if _, err := c.fs.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	beside := filepath.Join(filepath.Dir(filepath.Clean(dir)), name)
	_, err := c.fs.Lstat(beside)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil // the file is missing
	}
	return beside, err
}

// unlisted returns the files of the log that m does not list.
func (c *checkConfig) unlisted(dir, filename string, m *manifest.Manifest) ([]string, error) {
	names, err := c.fs.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	listed := make(map[string]bool)
	for _, f := range append(m.Files(), m.Obsolete...) {
		listed[f.Name] = true
	}
	var unlisted []string
	for _, name := range names {
		if _, _, ok := manifest.SplitName(filename, name); ok && !listed[name] {
			unlisted = append(unlisted, filepath.Join(dir, name))
		}
	}
	return unlisted, nil
}

// manifestIn finds the file to check in a directory: its only manifest, the manifest with the
// default names, or the single file of Redis 6.
func (c *checkConfig) manifestIn(dir string) (string, error) {
	names, err := c.fs.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range names {
		if strings.HasSuffix(name, manifest.Suffix) &&
			!strings.HasPrefix(name, snapshot.TempPrefix) && !strings.HasPrefix(name, "temp-") {
			found = append(found, filepath.Join(dir, name))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
	default:
		return "", fmt.Errorf("%s: %d manifests: name one", dir, len(found))
	}
	for _, dir := range []string{dir, filepath.Join(dir, defaultConfig().dirname)} {
		if path, err := findLostManifest(c.fs, dir); path != "" || err != nil {
			return path, err
		}
	}
	defaults := defaultConfig()
	for _, path := range []string{
		filepath.Join(dir, defaults.dirname, manifest.FileName(defaults.filename)),
		filepath.Join(dir, defaults.filename),
	} {
		if _, err := c.fs.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
	return "", &fs.PathError{Op: "find a log in", Path: dir, Err: fs.ErrNotExist}
}

// file checks one file.
func (c *checkConfig) file(t target, last bool) (r FileReport, err error) {
	r = FileReport{Path: t.path, Kind: t.kind}
	file, err := c.fs.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) && t.kind != "file" {
		r.Problem = &corrupt.Error{File: t.path, What: manifest.Missing, Err: err}
		r.verdict = scan.Refused
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if r.Size, err = file.Size(); err != nil {
		return r, err
	}
	if last {
		if _, _, err = onDisk(file, t.seq, r.Size); err != nil {
			return r, err
		}
	}
	if t.compare(&r, func(f *manifest.File) error { return f.CheckSize(t.path, r.Size) }) {
		return r, nil
	}
	if r.RDB, err = wire.IsRDB(file); err != nil {
		return r, err
	}
	if t.compare(&r, func(f *manifest.File) error { return f.CheckRDB(t.path, r.RDB) }) {
		return r, nil
	}
	if other, err := t.identify(&r, file); other || err != nil {
		return r, err
	}
	var offset int64
	if r.RDB {
		base, err := c.preamble(file, &r)
		if err != nil || r.Unchecked || r.Problem != nil {
			return r, err
		}
		offset, r.id = base.Size, wire.BaseIdentity(base.Origin)
	}
	r.id.Bare = !r.RDB && r.id.Salt == 0
	src := io.NewSectionReader(file, offset, r.Size-offset)
	w := scan.New(src, t.path, t.seq, offset, func(unit []appendlog.Command) error { return c.commands(&r, unit) })
	w.Step = stepper(c.ctx, func(int64) {})
	if t.listed != nil {
		w.Listed = t.listed.Size()
	}
	found, err := w.Run()
	if err != nil {
		return r, err
	}
	if r.verdict, err = scan.Judge(file, w.Seed, r.Size, &found, w.Start); err != nil {
		return r, err
	}
	if found.Problem != nil {
		found.Padding, err = wire.PaddingAfter(file, found.Good, r.Size)
	}
	if err != nil {
		return r, err
	}
	r.Size, r.Filler = r.Size-found.Padding, found.Padding
	r.note(&found, offset, last)
	t.compare(&r, func(f *manifest.File) error { return f.CheckGood(t.path, r.Good, found.ListedCRC) })
	return r, nil
}

// identify reads the identity of a file, and reports whether the file differs from the one that the
// manifest lists.
func (t *target) identify(r *FileReport, file io.ReaderAt) (other bool, err error) {
	if r.id, _, err = wire.ReadOpening(file, t.seq); err != nil {
		return false, err
	}
	if t.compare(r, func(f *manifest.File) error { return f.CheckIdentity(t.path, r.id) }) {
		return true, nil
	}
	other = t.compare(r, func(f *manifest.File) error {
		if err = f.CheckTrailer(t.path, file, r.Size); err == nil {
			err = f.CheckBaseEnd(t.path, file, r.id, r.Size)
		}
		return err
	})
	if other { // the report contains the damage
		err = nil
	}
	return other, err
}

// commands checks the commands of a log record.
func (c *checkConfig) commands(r *FileReport, unit []appendlog.Command) error {
	if c.command == nil || r.Refused != nil {
		return nil
	}
	for _, command := range unit {
		err := c.command(command)
		var refused *appendlog.CommandError
		if errors.As(err, &refused) {
			refused.File, refused.Offset = r.Path, command.Offset
			r.Refused = refused
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// note records the result of a scan.
func (r *FileReport) note(found *scan.Result, offset int64, last bool) {
	r.Commands, r.Marks = found.Commands, found.Markers
	r.rings, r.ring = found.HasRing, found.Ring
	r.Good, r.db = found.Good, found.GoodDB
	r.Unverified = found.Good - offset - found.Covered
	r.Problem = found.Problem
	if r.Problem == nil {
		return
	}
	r.Problem.File = r.Path
	if !last {
		r.verdict = scan.Refused
		r.Problem.Torn = false
	}
	r.Repairable = r.verdict == scan.Torn || r.verdict == scan.Damaged
	if r.verdict == scan.Torn {
		r.Torn = r.Size - r.Good
		r.Problem.Torn = true
	}
}

// preamble checks the RDB at the start of a file and describes it.
func (c *checkConfig) preamble(file io.ReaderAt, r *FileReport) (appendlog.BaseInfo, error) {
	if c.base == nil {
		r.Unchecked = true
		return appendlog.BaseInfo{}, nil
	}
	base, err := c.base(c.ctx, io.NewSectionReader(file, 0, r.Size), r.Size)
	var damage *corrupt.Error
	switch {
	case errors.As(err, &damage):
		damage.File = r.Path
		r.Problem, r.verdict = damage, scan.Refused
		return appendlog.BaseInfo{}, nil
	case err == nil:
		err = checkBase(&base, r.Path, r.Size)
	}
	return base, err
}
