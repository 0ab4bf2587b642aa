package aof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Report is what Check found.
type Report struct {
	Manifest string       // its path; empty for a single file
	Files    []FileReport // in load order
	Unlisted []string     // files of the log in its directory that the manifest does not list
	Tail     *TailReport  // nil when there is no tail file

	ring   uint64        // the id of the tail file that the marks report last; 0 is none
	last   *manifestFile // of a log with a manifest
	summed bool          // that has its checksum
}

// FileReport is about one file.
type FileReport struct {
	Path       string
	Kind       string                  // base, increment or file
	RDB        bool                    // it begins with an RDB
	Unchecked  bool                    // it does, and there was no BaseCheck
	Size       int64                   // without filler
	Commands   int64                   // SELECT, MULTI and EXEC are not counted
	Marks      int64                   // checksums that fit
	Good       int64                   // up to this offset the file is whole
	Unverified int64                   // of these, bytes of commands that no checksum covers
	Torn       int64                   // bytes behind Good that Open would cut off, since a crash explains them
	Filler     int64                   // bytes written ahead of need, behind Size; Open takes them away
	Problem    *CorruptError           // what is behind Good; nil for a whole file
	Repairable bool                    // Repair would cut the file at Good
	Refused    *appendlog.CommandError // the first command that CommandCheck does not take

	verdict verdict
	id      identity
	rings   bool
	ring    uint64 // see found
	db      int    // that is selected at Good
}

// OK tells whether Open would take the log as it is, without cutting anything.
func (r *Report) OK() bool { return r.Err() == nil }

// Err returns the first problem, or nil.
func (r *Report) Err() error {
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

// CheckOption is an option of Check and Repair.
type CheckOption func(*checkConfig)

type checkConfig struct {
	ctx      context.Context
	fs       vfs.FS
	fsErr    error // of OnFS
	base     func(context.Context, io.Reader, int64) (appendlog.BaseInfo, error)
	command  func(appendlog.Command) error
	planOnly bool
}

// BaseCheck gives the function that checks an RDB: r begins with its first byte, size is the
// file's. Without it an RDB is reported as unchecked.
func BaseCheck(f func(ctx context.Context, r io.Reader, size int64) (appendlog.BaseInfo, error)) CheckOption {
	return func(c *checkConfig) { c.base = f }
}

// CommandCheck gives a function that is asked about every command: a *CommandError from it says that
// the command cannot be applied, and is reported as Refused; any other error ends Check. The words
// are valid during the call only. Repair does not look at commands.
func CommandCheck(f func(appendlog.Command) error) CheckOption {
	return func(c *checkConfig) { c.command = f }
}

// CheckContext makes Check and Repair end early when ctx does.
func CheckContext(ctx context.Context) CheckOption {
	return func(c *checkConfig) { c.ctx = ctx }
}

// OnFS makes Check and Repair work on the file system of a store's Env, rather than the operating
// system's.
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

// Check reads a log that nobody has open and tells what is wrong with it. It changes nothing.
// path is a data directory, a log's directory, a manifest, or a single file. What is wrong
// with a file stands in the Report; the error is for what could not be read at all, and for a
// damaged manifest.
func Check(path string, opts ...CheckOption) (Report, error) {
	return newCheckConfig(opts).check(path)
}

// target is a file to check.
type target struct {
	path   string
	kind   string
	seq    int64
	listed *manifestFile // how the manifest lists it; nil without one
}

// compare compares a file with the manifest, as Open does. asked gives the damage that Open would refuse it for.
func (t *target) compare(r *FileReport, asked func(*manifestFile) error) (refused bool) {
	if t.listed == nil {
		return false
	}
	var damage *corrupt.Error
	if !errors.As(asked(t.listed), &damage) {
		return false
	}
	r.Problem, r.verdict, r.Torn, r.Repairable = damage, verdictRefused, 0, false
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
			t.compare(&f, func(*manifestFile) error {
				return f.id.checkFollows(f.Path, report.Files[n-1].id, report.Files[n-1].Path)
			})
		}
		if f.rings {
			report.ring = f.ring
		}
		report.Files = append(report.Files, f)
	}
	return report, c.tail(&report)
}

// targets finds the files that path means, in load order.
func (c *checkConfig) targets(path string, report *Report) ([]target, error) {
	info, err := c.fs.Lstat(path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(path, manifestSuffix)) {
		return nil, err
	}
	if err == nil && info.IsDir() {
		if path, err = c.manifestIn(path); err != nil {
			return nil, err
		}
	}
	if !strings.HasSuffix(path, manifestSuffix) {
		return []target{{path, "file", seqOf(path), nil}}, nil
	}
	m, err := readManifest(c.fs, path)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if err := lostManifest(c.fs, path); err != nil {
			return nil, err
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	report.Manifest, report.last, report.summed = path, m.last(), m.summed
	dir, filename := filepath.Split(strings.TrimSuffix(path, manifestSuffix))
	var targets []target
	for _, f := range m.files() {
		kind := "increment"
		if f.kind == kindBase {
			kind = "base"
		}
		path, err := c.locate(dir, filename, f.name)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target{path, kind, f.seq, &f})
	}
	report.Unlisted, err = c.unlisted(dir, filename, m)
	return targets, err
}

// locate gives the path of a listed file. The single file of Redis 6 stands beside the log's directory
// when an upgrade was interrupted before it was moved.
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
		return path, nil // which is missing
	}
	return beside, err
}

// unlisted lists the files of the log that m does not.
func (c *checkConfig) unlisted(dir, filename string, m *manifest) ([]string, error) {
	names, err := c.fs.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	listed := make(map[string]bool)
	for _, f := range append(m.files(), m.history...) {
		listed[f.name] = true
	}
	var unlisted []string
	for _, name := range names {
		if _, _, ok := splitName(filename, name); ok && !listed[name] {
			unlisted = append(unlisted, filepath.Join(dir, name))
		}
	}
	return unlisted, nil
}

// manifestIn finds what to check in a directory: its one manifest, that of the default names, or
// the single file of Redis 6.
func (c *checkConfig) manifestIn(dir string) (string, error) {
	names, err := c.fs.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range names {
		if strings.HasSuffix(name, manifestSuffix) &&
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
		if manifest, err := findLostManifest(c.fs, dir); manifest != "" || err != nil {
			return manifest, err
		}
	}
	names2 := defaultConfig()
	for _, path := range []string{
		filepath.Join(dir, names2.dirname, manifestName(names2.filename)),
		filepath.Join(dir, names2.filename),
	} {
		if _, err := c.fs.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
	return "", &fs.PathError{Op: "find a log in", Path: dir, Err: fs.ErrNotExist}
}

var seqInName = regexp.MustCompile(`\.([0-9]{1,18})\.(base\.rdb|base\.aof|incr\.aof)$`)

// seqOf takes the sequence number from a file's name; a file without one has 1.
func seqOf(path string) int64 {
	if m := seqInName.FindStringSubmatch(path); m != nil {
		if seq, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			return seq
		}
	}
	return 1
}

// file checks one file.
func (c *checkConfig) file(t target, last bool) (r FileReport, err error) {
	r = FileReport{Path: t.path, Kind: t.kind}
	file, err := c.fs.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) && t.kind != "file" {
		r.Problem = &corrupt.Error{File: t.path, What: whatMissing, Err: err}
		r.verdict = verdictRefused
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
	if t.compare(&r, func(f *manifestFile) error { return f.checkSize(t.path, r.Size) }) {
		return r, nil
	}
	if r.RDB, err = hasPreamble(file); err != nil {
		return r, err
	}
	if t.compare(&r, func(f *manifestFile) error { return f.checkRDB(t.path, r.RDB) }) {
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
		offset, r.id = base.Size, baseIdentity(base.Origin)
	}
	r.id.bare = !r.RDB && r.id.salt == 0
	src := io.NewSectionReader(file, offset, r.Size-offset)
	w := newWalk(src, t.path, t.seq, offset, func(unit []appendlog.Command) error { return c.commands(&r, unit) })
	w.step = stepper(c.ctx, func(int64) {})
	if t.listed != nil {
		w.listed = t.listed.size()
	}
	found, err := w.run()
	if err != nil {
		return r, err
	}
	if r.verdict, err = judge(file, w.seed, r.Size, &found, w.start); err != nil {
		return r, err
	}
	if found.problem != nil {
		found.filler, err = fillerBehind(file, found.cut, r.Size)
	}
	if err != nil {
		return r, err
	}
	r.Size, r.Filler = r.Size-found.filler, found.filler
	r.note(&found, offset, last)
	t.compare(&r, func(f *manifestFile) error { return f.checkGood(t.path, r.Good, found.end8) })
	return r, nil
}

// identify reads the identity of a file, and reports whether it is another file than the manifest lists.
func (t *target) identify(r *FileReport, file io.ReaderAt) (other bool, err error) {
	if r.id, _, err = readOpening(file, t.seq); err != nil {
		return false, err
	}
	if t.compare(r, func(f *manifestFile) error { return f.checkIdentity(t.path, r.id) }) {
		return true, nil
	}
	other = t.compare(r, func(f *manifestFile) error {
		if err = f.checkTrailer(t.path, file, r.Size); err == nil {
			err = f.checkBaseEnd(t.path, file, r.id, r.Size)
		}
		return err
	})
	if other { // the report has the damage
		err = nil
	}
	return other, err
}

// commands asks about the commands of a unit.
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

// note takes over what a walk has found.
func (r *FileReport) note(found *found, offset int64, last bool) {
	r.Commands, r.Marks = found.commands, found.marks
	r.rings, r.ring = found.rings, found.ring
	r.Good, r.db = found.cut, found.cutDB
	r.Unverified = found.cut - offset - found.covered
	r.Problem = found.problem
	if r.Problem == nil {
		return
	}
	r.Problem.File = r.Path
	if !last {
		r.verdict = verdictRefused
		r.Problem.Torn = false
	}
	r.Repairable = r.verdict == verdictTorn || r.verdict == verdictDamaged
	if r.verdict == verdictTorn {
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
		r.Problem, r.verdict = damage, verdictRefused
		return appendlog.BaseInfo{}, nil
	case err == nil:
		err = checkBase(&base, r.Path, r.Size)
	}
	return base, err
}
