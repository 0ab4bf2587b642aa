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

// A family is two generations of one store's directory, and the directory of another store. Both
// stores use equal file names.
type family struct {
	fixture             // the newer generation
	older   []directory // an earlier directory of this store, and another store's
}

// directory is a set of files by name.
type directory struct {
	whose string
	files map[string]string
}

// identity checks that Open does not mistake one file for another. It removes and truncates each
// file of a directory. It also exchanges each file with every file of its kind from an older
// generation of its store, from another store, and from the directory itself. It does this with one
// file, with two files, and with one file under a manifest that a server rewrote. Open must refuse
// and name a file, or load the original contents, or report the missing data. Then identity opens
// directories repeatedly, with the log and without it.
func identity(r *Run) {
	for _, m := range modes {
		if m.plain || m.log == nil {
			continue // such files contain nothing that identifies them
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

// newFamily makes the directories for a mode.
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

// live plays a script and a save. It returns the directory in the middle of the script and at the
// end.
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

// wrong is one way to damage a directory.
type wrong struct {
	what string
	do   func(files map[string]string)
	end  bool // truncates the newest incremental file or the tail file, so a shorter log may remain
	// listed reports whether only the IDs in perdure's manifest reveal the damage. A server's
	// manifest has no IDs.
	listed bool
}

// wrongs lists the ways to damage single files.
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
					all = append(all, wrong{
						what: fmt.Sprintf("%s is %s of %s", name, other, from.whose),
						// An earlier copy of this incremental file equals a truncated one.
						end: strings.HasSuffix(name, ".incr.aof") && strings.HasPrefix(f.files[name], from.files[other]),
						do:  func(files map[string]string) { files[name] = from.files[other] },
					})
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

// all opens the directory with every single damage, and with every pair of damages.
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

// open opens a damaged directory with its own manifest and with a server's manifest.
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
	// A server's manifest has neither sizes nor IDs. Open then accepts an incremental file that is
	// shorter or an older copy.
	const manifest = "appendonlydir/appendonly.aof.manifest"
	if len(list) > 1 || listed {
		return nil
	}
	changed[manifest] = serverManifest(changed[manifest])
	if err := f.identified(r, changed, true); err != nil {
		return fmt.Errorf("%s, with a manifest of a server: %w", strings.Join(what, "; "), err)
	}
	return nil
}

// serverManifest returns a manifest as a server rewrites it: without comments, and without the
// pairs that the server does not know.
func serverManifest(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) >= 6 && fields[0] == "file" {
			out.WriteString(strings.Join(fields[:6], " ") + "\n")
		}
	}
	return out.String()
}

// legitimate reports whether a directory could be an ordinary copy. Such a directory has no log, or
// the log of one store at one point in time.
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

// identified opens a directory and checks the result of Open. With shorter, a prefix of the log is
// not detectable damage.
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
			return fmt.Errorf("perdure.Open = %w, want a CorruptError with a file", err)
		}
		return nil
	}
	defer s.Close() // it was opened read-only
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
		r.Count("earlier state, reported", 1)
	default:
		return fmt.Errorf("SILENT DIFFERENCE: got %s, want %v; recovery report %+v", held(s), f.life.states[last], rec)
	}
	return nil
}
