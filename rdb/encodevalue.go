package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// EncodeValue encodes v and returns its type and payload; it reverses [DecodeValue]. It uses the
// plainest form that a format version has. version is the number in the header of a dump: 9 to 14,
// or Valkey's from 80 on. The plainest forms are types 1, 2, 4, and 5, which every server loads,
// and 24 for a hash with expiring fields (22 of Valkey). A stream gets the latest type that the
// version has.
//
// EncodeValue returns an [*UnsupportedError] for data that the version cannot represent: expiring
// fields before 12 (Redis 7.4), the producers of a stream before 13 (Redis 8.6), and entries given
// back or an array before 14 (Redis 8.8). It omits data of a stream that an older version does not
// have and that a server recreates: times, counts, and ids. For a *Stream, it encodes the fields
// and groups with their current contents and returns an error if the groups contradict each other.
//
// The returned payload of a String, *Module, or *Array is the payload of v itself.
func EncodeValue(v Value, version int) (t snapshot.Type, payload []byte, err error) {
	defer errtext.Name(&err)
	to := versionOf(version)
	switch v := v.(type) {
	case String:
		return snapshot.String, v, nil
	case *List:
		return typeList, appendElements(nil, v.Len(), v.elements()), nil
	case *Set:
		return typeSet, appendElements(nil, v.Len(), v.elements()), nil
	case *SortedSet:
		return typeZSet, v.appendTo(nil), nil
	case *Hash:
		return v.encode(to)
	case *Stream:
		return v.encode(to)
	case *Module:
		return typeModule, v.payload, nil
	case *Array:
		if !to.has(typeArray) {
			return 0, nil, to.lacks(typeArray)
		}
		return typeArray, v.payload, nil
	}
	return 0, nil, &UnsupportedError{Offset: -1, What: fmt.Sprintf("encoding a %T", v)}
}

// versionOf returns the version with number n.
func versionOf(n int) version { return version{number: n, valkey: n >= oldestValkey} }

// has reports whether a dump of version v can hold values of a type.
func (v version) has(t snapshot.Type) bool {
	k, ok := kinds[t]
	return ok && k.version <= v.number && !(v.valkey && redisOnly(t)) && (v.valkey || !t.IsValkey())
}

// lacks returns the error for a type that version v does not have.
func (v version) lacks(t snapshot.Type) *UnsupportedError {
	what := TypeName(t)
	switch t {
	case typeHashTTL, typeHashTTLLP, typeValkeyHashTTL:
		what = "hash with fields that expire"
	case typeStream4:
		what = "stream with producers"
	case typeStream5:
		what = "stream with entries returned by consumers"
	}
	return &UnsupportedError{Offset: -1, What: fmt.Sprintf("writing a %s (type %d) in %v", what, t.RDB(), v)}
}

func appendElements(p []byte, n int, all func(func([]byte) bool)) []byte {
	p = appendLength(p, uint64(n))
	for e := range all {
		p = appendString(p, e)
	}
	return p
}

// appendTo appends the payload of type 5, in the order of z.
func (z *SortedSet) appendTo(p []byte) []byte {
	p = appendLength(p, uint64(z.n))
	for m := range z.All() {
		p = appendScored(p, m)
	}
	return p
}

func appendScored(p []byte, m ScoredMember) []byte {
	p = appendString(p, m.Member)
	return binary.LittleEndian.AppendUint64(p, math.Float64bits(m.Score))
}

// encode returns the type and payload of a hash. A hash with expiring fields needs a separate type.
func (h *Hash) encode(to version) (snapshot.Type, []byte, error) {
	last := int64(0)
	for f := range h.All() {
		last = max(last, f.ExpireAtMs)
	}
	switch {
	case last == 0:
		return typeHash, appendHash(nil, h.n, h.All()), nil
	case to.valkey:
		return typeValkeyHashTTL, appendValkeyHash(nil, h.n, h.All()), nil
	case !to.has(typeHashTTL):
		return 0, nil, to.lacks(typeHashTTL)
	case last > maxFieldExpiry:
		return 0, nil, &UnsupportedError{Offset: -1, What: "writing a hash with a field expiry above the limit of Redis"}
	}
	return typeHashTTL, appendHash(nil, h.n, h.All()), nil
}

// appendValkeyHash appends fields as Valkey's type 22.
func appendValkeyHash(p []byte, n int, all func(func(HashField) bool)) []byte {
	p = appendLength(p, uint64(n))
	for f := range all {
		ms := f.ExpireAtMs
		if ms == 0 {
			ms = -1
		}
		p = appendString(appendString(p, f.Name), f.Value)
		p = binary.LittleEndian.AppendUint64(p, uint64(ms))
	}
	return p
}

// appendHash appends fields as type 4, or as type 24 if any of them expires.
func appendHash(p []byte, n int, all func(func(HashField) bool)) []byte {
	first := int64(math.MaxInt64)
	for f := range all {
		if f.ExpireAtMs != 0 {
			first = min(first, f.ExpireAtMs)
		}
	}
	expiring := first != math.MaxInt64
	if expiring {
		p = binary.LittleEndian.AppendUint64(p, uint64(first))
	}
	p = appendLength(p, uint64(n))
	for f := range all {
		switch {
		case f.ExpireAtMs != 0:
			p = appendLength(p, uint64(f.ExpireAtMs-first+1))
		case expiring:
			p = append(p, 0)
		}
		p = appendString(appendString(p, f.Name), f.Value)
	}
	return p
}

// encode returns a stream in the latest type that a version has. All types share one form of
// entries.
func (s *Stream) encode(to version) (snapshot.Type, []byte, error) {
	t := snapshot.Type(typeStream)
	for _, later := range [...]snapshot.Type{typeStream2, typeStream3, typeStream4, typeStream5} {
		if to.has(later) {
			t = later
		}
	}
	if needs := s.needs(); t < needs {
		return 0, nil, to.lacks(needs)
	}
	p := append([]byte(nil), s.payload[:s.nodesEnd]...)
	p = appendLength(p, s.Length)
	p = appendID(p, s.LastID)
	if t >= typeStream2 {
		p = appendLength(appendID(appendID(p, s.FirstID), s.MaxDeletedID), s.EntriesAdded)
	}
	p = appendLength(p, uint64(len(s.Groups)))
	for i := range s.Groups {
		p = s.Groups[i].appendTo(p, t)
	}
	if t >= typeStream4 {
		p = s.Idempotence.appendTo(p)
	}
	if _, err := DecodeValue(t, p, Validate(false), MaxValue(maxInt/4)); err != nil {
		return 0, nil, fmt.Errorf("inconsistent stream: %w", err)
	}
	return t, p, nil
}

// needs returns the first type that can hold all data of s that a server cannot recreate.
func (s *Stream) needs() snapshot.Type {
	for _, g := range s.Groups {
		if len(g.Nacked) > 0 {
			return typeStream5
		}
	}
	if x := s.Idempotence; x != nil && (len(x.Producers) > 0 || x.Added > 0 || x.Duplicates > 0) {
		return typeStream4
	}
	return typeStream
}

func appendID(p []byte, id StreamID) []byte { return appendLength(appendLength(p, id.Ms), id.Seq) }

// appendRawID appends an id of 16 bytes.
func appendRawID(p []byte, id StreamID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(p, id.Ms), id.Seq)
}

// appendTo appends a group in the form of stream type t.
func (g *StreamGroup) appendTo(p []byte, t snapshot.Type) []byte {
	p = appendID(appendString(p, g.Name), g.LastID)
	if t >= typeStream2 {
		p = appendLength(p, uint64(g.EntriesRead))
	}
	p = appendLength(p, uint64(len(g.Pending)))
	for _, x := range g.Pending {
		p = appendRawID(p, x.ID)
		p = binary.LittleEndian.AppendUint64(p, uint64(x.DeliveredAtMs))
		p = appendLength(p, x.Deliveries)
	}
	p = appendLength(p, uint64(len(g.Consumers)))
	for _, c := range g.Consumers {
		p = appendString(p, c.Name)
		p = binary.LittleEndian.AppendUint64(p, uint64(c.SeenAtMs))
		if t >= typeStream3 {
			p = binary.LittleEndian.AppendUint64(p, uint64(c.ActiveAtMs))
		}
		p = appendRawIDs(p, c.Pending)
	}
	if t >= typeStream5 {
		p = appendRawIDs(p, g.Nacked)
	}
	return p
}

func appendRawIDs(p []byte, ids []StreamID) []byte {
	p = appendLength(p, uint64(len(ids)))
	for _, id := range ids {
		p = appendRawID(p, id)
	}
	return p
}

// appendTo appends what a stream remembers of producers. A nil x remembers nothing.
func (x *Idempotence) appendTo(p []byte) []byte {
	if x == nil {
		x = new(Idempotence)
	}
	p = appendLength(appendLength(p, x.Duration), x.MaxIDs)
	p = appendLength(p, uint64(len(x.Producers)))
	for _, producer := range x.Producers {
		p = appendLength(appendString(p, producer.Name), uint64(len(producer.IDs)))
		for _, id := range producer.IDs {
			p = appendID(appendString(p, id.ID), id.Entry)
		}
	}
	return appendLength(appendLength(p, x.Added), x.Duplicates)
}

// made checks an encoded payload and returns its Value.
func made[V Value](t snapshot.Type, payload []byte) (v V, err error) {
	x, err := DecodeValue(t, payload, MaxValue(maxInt/4))
	if err != nil {
		var damage *corrupt.Error
		if errors.As(err, &damage) {
			err = fmt.Errorf("invalid %s: %s", kinds[t].name, damage.What)
		}
		return v, err
	}
	return x.(V), nil
}
