package rdb

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/snapshot"
)

// Defaults of the options.
const (
	DefaultFilename = "dump.rdb"
	DefaultMaxValue = 512 << 20 // bytes; Redis's own bound for a string (proto-max-bulk-len)
)

// ErrOption matches errors for an option whose value is not allowed or that does not apply to the
// function. It is perdure.ErrOptions.
var ErrOption = option.ErrOptions

// An Option is one setting of [New], [Dump.Configure], [Encode], [Decode], [DecodeValue], [Check],
// [NewReader], or [NewWriter]. The constructor of an option documents the functions that accept it.
// Other functions return an error matching [ErrOption]. An Option retains only its value and may be
// used any number of times, from any goroutine.
type Option struct {
	name  string
	scope scope
	apply func(*settings) error
}

// scope is the set of functions that accept an option.
type scope uint8

const (
	forNew    scope = 1 << iota // New and Dump.Configure
	forEncode                   // Encode
	forDecode                   // Decode, Check and CheckFile
	forValue                    // DecodeValue
	forReader                   // NewReader and OpenReader
	forWriter                   // NewWriter
)

// settings holds the combined values of all options.
type settings struct {
	filename    string
	compression bool
	checksum    bool
	version     int // 0 selects it by the types
	aofBase     bool
	usedMemory  int64 // 0 omits the field
	maxValue    int64
	validate    bool
	header      *Header
	filter      filter
	holding     []snapshot.Type // types that a Writer expects
}

func defaults() settings {
	return settings{
		filename:    DefaultFilename,
		compression: true,
		checksum:    true,
		maxValue:    DefaultMaxValue,
		validate:    true,
	}
}

// set applies opts in order. On an error, s may be partly changed.
func (s *settings) set(where scope, opts ...Option) error {
	for _, o := range opts {
		if o.apply == nil {
			return fmt.Errorf("%w: zero rdb.Option", ErrOption)
		}
		if o.scope&where == 0 {
			return fmt.Errorf("%w: %s does not apply to this function", ErrOption, o.name)
		}
		if err := o.apply(s); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrOption, o.name, err)
		}
	}
	return nil
}

// Filename sets the name of the dump in the data directory, for [New]. The name must have at most
// 200 bytes and no separators. It must not be that of another file of a store: perdure.lock, the
// log's appendonlydir, or a name that begins with temp-. The default is [DefaultFilename].
func Filename(name string) Option {
	return Option{"Filename", forNew, func(s *settings) error {
		s.filename = name
		return option.FileName(name)
	}}
}

// Compression sets whether strings longer than 20 bytes are written as LZF if that saves at least 4
// bytes (rdbcompression). It applies to [New], [Encode], and [NewWriter]. After many consecutive
// short strings that did not shrink, only one in eight is tried. The default is true.
func Compression(on bool) Option {
	return Option{"Compression", forNew | forEncode | forWriter, func(s *settings) error {
		s.compression = on
		return nil
	}}
}

// Checksum sets whether a dump ends with its CRC-64 and whether a reader compares it (rdbchecksum).
// Without it, a dump ends with a zero, which means that the checksum is absent. It applies to
// [New], [Encode], [Decode], [NewReader], and [NewWriter]. The default is true.
func Checksum(on bool) Option {
	return Option{"Checksum", forNew | forEncode | forDecode | forReader | forWriter, func(s *settings) error {
		s.checksum = on
		return nil
	}}
}

// Version sets the format version to write: 9 to 14 of Redis, 80 of Valkey, or 0. The default is 0:
// the lowest version that has the types in the data set. It applies to [New], [Encode], and
// [NewWriter]. If the version lacks a type, Encode writes a listpack or a quicklist in the plainest
// form, and otherwise fails before it writes the first byte. [Writer.Write] fails for the entry.
func Version(n int) Option {
	return Option{"Version", forNew | forEncode | forWriter, func(s *settings) error {
		if n != 0 && n != oldestValkey && (n < lowestWritten || n > latestWritten) {
			return fmt.Errorf("want version %d to %d, %d, or 0, got %d", lowestWritten, latestWritten, oldestValkey, n)
		}
		s.version = n
		return nil
	}}
}

// Holding declares the types of the entries to be written, as in Report.Types, for [NewWriter]. The
// version is then the lowest from 9 on that has all of them, or VALKEY 80 if Valkey's types are
// among them. Values for [Writer.WriteValue] need not be declared.
func Holding(types ...snapshot.Type) Option {
	return Option{"Holding", forWriter, func(s *settings) error {
		s.holding = append(slices.Clip(s.holding), types...)
		return nil
	}}
}

// AOFBase marks the dump as the base file of an append-only file (aof-base 1), for [Encode]. The
// default is false.
func AOFBase(on bool) Option {
	return Option{"AOFBase", forEncode, func(s *settings) error {
		s.aofBase = on
		return nil
	}}
}

// UsedMemory records the number of bytes of memory that the data set uses (used-mem), for [Encode].
// By default the dump has no such field.
func UsedMemory(bytes int64) Option {
	return Option{"UsedMemory", forEncode, func(s *settings) error {
		s.usedMemory = max(bytes, 0)
		return nil
	}}
}

// MaxValue sets the maximum number of bytes of one value and of one key when reading. A string is
// measured after decoding, a value of another type by its payload. A longer one causes an error
// matching [ErrLimit]. It applies to [New], [Decode], [DecodeValue], and [NewReader]. A Reader
// skips a longer value if its filter does not select the key. The default is [DefaultMaxValue].
func MaxValue(bytes int64) Option {
	return Option{"MaxValue", forNew | forDecode | forValue | forReader, func(s *settings) error {
		if bytes < 1 || bytes > maxInt/4 {
			return fmt.Errorf("want 1 to %d bytes, got %d", int64(maxInt/4), bytes)
		}
		s.maxValue = bytes
		return nil
	}}
}

// Validate sets whether values other than strings are read to their last element, which detects
// damage within them. It applies to [New], [Decode], [Check], [DecodeValue], and [NewReader].
// Without it, these functions, except DecodeValue, look only for the end of a value. DecodeValue
// always reads everything; without Validate it accepts values that a server loads but never writes.
// The default is true.
func Validate(on bool) Option {
	return Option{"Validate", forNew | forDecode | forValue | forReader, func(s *settings) error {
		s.validate = on
		return nil
	}}
}

// HeaderTo makes [Decode] store the dump's description of itself in h. h is complete when Decode
// returns. If Decode fails, h holds the fields read before the error.
func HeaderTo(h *Header) Option {
	return Option{"HeaderTo", forDecode, func(s *settings) error {
		if h == nil {
			return errors.New("header is nil")
		}
		s.header = h
		return nil
	}}
}

// maxInt is the largest length of a slice.
const maxInt = int64(^uint(0) >> 1)
