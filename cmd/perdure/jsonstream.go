package main

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// A stream's payload has three parts: the listpacks of its entries, the stream's metadata, and its
// groups. docs/formats.md describes the parts in each version. package rdb reads the payload in
// walkstream.go.

// entriesAPack is the number of entries in one listpack, which is the default of servers.
const entriesAPack = 100

// stream returns the payload in the oldest type that can contain the value.
func (v *valueReader) stream() (snapshot.Type, []byte) {
	var s jsonStream
	if !v.parse(&s) {
		return typeStream2, nil
	}
	t := typeStream2
	for _, g := range s.Groups {
		for _, c := range g.Consumers {
			if c.ActiveAtMs != c.SeenAtMs {
				t = typeStream3
			}
		}
	}
	packs := (len(s.Entries) + entriesAPack - 1) / entriesAPack
	out := appendLength(nil, uint64(packs))
	for i := range packs {
		out = v.pack(out, s.Entries[i*entriesAPack:min(len(s.Entries), (i+1)*entriesAPack)])
	}
	out = appendLength(out, s.Length)
	out = v.appendID(out, s.LastID)
	out = v.appendID(out, s.FirstID)
	out = v.appendID(out, s.MaxDeletedID)
	out = appendLength(out, s.EntriesAdded)
	out = appendLength(out, uint64(len(s.Groups)))
	for i := range s.Groups {
		out = v.group(out, t, &s.Groups[i])
	}
	return t, out
}

func (v *valueReader) id(text string) (id rdb.StreamID) {
	ms, seq, ok := strings.Cut(text, "-")
	var err1, err2 error
	id.Ms, err1 = strconv.ParseUint(ms, 10, 64)
	id.Seq, err2 = strconv.ParseUint(seq, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		v.fail(errors.New("an ID is not two numbers with a dash in between"))
	}
	return id
}

// appendID appends an ID as two lengths.
func (v *valueReader) appendID(dst []byte, text string) []byte {
	id := v.id(text)
	return appendLength(appendLength(dst, id.Ms), id.Seq)
}

// rawID appends an ID in 16 bytes.
func (v *valueReader) rawID(dst []byte, text string) []byte {
	id := v.id(text)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, id.Ms), id.Seq)
}

// pack appends the base ID of a listpack, which is the ID of its first entry, and the listpack. The
// listpack contains count, deleted, no shared fields, a zero, and each entry.
func (v *valueReader) pack(dst []byte, entries []jsonEntry) []byte {
	first := v.id(entries[0].ID)
	p := &listpack{}
	for _, n := range []int64{int64(len(entries)), 0, 0, 0} {
		p.int(n)
	}
	for _, e := range entries {
		id := v.id(e.ID)
		p.int(0) // flags: not deleted, and without the shared fields
		p.int(int64(id.Ms - first.Ms))
		p.int(int64(id.Seq - first.Seq))
		p.int(int64(len(e.Fields)))
		for _, f := range e.Fields {
			p.str(v.bytes(f[0]))
			p.str(v.bytes(f[1]))
		}
		p.int(int64(2*len(e.Fields) + 4)) // the number of elements of this entry, to walk backward
	}
	dst = appendString(dst, v.rawID(nil, entries[0].ID))
	return appendString(dst, p.bytes())
}

func (v *valueReader) group(out []byte, t snapshot.Type, g *jsonGroup) []byte {
	out = v.appendID(v.str(out, g.Name), g.LastID)
	out = appendLength(out, uint64(g.EntriesRead))
	out = appendLength(out, uint64(len(g.Pending)))
	for _, p := range g.Pending {
		out = v.rawID(out, p.ID)
		out = binary.LittleEndian.AppendUint64(out, uint64(p.DeliveredAtMs))
		out = appendLength(out, p.Deliveries)
	}
	out = appendLength(out, uint64(len(g.Consumers)))
	for _, c := range g.Consumers {
		out = binary.LittleEndian.AppendUint64(v.str(out, c.Name), uint64(c.SeenAtMs))
		if t >= typeStream3 {
			out = binary.LittleEndian.AppendUint64(out, uint64(c.ActiveAtMs))
		}
		out = appendLength(out, uint64(len(c.Pending)))
		for _, id := range c.Pending {
			out = v.rawID(out, id)
		}
	}
	return out
}

// listpack builds a listpack: u32 size, u16 count, elements, 0xff. Every element ends with its
// length, so that it can be read backward.
type listpack struct {
	elements []byte
	n        int
}

// int adds an integer, in 7 bits or in 8 bytes.
func (p *listpack) int(n int64) {
	start := len(p.elements)
	if n >= 0 && n < 128 {
		p.elements = append(p.elements, byte(n))
	} else {
		p.elements = binary.LittleEndian.AppendUint64(append(p.elements, 0xf4), uint64(n))
	}
	p.end(start)
}

// str adds a string, with a length of 6, 12 or 32 bits.
func (p *listpack) str(s []byte) {
	start := len(p.elements)
	switch n := len(s); {
	case n < 1<<6:
		p.elements = append(p.elements, 0x80|byte(n))
	case n < 1<<12:
		p.elements = append(p.elements, 0xe0|byte(n>>8), byte(n))
	default:
		p.elements = binary.LittleEndian.AppendUint32(append(p.elements, 0xf0), uint32(n))
	}
	p.elements = append(p.elements, s...)
	p.end(start)
}

// end adds the length of the element that begins at start. It uses 7 bits per byte, the highest
// first. The top bit is set in all bytes except the first.
func (p *listpack) end(start int) {
	n := uint64(len(p.elements) - start)
	size := 1
	for n>>(7*size) != 0 {
		size++
	}
	for i := size - 1; i >= 0; i-- {
		b := byte(n>>(7*i)) & 0x7f
		if i != size-1 {
			b |= 0x80
		}
		p.elements = append(p.elements, b)
	}
	p.n++
}

func (p *listpack) bytes() []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(p.elements)+7))
	out = binary.LittleEndian.AppendUint16(out, uint16(min(p.n, 65535)))
	return append(append(out, p.elements...), 0xff)
}
