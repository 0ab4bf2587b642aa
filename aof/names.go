package aof

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/snapshot"
)

// The names of a log's files begin with the file name from the options:
//
//	<filename>.manifest
//	<filename>.<seq>.base.rdb    a base file that begins with an RDB
//	<filename>.<seq>.base.aof    a base file of commands
//	<filename>.<seq>.incr.aof    an incremental file
//
// Only this file composes and parses these names.
const (
	manifestSuffix = ".manifest"
	baseRDBSuffix  = ".base.rdb"
	baseAOFSuffix  = ".base.aof"
	incrSuffix     = ".incr.aof"
)

// maxName is the length of the longest file name that is accepted, in bytes. The longest suffix
// then fits into the 255 bytes that a file system allows.
const maxName = 200

func manifestName(filename string) string { return filename + manifestSuffix }

func baseName(filename string, seq int64, rdb bool) string {
	suffix := baseAOFSuffix
	if rdb {
		suffix = baseRDBSuffix
	}
	return filename + "." + strconv.FormatInt(seq, 10) + suffix
}

func incrName(filename string, seq int64) string {
	return filename + "." + strconv.FormatInt(seq, 10) + incrSuffix
}

// splitName parses the name of a base file or an incremental file of the log called filename.
func splitName(filename, name string) (seq int64, kind fileKind, ok bool) {
	rest, ok := strings.CutPrefix(name, filename+".")
	if !ok {
		return 0, 0, false
	}
	digits, suffix, ok := strings.Cut(rest, ".")
	if !ok {
		return 0, 0, false
	}
	switch "." + suffix {
	case baseRDBSuffix, baseAOFSuffix:
		kind = kindBase
	case incrSuffix:
		kind = kindIncr
	default:
		return 0, 0, false
	}
	seq, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seq <= 0 || seq == math.MaxInt64 {
		return 0, 0, false
	}
	return seq, kind, true
}

// validName returns an error if name is not a plain base name, on any system.
func validName(name string) error {
	if err := plainName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if len(name) > maxName {
		return fmt.Errorf("%w: name of %d bytes, at most %d", ErrOptions, len(name), maxName)
	}
	if strings.HasPrefix(name, snapshot.TempPrefix) {
		return fmt.Errorf("%w: name begins with %s", ErrOptions, snapshot.TempPrefix)
	}
	return nil
}

// plainName returns an error if name could lead out of its directory or hide what it is.
func plainName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not a file name", name)
	case len(name) > 255:
		return fmt.Errorf("name of %d bytes", len(name))
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q is a path, not a file name", name)
	case !filepath.IsLocal(name):
		return fmt.Errorf("%q is not a file name here", name)
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			return fmt.Errorf("%q has a control character", name)
		}
	}
	return nil
}
