package campaign

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/dirfs"
)

// fuzz is campaign e. It opens files of perdure and of other programs with several random damages
// at once. Open must end without a panic, and must not use more memory than the size of the files
// explains. Files that Open refuses must stay unchanged, and files that Open accepts must be
// accepted again with the same result. The coverage-guided fuzz targets of the packages run
// separately: make fuzz.
func fuzz(r *Run) {
	all, err := fixtures(r.Seed)
	if err != nil {
		r.fail("fixtures", err)
		return
	}
	const batch = 20
	for i := range r.by(60, 10000) {
		r.Go(fmt.Sprint(i), func() error {
			rng := rand.New(rand.NewPCG(r.Seed, uint64(i)))
			for range batch {
				f := all[rng.IntN(len(all))]
				changed := maps.Clone(f.files)
				if rng.IntN(3) == 0 {
					foreign(changed)
				}
				for range 1 + rng.IntN(6) {
					mutate(rng, changed)
				}
				if err := openMutated(f.mode, changed); err != nil {
					return err
				}
			}
			r.Count("directories", batch)
			return nil
		})
	}
	r.Wait()
}

// foreign removes perdure's lines and pairs from a log, so that it looks like another program's
// log.
func foreign(files map[string]string) {
	for name, text := range files {
		if strings.HasSuffix(name, ".manifest") {
			files[name] = serverManifest(text)
			continue
		}
		if !strings.Contains(name, ".incr.") && !strings.Contains(name, ".base.aof") {
			continue
		}
		text = strings.ReplaceAll(text, "\r\nselect\r\n", "\r\nSELECT\r\n")
		var out strings.Builder
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#p1") {
				out.WriteString(line)
			}
		}
		files[name] = out.String()
	}
}

// mutate changes one file, or exchanges two files.
func mutate(rng *rand.Rand, files map[string]string) {
	names := sortedKeys(files)
	name := names[rng.IntN(len(names))]
	data := []byte(files[name])
	if len(data) == 0 {
		return
	}
	i := rng.IntN(len(data))
	j := min(len(data), i+1+rng.IntN(40))
	switch rng.IntN(8) {
	case 0, 1, 2:
		data[i] ^= 1 << rng.IntN(8)
	case 3:
		data[i] = []byte{0, 0xff, 0x7f, 0x80, '\r', '\n', '*', '$', '9'}[rng.IntN(9)]
	case 4:
		data = data[:i]
	case 5:
		data = append(data[:i:i], data[j:]...)
	case 6:
		other := files[names[rng.IntN(len(names))]]
		k := rng.IntN(len(other) + 1)
		data = append(data[:i:i], append([]byte(other[k:min(len(other), k+40)]), data[i:]...)...)
	case 7:
		for ; i < j; i++ {
			data[i] = byte(rng.Uint32())
		}
	}
	files[name] = string(data)
}

// openMutated opens a directory. If Open accepts the directory, openMutated opens it again.
func openMutated(m mode, changed map[string]string) error {
	mem, err := inMem(changed)
	if err != nil {
		return err
	}
	_, _ = aof.Check(dataDir, aof.OnFS(dirfs.New(mem))) // it must end; aof's tests check its result
	s, err := m.open(mem)
	if err != nil {
		left, err := files(mem)
		if err == nil && !maps.Equal(left, changed) {
			err = fmt.Errorf("files after a failed Open = %v, want %v unchanged",
				sortedKeys(left), sortedKeys(changed))
		}
		return err
	}
	first, err := digestOf(s)
	if err := firstError(err, s.CloseNoSave()); err != nil {
		return err
	}
	if s, err = m.open(mem); err != nil {
		return fmt.Errorf("second open = %w, want nil", err)
	}
	second, err := digestOf(s)
	if err == nil && first != second {
		err = errors.New("second open loads other data")
	}
	return firstError(err, s.CloseNoSave())
}

// fuzzed returns the fixtures of Directory, which are made once.
var fuzzed = sync.OnceValues(func() ([]*fixture, error) { return fixtures(1) })

// Directory is a fuzz target for a whole directory. The edits are triples of file, offset, and byte
// that change one of the fixtures.
func Directory(edits []byte) error {
	all, err := fuzzed()
	if err != nil || len(edits) == 0 {
		return err
	}
	f := all[int(edits[0])%len(all)]
	changed := maps.Clone(f.files)
	if edits[0] >= 128 {
		foreign(changed)
	}
	names := sortedKeys(changed)
	for rest := edits[1:]; len(rest) >= 4; rest = rest[4:] {
		name := names[int(rest[0])%len(names)]
		data := []byte(changed[name])
		if len(data) == 0 {
			continue
		}
		i := (int(rest[1])<<8 + int(rest[2])) % len(data)
		if rest[0] >= 240 {
			data = data[:i]
		} else {
			data[i] = rest[3]
		}
		changed[name] = string(data)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = openMutated(f.mode, changed)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 2*maxBomb {
		return fmt.Errorf("open allocated %d bytes, want at most %d", n, 2*maxBomb)
	}
	return err
}
