package rdb_test

// Payloads of every type and encoding, built independently of the package.

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/snapshot"
)

// plainLength encodes n as a length in an RDB file.
func plainLength(n int) []byte {
	switch {
	case n < 1<<6:
		return []byte{byte(n)}
	case n < 1<<14:
		return []byte{byte(n>>8) | 0x40, byte(n)}
	}
	return binary.BigEndian.AppendUint32([]byte{0x80}, uint32(n))
}

// plainString encodes p as a string in an RDB file.
func plainString(p []byte) []byte { return append(plainLength(len(p)), p...) }

func strs(all ...string) (p []byte) {
	for _, s := range all {
		p = append(p, plainString([]byte(s))...)
	}
	return p
}

func join(parts ...[]byte) (p []byte) {
	for _, part := range parts {
		p = append(p, part...)
	}
	return p
}

func count(n int) []byte { return plainLength(n) }

func little(n int64, size int) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(n))[:size]
}

// asInt parses s if it is the canonical form of an integer.
func asInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// listpackOf builds a listpack like Redis.
func listpackOf(all ...string) []byte {
	body := []byte{}
	for _, s := range all {
		var e []byte
		if n, ok := asInt(s); ok {
			switch {
			case n >= 0 && n <= 127:
				e = []byte{byte(n)}
			case n >= -1<<12 && n < 1<<12:
				e = []byte{0xc0 | byte(uint16(n)>>8)&0x1f, byte(n)}
			case n >= -1<<15 && n < 1<<15:
				e = append([]byte{0xf1}, little(n, 2)...)
			case n >= -1<<23 && n < 1<<23:
				e = append([]byte{0xf2}, little(n, 3)...)
			case n >= -1<<31 && n < 1<<31:
				e = append([]byte{0xf3}, little(n, 4)...)
			default:
				e = append([]byte{0xf4}, little(n, 8)...)
			}
		} else {
			switch n := len(s); {
			case n < 64:
				e = []byte{0x80 | byte(n)}
			case n < 4096:
				e = []byte{0xe0 | byte(n>>8), byte(n)}
			default:
				e = binary.LittleEndian.AppendUint32([]byte{0xf0}, uint32(n))
			}
			e = append(e, s...)
		}
		size := len(e)
		switch { // the limits are those of lpEncodeBacklen
		case size <= 127:
			e = append(e, byte(size))
		case size < 16383:
			e = append(e, byte(size>>7), byte(size&127)|128)
		case size < 2097151:
			e = append(e, byte(size>>14), byte(size>>7&127)|128, byte(size&127)|128)
		default:
			e = append(e, byte(size>>21), byte(size>>14&127)|128, byte(size>>7&127)|128, byte(size&127)|128)
		}
		body = append(body, e...)
	}
	return join(little(int64(len(body)+7), 4), little(int64(min(len(all), 65535)), 2), body, []byte{0xff})
}

// ziplistOf builds a ziplist like Redis.
func ziplistOf(all ...string) []byte {
	body, before, tail := []byte{}, 0, 10
	for _, s := range all {
		var e []byte
		if before < 254 {
			e = []byte{byte(before)}
		} else {
			e = append([]byte{0xfe}, little(int64(before), 4)...)
		}
		if n, ok := asInt(s); ok {
			switch {
			case n >= 0 && n <= 12:
				e = append(e, 0xf1+byte(n))
			case n >= -1<<7 && n < 1<<7:
				e = append(e, 0xfe, byte(n))
			case n >= -1<<15 && n < 1<<15:
				e = append(append(e, 0xc0), little(n, 2)...)
			case n >= -1<<23 && n < 1<<23:
				e = append(append(e, 0xf0), little(n, 3)...)
			case n >= -1<<31 && n < 1<<31:
				e = append(append(e, 0xd0), little(n, 4)...)
			default:
				e = append(append(e, 0xe0), little(n, 8)...)
			}
		} else {
			switch n := len(s); {
			case n < 64:
				e = append(e, byte(n))
			case n < 1<<14:
				e = append(e, 0x40|byte(n>>8), byte(n))
			default:
				e = binary.BigEndian.AppendUint32(append(e, 0x80), uint32(n))
			}
			e = append(e, s...)
		}
		tail = 10 + len(body)
		body = append(body, e...)
		before = len(e)
	}
	return join(little(int64(len(body)+11), 4), little(int64(tail), 4), little(int64(min(len(all), 65535)), 2), body, []byte{0xff})
}

// intsetOf builds an intset.
func intsetOf(width int, all ...int64) []byte {
	p := join(little(int64(width), 4), little(int64(len(all)), 4))
	for _, n := range all {
		p = append(p, little(n, width)...)
	}
	return p
}

// zipmapOf builds a zipmap with pad bytes after each value.
func zipmapOf(pad int, all ...string) []byte {
	p := []byte{byte(min(len(all)/2, 254))}
	for i, s := range all {
		if len(s) < 254 {
			p = append(p, byte(len(s)))
		} else {
			p = append(append(p, 254), little(int64(len(s)), 4)...)
		}
		if i%2 == 1 {
			p = append(p, byte(pad))
		}
		p = append(p, s...)
		if i%2 == 1 {
			p = append(p, make([]byte, pad)...)
		}
	}
	return append(p, 0xff)
}

func f8(f float64) []byte { return little(int64(math.Float64bits(f)), 8) }

func rawID(ms, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), seq)
}

// streamOf returns a stream with entries 5-1 (deleted), 5-2, 7-0, and 8-3, and two groups.
func streamOf(t snapshot.Type) []byte {
	one := listpackOf("2", "1", "2", "f", "g", "0", "3", "0", "0", "old", "old", "5",
		"2", "0", "1", "1", "two", "5", "0", "2", "-1", "1", "h", "other", "6")
	two := listpackOf("1", "0", "1", "f", "0", "2", "0", "0", "last", "4")
	p := join(count(2), plainString(rawID(5, 1)), plainString(one), plainString(rawID(8, 3)), plainString(two), count(3))
	p = append(p, 9, 0)
	if t >= 19 {
		p = append(p, 5, 2, 5, 1, 5)
	}
	p = append(p, 2)
	p = append(append(p, strs("group")...), 7, 0)
	if t >= 19 {
		p = append(p, 3)
	}
	p = join(p, count(2), rawID(5, 2), little(1700000000000, 8), count(1), rawID(7, 0), little(1700000000001, 8), count(2))
	p = join(p, count(2), strs("alice"), little(1700000000002, 8))
	if t >= 21 {
		p = append(p, little(1700000000003, 8)...)
	}
	p = join(p, count(1), rawID(7, 0), strs("bob"), little(1700000000004, 8))
	if t >= 21 {
		p = append(p, little(-1, 8)...)
	}
	if t < 27 {
		p = join(p, count(1), rawID(5, 2))
	} else {
		p = join(p, count(0), count(1), rawID(5, 2)) // returned by its consumer
	}
	p = join(p, strs("idle"), count(0), count(0))
	if t >= 19 {
		p = append(p, 0x81, 255, 255, 255, 255, 255, 255, 255, 255)
	}
	p = append(p, 0, 0)
	if t >= 27 {
		p = append(p, 0)
	}
	if t >= 26 {
		p = join(p, count(100), count(200), count(2), strs("pid"), count(2), strs("a"), []byte{5, 2}, strs("b"), []byte{7, 0}, strs("none"), count(0), count(9), count(1))
	}
	return p
}

// lzfString encodes p as a compressed string.
func lzfString(p []byte) []byte {
	// A stream of only literal runs is also valid.
	var stream []byte
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 32)
		stream = append(append(stream, byte(n-1)), rest[:n]...)
		rest = rest[n:]
	}
	return join([]byte{0xc3}, plainLength(len(stream)), plainLength(len(p)), stream)
}

// shape is a payload with its decoded value, as show prints it.
type shape struct {
	name    string
	kind    snapshot.Type
	payload []byte
	want    string
}

const valkeyHash = snapshot.Valkey | 22

// shapes returns a payload of each type and encoding.
func shapes() []shape {
	long := string(make([]byte, 300))
	mixed := []string{"a", "12", "13", "-1", "4095", "-4096", "32767", "-32768", "8388607", "-8388608", "2147483647",
		"-2147483648", "9223372036854775807", "-9223372036854775808", "007", "", long}
	list := "list " + show(mixed...)
	fields := []string{"a", "1", "b", "", "300", "-300", long, "x"}
	hash := "hash " + show(fields...)
	scored := []string{"b", "-1.5", "a", "1", "c", "1e+20"}
	zset := `zset "b"=-1.5 "a"=1 "c"=1e+20`
	members := "set " + show("x", "-5", "y")
	const streamTail = ` group "group" 7-0 `
	stream := func(read, read2, active, active2, first string) string {
		return `stream len 3 last 9-0 ` + first + ` 5-2 "f"="1" "g"="two" 7-0 "h"="other" 8-3 "f"="last"` +
			streamTail + read + ` (5-2 1700000000000 1) (7-0 1700000000001 2) "alice" 1700000000002 ` + active + ` [7-0] "bob" 1700000000004 ` +
			active2 + ` [5-2] group "idle" 0-0 ` + read2
	}
	return []shape{
		{"list", 1, join(count(3), strs("a", ""), []byte{0xc0, 0xfe}), "list " + show("a", "", "-2")},
		{"list, LZF", 1, join(count(2), unhex("c305406400 61e05a00"), unhex("c30b00")[:0], strs("b")), "list " + show(string(repeat('a', 100)), "b")},
		{"set", 2, join(count(3), strs("x", "-5", "y")), members},
		{"zset, text", 3, join(count(3), strs("b"), []byte("\x04-1.5"), strs("a"), []byte("\x011"), strs("c"), []byte{254}), `zset "b"=-1.5 "a"=1 "c"=+Inf`},
		{"hash", 4, join(count(4), strs(fields...)), hash},
		{"zset", 5, join(count(2), strs("b"), f8(math.Inf(-1)), strs("a"), f8(0.1)), `zset "b"=-Inf "a"=0.1`},
		{"module", 7, unhex("81" + "2d37d3e5a1e1f401" + "02 05 01 07 03 0000c03f 04 000000000000f83f 05 0161 00"),
			`module LTfT5aHh9 1 uint64 5 int64 7 float32 1.5 float64 1.5 []uint8 [97]`},
		{"hash zipmap", 9, plainString(zipmapOf(2, fields...)), hash},
		{"list ziplist", 10, plainString(ziplistOf(mixed...)), list},
		{"set intset 2", 11, plainString(intsetOf(2, -5, 0, 300)), "set " + show("-5", "0", "300")},
		{"set intset 4", 11, plainString(intsetOf(4, -70000, 300)), "set " + show("-70000", "300")},
		{"set intset 8", 11, plainString(intsetOf(8, math.MinInt64, math.MaxInt64)), "set " + show("-9223372036854775808", "9223372036854775807")},
		{"zset ziplist", 12, plainString(ziplistOf(scored...)), zset},
		{"hash ziplist", 13, plainString(ziplistOf(fields...)), hash},
		{"quicklist", 14, join(count(2), plainString(ziplistOf(mixed[:9]...)), lzfString(ziplistOf(mixed[9:]...))), list},
		{"hash listpack", 16, plainString(listpackOf(fields...)), hash},
		{"zset listpack", 17, plainString(listpackOf(scored...)), zset},
		{"quicklist2", 18, join(count(3), []byte{1}, strs("a"), []byte{2}, plainString(listpackOf(mixed[1:12]...)), []byte{2}, lzfString(listpackOf(mixed[12:]...))), list},
		{"set listpack", 20, plainString(listpackOf("x", "-5", "y")), members},
		{"hash with times, candidate", 22, join(count(2), count(100), strs("a", "1"), count(0), strs("b", "2")), `hash "a"="1"@100 "b"="2"`},
		{"hash listpack with times, candidate", 23, plainString(listpackOf("a", "1", "5000", "b", "2", "0")), `hash "a"="1"@5000 "b"="2"`},
		{"hash with times", 24, join(little(5000, 8), count(3), count(1), strs("a", "1"), count(11), strs("b", "2"), count(0), strs("c", "3")),
			`hash "a"="1"@5000 "b"="2"@5010 "c"="3"`},
		{"hash listpack with times", 25, join(little(5000, 8), plainString(listpackOf("a", "1", "5000", "b", "2", "0"))), `hash "a"="1"@5000 "b"="2"`},
		{"hash with times, Valkey", valkeyHash, join(count(2), strs("a", "1"), little(5000, 8), strs("b", "2"), little(-1, 8)), `hash "a"="1"@5000 "b"="2"`},
		{"stream 1", 15, streamOf(15), stream("-1", "-1", "1700000000002", "1700000000004", "first 5-2 deleted 0-0 added 3")},
		{"stream 2", 19, streamOf(19), stream("3", "-1", "1700000000002", "1700000000004", "first 5-2 deleted 5-1 added 5")},
		{"stream 4", 26, streamOf(26), stream("3", "-1", "1700000000003", "-1", "first 5-2 deleted 5-1 added 5") +
			` producers 100 200 9 1 "pid" "a"=5-2 "b"=7-0 "none"`},
		{"stream 5", 27, streamOf(27), strings.Replace(stream("3", "-1", "1700000000003", "-1", "first 5-2 deleted 5-1 added 5"),
			` [5-2] group`, ` [] nacked [5-2] group`, 1) + ` producers 100 200 9 1 "pid" "a"=5-2 "b"=7-0 "none"`},
		{"array", 28, unhex("04 01 09 00 00 0161 01 01 feffffffffffffff 02 02 000000000000f83f 4fff 03 0162"),
			`array insert 9 0=[97] 1=-2 2=1.5 4095=[98]`},
		{"array without insert", 28, unhex("01 00 05 00 0161"), `array 5=[97]`},
		{"stream 3", 21, streamOf(21), stream("3", "-1", "1700000000003", "-1", "first 5-2 deleted 5-1 added 5")},
	}
}

func repeat(b byte, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = b
	}
	return p
}
