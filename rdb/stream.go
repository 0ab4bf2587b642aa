package rdb

import (
	"cmp"
	"fmt"
	"iter"
)

// StreamID is the id of an entry of a stream: a time, and a number within it.
type StreamID struct {
	Ms, Seq uint64
}

// String gives the id as Redis writes it: "1700000000000-0".
func (id StreamID) String() string { return fmt.Sprintf("%d-%d", id.Ms, id.Seq) }

// Compare is negative when id comes before other, positive when after, 0 when they are the same.
func (id StreamID) Compare(other StreamID) int {
	return cmp.Or(cmp.Compare(id.Ms, other.Ms), cmp.Compare(id.Seq, other.Seq))
}

// Stream is a stream. Its entries are a part of the payload that it was decoded from, its groups
// are not. What a stream of Redis 5 or 6 does not have is as Redis 7 sets it when it loads one.
type Stream struct {
	Length       uint64   // as XLEN says it; that it is Len is not checked
	LastID       StreamID // the last one given, which may be deleted
	FirstID      StreamID // of the first entry there is
	MaxDeletedID StreamID // the greatest deleted one
	EntriesAdded uint64   // since the stream began
	Groups       []StreamGroup
	Idempotence  *Idempotence // nil before Redis 8.6

	nodesEnd int // where the entries end in the payload
	view
}

// StreamGroup is a consumer group.
type StreamGroup struct {
	Name        []byte
	LastID      StreamID         // the last one delivered
	EntriesRead int64            // -1 when not known
	Pending     []StreamPending  // delivered and not acknowledged, by id
	Consumers   []StreamConsumer // by name
	Nacked      []StreamID       // those of Pending that consumers gave back and none has (Redis 8.8)
}

// StreamPending is an entry that was delivered and not acknowledged.
type StreamPending struct {
	ID            StreamID
	DeliveredAtMs int64 // the last time
	Deliveries    uint64
}

// StreamConsumer is a consumer of a group.
type StreamConsumer struct {
	Name       []byte
	SeenAtMs   int64      // when it last asked
	ActiveAtMs int64      // when it last got something, -1 for never; SeenAtMs before Redis 7.2
	Pending    []StreamID // those of the group's that it got, ascending
}

// Idempotence is what a stream remembers so that no producer adds an entry twice (Redis 8.6).
type Idempotence struct {
	Duration   uint64 // seconds that an id is remembered
	MaxIDs     uint64 // that are remembered of each producer
	Producers  []StreamProducer
	Added      uint64 // entries added with an id, since the stream began
	Duplicates uint64 // that were refused
}

// StreamProducer is who adds entries to a stream with ids of its own.
type StreamProducer struct {
	Name []byte
	IDs  []ProducedID
}

// ProducedID is an id that a producer gave, and the entry that got it.
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
	values pack // when not shared, of names and values in turn
}

// Len returns how many entries there are.
func (s *Stream) Len() int { return s.n }

// All yields the entries in order. Each is valid until the next is asked for.
func (s *Stream) All() iter.Seq[StreamEntry] {
	return func(yield func(StreamEntry) bool) { s.walk(&eachEntry{yield: yield}) }
}

// eachEntry is a loop over entries.
type eachEntry struct {
	deaf
	yield func(StreamEntry) bool
}

func (e *eachEntry) entry(x *StreamEntry) error { return goOn(e.yield(*x)) }

// Len returns how many fields the entry has.
func (e *StreamEntry) Len() int { return e.count }

// Fields yields names and values in order; a name may occur twice. They are valid until the next
// pair is asked for, and must not be changed.
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

// streamHead is what a stream says about itself behind its entries.
type streamHead struct {
	length                        uint64
	lastID, firstID, maxDeletedID StreamID
	added                         uint64
	nodesEnd                      int // where they end that it stands behind, counted from the value's start
}
