package campaign

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// A family is a store's directory in two generations, and that of another store. Both stores write files
// of the same names.
type family struct {
	fixture             // the newer generation
	older   []directory // what the same store's directory was before, and another store's
}

// directory is a set of files by name.
type directory struct {
	whose string
	files map[string]string
}

// identity checks that no file is taken for one that it is not. Each file of a directory is removed,
// truncated, and exchanged with every file of its kind from an older generation of the same store, from
// another store, and from the directory itself: one file at a time, two files, and one under a manifest
// that a server has rewritten. Open must refuse, naming a file, or hold what the store held, or report
// what is missing. Then directories are opened again and again, with the log and without it.
func identity(r *Run) {
	for _, m := range modes {
		if m.plain || m.log == nil {
			continue // nothing in such files tells one from another
		}
		for _, closed := range []bool{true, false} {
			f, err := newFamily(r.Seed, m, closed)
			if err != nil {
				r.fail(m.name, err)
				return
			}
			f.all(r)
		}
	}
	runs(r)
	r.Wait()
}

// newFamily makes the directories of a mode.
func newFamily(seed uint64, m mode, closed bool) (*family, error) {
	f := &family{fixture: fixture{mode: m, name: fmt.Sprintf("%s, closed %v", m.name, closed), closed: closed}}
	other, _, err := f.live(rotScript(seed, 1, 42), closed)
	if err != nil {
		return nil, err
	}
	before, after, err := f.live(rotScript(seed, 0, 42), closed)
	if err != nil {
		return nil, err
	}
	f.files = after
	f.older = []directory{{"another store", other}, {"an older generation", before}}
	f.low = f.life.floor(true)
	return f, nil
}

// live plays a script and a save, and returns the directory in the middle of it and at the end.
func (f *family) live(sc script, closed bool) (middle, end map[string]string, err error) {
	mem := vfs.NewMem(dataDir)
	l := newLife(f.mode, mem, []state{{}}, 0)
	if err := firstError(l.open(), l.playAll(sc[:len(sc)-10])); err != nil {
		return nil, nil, err
	}
	if middle, err = files(mem.Kill()); err != nil {
		return nil, nil, err
	}
	if err := firstError(l.play(op{kind: opSave}), l.playAll(sc[len(sc)-10:])); err != nil {
		return nil, nil, err
	}
	if closed {
		if err := l.store.Close(); err != nil {
			return nil, nil, err
		}
	}
	end, err = files(mem.Kill())
	if !closed {
		err = firstError(err, l.store.CloseNoSave())
	}
	f.life = l
	return middle, end, err
}

// wrong is one thing that is wrong with a directory.
type wrong struct {
	what string
	do   func(files map[string]string)
	end  bool // it takes the end of the newest increment, or of the tail file: a shorter log may be left
	// listed says that only the ids in perdure's manifest show it, which a server's manifest lacks.
	listed bool
}

// wrongs lists what can be wrong with single files.
func (f *family) wrongs(stride int) (all []wrong) {
	for _, name := range sortedKeys(f.files) {
		all = append(all, wrong{what: name + " is missing", do: func(files map[string]string) { delete(files, name) }})
		for n := 0; n < len(f.files[name]); n += stride {
			all = append(all, wrong{
				what: fmt.Sprintf("%s ends at %d", name, n), end: strings.HasSuffix(name, ".incr.aof"),
				do: func(files map[string]string) { files[name] = files[name][:min(n, len(files[name]))] },
			})
		}
		if strings.HasSuffix(name, ".incr.aof") {
			all = append(all, wrong{what: name + " is a server's", listed: true,
				do: func(files map[string]string) { files[name] = serverIncr(len(files[name])) }})
		}
		for _, from := range append(f.older, directory{"the directory itself", f.files}) {
			for _, other := range sortedKeys(from.files) {
				if path.Ext(other) == path.Ext(name) && from.files[other] != f.files[name] {
					all = append(all, wrong{what: fmt.Sprintf("%s is %s of %s", name, other, from.whose),
						do: func(files map[string]string) { files[name] = from.files[other] }})
				}
			}
		}
	}
	return all
}

// serverIncr returns an incremental file as a server writes it, without an opening line or a commit
// marker, that is longer than size.
func serverIncr(size int) string {
	const set = "*3\r\n$3\r\nSET\r\n$6\r\nserver\r\n$1\r\n1\r\n"
	return "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + strings.Repeat(set, size/len(set)+1)
}

// all opens the directory with everything that can be wrong, one by one and two by two.
func (f *family) all(r *Run) {
	single := f.wrongs(r.by(97, 7))
	double := f.wrongs(1 << 20)
	for i, a := range single {
		r.Go(fmt.Sprintf("%s/%d", f.name, i), func() error { return f.open(r, a) })
	}
	for i, a := range double {
		r.Go(fmt.Sprintf("%s/two/%d", f.name, i), func() error {
			for _, b := range double[i+1:] {
				if err := f.open(r, a, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// open opens the directory with something wrong, under its own manifest and under that of a server.
func (f *family) open(r *Run, list ...wrong) error {
	changed := maps.Clone(f.files)
	var what []string
	end, listed := false, false
	for _, w := range list {
		w.do(changed)
		what = append(what, w.what)
		end, listed = end || w.end, listed || w.listed
	}
	if f.legitimate(changed) {
		r.Count("whole directories of another time or store", 1)
		return nil
	}
	if err := f.identified(r, changed, end && !f.closed); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(what, "; "), err)
	}
	// A server lists neither sizes nor ids: an increment may be shorter, and an older copy of itself.
	const manifest = "appendonlydir/appendonly.aof.manifest"
	if len(list) > 1 || listed {
		return nil
	}
	changed[manifest] = serverManifest(changed[manifest])
	if err := f.identified(r, changed, true); err != nil {
		return fmt.Errorf("%s, listed by a server: %w", strings.Join(what, "; "), err)
	}
	return nil
}

// serverManifest returns a manifest as a server writes it again: without comments, and without the pairs that
// it does not know.
func serverManifest(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) >= 6 && words[0] == "file" {
			out.WriteString(strings.Join(words[:6], " ") + "\n")
		}
	}
	return out.String()
}

// legitimate reports whether a directory is one that somebody may have copied: it has no log, or that of
// one time of one store.
func (f *family) legitimate(changed map[string]string) bool {
	if !hasLog(changed) {
		return true
	}
	for _, from := range f.older {
		same := true
		for name, content := range changed {
			same = same && (path.Base(name) == "dump.rdb" || from.files[name] == content)
		}
		for name := range from.files {
			_, there := changed[name]
			same = same && (there || path.Base(name) == "dump.rdb" || strings.HasSuffix(name, ".tail"))
		}
		if same {
			return true
		}
	}
	return false
}

func hasLog(files map[string]string) bool {
	for name := range files {
		if strings.HasPrefix(name, "appendonlydir/") {
			return true
		}
	}
	return false
}

// identified opens a directory and judges what Open made of it. With shorter, a prefix of the log is no
// damage that could be seen.
func (f *family) identified(r *Run, changed map[string]string, shorter bool) error {
	mem, err := inMem(changed)
	if err != nil {
		return err
	}
	s, err := perdure.Open(dataDir, f.options(storefs.Option(mem), perdure.WithReadOnly())...)
	if err != nil {
		r.Count("refused", 1)
		var damage *perdure.CorruptError
		if !errors.As(err, &damage) || damage.File == "" {
			return fmt.Errorf("refused without a file: %w", err)
		}
		return nil
	}
	defer s.Close() // it was opened for reading only
	last := int(f.life.issued.Load())
	d, err := digestOf(s)
	if err != nil {
		return err
	}
	rec := s.Recovery()
	switch {
	case d == f.life.digests[last]:
		r.Count("same state", 1)
	case rec.Cut > 0 || rec.TailReason != "" || rec.TailMissing || rec.LogMissing || shorter:
		if _, err := f.life.find(s, 0, last); err != nil {
			return err
		}
		r.Count("a past state, reported", 1)
	default:
		return fmt.Errorf("SILENT DIFFERENCE: holds %s, want %v; %+v", held(s), f.life.states[last], rec)
	}
	return nil
}
