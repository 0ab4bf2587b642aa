package integration_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// A program is a sequence of random commands with equal replies on a server and in perdure.
type program struct {
	rng *rand.Rand
	// api excludes the commands without an operation in the public API.
	api bool
	// past allows expiries in the past. A server then deletes the key immediately and logs the
	// deletion. The commands as sent, replayed as a log, would keep the key.
	past bool
	// payloads for RESTORE
	payloads []string

	now      time.Time
	commands [][]string
}

const programDatabases = 4

// makeProgram makes a program of n commands.
func makeProgram(rng *rand.Rand, n int, api, past bool, payloads []string) *program {
	p := &program{rng: rng, api: api, past: past, payloads: payloads, now: time.Now()}
	for len(p.commands) < n {
		switch p.rng.IntN(25) {
		case 0:
			p.add("SELECT", p.database())
		case 1:
			p.add("MULTI")
			for range 1 + p.rng.IntN(4) {
				p.command()
			}
			if p.rng.IntN(3) == 0 {
				p.add("SELECT", p.database())
				p.command()
			}
			p.add("EXEC")
		case 2:
			if p.rng.IntN(12) == 0 {
				p.add("FLUSHALL")
			} else if p.rng.IntN(4) == 0 {
				p.add("FLUSHDB")
			}
		default:
			p.command()
		}
	}
	return p
}

// add appends a command, with its name in one of three spellings.
func (p *program) add(words ...string) {
	switch p.rng.IntN(4) {
	case 0:
		words[0] = strings.ToLower(words[0])
	case 1:
		words[0] = words[0][:1] + strings.ToLower(words[0][1:])
	}
	p.commands = append(p.commands, words)
}

func (p *program) one(of ...string) string { return of[p.rng.IntN(len(of))] }
func (p *program) key() string {
	return p.one("k0", "k1", "k2", "k3", "k4", "k5", "12", "", "\xff\x00\r\n")
}
func (p *program) database() string { return strconv.Itoa(p.rng.IntN(programDatabases)) }

func (p *program) value() string {
	switch p.rng.IntN(8) {
	case 0:
		return ""
	case 1, 2:
		return strconv.Itoa(p.rng.IntN(2000) - 1000)
	case 3:
		return strconv.FormatInt(p.rng.Int64()-p.rng.Int64(), 10)
	case 4:
		return strconv.FormatFloat(p.rng.NormFloat64(), 'f', p.rng.IntN(6), 64)
	case 5:
		return strings.Repeat(p.one("a", "xyz", "\x00"), p.rng.IntN(300))
	}
	b := make([]byte, p.rng.IntN(40))
	for i := range b {
		b[i] = byte(p.rng.Uint32())
	}
	return string(b)
}

func (p *program) number() string {
	switch p.rng.IntN(10) {
	case 0:
		return "9223372036854775807"
	case 1:
		return "-9223372036854775808"
	}
	return strconv.Itoa(p.rng.IntN(2000) - 1000)
}

// expiry returns a unit of time and a number of that unit, far from now.
func (p *program) expiry() (unit, n string) {
	seconds := int64(1000 + p.rng.IntN(100000))
	if p.past && p.rng.IntN(5) == 0 {
		seconds = -seconds
	}
	unit = p.one("EX", "PX", "EXAT", "PXAT")
	if seconds < 0 { // the relative time of SET must be positive
		unit = p.one("EXAT", "PXAT")
	}
	v := seconds
	if strings.HasSuffix(unit, "AT") {
		v += p.now.Unix()
	}
	if unit[0] == 'P' {
		v = v*1000 + int64(p.rng.IntN(1000))
	}
	return unit, strconv.FormatInt(v, 10)
}

func (p *program) command() {
	k := p.key()
	if p.api || p.rng.IntN(2) == 0 {
		p.common(k)
		return
	}
	if p.rng.IntN(3) == 0 {
		p.collection(p.one("c0", "c1", "c2", k))
		return
	}
	unit, at := p.expiry()
	switch p.rng.IntN(22) {
	case 0:
		p.add("SET", k, p.value(), p.one("NX", "xx"), unit, at)
	case 1:
		p.add("SET", k, p.value(), p.one("GET", "KEEPTTL", "get"), p.one("NX", "XX", "KEEPTTL"))
	case 2:
		p.add(p.one("SETEX", "PSETEX"), k, strconv.Itoa(1e6+p.rng.IntN(1e6)), p.value())
	case 3:
		p.add("GETDEL", k)
	case 4:
		p.add("GETEX", k, unit, at)
	case 5:
		p.add("GETEX", k, "PERSIST")
	case 6:
		p.add("GETEX", k)
	case 7:
		p.add("SETRANGE", k, strconv.Itoa(p.rng.IntN(50)), p.value())
	case 8:
		p.add("INCRBYFLOAT", k, p.one("0.1", "-3", "1e3", "0.000001", "123456789.123456789"))
	case 9:
		p.add("MSETNX", k, p.value(), p.key(), p.value())
	case 10:
		p.add("SETBIT", k, strconv.Itoa(p.rng.IntN(300)), p.one("0", "1"))
	case 11:
		p.add("BITOP", p.one("AND", "OR", "XOR", "xor"), k, p.key(), p.key())
	case 12:
		p.add("BITOP", "NOT", k, p.key())
	case 13:
		p.bitField(k)
	case 14:
		p.add("PEXPIREAT", k, strconv.FormatInt(p.now.UnixMilli()+int64(1e6+p.rng.IntN(1e8)), 10), p.one("NX", "XX", "GT", "lt"))
	case 15:
		p.add("UNLINK", k, p.key())
	case 16:
		p.add("TOUCH", k, p.key())
	case 17:
		p.add(p.one("RENAME", "RENAMENX"), k, p.key())
	case 18:
		p.add("COPY", k, p.key(), "DB", p.database(), p.one("REPLACE", "replace"))
	case 19:
		p.add("COPY", k, p.key())
	case 20:
		p.add("MOVE", k, p.database())
	case 21:
		if p.rng.IntN(6) == 0 {
			p.add("SWAPDB", p.database(), p.database())
			return
		}
		p.add("RESTORE", k, p.one("0", strconv.FormatInt(p.now.UnixMilli()+1e7, 10)), p.one(p.payloads...), "ABSTTL", "REPLACE")
	}
}

func (p *program) bitField(k string) {
	words := []string{"BITFIELD", k}
	for range 1 + p.rng.IntN(4) {
		if p.rng.IntN(2) == 0 {
			// FAIL is excluded, because a server that then changes nothing has extended the string
			// without logging it.
			words = append(words, "OVERFLOW", p.one("WRAP", "SAT"))
		}
		kind := fmt.Sprint("i", 1+p.rng.IntN(64))
		if p.rng.IntN(2) == 0 {
			kind = fmt.Sprint("u", 1+p.rng.IntN(63))
		}
		offset := p.one("", "#") + strconv.Itoa(p.rng.IntN(20))
		switch p.rng.IntN(3) {
		case 0:
			words = append(words, "GET", kind, offset)
		case 1:
			words = append(words, "SET", kind, offset, p.number())
		case 2:
			words = append(words, "INCRBY", kind, offset, p.number())
		}
	}
	p.add(words...)
}

// common adds a command that the API has an operation for.
func (p *program) common(k string) {
	unit, at := p.expiry()
	switch p.rng.IntN(14) {
	case 0, 1, 2:
		p.add("SET", k, p.value())
	case 3:
		p.add("SET", k, p.value(), unit, at)
	case 4:
		p.add("SET", k, p.value(), "KEEPTTL")
	case 5:
		p.add("SETNX", k, p.value())
	case 6:
		p.add("GETSET", k, p.value())
	case 7:
		p.add("APPEND", k, p.value())
	case 8:
		p.add(p.one("INCR", "DECR"), k)
	case 9:
		p.add(p.one("INCRBY", "DECRBY"), k, p.number())
	case 10:
		p.add(map[string]string{"EX": "EXPIRE", "PX": "PEXPIRE", "EXAT": "EXPIREAT", "PXAT": "PEXPIREAT"}[unit], k, at)
	case 11:
		p.add("PERSIST", k)
	case 12:
		p.add("DEL", k, p.key())
	case 13:
		p.add("MSET", k, p.value(), p.key(), p.value())
	}
}
