// Package tree implements counted B+trees with copy-on-write pages outside the Go heap. One tree
// holds the elements of one large collection.
//
// A [Space] is the memory of any number of trees. There are three layouts of a leaf, and a type for
// each: [Map] orders entries by a hash, [Sorted] by a score and a member, and [List] by position.
// Each of them is a small value that is made for a call. The state of a tree is its [Root], which
// the caller stores.
//
// A reader pins the current epoch of a Space ([Space.Pin]) and copies a Root. It can then read that
// state of the tree without a lock until it unpins the epoch. Writers copy the pages that a pin
// retains before they change them.
//
// The caller needs a lock for each tree, and holds it when it pins an epoch and copies the Root. A
// Space can be used concurrently for different trees. The package only trusts memory that it has
// written itself: a Root that belongs to another Space has undefined effects.
package tree

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrNoMemory is returned if the Memory of a Space refuses an allocation. The operation has then
// changed nothing.
var ErrNoMemory = errors.New("perdure: out of memory")

// ErrFull is returned if a tree has reached a limit: 4 G entries, or 32 KiB of entries with equal
// hashes. The operation has then changed nothing.
var ErrFull = errors.New("perdure: collection has too many elements")

// ErrDuplicate is returned if a tree is built of entries of which two are the same.
var ErrDuplicate = errors.New("perdure: duplicate element")

// Memory allocates memory that never moves. The Space calls Alloc and Free with its mutex locked,
// and At without a lock.
type Memory interface {
	// Alloc returns at least size bytes with undefined contents, and a ref that identifies them.
	// All bytes of memory may be used. It returns false if memory runs out.
	Alloc(size int) (ref uint32, memory []byte, ok bool)
	// Free frees the memory of a ref. The size is at least the size that was passed to Alloc, and
	// at most the length of the memory that Alloc returned.
	Free(ref uint32, size int)
	// At returns the memory of a live ref. The slice may be longer than what Alloc returned.
	At(ref uint32) []byte
}

// maxHeight is the maximum number of levels. Pages that are not on the edge of a tree have 16
// children even in the worst case.
const maxHeight = 10

// A Root identifies one state of a tree. The zero value is an empty tree. A change replaces the
// Root, and invalidates the previous one unless an epoch is pinned.
type Root struct {
	Count  uint64 // number of entries
	Ref    uint32
	Height uint8 // number of levels; 0 if the tree is empty
}

// RootSize is the number of bytes of a stored Root.
const RootSize = 13

// AppendTo appends the stored form of r, which has RootSize bytes, to dst.
func (r Root) AppendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, r.Ref)
	dst = append(dst, r.Height)
	return binary.LittleEndian.AppendUint64(dst, r.Count)
}

// ParseRoot returns the Root whose stored form begins b. It reports whether b is long enough.
func ParseRoot(b []byte) (r Root, ok bool) {
	if len(b) < RootSize {
		return Root{}, false
	}
	return Root{Ref: u32(b), Height: b[4], Count: u64(b[5:])}, true
}

// Score returns the order-preserving form of f, which must not be NaN. Negative zero becomes zero.
func Score(f float64) uint64 {
	bits := math.Float64bits(f + 0)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}

// Float returns the number whose order-preserving form is score.
func Float(score uint64) float64 {
	if score>>63 != 0 {
		return math.Float64frombits(score &^ (1 << 63))
	}
	return math.Float64frombits(^score)
}
