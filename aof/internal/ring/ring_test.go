package ring_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// writer does what a log in Ring mode does: it appends records to a buffer, mirrors them, and
// writes the buffer to an incremental file in groups.
type writer struct {
	t       *testing.T
	ring    *ring.Ring
	all     []byte // every record
	pending []byte // the active buffer
	flight  []byte // a group that is being written; nil if none is
	file    []byte // the incremental file
	regions int    // of the group in flight
}

func (w *writer) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("store to the tail file = %v, want nil", err)
	}
}

func (w *writer) append(p []byte) {
	w.check(w.ring.Append(p))
	w.all, w.pending = append(w.all, p...), append(w.pending, p...)
}

// begin starts the write of the buffer, and end completes it.
func (w *writer) begin() {
	w.flight, w.pending = w.pending, nil
	w.check(w.ring.Next(appendlog.Position(len(w.all))))
	n, err := w.ring.Writing(1, int64(len(w.file)))
	w.check(err)
	w.regions = n
}

func (w *writer) end() {
	w.file = append(w.file, w.flight...)
	w.flight = nil
	w.check(w.ring.Written(w.regions, 1, int64(len(w.file))))
}

const size = 3 * 4096

func newWriter(t *testing.T) (*writer, *vfs.Mem) {
	t.Helper()
	mem := vfs.NewMem("d")
	r, err := ring.Create(mem, "d", "x.aof", size)
	if err != nil {
		t.Fatalf("Create = %v, want nil", err)
	}
	w := &writer{t: t, ring: r}
	w.check(r.Restart(0, 1, 0, false))
	return w, mem
}

// recovered returns the records after a kill: those of the incremental file, of which the process
// wrote a part of the group in flight, and those that the tail file adds.
func recovered(t *testing.T, mem *vfs.Mem, file []byte) []byte {
	t.Helper()
	f, err := ring.Read(mem.Kill(), "d/"+ring.FileName("x.aof"))
	if err != nil || f == nil {
		t.Fatalf("Read = %v, %v, want a tail file", f, err)
	}
	incr := &manifest.File{Name: "x.aof.1.incr.aof", Kind: manifest.KindIncr, Seq: 1}
	plan, err := ring.NewPlan(f, bytes.NewReader(file), incr, int64(len(file)), true)
	if err != nil || plan.Reason != "" || plan.Elapsed {
		t.Fatalf("NewPlan = %+v, %v, want a plan that applies", plan, err)
	}
	got := bytes.Clone(file)
	for _, p := range plan.Pieces {
		got = append(got, p.Data...)
	}
	return got
}

// TestKilledWriterLosesNothingSafe kills a writer at every step of random programs. The tail file
// adds what the incremental file lacks, up to Safe at least.
func TestKilledWriterLosesNothingSafe(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w, mem := newWriter(t)
		for step := range 200 {
			switch n := rng.IntN(10); {
			case n == 0 && w.flight == nil && len(w.pending) > 0:
				w.begin()
			case n <= 2 && w.flight != nil:
				w.end()
			default:
				w.append(fmt.Appendf(nil, "record %d of %d bytes %*d;", step, seed, rng.IntN(300), 0))
			}
			partly := append(bytes.Clone(w.file), w.flight[:rng.IntN(len(w.flight)+1)]...)
			got := recovered(t, mem, partly)
			safe := max(int(w.ring.Safe), len(partly))
			if len(got) < safe || !bytes.HasPrefix(w.all, got) {
				t.Fatalf("seed %d, step %d: %d bytes recovered of %d, want the first %d at least", seed, step, len(got), len(w.all), safe)
			}
		}
		if w.ring.Safe == 0 {
			t.Errorf("seed %d: Safe = 0, want more", seed)
		}
	}
}

func TestForeignIncrementalFileIsNotContinued(t *testing.T) {
	w, mem := newWriter(t)
	w.append([]byte("first;"))
	w.begin()
	w.end()
	w.append([]byte("second;"))
	f, err := ring.Read(mem.Kill(), "d/"+ring.FileName("x.aof"))
	if err != nil {
		t.Fatalf("Read = %v, want nil", err)
	}
	incr := &manifest.File{Name: "x.aof.1.incr.aof", Kind: manifest.KindIncr, Seq: 1}
	other := []byte("first;another program")
	plan, err := ring.NewPlan(f, bytes.NewReader(other), incr, int64(len(other)), true)
	if err != nil || plan.Reason == "" || len(plan.Pieces) != 0 {
		t.Errorf("NewPlan = %+v, %v, want a reason and no piece", plan, err)
	}
}

// TestDamagedTailFileIsRefused flips every bit of the checked part of the head, of the header of
// the region in use, and of its contents.
func TestDamagedTailFileIsRefused(t *testing.T) {
	w, mem := newWriter(t)
	record := []byte("first;")
	w.append(record)
	killed, name := mem.Kill(), "d/"+ring.FileName("x.aof")
	f, err := killed.OpenWrite(name)
	if err != nil {
		t.Fatalf("OpenWrite = %v, want nil", err)
	}
	length, err := f.Size()
	if err != nil {
		t.Fatalf("Size = %v, want nil", err)
	}
	whole := make([]byte, length)
	if _, err := f.ReadAt(whole, 0); err != nil {
		t.Fatalf("ReadAt = %v, want nil", err)
	}
	contents := bytes.Index(whole, record)
	header := 512 * (1 + (contents-4096)/int(w.ring.RegionSize))
	for _, part := range [][2]int{{0, 100}, {header, header + 40}, {contents, contents + len(record)}} {
		for i := part[0]; i < part[1]; i++ {
			for bit := range 8 {
				write(t, f, int64(i), whole[i]^1<<bit)
				if _, err := ring.Read(killed, name); err == nil {
					t.Errorf("Read with bit %d of byte %d changed = nil, want an error", bit, i)
				}
			}
			write(t, f, int64(i), whole[i])
		}
	}
	if got, err := ring.Read(killed, name); err != nil || len(got.Regions) != 1 {
		t.Errorf("Read of the whole file = %v, %v, want 1 region", got, err)
	}
}

func write(t *testing.T, f vfs.File, at int64, b byte) {
	t.Helper()
	if _, err := f.WriteAt([]byte{b}, at); err != nil {
		t.Fatalf("WriteAt = %v, want nil", err)
	}
}
