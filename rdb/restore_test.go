package rdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// payload appends version and checksum to type and value.
func payload(body []byte, version int) []byte {
	p := binary.LittleEndian.AppendUint16(bytes.Clone(body), uint16(version))
	return binary.LittleEndian.AppendUint64(p, crc64.Checksum(p))
}

func TestDumpVector(t *testing.T) {
	want := unhex("00 c0 0a 09 00 be 6d 06 89 5a 28 00 0a")
	if p := rdb.AppendDump([]byte("kept"), snapshot.String, []byte("10")); string(p) != "kept"+string(want) {
		t.Errorf("AppendDump = %x, want %x", p, want)
	}
	kind, value, err := rdb.ParseDump(want)
	if kind != snapshot.String || string(value) != "10" || err != nil {
		t.Errorf("ParseDump = %d, %q, %v, want %d, %q", kind, value, err, snapshot.String, "10")
	}
}

func TestDumpPayloads(t *testing.T) {
	for _, c := range []struct {
		name    string
		body    string
		version int
		kind    snapshot.Type
		value   string // hex
	}{
		{"string", "000176", 11, 0, "76"},
		{"empty string", "0000", 6, 0, ""},
		{"LZF", "00c305406400 61e05a00", 10, 0, strings.Repeat("61", 100)},
		{"list", "010101 61", 9, 1, "010161"},
		{"Redis's 22", "16 01 05 0166 0176", 12, 22, "010501660176"},
		{"Valkey's 22", "16 01 0166 0176 ffffffffffffffff", 80, snapshot.Valkey | 22, "0101660176ffffffffffffffff"},
	} {
		kind, value, err := rdb.ParseDump(payload(unhex(c.body), c.version))
		if err != nil || kind != c.kind || !bytes.Equal(value, unhex(c.value)) {
			t.Errorf("%s: ParseDump = %d, %x, %v, want %d, %s", c.name, kind, value, err, c.kind, c.value)
			continue
		}
		again, value2, err := rdb.ParseDump(rdb.AppendDump(nil, kind, value))
		if err != nil || again != kind || !bytes.Equal(value, value2) {
			t.Errorf("%s: second ParseDump = %d, %x, %v, want %d, %x", c.name, again, value2, err, kind, value)
		}
	}
}

func TestDumpDamage(t *testing.T) {
	good := payload(unhex("0103016101620163"), 9)
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if _, _, err := rdb.ParseDump(bad); err == nil {
			t.Errorf("ParseDump with bit %d flipped = nil error, want an error", i)
		}
	}
	for n := range good {
		if _, _, err := rdb.ParseDump(good[:n]); err == nil {
			t.Errorf("ParseDump of a payload truncated at %d = nil error, want an error", n)
		}
	}
	for _, c := range []struct {
		name    string
		p       []byte
		offset  int64
		foreign bool
	}{
		{"more than a value", payload(unhex("00017600"), 9), 3, false},
		{"less than a value", payload(unhex("000376"), 9), 2, false},
		{"unknown type", payload(unhex("6400"), 12), 0, true},
		{"old module", payload(unhex("0600"), 7), 0, true},
		{"Valkey's type of Redis's version", payload(unhex("18000000000000000000"), 80), 0, true},
		{"version 0", payload(unhex("000176"), 0), 3, true},
	} {
		_, _, err := rdb.ParseDump(c.p)
		var bad *corrupt.Error
		var foreign *rdb.UnsupportedError
		switch {
		case c.foreign && errors.As(err, &foreign) && foreign.Offset == c.offset:
		case !c.foreign && errors.As(err, &bad) && bad.Offset == c.offset:
		default:
			t.Errorf("%s: ParseDump = %v, want an error at offset %d", c.name, err, c.offset)
		}
	}
}
