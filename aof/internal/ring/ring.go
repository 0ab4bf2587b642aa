package ring

import (
	"io/fs"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// Ring is the writer's side of the tail file. It mirrors appended records in the mapping until they
// are in an incremental file. The log writes them from its pending buffer. Nothing is ever read
// back from the mapping.
//
// Each buffer has a region. The regions in use form a chain, oldest first:
//
//	in flight   the group being written: one region, or two after a canceled rewrite
//	before      the records before a Cut that are not written yet
//	active      the contents of the pending buffer
//
// A region that overflows contains the beginning of its buffer. The records after that are safe
// only when they are written, and so are the records in all later regions. Those regions are not
// published before that.
//
// A Ring is not safe for concurrent use. After a failed store it must not be used again.
type Ring struct {
	// constant
	Path       string
	ID         uint64 // id of the tail file
	RegionSize int64  // size of a region in bytes
	memory     vfs.Shared
	file       fs.FileInfo // the tail file

	Safe       appendlog.Position // everything up to here is in the tail file or written
	generation uint64
	chain      []region
	free       []int64 // slots
}

// region is the part of the tail file that mirrors one buffer.
type region struct {
	slot      int64              // index of the region in the file; -1 if all regions are in use
	start     appendlog.Position // position of its first byte
	length    int64
	crc       uint32
	full      bool // a record after its last byte is not in the region
	published bool // everything before it is safe, and the region is published
}

// regionCount is the number of regions that the chain needs, except for two writes in a row of
// buffers that a rewrite divided.
const regionCount = 3

func newRing(memory vfs.Shared, path string, id uint64, each int64) *Ring {
	r := &Ring{memory: memory, Path: path, ID: id, RegionSize: each, chain: make([]region, 0, 2*regionCount)}
	for slot := range int64(regionCount) {
		r.free = append(r.free, slot)
	}
	return r
}

// active returns the region of the current buffer.
func (r *Ring) active() *region { return &r.chain[len(r.chain)-1] }

// headerAt returns the offset of a region's header in the file.
func headerAt(slot int64) int64 { return headerSize * (1 + slot) }

// Append mirrors bytes that were appended to the buffer.
func (r *Ring) Append(p []byte) error {
	a := r.active()
	if a.full || int64(len(p)) > r.RegionSize-a.length {
		a.full = true
		return nil
	}
	at := headSize + a.slot*r.RegionSize + a.length
	a.length += int64(len(p))
	a.crc = wire.Sum(a.crc, p)
	if !a.published {
		return r.memory.Write(p, at)
	}
	r.Safe = a.start + appendlog.Position(a.length)
	return r.memory.WriteStore(p, at, headerAt(a.slot)+wordState, a.state())
}

// state returns the header word that publishes the region.
func (a *region) state() uint64 { return uint64(a.crc)<<32 | uint64(a.length) }

// Skip marks the active region as full, because the last record was not mirrored.
func (r *Ring) Skip() { r.active().full = true }

// publish makes a region valid up to its length, with a single store.
func (r *Ring) publish(a *region) error {
	if a.length > 0 {
		if err := r.memory.Store(headerAt(a.slot)+wordState, a.state()); err != nil {
			return err
		}
	}
	r.Safe = a.start + appendlog.Position(a.length)
	return nil
}

// Next starts the region of a new buffer, which begins at p.
func (r *Ring) Next(p appendlog.Position) error {
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
		if err := r.memory.Store(headerAt(a.slot)+w.word, checkedWord(w.value)); err != nil {
			return err
		}
	}
	return r.publishNext()
}

// publishNext publishes the regions before which everything is safe.
func (r *Ring) publishNext() error {
	for i := range r.chain {
		a := &r.chain[i]
		if !a.published {
			a.published = true
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

// place records the log position of a region's first byte. The offset becomes valid with the store
// of the sequence number.
func (r *Ring) place(a *region, seq, offset int64) error {
	if a.slot < 0 {
		return nil
	}
	if err := r.memory.Store(headerAt(a.slot)+wordOffset, checkedWord(uint64(offset))); err != nil {
		return err
	}
	return r.memory.Store(headerAt(a.slot)+wordSeq, checkedWord(uint64(seq)))
}

// Begin records the number of the incremental file that the active region starts once the manifest
// lists it; 0 means none.
func (r *Ring) Begin(seq int64) error {
	a := r.active()
	if a.slot < 0 {
		return nil
	}
	return r.memory.Store(headerAt(a.slot)+wordNext, checkedWord(uint64(seq)))
}

// Writing records that all regions except the active one are about to be written, as one group at
// an offset of an incremental file. It returns the number of these regions.
func (r *Ring) Writing(seq, offset int64) (n int, err error) {
	n = len(r.chain) - 1
	for i := range n {
		if err := r.place(&r.chain[i], seq, offset); err != nil {
			return n, err
		}
		offset += r.chain[i].length
	}
	return n, nil
}

// Written records that the first n regions have been written to an incremental file. It sets the
// offset where the next region continues that file.
func (r *Ring) Written(n int, seq, offset int64) error {
	if err := r.place(&r.chain[n], seq, offset); err != nil {
		return err
	}
	for i := range n {
		if err := r.clear(r.chain[i].slot); err != nil {
			return err
		}
	}
	r.chain = r.chain[:copy(r.chain, r.chain[n:])]
	return r.publishNext()
}

// clear frees a region.
func (r *Ring) clear(slot int64) error {
	if slot < 0 {
		return nil
	}
	r.free = append(r.free, slot)
	return r.memory.Store(headerAt(slot)+wordState, emptyState)
}

// Restart clears all regions. The log continues at an offset of an incremental file. The buffer
// begins at p; skip is set if it contains records already.
func (r *Ring) Restart(p appendlog.Position, seq, offset int64, skip bool) error {
	for i := len(r.chain) - 1; i >= 0; i-- { // a region does not remain without the one before it
		if err := r.clear(r.chain[i].slot); err != nil {
			return err
		}
	}
	r.chain = r.chain[:0]
	if err := r.Next(p); err != nil {
		return err
	}
	if skip {
		r.Skip()
	}
	return r.place(r.active(), seq, offset)
}

// Continue records where the active region continues an incremental file. Everything before it
// must be written.
func (r *Ring) Continue(seq, offset int64) error { return r.place(r.active(), seq, offset) }

// InFlight reports whether a region before the active one is in use.
func (r *Ring) InFlight() bool { return len(r.chain) > 1 }

// Close unmaps the tail file, which remains. The ring must not be used after that.
func (r *Ring) Close() error { return r.memory.Close() }

// OwnPath returns the path of the tail file, or "" if another store has put its own file there.
func (r *Ring) OwnPath(fsys vfs.FS) string {
	found, err := fsys.Lstat(r.Path)
	if err == nil && !vfs.SameFile(found, r.file) {
		return ""
	}
	return r.Path
}
