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

// ErrOption matches the error for an option with a value that is not allowed, or given to a function
// that it means nothing to. It is perdure.ErrOptions.
var ErrOption = option.ErrOptions

// Option is one setting of New, Dump.Configure, Encode, Decode, DecodeValue, Check, NewReader or
// NewWriter. What a setting is good for is said at its constructor; another function that is given
// it returns ErrOption. An Option keeps nothing but its value and may be used any number of times,
// from any goroutine.
type Option struct {
	name  string
	scope scope
	apply func(*settings) error
}

// scope tells which functions an option belongs to.
type scope uint8

const (
	forNew    scope = 1 << iota // New and Dump.Configure
	forEncode                   // Encode
	forDecode                   // Decode, Check and CheckFile
	forValue                    // DecodeValue
	forReader                   // NewReader and OpenReader
	forWriter                   // NewWriter
)

// settings is what all options together come to.
type settings struct {
	filename    string
	compression bool
	checksum    bool
	version     int // 0 lets the types decide
	aofBase     bool
	usedMemory  int64 // 0 leaves the field out
	maxValue    int64
	validate    bool
	header      *Header
	filter      filter
	holding     []snapshot.Type // what a Writer is to expect
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

// set applies opts in order; on an error s may be half changed.
func (s *settings) set(where scope, opts ...Option) error {
	for _, o := range opts {
		if o.apply == nil {
			return fmt.Errorf("%w: the zero rdb.Option", ErrOption)
		}
		if o.scope&where == 0 {
			return fmt.Errorf("%w: %s means nothing here", ErrOption, o.name)
		}
		if err := o.apply(s); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrOption, o.name, err)
		}
	}
	return nil
}

// Filename names the dump within the data directory, for New. The name has no separators and at most
// 200 bytes, and is not that of another file of a store: perdure.lock, the log's appendonlydir, or one
// that begins with temp-. The default is DefaultFilename.
func Filename(name string) Option {
	return Option{"Filename", forNew, func(s *settings) error {
		s.filename = name
		return option.FileName(name)
	}}
}

// Compression says whether strings of more than 20 bytes are written as LZF where that saves at
// least 4 bytes (rdbcompression), for New, Encode and NewWriter; where many short ones in a row have not
// got shorter only one of eight is tried. The default is true.
func Compression(on bool) Option {
	return Option{"Compression", forNew | forEncode | forWriter, func(s *settings) error {
		s.compression = on
		return nil
	}}
}

// Checksum says whether a dump ends with its CRC-64, or with a zero that tells readers that there
// is none, and whether a reader compares it (rdbchecksum): for New, Encode, Decode, NewReader and
// NewWriter. The default is true.
func Checksum(on bool) Option {
	return Option{"Checksum", forNew | forEncode | forDecode | forReader | forWriter, func(s *settings) error {
		s.checksum = on
		return nil
	}}
}

// Version sets the format version that is written: 9 to 14 of Redis, 80 of Valkey, or 0 for the lowest
// that fits the types in the data set, which is the default. For New, Encode and NewWriter. Types that
// the version lacks make Encode fail before the first byte, and Write with the entry.
func Version(n int) Option {
	return Option{"Version", forNew | forEncode | forWriter, func(s *settings) error {
		if n != 0 && n != oldestValkey && (n < lowestWritten || n > latestWritten) {
			return fmt.Errorf("version %d, want %d to %d, %d or 0", n, lowestWritten, latestWritten, oldestValkey)
		}
		s.version = n
		return nil
	}}
}

// Holding tells NewWriter which types the entries to come are of, as Report.Types has them: the version
// is then the lowest from 9 on that has all of them, or VALKEY 80 when Valkey's own are among them.
// Values that WriteValue writes need not be told of.
func Holding(types ...snapshot.Type) Option {
	return Option{"Holding", forWriter, func(s *settings) error {
		s.holding = append(slices.Clip(s.holding), types...)
		return nil
	}}
}

// AOFBase marks the dump as the base of an append-only file (aof-base 1), for Encode. The default
// is false.
func AOFBase(on bool) Option {
	return Option{"AOFBase", forEncode, func(s *settings) error {
		s.aofBase = on
		return nil
	}}
}

// UsedMemory records how many bytes of memory the data set takes (used-mem), for Encode. Nothing
// is recorded by default.
func UsedMemory(bytes int64) Option {
	return Option{"UsedMemory", forEncode, func(s *settings) error {
		s.usedMemory = max(bytes, 0)
		return nil
	}}
}

// MaxValue bounds the bytes of one value, and of one key, in what is read: a string after
// decoding, the payload of another type as it stands. More is an error that is ErrLimit. For New,
// Decode, DecodeValue and NewReader, which passes over a longer one that is not chosen; the default is
// DefaultMaxValue.
func MaxValue(bytes int64) Option {
	return Option{"MaxValue", forNew | forDecode | forValue | forReader, func(s *settings) error {
		if bytes < 1 || bytes > maxInt/4 {
			return fmt.Errorf("%d bytes, want 1 to %d", bytes, int64(maxInt/4))
		}
		s.maxValue = bytes
		return nil
	}}
}

// Validate says whether values other than strings are read to their last element, so that damage
// within them shows: for New, Decode, Check, DecodeValue and NewReader. Without it all but
// DecodeValue look only for where a value ends, and DecodeValue, which always reads
// everything, takes what a server loads but never writes. The default is true.
func Validate(on bool) Option {
	return Option{"Validate", forNew | forDecode | forValue | forReader, func(s *settings) error {
		s.validate = on
		return nil
	}}
}

// HeaderTo makes Decode fill h with what the dump says about itself. h is complete when Decode
// returns, and holds what was met so far when that fails.
func HeaderTo(h *Header) Option {
	return Option{"HeaderTo", forDecode, func(s *settings) error {
		if h == nil {
			return errors.New("nil Header")
		}
		s.header = h
		return nil
	}}
}

// maxInt is the largest length of a slice.
const maxInt = int64(^uint(0) >> 1)
