package rdb

import (
	"errors"
	"slices"

	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/snapshot"
)

// NewList returns a list of copies of elements. It returns an error if elements is empty.
func NewList(elements ...[]byte) (value *List, err error) {
	defer errtext.Name(&err)
	return made[*List](typeList, appendElements(nil, len(elements), slices.Values(elements)))
}

// NewSet returns a set of copies of members. It returns an error if members is empty or if one
// occurs twice.
func NewSet(members ...[]byte) (value *Set, err error) {
	defer errtext.Name(&err)
	return made[*Set](typeSet, appendElements(nil, len(members), slices.Values(members)))
}

// NewHash returns a hash of copies of fields. It returns an error if fields is empty or if a name
// occurs twice.
func NewHash(fields ...HashField) (value *Hash, err error) {
	defer errtext.Name(&err)
	t := snapshot.Type(typeHash)
	for _, f := range fields {
		if f.ExpireAtMs < 0 || f.ExpireAtMs > maxFieldExpiry {
			return nil, errors.New("invalid hash: field expiry out of range")
		}
		if f.ExpireAtMs != 0 {
			t = typeHashTTL
		}
	}
	return made[*Hash](t, appendHash(nil, len(fields), slices.Values(fields)))
}

// NewSortedSet returns a sorted set of copies of members. It returns an error if members is empty,
// if a member occurs twice, or if a score is NaN.
func NewSortedSet(members ...ScoredMember) (value *SortedSet, err error) {
	defer errtext.Name(&err)
	p := appendLength(nil, uint64(len(members)))
	for _, m := range members {
		p = appendScored(p, m)
	}
	return made[*SortedSet](typeZSet, p)
}

// StreamItem is an entry for [NewStream].
type StreamItem struct {
	ID     StreamID
	Fields []StreamField
}

// StreamField is the name and value of a field in a [StreamItem].
type StreamField struct{ Name, Value []byte }

const (
	nodeItems = 100     // limit of entries in one listpack; Redis: stream-node-max-entries
	nodeBytes = 4 << 10 // size that ends a listpack; Redis: stream-node-max-bytes
	nodeLimit = 1 << 30 // Redis's limit of bytes in a listpack
)

// NewStream returns a stream of copies of items, which may be empty. The ids must ascend and be
// above 0-0. The fields of the Stream are those of a stream that only these items were added to.
// The caller may set the groups and the other fields afterwards; [EncodeValue] encodes their values
// at the time of its call.
func NewStream(items ...StreamItem) (value *Stream, err error) {
	defer errtext.Name(&err)
	var nodes []byte
	var count uint64
	for rest := items; len(rest) > 0; count++ {
		node := newNode(rest[0])
		n := 0
		for ; n < len(rest) && n < nodeItems && (n == 0 || len(node.p) < nodeBytes); n++ {
			node.add(rest[n])
		}
		if len(node.p) > nodeLimit {
			return nil, errors.New("invalid stream: entry larger than 1 GiB")
		}
		nodes = append(nodes, streamIDSize)
		nodes = appendRawID(nodes, rest[0].ID)
		nodes = appendBytes(nodes, node.bytes())
		rest = rest[n:]
	}
	last, first := StreamID{}, StreamID{}
	for i, item := range items {
		if last.Compare(item.ID) >= 0 {
			return nil, errors.New("invalid stream: IDs do not ascend from 0-1")
		}
		if last = item.ID; i == 0 {
			first = last
		}
	}
	p := append(appendLength(nil, count), nodes...)
	p = appendLength(p, uint64(len(items)))
	p = appendID(appendID(appendID(p, last), first), StreamID{})
	p = appendLength(p, uint64(len(items)))
	return made[*Stream](typeStream2, append(p, 0))
}

// appendBytes appends s as a string in the uncompressed encoding: its length and its bytes.
func appendBytes(p, s []byte) []byte { return append(appendLength(p, uint64(len(s))), s...) }

// node is a listpack of a stream under construction. See walkstream.go for the layout.
type node struct {
	p     []byte // the entries of the listpack after the part that all items share
	count int    // of the entries in p
	items int
	first StreamItem // its names may be shared by the other items
}

func newNode(first StreamItem) *node { return &node{first: first} }

// add adds an entry.
func (l *node) add(item StreamItem) {
	l.items++
	same := slices.EqualFunc(item.Fields, l.first.Fields, func(a, b StreamField) bool { return string(a.Name) == string(b.Name) })
	flags := int64(0)
	if same {
		flags = entrySameFields
	}
	all := []listpack.Element{
		listpack.Integer(flags), listpack.Integer(int64(item.ID.Ms - l.first.ID.Ms)), listpack.Integer(int64(item.ID.Seq - l.first.ID.Seq)),
	}
	if !same {
		all = append(all, listpack.Integer(int64(len(item.Fields))))
	}
	for _, f := range item.Fields {
		if !same {
			all = append(all, listpack.Of(f.Name))
		}
		all = append(all, listpack.Of(f.Value))
	}
	all = append(all, listpack.Integer(int64(len(all))))
	l.p, l.count = listpack.Append(l.p, all...), l.count+len(all)
}

// bytes returns the whole listpack: the part that all entries share, then the entries.
func (l *node) bytes() []byte {
	head := []listpack.Element{listpack.Integer(int64(l.items)), listpack.Integer(0), listpack.Integer(int64(len(l.first.Fields)))}
	for _, f := range l.first.Fields {
		head = append(head, listpack.Of(f.Name))
	}
	head = append(head, listpack.Integer(0))
	return listpack.AppendFrame(nil, listpack.Splice(l.p, 0, 0, head...), l.count+len(head))
}
