package aof

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// rebuild rebuilds the missing manifest of a log from files that belong together. These are the
// newest base file and the incremental files that follow it; each records its neighbor (package
// wire). Files of another program record none. They are listed if there is at most one base file,
// and no gap between the numbers of the incremental files. rebuild refuses in any doubtful case: a
// damaged base file, a file of another store, a missing file that is recorded as a neighbor, or an
// incremental file that does not follow. A crash leaves the log without a manifest, or with the new
// one.
func (c *checkConfig) rebuild(path string) (RepairReport, error) {
	r := &rebuilder{checkConfig: c, dir: filepath.Dir(path), filename: strings.TrimSuffix(filepath.Base(path), manifest.Suffix)}
	if err := r.read(); err != nil {
		return RepairReport{}, err
	}
	m, err := r.choose()
	if err != nil {
		return RepairReport{}, err
	}
	plan := RepairReport{Manifest: path}
	for _, f := range m.Files() {
		plan.Listed = append(plan.Listed, filepath.Join(r.dir, f.Name))
	}
	if c.planOnly {
		return plan, nil
	}
	err = m.Write(c.fs, r.dir, filepath.Base(path))
	plan.Done = err == nil
	return plan, err
}

// rebuilder collects the files that a manifest may list.
type rebuilder struct {
	*checkConfig
	dir, filename string
	bases, incrs  []part // ascending
}

// part is a whole file, or an incremental file with a torn tail.
type part struct {
	manifest.File
	report FileReport
}

// read checks every base file and incremental file in the directory.
func (r *rebuilder) read() error {
	names, err := r.fs.ReadDir(r.dir)
	if err != nil {
		return err
	}
	store := uint64(0)
	for _, name := range names {
		seq, kind, ok := manifest.SplitName(r.filename, name)
		if !ok {
			continue
		}
		p := part{File: manifest.File{Name: name, Seq: seq, Kind: kind}}
		if p.report, err = r.file(target{path: filepath.Join(r.dir, name), kind: "file", seq: seq}, true); err != nil {
			return err
		}
		if id := p.report.id; id.Store != 0 && store != 0 && id.Store != store {
			return r.doubt("%s is of another store", p.report.Path)
		} else if id.Store != 0 {
			store = id.Store
		}
		if kind == manifest.KindIncr {
			r.incrs = append(r.incrs, p)
		} else {
			r.bases = append(r.bases, p)
		}
	}
	bySeq := func(a, b part) int { return cmp.Compare(a.Seq, b.Seq) }
	slices.SortFunc(r.bases, bySeq)
	slices.SortFunc(r.incrs, bySeq)
	return nil
}

// doubt returns an error about a log whose files may not belong together.
func (r *rebuilder) doubt(format string, args ...any) error {
	return fmt.Errorf("%w: %s: "+format, append([]any{ErrNotRepairable, r.dir}, args...)...)
}

// choose returns the manifest of the newest files that belong together.
func (r *rebuilder) choose() (*manifest.Manifest, error) {
	if len(r.bases) == 0 {
		for _, p := range r.incrs {
			if p.report.id.Salt != 0 {
				return nil, r.doubt("its base is missing")
			}
		}
		if err := r.consecutive(); err != nil {
			return nil, err
		}
		return r.list(nil, r.incrs)
	}
	base := r.bases[len(r.bases)-1]
	switch {
	case base.report.Problem != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotRepairable, base.report.Problem)
	case base.report.Unchecked:
		return nil, r.doubt("%s was not checked", base.report.Path)
	case base.report.id.Salt == 0 && len(r.bases) > 1:
		return nil, r.doubt("%d bases, and the newest does not say what follows it", len(r.bases))
	case base.report.id.Salt == 0:
		if err := r.consecutive(); err != nil {
			return nil, err
		}
		return r.list(&base, r.incrs)
	}
	chain, err := r.after(base)
	if err != nil {
		return nil, err
	}
	return r.list(&base, chain)
}

// after returns the incremental files that follow a base file. Those before the first of them are
// obsolete.
func (r *rebuilder) after(base part) (chain []part, err error) {
	before := base.report.id
	for _, p := range r.incrs {
		id := p.report.id
		follows := id.Salt != 0 && before.Salt != 0 && (id.Link == before.Salt || before.Link == id.Salt)
		switch {
		case follows, len(chain) > 0 && id.Salt == 0 && p.Seq == chain[len(chain)-1].Seq+1:
			// A file without an identity is from a server that continued the log.
			chain, before = append(chain, p), id
		case len(chain) > 0:
			return nil, r.doubt("%s does not follow %s", p.report.Path, chain[len(chain)-1].report.Path)
		}
	}
	if len(chain) == 0 {
		return nil, r.doubt("the increment that follows %s is missing", base.report.Path)
	}
	return chain, nil
}

// consecutive checks that the numbers of the incremental files are consecutive.
func (r *rebuilder) consecutive() error {
	if len(r.incrs) == 0 {
		return r.doubt("no increments")
	}
	for i, p := range r.incrs[1:] {
		if p.Seq != r.incrs[i].Seq+1 || !p.report.id.Follows(r.incrs[i].report.id) {
			return r.doubt("%s does not follow %s", p.report.Path, r.incrs[i].report.Path)
		}
	}
	return nil
}

// list returns the manifest of the files. Only the last incremental file may be torn.
func (r *rebuilder) list(base *part, chain []part) (*manifest.Manifest, error) {
	m := &manifest.Manifest{}
	if base != nil {
		f, err := r.sized(*base)
		if err != nil {
			return nil, err
		}
		m.Base = &f
	}
	for i, p := range chain {
		if problem := p.report.Problem; problem != nil && (i < len(chain)-1 || p.report.verdict == scan.Refused) {
			return nil, fmt.Errorf("%w: %w", ErrNotRepairable, problem)
		}
		if i < len(chain)-1 {
			if err := r.whole(p); err != nil {
				return nil, err
			}
		}
		f, err := r.sized(p)
		if err != nil {
			return nil, err
		}
		m.Incrs = append(m.Incrs, f)
	}
	return m, nil
}

// whole checks that an incremental file of perdure that others follow still ends where it ended
// when they were begun.
func (r *rebuilder) whole(p part) error {
	l := &layout{fs: r.fs, dir: r.dir}
	e, id, err := l.endOf(&p.File)
	if err == nil && id.Store != 0 && e == (logEnd{}) {
		err = r.doubt("%s is shorter than it was", p.report.Path)
	}
	return err
}

// sized returns the entry of a file in the manifest.
func (r *rebuilder) sized(p part) (f manifest.File, err error) {
	f = p.File
	if id := p.report.id; id.Salt != 0 && !p.report.RDB {
		f = f.With(manifest.IDKey, wire.FormatID(id.Salt))
	}
	if f = f.With(manifest.SizeKey, fmt.Sprint(p.report.Good)); f.Kind == manifest.KindIncr {
		return f, nil
	}
	file, err := r.fs.Open(p.report.Path)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	f = f.With(manifest.SizeKey, fmt.Sprint(p.report.Size))
	if trailer, err := manifest.RdbTrailer(file, p.report.Size); err == nil && p.report.RDB && trailer != 0 {
		f = f.With(manifest.CRCKey, wire.FormatID(trailer))
	}
	return f, nil
}

// LostManifest returns the path of the missing manifest of a log in dir that was in use, or "" if
// dir does not exist or has no such log. Open refuses such a log, and [Repair] can rebuild the
// manifest.
func LostManifest(fsys snapshot.FS, dir string) (path string, err error) {
	defer errtext.Name(&err)
	on, err := dirfs.Of(fsys)
	if err != nil {
		return "", err
	}
	return findLostManifest(on, dir)
}

// findLostManifest implements LostManifest on an internal file system.
func findLostManifest(fsys vfs.FS, dir string) (string, error) {
	if info, err := fsys.Lstat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return "", nil
	}
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		at := manifest.SeqInName.FindStringIndex(name)
		if at == nil || slices.Contains(names, manifest.FileName(name[:at[0]])) {
			continue
		}
		err := lostManifest(fsys, filepath.Join(dir, manifest.FileName(name[:at[0]])))
		if path, lost := isLostManifest(err); lost {
			return path, nil
		} else if err != nil {
			return "", err
		}
	}
	return "", nil
}

// lostManifest returns an error if the manifest of a log that was in use is missing.
func lostManifest(fsys vfs.FS, path string) error {
	dir := filepath.Dir(path)
	l := &layout{fs: fsys, data: filepath.Dir(dir), dir: dir,
		filename: strings.TrimSuffix(filepath.Base(path), manifest.Suffix)}
	return l.readDir()
}

// isLostManifest reports whether an error is from lostManifest, and returns the path of the
// manifest.
func isLostManifest(err error) (path string, lost bool) {
	var damage *corrupt.Error
	if errors.As(err, &damage) && strings.HasSuffix(damage.File, manifest.Suffix) && errors.Is(damage.Err, fs.ErrNotExist) {
		return damage.File, true
	}
	return "", false
}
