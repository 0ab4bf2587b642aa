package rdb

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

const (
	magicSize = 9 // bytes: magic and version

	checksumSince = 5  // the first version with a CRC at its end
	newestRedis   = 12 // newest version of each dialect with all types and opcodes known
	newestValkey  = 81
	oldestValkey  = 80 // 12 to 79 belong to Redis
	lowestWritten = 9  // loads in Redis 5 and later, every Valkey, KeyDB, Dragonfly
	latestWritten = 14 // Redis 8.8
	functionSince = 10 // opcode 245
	slotInfoSince = 12 // opcode 244
	keyMetaSince  = 13 // opcode 243 of Redis
)

// ErrUnsupported matches every [UnsupportedError]. It is perdure.ErrUnsupported.
var ErrUnsupported = snapshot.ErrUnsupported

// ErrLimit matches a [*CorruptError] for a value longer than [MaxValue] allows. The file may be
// intact; a higher limit then reads it.
var ErrLimit = errors.New("perdure: limit exceeded")

// A CorruptError reports damage, with its offset in the file.
type CorruptError = snapshot.CorruptError

// An UnsupportedError reports a dump that may be intact but has a version or a record that this
// package does not read. It also reports data that a version cannot represent. It is
// perdure.UnsupportedError.
type UnsupportedError = snapshot.UnsupportedError

// version is a format version in its dialect.
type version struct {
	number int
	valkey bool
}

// String returns the version in the form of Info.Version: "RDB 9", "VALKEY 80".
func (v version) String() string {
	if v.valkey {
		return fmt.Sprintf("VALKEY %d", v.number)
	}
	return fmt.Sprintf("RDB %d", v.number)
}

// append appends the nine bytes of the header of a dump.
func (v version) append(dst []byte) []byte {
	if v.valkey {
		return fmt.Appendf(dst, "VALKEY%03d", v.number)
	}
	return fmt.Appendf(dst, "REDIS%04d", v.number)
}

// newer reports whether v is later than the newest version that is completely known.
func (v version) newer() bool {
	return v.number > newestRedis && !v.valkey || v.number > newestValkey
}

// parseMagic parses the header of a dump.
func parseMagic(p [magicSize]byte) (version, error) {
	var v version
	digits := p[5:]
	switch {
	case string(p[:6]) == "VALKEY":
		v.valkey = true
		digits = p[6:]
	case string(p[:4]) == "VKCS":
		return v, &UnsupportedError{
			What: "a compressed stream of Valkey (VKCS)", Owner: "Valkey", WayOut: "save without stream compression",
		}
	case string(p[:5]) != "REDIS":
		return v, corrupt.New(0, "want REDIS or VALKEY at the start, found %x", p[:6])
	}
	for i, d := range digits {
		if d < '0' || d > '9' {
			at := int64(magicSize - len(digits) + i)
			return v, corrupt.New(at, "want a digit of the version, found %#x", d)
		}
		v.number = v.number*10 + int(d-'0')
	}
	if v.number == 0 || v.valkey && v.number < oldestValkey {
		what := fmt.Sprintf("version %d with the magic %s", v.number, p[:magicSize-len(digits)])
		return v, &UnsupportedError{What: what}
	}
	return v, nil
}

// typeOf returns the type that number b has in a file of version v.
func (v version) typeOf(b byte) snapshot.Type {
	if v.valkey && b > typeStream3 {
		return snapshot.Valkey | snapshot.Type(b)
	}
	return snapshot.Type(b)
}

// chooseVersion returns the version for writing the types. That is version asked, or the lowest
// that has the types if asked is 0.
func chooseVersion(asked int, types []snapshot.Type) (version, error) {
	v := version{number: lowestWritten}
	if asked != 0 {
		v = versionOf(asked)
	}
	foreign := false
	for _, t := range types {
		k, ok := kinds[t]
		if !ok {
			return v, &UnsupportedError{Offset: -1, What: "writing " + TypeName(t)}
		}
		if asked != 0 && !v.has(t) {
			return v, fmt.Errorf("%w: %w", ErrOption, &UnsupportedError{
				Offset: -1, What: fmt.Sprintf("%s of type %d in version %d (needs version %d)", k.name, t.RDB(), asked, k.version),
			})
		}
		v.number = max(v.number, k.version)
		v.valkey = v.valkey || t.IsValkey()
		foreign = foreign || redisOnly(t)
	}
	if v.valkey && foreign {
		return v, &UnsupportedError{Offset: -1, What: "types of Redis and Valkey in one dump"}
	}
	return v, nil
}

// server returns the name and value of the field where a server records its version in a dump of
// version v.
func (v version) server() (field, value string) {
	if v.valkey {
		return "valkey-ver", "9.0.0"
	}
	switch v.number {
	case 9:
		return "redis-ver", "6.2.16"
	case 10:
		return "redis-ver", "7.0.15"
	case 11:
		return "redis-ver", "7.2.4"
	case 12:
		return "redis-ver", "7.4.1"
	case 13:
		return "redis-ver", "8.6.0"
	}
	return "redis-ver", "8.8.0"
}
