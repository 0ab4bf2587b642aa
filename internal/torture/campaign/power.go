package campaign

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/perduredb/perdure/internal/vfs"
)

// moment is the state of a machine before one operation on its disk, with the store's promises.
type moment struct {
	mem                      *vfs.Mem
	op                       vfs.Op
	killed, promised, issued int
	torn                     bool // the operation before was a write, which may be on disk in part
}

// power is campaign a. A store plays a script, and power copies the machine before each operation
// that changes the disk. Then it crashes each copy in many ways. A store must open each crash image
// without manual repair, hold some S(k) that includes every promised write, and accept new writes.
func power(r *Run) {
	for _, m := range modes {
		frozen := func(name string, fresh func() script) script { return frozenScript(r.Seed, "power", name, fresh) }
		older := frozen("older", func() script { return olderScript(r.Seed) })
		powerLife(r, m, m.name+"/older", older, emptied(r, m, older.again()))
		scripts := map[string]script{
			"long":     frozen("long", func() script { return randomScript(r.Seed, 60) }),
			"hole":     frozen("hole", func() script { return holeScript(r.Seed) }),
			"commands": frozen("commands", func() script { return commandScript(r.Seed) }),
		}
		if m.name == "everysec" || m.name == "ring" { // the other modes write it in these ways
			scripts["large"] = largeScript()
		}
		for i := range r.by(4, 8) { // short scripts find most of the bugs
			name := fmt.Sprint("short", i)
			scripts[name] = frozen(name, func() script { return shortScript(r.Seed, i) })
		}
		for _, name := range sortedKeys(scripts) {
			powerLife(r, m, m.name+"/"+name, scripts[name], vfs.NewMem())
		}
	}
	r.Wait()
}

// shortScript returns a write, any two ops, and a write.
func shortScript(seed uint64, i int) script {
	rng := rand.New(rand.NewPCG(seed, uint64(100+i)))
	sc := script{randomWrite(rng)}
	for range 2 {
		switch rng.IntN(6) {
		case 0:
			sc = append(sc, op{kind: opRewrite, inner: []op{randomWrite(rng)}})
		case 1:
			sc = append(sc, op{kind: opSave, inner: []op{randomWrite(rng)}})
		case 2:
			sc = append(sc, op{kind: opReopen})
		default:
			sc = append(sc, randomWrite(rng))
		}
	}
	return append(sc, randomWrite(rng))
}

// holeScript writes groups of equal length that end at sector boundaries.
func holeScript(seed uint64) script {
	rng := rand.New(rand.NewPCG(seed, 12))
	var sc script
	for i := range 12 {
		text := make([]byte, 430)
		for j := range text {
			text[j] = byte('a' + rng.IntN(26))
		}
		sc = append(sc, op{db: i % 2, key: "k", value: string(text)})
	}
	return sc
}

// commandScript sets values that contain lines of a log, some of them commit markers, followed by
// commands that the script never runs.
func commandScript(seed uint64) script {
	const commands = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nnever\r\n#"
	rng := rand.New(rand.NewPCG(seed, 13))
	var sc script
	for i := range 20 {
		mark := pick(i%4 == 0, "\r\n#p1:00000000\r\n#p1:00000000 sync:40\r\n", "")
		text := strings.Repeat("#\n", 250+rng.IntN(100)) + mark + commands + strings.Repeat("w", rng.IntN(300))
		sc = append(sc, op{db: i % 2, key: "v", value: text})
	}
	return sc
}

// olderScript sets values at the offsets where an older log of this form had its values.
func olderScript(seed uint64) script {
	rng := rand.New(rand.NewPCG(seed, 14))
	var sc script
	for i := range 12 {
		sc = append(sc, op{db: i % 2, key: "k", value: strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(300))})
	}
	return sc
}

// emptied returns a disk on which a store played a script and then all files were deleted.
func emptied(r *Run, m mode, sc script) *vfs.Mem {
	mem := vfs.NewMem()
	l := newLife(m, mem, []state{{}}, 0)
	err := l.open()
	if err == nil {
		err = firstError(l.playAll(sc), l.store.Close())
	}
	if err != nil {
		r.fail(m.name+"/older", err)
	}
	return mem.Emptied()
}

// largeText is longer than the longest value that the log copies.
const largeText = 257 << 10

// largeScript has large values between small values, in every kind of log record, around a rewrite
// and a reopening.
func largeScript() script {
	large := func(key, letter string) op { return op{key: key, value: strings.Repeat(letter, largeText)} }
	small := op{key: "small", value: "v"}
	mset := op{kind: opMSet, inner: []op{large("k", "b"), small, large("k", "c")}}
	update := op{kind: opUpdate, key: "tx", inner: []op{small, large("k", "d"), {db: 1, key: "tx", value: "e"}}}
	return script{small, large("k", "a"), mset, {kind: opRewrite, inner: []op{small, update}}, {kind: opReopen},
		{kind: opAppend, key: "k", value: large("", "g").value}, small}
}

// record plays a script and keeps a moment before every operation that changes the disk.
func record(l *life, mem *vfs.Mem) (fsys vfs.FS, moments *[]moment) {
	moments = &[]moment{}
	return vfs.NewFault(mem, func(o vfs.Op) error {
		if o.Changes() {
			at := moment{op: o, killed: l.floor(true), promised: l.floor(false)}
			at.mem = mem.Kill()
			at.issued = int(l.issued.Load())
			*moments = append(*moments, at)
		}
		return nil
	}), moments
}

// recorded returns a life whose file system records moments.
func recorded(m mode, mem *vfs.Mem, states []state, promised int) (*life, *[]moment) {
	l := newLife(m, nil, states, promised)
	fsys, moments := record(l, mem)
	l.fs = &bystander{FS: fsys, life: l}
	return l, moments
}

func powerLife(r *Run, m mode, name string, sc script, mem *vfs.Mem) {
	if r.over() {
		return
	}
	l, moments := recorded(m, mem, []state{{}}, 0)
	err := l.open()
	if err == nil {
		err = l.playAll(sc)
	}
	if err == nil {
		err = l.store.Close()
	}
	if err != nil {
		r.fail(name, err)
		return
	}
	if r.first() {
		r.Count("operations", int64(len(*moments)))
	}
	n := r.by(2, 6)
	if len(sc) < 20 {
		n = r.by(1, 3)
	}
	for i, at := range *moments {
		if i%r.by(5, 1) != 0 && at.op.Kind != "syncdir" {
			continue
		}
		at.torn = i > 0 && (*moments)[i-1].op.Kind == "write"
		step := fmt.Sprintf("%s/%d", name, i)
		r.Go(step, func() error { return crashMoment(r, l, sc, at, i, n) })
	}
}

// image is one crash image.
type image struct {
	name   string
	killed bool
	mem    func() *vfs.Mem
}

// images lists the crash images of a moment, including some (random) that are made at random.
func images(m mode, at moment, seed uint64, random int) []image {
	lose := func(unit int64, fate func(int, vfs.Thing) vfs.Fate) func() *vfs.Mem {
		return func() *vfs.Mem { return at.mem.LosePower(unit, seed, fate) }
	}
	constant := func(f vfs.Fate) func(int, vfs.Thing) vfs.Fate {
		return func(int, vfs.Thing) vfs.Fate { return f }
	}
	all := []image{
		{"killed", true, at.mem.Kill},
	}
	if at.op.Kind == "put" || at.op.Kind == "store" {
		return all // the disk has not changed since the previous moment
	}
	all = append(all, []image{
		{"nothing", false, lose(4096, constant(vfs.Old))},
		{"everything", false, lose(4096, constant(vfs.New))},
	}...)
	rng := rand.New(rand.NewPCG(seed, 13))
	for _, unit := range []int64{512, 4096} {
		things := at.mem.Things(unit)
		for _, i := range some(rng, len(things), random) {
			if at.torn && things[i].Kind == vfs.ASize && unit == 512 {
				all = append(all, cuts(rng, at, i, things[i], seed)...)
			}
			if m.plain {
				continue
			}
			all = append(all, image{fmt.Sprintf("%d alone of %d", i, unit), false,
				lose(unit, func(j int, _ vfs.Thing) vfs.Fate { return pick(i == j, vfs.New, vfs.Old) })})
			for _, f := range []vfs.Fate{vfs.Old, vfs.Zero, vfs.Garbage} {
				if f == vfs.Old || things[i].Kind == vfs.AUnit {
					all = append(all, image{fmt.Sprintf("%d of %d is %d", i, unit, f), false,
						lose(unit, func(j int, _ vfs.Thing) vfs.Fate { return pick(i == j, f, vfs.New) })})
				}
			}
		}
	}
	for i := range random {
		if !m.plain && len(at.mem.Things(4096)) > 1 {
			s := seed<<8 + uint64(i)
			all = append(all, image{fmt.Sprint("random ", i), false,
				func() *vfs.Mem { return at.mem.Crash(vfs.KeepSome, s) }})
		}
	}
	return all
}

// cuts returns the images in which one file ends early. For a short write, it cuts at every byte.
func cuts(rng *rand.Rand, at moment, i int, t vfs.Thing, seed uint64) (all []image) {
	lo, hi := min(t.From, t.To), max(t.From, t.To)
	most := 4
	if hi-lo <= 64 {
		most = 64
	}
	for _, n := range some(rng, int(hi-lo), most) {
		size := lo + int64(n)
		all = append(all, image{fmt.Sprintf("%s cut at %d", t.Name, size), false, func() *vfs.Mem {
			return at.mem.LosePower(512, seed, func(j int, _ vfs.Thing) vfs.Fate {
				return pick(i == j, vfs.Fate(size), vfs.New)
			})
		}})
	}
	return all
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// some returns about most of the numbers below n, in ascending order.
func some(rng *rand.Rand, n, most int) []int {
	var all []int
	for i := range n {
		if n <= most || rng.IntN(n) < most {
			all = append(all, i)
		}
	}
	return all
}

// crashMoment tries every image of one moment, and crashes the recovery of some images.
func crashMoment(r *Run, l *life, sc script, at moment, index, random int) error {
	var nested int64
	list := images(l.mode, at, r.Seed<<16+uint64(index), random)
	for i, im := range list {
		if r.over() {
			return errOver
		}
		low := pick(im.killed, at.killed, at.promised)
		mem := im.mem()
		var keep *vfs.Mem
		if (index+7*i)%r.by(151, 101) == 0 || im.killed && at.op.Kind == "syncdir" && index%r.by(3, 1) == 0 {
			keep = mem.Kill()
		}
		if err := recovers(r, l, mem, low, at.issued, (index*31+i)%997 == 5); err != nil {
			return fmt.Errorf("before %v, %s: %w", at.op, im.name, err)
		}
		if keep == nil {
			continue
		}
		n, err := crashRecovery(r, l, sc, keep, im.killed, low, at)
		if err != nil {
			return fmt.Errorf("before %v, %s, then %w", at.op, im.name, err)
		}
		nested += n
	}
	r.Count("images", int64(len(list)))
	r.Count("nested", nested)
	return nil
}

// recovers opens an image, which must hold some S(k) from low to high. It then writes ten times and
// opens the image again.
func recovers(r *Run, l *life, mem *vfs.Mem, low, high int, check bool) error {
	s, err := l.mode.open(mem)
	if err != nil {
		return fmt.Errorf("open = %w, want nil", err)
	}
	k, err := l.find(s, low, high)
	if err != nil {
		_ = s.CloseNoSave() // the first error is returned
		return err
	}
	after := newLife(l.mode, mem, l.states[:k+1], k)
	after.store = s
	for i := range 10 {
		o := op{db: i % 2, key: fmt.Sprint("on", i%3), value: "after"}
		if err := after.play(o); err != nil {
			return fmt.Errorf("write %d after recovery = %w, want nil", i, err)
		}
	}
	if l.log == nil {
		if err := after.play(op{kind: opSave}); err != nil {
			return fmt.Errorf("save after recovery = %w, want nil", err)
		}
	}
	if err := after.reopen(); err != nil {
		return fmt.Errorf("second open = %w, want nil", err)
	}
	last := int(after.issued.Load())
	if _, err := after.find(after.store, last, last); err != nil {
		return fmt.Errorf("second open: %w", err)
	}
	if info := after.store.Recovery(); info.Cut > 0 {
		return fmt.Errorf("second open truncated %d bytes of %s, want 0", info.Cut, info.CutFile)
	}
	if err := after.store.Close(); err != nil {
		return fmt.Errorf("second close = %w, want nil", err)
	}
	if v := mem.Violations(); len(v) > 0 {
		return fmt.Errorf("violations %v, want none", v)
	}
	if check {
		return redisChecks(r, mem)
	}
	return nil
}

// crashRecovery crashes the recovery from a crash and the writes after it. Those writes repeat the
// script's writes with equal lengths and other bytes.
func crashRecovery(r *Run, first *life, sc script, mem *vfs.Mem, killed bool, low int, at moment) (int64, error) {
	s, err := first.mode.open(mem.Kill())
	if err != nil {
		return 0, fmt.Errorf("open = %w, want nil", err)
	}
	k, err := first.find(s, low, at.issued)
	if err := firstError(err, s.CloseNoSave()); err != nil {
		return 0, err
	}
	// The data that survived a kill is not durable until Open has returned.
	low = pick(killed, at.promised, k)
	l, moments := recorded(first.mode, mem, first.states[:k+1], low)
	l.instants = first.instants
	if err := l.open(); err != nil {
		return 0, fmt.Errorf("open = %w, want nil", err)
	}
	l.opened(k)
	rest := sc[min(k, len(sc)):].again()
	if err := l.playAll(rest[:min(len(rest), 4)]); err != nil {
		return 0, err
	}
	*moments = append(*moments, moment{mem: mem.Kill(), killed: l.floor(true), promised: l.floor(false), issued: int(l.issued.Load())})
	_ = l.store.CloseNoSave() // this machine has crashed
	n := int64(0)
	for i, at := range *moments {
		if stride := r.by(7, 5); (i+low)%stride != 0 && i < len(*moments)-1 {
			continue
		}
		for j, im := range images(l.mode, at, r.Seed+uint64(n), 1) {
			n++
			if err := recovers(r, l, im.mem(), pick(im.killed, at.killed, at.promised), at.issued, false); err != nil {
				return n, fmt.Errorf("crash %d.%d of the recovery, before %v, %s: %w", i, j, at.op, im.name, err)
			}
		}
	}
	return n, nil
}
