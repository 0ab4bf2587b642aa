package table

import (
	"encoding/binary"
	"math"
	"strconv"
)

// A record is the content of a slot:
//
//	0      1      2..3    [4..11]     [8 bytes]           then
//	flags  klen   vlen    expiry ms   klen u32, vlen u32  key, value        wide: a key above 255
//	flags  0      0       expiry ms   klen u32, vlen u32  span, units, key  large
//
// The expiry is present if flagExpire is set. The value of a counter is its 8 bytes. A large record
// has its value in a span, a separate run of units. A key above 1 KiB is not in the slot but in the
// span, before the value. All numbers are little-endian. The first byte of a free slot is 0.
const (
	flagLive   = 1 << iota
	flagNew    // written after the freeze of a view that has not reached this record yet
	flagExpire // times 2 makes the size of the expiry
	flagWide
	flagLarge
	flagCounter
	flagOpaque
	flagGone // deleted by a transaction that has not ended: see Undo
)

const (
	maxShortKey  = 255
	maxInlineKey = 1 << 10 // of a large record
	largeFields  = 16
	maxSize      = math.MaxInt32
)

// Kind is the kind of a value.
type Kind uint8

// The kinds of values. A number in a counter is a String.
const (
	String Kind = iota
	Opaque      // bytes that only the caller interprets
)

// content is a value to be stored. It is a counter if isInt is set.
type content struct {
	kind   Kind
	isInt  bool
	n      int64
	bytes  []byte
	expire int64
	mapped []byte // memory that already has the value, and the key if it is long
	span   span   // likewise, as a span of the keyspace
}

// contentOf returns the content for value. A string that is the canonical decimal of an int64
// becomes a counter.
func contentOf(kind Kind, value []byte, expire int64) content {
	c := content{kind: kind, bytes: value, expire: expire}
	if kind == String {
		c.n, c.isInt = parseInt(value)
	}
	return c
}

func (c *content) size() int {
	if c.isInt {
		return 8
	}
	return len(c.bytes)
}

func (c *content) flags() byte {
	f := byte(flagLive)
	if c.expire != 0 {
		f |= flagExpire
	}
	if c.isInt {
		f |= flagCounter
	}
	if c.kind == Opaque {
		f |= flagOpaque
	}
	return f
}

// put writes the value to the start of b.
func (c *content) put(b []byte) {
	if c.isInt {
		binary.LittleEndian.PutUint64(b, uint64(c.n))
	} else {
		copy(b, c.bytes)
	}
}

// recordSize returns the size in its slot of a record that is not large. The result is above
// maxSlot if the record must be large.
func recordSize(keySize, valueSize int, expiring bool) int {
	size := 4 + keySize + valueSize
	if expiring {
		size += 8
	}
	if keySize > maxShortKey {
		size += 8
	}
	return size
}

// largeSize returns the size of a large record in its slot.
func largeSize(keySize int, expiring bool) int {
	size := 4 + largeFields
	if expiring {
		size += 8
	}
	if keySize <= maxInlineKey {
		size += keySize
	}
	return size
}

// spanKey returns the number of key bytes before the value in a span.
func spanKey(keySize int) int {
	if keySize <= maxInlineKey {
		return 0
	}
	return keySize
}

// putRecord writes a record that is not large, except for its flagNew, and returns it.
func putRecord(slot, key []byte, c *content) []byte {
	flags, n := c.flags(), 4
	if c.expire != 0 {
		binary.LittleEndian.PutUint64(slot[n:], uint64(c.expire))
		n += 8
	}
	if len(key) > maxShortKey {
		flags |= flagWide
		binary.LittleEndian.PutUint32(slot, uint32(flags))
		binary.LittleEndian.PutUint32(slot[n:], uint32(len(key)))
		binary.LittleEndian.PutUint32(slot[n+4:], uint32(c.size()))
		n += 8
	} else {
		binary.LittleEndian.PutUint32(slot, uint32(flags)|uint32(len(key))<<8|uint32(c.size())<<16)
	}
	n += copy(slot[n:], key)
	c.put(slot[n:])
	return slot[:n+c.size()]
}

// span identifies the run of units of a large value.
type span struct {
	ref, units uint32
}

// putLarge writes the part of a large record that is in its slot, except for its flagNew.
func putLarge(slot, key []byte, c *content, s span) {
	binary.LittleEndian.PutUint32(slot, uint32(c.flags()|flagLarge))
	n := 4
	if c.expire != 0 {
		binary.LittleEndian.PutUint64(slot[n:], uint64(c.expire))
		n += 8
	}
	binary.LittleEndian.PutUint32(slot[n:], uint32(len(key)))
	binary.LittleEndian.PutUint32(slot[n+4:], uint32(c.size()))
	binary.LittleEndian.PutUint32(slot[n+8:], s.ref)
	binary.LittleEndian.PutUint32(slot[n+12:], s.units)
	if len(key) <= maxInlineKey {
		copy(slot[n+16:], key)
	}
}

// record contains the parsed fields of a record. The key and value of a large record are nil until
// load is called, except for a key in the slot.
type record struct {
	flags              byte
	expire             int64
	key, value         []byte
	keySize, valueSize int
	span               span
	size               int // in the slot
}

func parse(slot []byte) (r record) {
	head := binary.LittleEndian.Uint32(slot)
	r.flags = byte(head)
	r.keySize, r.valueSize = int(head>>8&0xff), int(head>>16)
	n := 4
	if r.flags&flagExpire != 0 {
		r.expire = int64(binary.LittleEndian.Uint64(slot[n:]))
		n += 8
	}
	if r.flags&(flagWide|flagLarge) != 0 {
		r.keySize = int(binary.LittleEndian.Uint32(slot[n:]))
		r.valueSize = int(binary.LittleEndian.Uint32(slot[n+4:]))
		n += 8
	}
	if r.flags&flagLarge != 0 {
		r.span.ref = binary.LittleEndian.Uint32(slot[n:])
		r.span.units = binary.LittleEndian.Uint32(slot[n+4:])
		n += 8
		r.size = n
		if r.keySize <= maxInlineKey {
			r.size += r.keySize
			r.key = slot[n:r.size:r.size]
		}
		return r
	}
	v := n + r.keySize
	r.size = v + r.valueSize
	r.key, r.value = slot[n:v:v], slot[v:r.size:r.size]
	return r
}

// load completes a large record from its span's memory.
func (r *record) load(memory []byte) {
	n := spanKey(r.keySize)
	if n > 0 {
		r.key = memory[:n:n]
	}
	r.value = memory[n : n+r.valueSize : n+r.valueSize]
}

func (r *record) kind() Kind {
	if r.flags&flagOpaque != 0 {
		return Opaque
	}
	return String
}

func (r *record) content() content {
	c := content{kind: r.kind(), bytes: r.value, expire: r.expire}
	if r.flags&flagCounter != 0 {
		c.isInt, c.n = true, int64(binary.LittleEndian.Uint64(r.value))
	}
	return c
}

// recordAt returns the complete record at r.
func (k *keyspace) recordAt(r uint32) record {
	rec := parse(k.at(r))
	if rec.flags&flagLarge != 0 {
		rec.load(k.run(rec.span.ref, rec.span.units))
	}
	return rec
}

// An Item is the value of a key in the table's memory. It is valid until the shard changes or is
// unlocked. Its Append methods append a copy.
type Item struct {
	value  []byte
	expire int64
	flags  byte
	ref    uint32 // the record
	at     place  // its place in the index
}

// ExpireAtMs returns the expiry of the key in Unix milliseconds; 0 means never.
func (it Item) ExpireAtMs() int64 { return it.expire }

// Kind returns the kind of the value.
func (it Item) Kind() Kind {
	if it.flags&flagOpaque != 0 {
		return Opaque
	}
	return String
}

// Int returns the value of a String that is the canonical decimal of an int64, as strconv writes
// it. Other values that a parser might accept, such as "+1" or "01", are not integers.
func (it Item) Int() (n int64, ok bool) {
	if it.flags&flagCounter == 0 {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(it.value)), true
}

// ValueLen returns the number of bytes that AppendValue appends.
func (it Item) ValueLen() int {
	if n, ok := it.Int(); ok {
		return decimalLen(n)
	}
	return len(it.value)
}

// Equal reports whether value equals the bytes that AppendValue would append.
func (it Item) Equal(value []byte) bool {
	if it.flags&flagCounter != 0 {
		var decimal [maxDecimal]byte
		return string(it.AppendValue(decimal[:0])) == string(value)
	}
	return string(it.value) == string(value)
}

// Large reports whether the value is too long to copy under the lock. Use Pin for such a value.
func (it Item) Large() bool { return it.flags&flagLarge != 0 && len(it.value) >= pinAbove }

// LargeValue returns a value that is Large in place, and nil for any other. It must not be modified
// and is valid as long as the Item.
func (it Item) LargeValue() []byte {
	if !it.Large() {
		return nil
	}
	return it.value
}

// Opaque returns the value of an Opaque in place, and nil for a String. It must not be modified
// and is valid as long as the Item.
func (it Item) Opaque() []byte {
	if it.flags&flagOpaque == 0 {
		return nil
	}
	return it.value
}

// Detached returns a copy of the item that stays valid, with a copy of its Opaque value. Of a
// String, it has only the kind and the expiry.
func (it Item) Detached(value []byte) Item {
	return Item{value: value, expire: it.expire, flags: it.flags & flagOpaque}
}

// AppendValue appends the value to dst.
func (it Item) AppendValue(dst []byte) []byte {
	if n, ok := it.Int(); ok {
		return strconv.AppendInt(dst, n, 10)
	}
	return append(dst, it.value...)
}
