package rdb

import (
	"cmp"
	"fmt"
	"iter"
)

// StreamID is the id of an entry of a stream: a time in milliseconds, and a sequence number within
// it.
type StreamID struct {
	Ms, Seq uint64
}

// String returns the id in Redis's format: "1700000000000-0".
func (id StreamID) String() string { return fmt.Sprintf("%d-%d", id.Ms, id.Seq) }

// Compare returns a negative number if id is before other, a positive number if it is after, and 0
// if they are equal.
func (id StreamID) Compare(other StreamID) int {
	return cmp.Or(cmp.Compare(id.Ms, other.Ms), cmp.Compare(id.Seq, other.Seq))
}

// Stream is a stream. Its entries reference the payload that it was decoded from; its groups do
// not. Fields that a stream of Redis 5 or 6 does not have are set as Redis 7 sets them on loading
// one.
type Stream struct {
	Length       uint64   // the result of XLEN; not checked against Len
	LastID       StreamID // the last id assigned, possibly to a deleted entry
	FirstID      StreamID // id of the first existing entry
	MaxDeletedID StreamID // the greatest deleted id
	EntriesAdded uint64   // since the stream began
	Groups       []StreamGroup
	Idempotence  *Idempotence // nil before Redis 8.6

	nodesEnd int // end of the entries in the payload
	view
}

// StreamGroup is a consumer group.
type StreamGroup struct {
	Name        []byte
	LastID      StreamID         // the last id delivered
	EntriesRead int64            // -1 if unknown
	Pending     []StreamPending  // delivered and not acknowledged, by id
	Consumers   []StreamConsumer // by name
	Nacked      []StreamID       // pending, given back by a consumer (Redis 8.8)
}

// StreamPending is an entry that was delivered but not acknowledged.
type StreamPending struct {
	ID            StreamID
	DeliveredAtMs int64 // time of the last delivery
	Deliveries    uint64
}

// StreamConsumer is a consumer of a group.
type StreamConsumer struct {
	Name       []byte
	SeenAtMs   int64      // time of its last request
	ActiveAtMs int64      // time it last received an entry, -1 if never; SeenAtMs before Redis 7.2
	Pending    []StreamID // the group's pending entries that it received, ascending
}

// Idempotence is the state that lets a stream prevent a producer from adding an entry twice (Redis
// 8.6).
type Idempotence struct {
	Duration   uint64 // seconds that an id is remembered
	MaxIDs     uint64 // ids remembered per producer
	Producers  []StreamProducer
	Added      uint64 // entries added with an id, since the stream began
	Duplicates uint64 // entries refused as duplicates
}

// StreamProducer is a producer that adds entries to a stream with its own ids.
type StreamProducer struct {
	Name []byte
	IDs  []ProducedID
}

// ProducedID is an ID of a producer, and the entry that was added with it.
type ProducedID struct {
	ID    []byte
	Entry StreamID
}

// StreamEntry is an entry of a stream.
type StreamEntry struct {
	ID StreamID

	count  int
	shared bool // names are those of the listpack's first entry
	names  pack
	values pack // alternating names and values if not shared
}

// Len returns the number of entries.
func (s *Stream) Len() int { return s.n }

// All yields the entries in order. Each is valid until the next iteration.
func (s *Stream) All() iter.Seq[StreamEntry] {
	return func(yield func(StreamEntry) bool) { s.walk(&eachEntry{yield: yield}) }
}

// eachEntry is the visitor of [Stream.All].
type eachEntry struct {
	deaf
	yield func(StreamEntry) bool
}

func (e *eachEntry) entry(x *StreamEntry) error { return stopUnless(e.yield(*x)) }

// Len returns the number of fields of the entry.
func (e *StreamEntry) Len() int { return e.count }

// Fields yields names and values in order. A name may occur twice. Names and values are valid until
// the next iteration and must not be modified.
func (e *StreamEntry) Fields() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		var d1, d2 digits
		names, values := e.names, e.values
		for range e.count {
			c := &names
			if !e.shared {
				c = &values
			}
			if !c.more() {
				return
			}
			name := c.text(&d1)
			if !values.more() || !yield(name, values.text(&d2)) {
				return
			}
		}
	}
}

// streamHead holds the description of a stream that follows its entries.
type streamHead struct {
	length                        uint64
	lastID, firstID, maxDeletedID StreamID
	added                         uint64
	nodesEnd                      int // end of the entries, from the value's start
}
