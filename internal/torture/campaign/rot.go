package campaign

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// fixture is a directory written by perdure, with its expected contents.
type fixture struct {
	mode
	name   string
	files  map[string]string
	life   *life
	played script
	low    int // the oldest state that Open may recover if damage looks like a torn tail
	closed bool
}

// rotScript returns the i-th script of a round. The script is short because every bit of its files
// is damaged.
func rotScript(seed, i uint64, n int) script {
	return frozenScript(seed, "rot", fmt.Sprint(i), func() script { return freshRotScript(seed+i, n) })
}

func freshRotScript(seed uint64, n int) script {
	rng := rand.New(rand.NewPCG(seed, 21))
	var sc script
	for i := range n {
		o := randomWrite(rng)
		sc = append(sc, o.clipped(pick(o.inner == nil && o.args == nil, 60, 12)))
		if i == n/2 {
			sc = append(sc, op{kind: opRewrite})
		}
	}
	return sc
}

// fixtures makes the directories: logs and dumps, after a Close and after a kill.
func fixtures(seed uint64) ([]*fixture, error) {
	var all []*fixture
	add := func(m mode, name string, closed bool, sc script) error {
		mem := vfs.NewMem(dataDir)
		l := newLife(m, mem, []state{{}}, 0)
		if name == "two increments" {
			l.fs = noSecondBase(mem)
		}
		if err := firstError(l.open(), l.playAll(sc)); err != nil && !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		if name == "two increments" {
			if err := l.playAll(sc[len(sc)/2+1:]); err != nil {
				return err
			}
		}
		if closed {
			if err := l.store.Close(); err != nil {
				return err
			}
			if m.log != nil {
				l.promise(l.acked.Load())
			}
		}
		fs, err := files(mem.Kill())
		// The newest commit marker declares everything before its group durable, but nothing
		// declares that group durable. An extra byte in the marker before it hides the start of
		// that group. Open then truncates two groups and reports it. Writes that changed nothing
		// left no group.
		low := pick(closed, l.floor(false), int(l.issued.Load())-4)
		if m.name == "ring" { // a group contains everything that was buffered
			low = 0
		}
		all = append(all, &fixture{mode: m, name: name, files: fs, life: l, played: sc, low: low, closed: closed})
		if !closed {
			err = firstError(err, l.store.CloseNoSave())
		}
		return err
	}
	always, everysec, commands, snapshots := modeOf("always"), modeOf("everysec"), modeOf("commands"), modeOf("snapshots")
	ring := mode{name: "ring", log: []aof.Option{aof.LogMode(aof.Ring), aof.RingSize(3 << 10), aof.RingDelay(time.Hour)}}
	big := mode{name: "long increments", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.Always), aof.Timestamps(true)}, always: true}
	save := op{kind: opSave}
	err := firstError(
		add(always, "empty", true, nil),
		add(always, "always", true, rotScript(seed, 0, 42)),
		add(always, "always, killed", false, rotScript(seed, 1, 42)),
		add(everysec, "everysec", true, rotScript(seed, 2, 42)),
		add(everysec, "everysec, killed", false, append(rotScript(seed, 3, 36), op{kind: opSync}, op{key: "last", value: "v"})),
		add(commands, "a base of commands", true, rotScript(seed, 4, 36)),
		add(big, "timestamps", true, rotScript(seed, 5, 48)),
		add(always, "two increments", true, rotScript(seed, 8, 36)),
		add(ring, "a ring, killed", false, rotScript(seed, 9, 24)),
		add(snapshots, "a dump", true, append(rotScript(seed, 6, 42), save)),
		add(snapshots, "a compressed dump", true, script{{key: "k", value: strings.Repeat("lzf ", 300)}, {db: 1, key: "n", value: "12345"}, save}),
		add(snapshots, "an empty dump", true, script{save}),
		add(everysec, "a log and a dump", true, append(rotScript(seed, 7, 24), save)),
	)
	return all, err
}

// noSecondBase returns a file system on which a rewrite fails after it switched to a new
// incremental file. The log then has two incremental files.
func noSecondBase(mem *vfs.Mem) vfs.FS {
	return vfs.NewFault(mem, func(o vfs.Op) error {
		if o.Kind == "create" && strings.Contains(o.Name, ".2.base.") {
			return syscall.ENOSPC
		}
		return nil
	})
}

// rot is campaign d. It flips each bit of each file, truncates each file, and damages it in other
// ways. A store must refuse with file and offset, or load exactly the original contents, or
// truncate and report a torn tail that was never promised. The campaign also prints the results of
// redis-server for that damage.
func rot(r *Run) {
	all, err := fixtures(r.Seed)
	old, oldErr := frozenFixtures()
	if err = firstError(err, oldErr); err != nil {
		r.fail("fixtures", err)
		return
	}
	all = append(all, old...)
	if r.first() {
		r.Count("fixtures", int64(len(all)))
	}
	for _, f := range all {
		for _, name := range sortedKeys(f.files) {
			data := f.files[name]
			if r.first() {
				r.Count("bytes", int64(len(data)))
			}
			const batch = 64 // damages per step
			stride := r.by(89, 3)
			if f.name == "always" && strings.HasSuffix(name, ".manifest") {
				stride = 1
			}
			damages := damagesOf(data, stride, rand.New(rand.NewPCG(r.Seed, 5)))
			for from := 0; from < len(damages); from += batch {
				part := damages[from:min(from+batch, len(damages))]
				r.Go(fmt.Sprintf("%s/%s/%d", f.name, name, from), func() error { return f.try(r, name, part) })
			}
		}
		r.Go(f.name+"/files", func() error { return firstError(f.whole(), f.swap(r)) })
	}
	r.Wait()
	if r.size == Full && !r.over() && r.first() {
		compareWithRedis(r)
	}
}

// damage is one way to change a file.
type damage struct {
	what string
	data string
	end  bool // no later data in the file reveals the damage
}

// damagesOf flips every bit, truncates at every length, and more. It returns one damage in stride.
func damagesOf(data string, stride int, rng *rand.Rand) (all []damage) {
	n, end := rng.IntN(stride), false
	add := func(changed string, what string, args ...any) {
		if n++; n%stride == 0 && changed != data {
			all = append(all, damage{what: fmt.Sprintf(what, args...), data: changed, end: end})
		}
	}
	for i := range len(data) {
		for bit := range 8 {
			add(data[:i]+string([]byte{data[i] ^ 1<<bit})+data[i+1:], "bit %d of byte %d", bit, i)
		}
		end = true
		add(data[:i], "cut at %d", i)
		end = false
		add(data[:i]+"\x00"+data[i+1:], "byte %d is 0", i)
		add(data[:i]+"\xff"+data[i+1:], "byte %d is 255", i)
		add(data[:i]+data[i+1:], "byte %d is gone", i)
		add(data[:i+1]+data[i:], "byte %d is there twice", i)
	}
	for i := 0; i < len(data); i += 512 {
		behind := min(i+512, len(data))
		end = lastGroup(data, behind)
		add(data[:i]+strings.Repeat("\x00", behind-i)+data[behind:], "block at %d is zero", i)
		if next := min(behind+512, len(data)); next > behind {
			end = lastGroup(data, next)
			add(data[:i]+data[behind:next]+data[i:behind]+data[next:], "blocks at %d and %d are swapped", i, behind)
		}
	}
	return all
}

// lastGroup reports whether at most one complete group follows an offset. That group's marker
// records the durable offset, but not the group's start. If damage to whole blocks reaches into the
// group, the start cannot be determined.
func lastGroup(data string, offset int) bool {
	return offset+512 >= len(data) || strings.HasPrefix(data, "#p1:") && strings.Count(data[offset:], "\n#p1:") < 2
}

// try opens the directory with each damage of one file.
func (f *fixture) try(r *Run, name string, damages []damage) error {
	for _, d := range damages {
		if r.over() {
			return errOver
		}
		changed := maps.Clone(f.files)
		changed[name] = d.data
		// If a damage removes the end of an incremental file, it also removes every marker that
		// would reveal the damage. A shorter log remains, with or without a reported torn tail. For
		// a base file and a manifest, the size and a checksum are stored elsewhere.
		unseen := d.end && strings.HasSuffix(name, ".incr.aof")
		if err := f.judge(r, changed, unseen); err != nil {
			return fmt.Errorf("%s, %s: %w", name, d.what, err)
		}
	}
	return nil
}

// judge opens a damaged directory. With cut, an earlier state is not detectable damage.
func (f *fixture) judge(r *Run, changed map[string]string, cut bool) error {
	mem, err := inMem(changed)
	if err != nil {
		return err
	}
	s, err := perdure.Open(dataDir, f.options(storefs.Option(mem), perdure.WithReadOnly())...)
	if err != nil {
		r.Count("refused", 1)
		var damage *perdure.CorruptError
		// Open refuses a newer version, another database, or an unknown command with its own error.
		if !errors.As(err, &damage) && !strings.Contains(err.Error(), "offset") && !errors.Is(err, perdure.ErrDatabase) {
			return fmt.Errorf("perdure.Open = %w, want an error with file and offset", err)
		}
		return nil
	}
	defer s.Close() // it was opened read-only
	last := int(f.life.issued.Load())
	d, err := digestOf(s)
	if err != nil {
		return err
	}
	torn := s.Recovery().Cut > 0
	if d == f.life.digests[last] {
		r.Count(pick(torn, "same state, truncation reported", "same state"), 1)
		return nil
	}
	misplaced := s.Recovery().TailReason != "" // and reported: the tail file is kept
	low := pick(cut || misplaced, 0, f.low)
	if (torn && !f.closed || cut || misplaced) && f.log != nil {
		if _, err := f.life.find(s, low, last); err == nil {
			r.Count(pick(torn, "torn tail reported", "truncated at a commit marker"), 1)
			return nil
		}
	}
	return fmt.Errorf("SILENT DIFFERENCE: got %s, want %v (truncated %d bytes)", held(s), f.life.states[last], s.Recovery().Cut)
}

// whole opens the undamaged directory. It must hold the last state, and nothing may be truncated.
func (f *fixture) whole() error {
	mem, err := inMem(f.files)
	if err != nil {
		return err
	}
	s, err := perdure.Open(dataDir, f.options(storefs.Option(mem), perdure.WithReadOnly())...)
	if err != nil {
		return err
	}
	defer s.Close() // it was opened read-only
	if rec := s.Recovery(); rec.Cut > 0 || rec.TailReason != "" || rec.TailMissing {
		return fmt.Errorf("recovery report without damage = %+v, want no truncation", rec)
	}
	last := int(f.life.issued.Load())
	if d, err := digestOf(s); err != nil || d != f.life.digests[last] {
		return fmt.Errorf("without damage: got %s, want %v; %w", held(s), f.life.states[last], err)
	}
	return nil
}

// swap damages whole files: one is missing, two are exchanged, or one is an older copy.
func (f *fixture) swap(r *Run) error {
	names := sortedKeys(f.files)
	for i, a := range names {
		for _, b := range names[i+1:] {
			changed := maps.Clone(f.files)
			changed[a], changed[b] = changed[b], changed[a]
			if f.files[a] == f.files[b] {
				continue
			}
			if err := f.judge(r, changed, false); err != nil {
				return fmt.Errorf("%s and %s exchanged: %w", a, b, err)
			}
		}
		base := filepath.Base(a)
		if base == "dump.rdb" || strings.HasSuffix(base, ".manifest") || strings.HasSuffix(base, ".tail") {
			continue // no other file records that it existed
		}
		changed := maps.Clone(f.files)
		delete(changed, a)
		if err := f.judge(r, changed, false); err != nil {
			return fmt.Errorf("%s missing: %w", a, err)
		}
	}
	return nil
}
