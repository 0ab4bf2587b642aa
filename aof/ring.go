package aof

import (
	"io/fs"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// ring is the writer's side of the tail file: it has there, until it is in an increment, what was
// appended. The bytes that are written come from Log.buf; nothing is ever read from the mapping.
//
// Each buffer that is filled has a region. The regions in use form a chain, oldest first:
//
//	handed over   what is being written: one region, or two after a rewrite was given up
//	before        what stands before a Cut and is not yet written
//	active        what Log.buf holds
//
// A region that overflows holds the beginning of its buffer. What is appended behind that is safe only
// when it is written, and so is everything behind: the regions that follow are not published before.
//
// Everything in here is guarded by Log.mu. After an error of a store the ring is not used again.
type ring struct {
	memory vfs.Shared
	path   string
	id     uint64      // of the tail file
	file   fs.FileInfo // of the tail file; constant
	each   int64       // bytes of a region; constant

	generation uint64
	chain      []region
	free       []int64 // slots
	safe       appendlog.Position
}

// region is one buffer's part of the tail file.
type region struct {
	slot   int64              // which of the file's regions; -1 is none: all are in use
	start  appendlog.Position // of its first byte
	length int64
	crc    uint32
	full   bool // something was appended behind it that it does not hold
	open   bool // everything before it is safe, and it is published
}

// ringRegions is what the chain needs, but for two writes in a row that a rewrite has cut.
const ringRegions = 3

func newRing(memory vfs.Shared, path string, id uint64, each int64) *ring {
	r := &ring{memory: memory, path: path, id: id, each: each, chain: make([]region, 0, 2*ringRegions)}
	for slot := range int64(ringRegions) {
		r.free = append(r.free, slot)
	}
	return r
}

// active is the region of the buffer.
func (r *ring) active() *region { return &r.chain[len(r.chain)-1] }

// words is where the words of a region stand in the file.
func words(slot int64) int64 { return tailStep * (1 + slot) }

// append adds bytes that were appended to the buffer.
func (r *ring) append(p []byte) error {
	a := r.active()
	if a.full || int64(len(p)) > r.each-a.length {
		a.full = true
		return nil
	}
	at := tailHead + a.slot*r.each + a.length
	a.length += int64(len(p))
	a.crc = sum(a.crc, p)
	if !a.open {
		return r.memory.Write(p, at)
	}
	r.safe = a.start + appendlog.Position(a.length)
	return r.memory.WriteStore(p, at, words(a.slot)+wordState, a.state())
}

// state is the word that publishes a region.
func (a *region) state() uint64 { return uint64(a.crc)<<32 | uint64(a.length) }

// skip leaves out what was appended to the buffer.
func (r *ring) skip() { r.active().full = true }

// publish makes a region count, up to its length, in one store.
func (r *ring) publish(a *region) error {
	if a.length > 0 {
		if err := r.memory.Store(words(a.slot)+wordState, a.state()); err != nil {
			return err
		}
	}
	r.safe = a.start + appendlog.Position(a.length)
	return nil
}

// turn begins the region of a new buffer, which starts at p.
func (r *ring) turn(p appendlog.Position) error {
	r.generation++
	a := region{slot: -1, start: p, full: true, crc: newSeed(int64(r.generation)).group(0)}
	if n := len(r.free); n > 0 {
		a.slot, a.full = r.free[n-1], false
		r.free = r.free[:n-1]
	}
	r.chain = append(r.chain, a)
	if a.slot < 0 {
		return nil
	}
	for _, w := range [...]struct {
		word  int64
		value uint64
	}{{wordGeneration, r.generation}, {wordSeq, 0}, {wordOffset, 0}, {wordNext, 0}} {
		if err := r.memory.Store(words(a.slot)+w.word, sealWord(w.value)); err != nil {
			return err
		}
	}
	return r.open()
}

// open publishes the regions before which everything is safe.
func (r *ring) open() error {
	for i := range r.chain {
		a := &r.chain[i]
		if !a.open {
			a.open = true
			if err := r.publish(a); err != nil {
				return err
			}
		}
		if a.full {
			return nil
		}
	}
	return nil
}

// place notes where a region's first byte belongs. The offset counts once the increment is there.
func (r *ring) place(a *region, seq, offset int64) error {
	if a.slot < 0 {
		return nil
	}
	if err := r.memory.Store(words(a.slot)+wordOffset, sealWord(uint64(offset))); err != nil {
		return err
	}
	return r.memory.Store(words(a.slot)+wordSeq, sealWord(uint64(seq)))
}

// begins notes the increment that the active region begins once the manifest lists it; 0 is none.
func (r *ring) begins(seq int64) error {
	a := r.active()
	if a.slot < 0 {
		return nil
	}
	return r.memory.Store(words(a.slot)+wordNext, sealWord(uint64(seq)))
}

// handOver notes that all regions but the active one are about to be written as one group at an offset
// of an increment, and tells how many these are.
func (r *ring) handOver(seq, offset int64) (n int, err error) {
	n = len(r.chain) - 1
	for i := range n {
		if err := r.place(&r.chain[i], seq, offset); err != nil {
			return n, err
		}
		offset += r.chain[i].length
	}
	return n, nil
}

// written notes that the first n regions are in an increment, and that what follows them belongs to
// an offset there.
func (r *ring) written(n int, seq, offset int64) error {
	if err := r.place(&r.chain[n], seq, offset); err != nil {
		return err
	}
	for i := range n {
		if err := r.clear(r.chain[i].slot); err != nil {
			return err
		}
	}
	r.chain = r.chain[:copy(r.chain, r.chain[n:])]
	return r.open()
}

// clear makes a region free.
func (r *ring) clear(slot int64) error {
	if slot < 0 {
		return nil
	}
	r.free = append(r.free, slot)
	return r.memory.Store(words(slot)+wordState, emptyState)
}

// restart forgets everything: the log goes on at an offset of an increment that has no past. The buffer
// starts at p; skip says that it holds something already.
func (r *ring) restart(p appendlog.Position, seq, offset int64, skip bool) error {
	for i := len(r.chain) - 1; i >= 0; i-- { // one that follows another does not stay without it
		if err := r.clear(r.chain[i].slot); err != nil {
			return err
		}
	}
	r.chain = r.chain[:0]
	if err := r.turn(p); err != nil {
		return err
	}
	if skip {
		r.skip()
	}
	return r.place(r.active(), seq, offset)
}
