package main

import (
	"encoding/base64"
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

// The types that values of JSON lines become: the oldest encoding of each, which every server
// loads. What a stream or a hash has that the oldest lacks asks for a newer one.
const (
	typeList       snapshot.Type = 1
	typeSet        snapshot.Type = 2
	typeHash       snapshot.Type = 4
	typeZset       snapshot.Type = 5
	typeStream     snapshot.Type = 15 // Redis 5
	typeStream2    snapshot.Type = 19 // Redis 7.0: first id, deleted ids, entries added and read
	typeStream3    snapshot.Type = 21 // Redis 7.2: when a consumer was active
	typeHashExpiry snapshot.Type = 24 // Redis 7.4: fields that expire
)

// parsedLine is a line as it is read: that of dumped, or of an extra.
type parsedLine struct {
	DB              int              `json:"db"`
	Key             *string          `json:"key"`
	KeyBase64       *string          `json:"keyBase64"`
	Type            string           `json:"type"`
	Value           json.RawMessage  `json:"value"`
	ValueBase64     json.RawMessage  `json:"valueBase64"`
	DumpBase64      string           `json:"dumpBase64"`
	FieldExpireAtMs map[string]int64 `json:"fieldExpireAtMs"`
	ExpireAtMs      int64            `json:"expireAtMs"`

	Opcode        int    `json:"opcode"`
	PayloadBase64 string `json:"payloadBase64"`
}

// extraType is the type of a line that is no key: a function library, or data of a module.
const extraType = "extra"

func (l *parsedLine) extra() (snapshot.Extra, error) {
	p, err := base64.StdEncoding.DecodeString(l.PayloadBase64)
	if l.Opcode < 1 || l.Opcode > 255 {
		err = errors.Join(err, fmt.Errorf("opcode %d", l.Opcode))
	}
	return snapshot.Extra{Opcode: byte(l.Opcode), Payload: p}, err
}

// entry makes the entry of a line. version is the newest format version that its type may need.
func (l *parsedLine) entry(version int) (e snapshot.Entry, err error) {
	if l.DB < 0 {
		return e, fmt.Errorf("database %d", l.DB)
	}
	e = snapshot.Entry{DB: l.DB, ExpireAtMs: l.ExpireAtMs}
	switch {
	case l.Key != nil:
		e.Key = []byte(*l.Key)
	case l.KeyBase64 == nil:
		return e, errors.New("neither key nor keyBase64")
	default:
		if e.Key, err = base64.StdEncoding.DecodeString(*l.KeyBase64); err != nil {
			return e, errors.New("keyBase64 is not base64")
		}
	}
	if l.DumpBase64 != "" {
		p, err := base64.StdEncoding.DecodeString(l.DumpBase64)
		if err == nil {
			e.Type, e.Value, err = rdb.ParseDump(p)
		}
		return e, err
	}
	v := valueReader{raw: l.Value, version: version, expiry: l.FieldExpireAtMs}
	if l.ValueBase64 != nil {
		v.raw, v.base64 = l.ValueBase64, true
	}
	if e.Type, e.Value, err = v.value(l.Type); err == nil {
		// Duplicates, ids that do not fit and the like.
		_, err = rdb.DecodeValue(e.Type, e.Value, rdb.Validate(false))
	}
	return e, err
}

// valueReader turns the value of a line into a payload.
type valueReader struct {
	raw     json.RawMessage
	base64  bool
	version int
	expiry  map[string]int64
	err     error // the first
}

func (v *valueReader) value(name string) (t snapshot.Type, payload []byte, err error) {
	if v.raw == nil {
		return 0, nil, errors.New("no value")
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

// parse reads the value; an error of it never shows what stands there.
func (v *valueReader) parse(to any) {
	if err := json.Unmarshal(v.raw, to); err != nil {
		v.fail(errors.New("the value has not the shape of its type"))
	}
}

// bytes decodes a string of the value.
func (v *valueReader) bytes(s string) []byte {
	if !v.base64 {
		return []byte(s)
	}
	p, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		v.fail(errors.New("a string of valueBase64 is not base64"))
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
	if v.version < 12 {
		v.fail(errors.New("a hash with fields that expire needs version 12"))
	}
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
	return typeHashExpiry, out
}

func (v *valueReader) sortedSet() []byte {
	var all []struct {
		Member string          `json:"member"`
		Score  json.RawMessage `json:"score"`
	}
	v.parse(&all)
	out := appendLength(nil, uint64(len(all)))
	for i := len(all) - 1; i >= 0; i-- { // from the highest, as servers write them
		text := string(all[i].Score)
		if s, err := strconv.Unquote(text); err == nil {
			text = s
		}
		score, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(score) {
			v.fail(errors.New("a score is no number"))
		}
		out = binary.LittleEndian.AppendUint64(v.str(out, all[i].Member), math.Float64bits(score))
	}
	return out
}

// appendLength appends a length as a dump has it.
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

// appendString appends a string as a dump has it, plainly.
func appendString(dst, s []byte) []byte {
	return append(appendLength(dst, uint64(len(s))), s...)
}
