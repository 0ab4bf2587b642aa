package aof

import (
	"io/fs"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// ring is the writer's side of the tail file. It mirrors appended records in the mapping until they
// are in an incremental file. The bytes to write come from Log.buf. Nothing is ever read back from
// the mapping.
//
// Each buffer has a region. The regions in use form a chain, oldest first:
//
//	in flight   the group being written: one region, or two after a canceled rewrite
//	before      the records before a Cut that are not written yet
//	active      the contents of Log.buf
//
// A region that overflows contains the beginning of its buffer. The records after that are safe
// only when they are written, and so are the records in all later regions. Those regions are not
// published before that.
//
// Log.mu guards all fields. After a failed store the ring is not used again.
type ring struct {
	memory vfs.Shared
	path   string
	id     uint64      // id of the tail file
	file   fs.FileInfo // the tail file; constant
	each   int64       // size of a region in bytes; constant

	generation uint64
	chain      []region
	free       []int64 // slots
	safe       appendlog.Position
}

// region is the part of the tail file that mirrors one buffer.
type region struct {
	slot   int64              // index of the region in the file; -1 if all regions are in use
	start  appendlog.Position // position of its first byte
	length int64
	crc    uint32
	full   bool // a record after its last byte is not in the region
	open   bool // everything before it is safe, and the region is published
}

// ringRegions is the number of regions that the chain needs, except for two writes in a row of
// buffers that a rewrite divided.
const ringRegions = 3

func newRing(memory vfs.Shared, path string, id uint64, each int64) *ring {
	r := &ring{memory: memory, path: path, id: id, each: each, chain: make([]region, 0, 2*ringRegions)}
	for slot := range int64(ringRegions) {
		r.free = append(r.free, slot)
	}
	return r
}

// active returns the region of the current buffer.
func (r *ring) active() *region { return &r.chain[len(r.chain)-1] }

// words returns the offset of a region's header in the file.
func words(slot int64) int64 { return tailStep * (1 + slot) }

// append mirrors bytes that were appended to the buffer.
func (r *ring) append(p []byte) error {
	a := r.active()
	if a.full || int64(len(p)) > r.each-a.length {
		a.full = true
		return nil
	}
	at := tailHead + a.slot*r.each + a.length
	a.length += int64(len(p))
	a.crc = wire.Sum(a.crc, p)
	if !a.open {
		return r.memory.Write(p, at)
	}
	r.safe = a.start + appendlog.Position(a.length)
	return r.memory.WriteStore(p, at, words(a.slot)+wordState, a.state())
}

// state returns the header word that publishes the region.
func (a *region) state() uint64 { return uint64(a.crc)<<32 | uint64(a.length) }

// skip marks the active region as full, because the last record was not mirrored.
func (r *ring) skip() { r.active().full = true }

// publish makes a region valid up to its length, with a single store.
func (r *ring) publish(a *region) error {
	if a.length > 0 {
		if err := r.memory.Store(words(a.slot)+wordState, a.state()); err != nil {
			return err
		}
	}
	r.safe = a.start + appendlog.Position(a.length)
	return nil
}

// turn starts the region of a new buffer, which begins at p.
func (r *ring) turn(p appendlog.Position) error {
	r.generation++
	a := region{slot: -1, start: p, full: true, crc: wire.NewSeed(int64(r.generation)).Group(0)}
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

// place records where a region's first byte belongs. The offset becomes valid with the store of the
// sequence number.
func (r *ring) place(a *region, seq, offset int64) error {
	if a.slot < 0 {
		return nil
	}
	if err := r.memory.Store(words(a.slot)+wordOffset, sealWord(uint64(offset))); err != nil {
		return err
	}
	return r.memory.Store(words(a.slot)+wordSeq, sealWord(uint64(seq)))
}

// begins records the number of the incremental file that the active region starts once the manifest
// lists it; 0 means none.
func (r *ring) begins(seq int64) error {
	a := r.active()
	if a.slot < 0 {
		return nil
	}
	return r.memory.Store(words(a.slot)+wordNext, sealWord(uint64(seq)))
}

// handOver records that all regions except the active one are about to be written, as one group at
// an offset of an incremental file. It returns the number of these regions.
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

// written records that the first n regions have been written to an incremental file. It sets the
// offset there at which the next region continues.
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

// clear frees a region.
func (r *ring) clear(slot int64) error {
	if slot < 0 {
		return nil
	}
	r.free = append(r.free, slot)
	return r.memory.Store(words(slot)+wordState, emptyState)
}

// restart clears all regions. The log continues at an offset of an incremental file. The buffer
// begins at p; skip is set if it contains records already.
func (r *ring) restart(p appendlog.Position, seq, offset int64, skip bool) error {
	for i := len(r.chain) - 1; i >= 0; i-- { // a region does not remain without the one before it
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

// continueAt records where the active region continues an incremental file. Everything before it
// must be written.
func (r *ring) continueAt(seq, offset int64) error { return r.place(r.active(), seq, offset) }

// inFlight reports whether a region before the active one is in use.
func (r *ring) inFlight() bool { return len(r.chain) > 1 }

// close unmaps the tail file, which remains. The ring must not be used after that.
func (r *ring) close() error { return r.memory.Close() }

// ownPath returns the path of the tail file, or "" if another store has put its own file there.
func (r *ring) ownPath(fsys vfs.FS) string {
	found, err := fsys.Lstat(r.path)
	if err == nil && !vfs.SameFile(found, r.file) {
		return ""
	}
	return r.path
}
