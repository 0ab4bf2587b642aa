package collection

// Rooms is memory for the changes of small collections. A change copies the collection, and its
// stored form is needed until the table has copied it. The same memory can then serve the next
// command.
type Rooms struct {
	all [][]byte
	n   int // those in use
}

const (
	roomSize = 2*smallBytes + packedHead // a collection grows to smallBytes and an element
	keepRoom = 2                         // number of rooms to keep: that of collections of a move
)

// take returns memory of at least size bytes with undefined contents. It may allocate.
func (r *Rooms) take(size int) []byte {
	if r == nil || size > roomSize || r.n == keepRoom {
		return make([]byte, size)
	}
	if r.n == len(r.all) {
		r.all = append(r.all, make([]byte, roomSize))
	}
	r.n++
	return r.all[r.n-1]
}

// Reset ends the use of all memory. Collections that have changed must not be used any more.
func (r *Rooms) Reset() { r.n = 0 }
