package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// These are the types of values from JSON lines: the oldest encoding of each, which every server
// loads. A stream or a hash needs a newer type if it has something that the oldest type lacks.
const (
	typeList       snapshot.Type = 1
	typeSet        snapshot.Type = 2
	typeHash       snapshot.Type = 4
	typeZset       snapshot.Type = 5
	typeStream2    snapshot.Type = 19 // Redis 7.0: first ID, deleted IDs, entries added and read
	typeStream3    snapshot.Type = 21 // Redis 7.2: when a consumer was active
	typeHashExpiry snapshot.Type = 24 // Redis 7.4: fields that expire

	typeHashValkey = snapshot.Valkey | 22 // Valkey 9: fields that expire
)

// parsedLine is a line about a key in the form that is read. The form that is written is dumped.
type parsedLine struct {
	DB              int              `json:"db"`
	Key             *string          `json:"key,omitempty"`
	KeyBase64       *string          `json:"keyBase64,omitempty"`
	Type            string           `json:"type"`
	Value           *node            `json:"value,omitempty"`
	ValueBase64     *node            `json:"valueBase64,omitempty"`
	DumpBase64      *string          `json:"dumpBase64,omitempty"`
	FieldExpireAtMs map[string]int64 `json:"fieldExpireAtMs,omitempty"`
	Valkey          *bool            `json:"valkey,omitempty"`
	ExpireAtMs      *int64           `json:"expireAtMs,omitempty"`

	all *node
}

// jsonExtra is the line of a function library, or of a module's data outside keys. It contains the
// bytes after the opcode of the dump.
type jsonExtra struct {
	Type          string `json:"type"`
	Opcode        int    `json:"opcode"`
	PayloadBase64 string `json:"payloadBase64"`
}

// extraType is the type of a line that is not about a key: a function library, or data of a module.
const extraType = "extra"

// readLine reads a line, which is about a key or is an extra.
func readLine(text []byte) (l *parsedLine, x *jsonExtra, err error) {
	n, err := parseLine(text)
	if err != nil {
		return nil, nil, err
	}
	if t := n.member("type"); t != nil && t.kind == str && t.text == extraType {
		x = new(jsonExtra)
		return nil, x, bind(n, x)
	}
	l = &parsedLine{all: n}
	return l, nil, bind(n, l)
}

func (x *jsonExtra) extra() (snapshot.Extra, error) {
	p, err := strictBase64(x.PayloadBase64)
	if err != nil {
		return snapshot.Extra{}, errors.New("payloadBase64 is not base64")
	}
	if x.Opcode < 1 || x.Opcode > 255 {
		return snapshot.Extra{}, fmt.Errorf("want an opcode of 1 to 255, found %d", x.Opcode)
	}
	return snapshot.Extra{Opcode: byte(x.Opcode), Payload: p}, nil
}

// entry returns the entry of a line.
func (l *parsedLine) entry() (e snapshot.Entry, err error) {
	if e, err = l.attributes(); err != nil {
		return e, err
	}
	if l.DumpBase64 != nil {
		return l.fromDump(e)
	}
	v := valueReader{raw: l.Value, expiry: l.FieldExpireAtMs, valkey: l.Valkey != nil}
	if l.ValueBase64 != nil {
		v.raw, v.base64 = l.ValueBase64, true
	}
	if l.FieldExpireAtMs != nil && l.Type != "hash" || v.valkey && len(v.expiry) == 0 {
		return e, errors.New("want fieldExpireAtMs and valkey only for hashes with fields that expire")
	}
	if e.Type, e.Value, err = v.value(l.Type); err == nil {
		// It finds, for example, duplicates and IDs out of order.
		_, err = rdb.DecodeValue(e.Type, e.Value, rdb.Validate(false))
	}
	return e, err
}

// attributes reads the members other than the value.
func (l *parsedLine) attributes() (e snapshot.Entry, err error) {
	e.DB = l.DB
	switch {
	case l.DB < 0 || l.DB > math.MaxInt32:
		return e, fmt.Errorf("want a database from 0 to %d, found %d", math.MaxInt32, l.DB)
	case (l.Key == nil) == (l.KeyBase64 == nil):
		return e, errors.New("want either key or keyBase64")
	case l.Value != nil && l.ValueBase64 != nil:
		return e, errors.New("want either value or valueBase64, found both")
	case l.Valkey != nil && !*l.Valkey:
		return e, errors.New("want valkey to be true or omitted, found false")
	case l.Key != nil:
		e.Key = []byte(*l.Key)
	default:
		if e.Key, err = strictBase64(*l.KeyBase64); err != nil {
			return e, errors.New("keyBase64 is not base64")
		}
	}
	if l.ExpireAtMs != nil {
		if e.ExpireAtMs = *l.ExpireAtMs; e.ExpireAtMs == 0 {
			return e, errors.New("want no expireAtMs for a key that does not expire, found 0")
		}
	}
	return e, nil
}

// fromDump reads the value from a payload of DUMP. The other members must match the payload, so
// that an edit of those members is not ignored.
func (l *parsedLine) fromDump(e snapshot.Entry) (snapshot.Entry, error) {
	p, err := strictBase64(*l.DumpBase64)
	if err != nil {
		return e, errors.New("dumpBase64 is not base64")
	}
	if e.Type, e.Value, err = rdb.ParseDump(p); err != nil {
		return e, err
	}
	line, err := lineOf(&e)
	if err != nil {
		return e, err
	}
	text, err := json.Marshal(line)
	if err != nil {
		return e, err
	}
	decoded, err := parseLine(text)
	if err != nil {
		return e, err
	}
	for i, name := range l.all.names {
		switch name {
		case "type", "value", "valueBase64", "fieldExpireAtMs", "valkey":
			if m := decoded.member(name); m == nil || !m.equal(&l.all.nodes[i]) {
				return e, fmt.Errorf("%s differs from the value in dumpBase64", name)
			}
		}
	}
	return e, nil
}

// valueReader turns the value of a line into a payload.
type valueReader struct {
	raw    *node
	base64 bool
	expiry map[string]int64
	valkey bool  // fields expire in the encoding of Valkey
	err    error // the first error
}

func (v *valueReader) value(name string) (t snapshot.Type, payload []byte, err error) {
	if v.raw == nil {
		return 0, nil, errors.New("want value or valueBase64, found neither")
	}
	switch name {
	case "string":
		var s string
		v.parse(&s)
		payload = v.bytes(s)
	case "list", "set":
		t = typeList
		if name == "set" {
			t = typeSet
		}
		var all []string
		v.parse(&all)
		payload = appendLength(nil, uint64(len(all)))
		for _, s := range all {
			payload = v.str(payload, s)
		}
	case "hash":
		t, payload = v.hash()
	case "zset":
		t, payload = typeZset, v.sortedSet()
	case "stream":
		t, payload = v.stream()
	default:
		return 0, nil, fmt.Errorf("unknown type %q", name)
	}
	return t, payload, v.err
}

func (v *valueReader) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// parse reads the value, and reports whether the value has the shape of its type.
func (v *valueReader) parse(to any) bool {
	err := bind(v.raw, to)
	if err != nil {
		v.fail(err)
	}
	return err == nil
}

// bytes decodes a string of the value.
func (v *valueReader) bytes(s string) []byte {
	if !v.base64 {
		return []byte(s)
	}
	p, err := strictBase64(s)
	if err != nil {
		v.fail(errors.New("a string in valueBase64 is not base64"))
	}
	return p
}

func (v *valueReader) str(dst []byte, s string) []byte { return appendString(dst, v.bytes(s)) }

func (v *valueReader) hash() (snapshot.Type, []byte) {
	var all map[string]string
	v.parse(&all)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(v.expiry) == 0 {
		out := appendLength(nil, uint64(len(all)))
		for _, name := range names {
			out = v.str(v.str(out, name), all[name])
		}
		return typeHash, out
	}
	for name, at := range v.expiry {
		if _, ok := all[name]; !ok {
			v.fail(errors.New("fieldExpireAtMs has a field that is not in the hash"))
		}
		if at < 1 {
			v.fail(errors.New("a field expiry is out of range"))
		}
	}
	if v.valkey {
		return typeHashValkey, v.valkeyHash(names, all)
	}
	return typeHashExpiry, v.redisHash(names, all)
}

// redisHash appends the fields of a hash with fields that expire. It appends the first expiry, and
// each expiry as its distance from the first, starting at 1.
func (v *valueReader) redisHash(names []string, all map[string]string) []byte {
	least := int64(math.MaxInt64)
	for _, at := range v.expiry {
		least = min(least, at)
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(least))
	out = appendLength(out, uint64(len(all)))
	for _, name := range names {
		ttl := uint64(0)
		if at, ok := v.expiry[name]; ok {
			ttl = uint64(at-least) + 1
		}
		out = v.str(v.str(appendLength(out, ttl), name), all[name])
	}
	return out
}

// valkeyHash appends fields with their expiry; -1 means no expiry.
func (v *valueReader) valkeyHash(names []string, all map[string]string) []byte {
	out := appendLength(nil, uint64(len(all)))
	for _, name := range names {
		at, ok := v.expiry[name]
		if !ok {
			at = -1
		}
		out = binary.LittleEndian.AppendUint64(v.str(v.str(out, name), all[name]), uint64(at))
	}
	return out
}

func (v *valueReader) sortedSet() []byte {
	var all []struct {
		Member string `json:"member"`
		Score  *node  `json:"score"`
	}
	if !v.parse(&all) {
		return nil
	}
	out := appendLength(nil, uint64(len(all)))
	for i := len(all) - 1; i >= 0; i-- { // from the highest score, in the order of servers
		score, err := scoreOf(all[i].Score)
		if err != nil {
			v.fail(err)
		}
		out = binary.LittleEndian.AppendUint64(v.str(out, all[i].Member), math.Float64bits(score))
	}
	return out
}

// scoreOf reads a score, which is a number, "inf", or "-inf".
func scoreOf(n *node) (float64, error) {
	if n.kind == str && (n.text == "inf" || n.text == "-inf") || n.kind == number {
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f, nil
		}
	}
	return 0, wrong(n.at, "want a score, found something else")
}

// appendLength appends a length in the encoding of a dump.
func appendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 0x40|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0x81), n)
}

// appendString appends a string in the encoding of a dump, without compression.
func appendString(dst, s []byte) []byte {
	return append(appendLength(dst, uint64(len(s))), s...)
}
