package manifest

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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
	Suffix        = ".manifest"
	baseRDBSuffix = ".base.rdb"
	baseAOFSuffix = ".base.aof"
	incrSuffix    = ".incr.aof"
)

// FileName returns the name of the manifest.
func FileName(filename string) string { return filename + Suffix }

// BaseName returns the name of a base file. rdb is set if it begins with an RDB.
func BaseName(filename string, seq int64, rdb bool) string {
	suffix := baseAOFSuffix
	if rdb {
		suffix = baseRDBSuffix
	}
	return filename + "." + strconv.FormatInt(seq, 10) + suffix
}

// IncrName returns the name of an incremental file.
func IncrName(filename string, seq int64) string {
	return filename + "." + strconv.FormatInt(seq, 10) + incrSuffix
}

// SplitName parses the name of a base file or an incremental file of the log called filename.
func SplitName(filename, name string) (seq int64, kind Kind, ok bool) {
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
		kind = KindBase
	case incrSuffix:
		kind = KindIncr
	default:
		return 0, 0, false
	}
	seq, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seq <= 0 || seq == math.MaxInt64 {
		return 0, 0, false
	}
	return seq, kind, true
}

// CheckName returns an error if name could lead out of its directory or contains control
// characters.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not a file name", name)
	case len(name) > 255:
		return fmt.Errorf("name of %d bytes, want at most 255", len(name))
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q is a path, not a file name", name)
	case !filepath.IsLocal(name):
		return fmt.Errorf("%q is not a local file name", name)
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			return fmt.Errorf("%q has a control character", name)
		}
	}
	return nil
}

var SeqInName = regexp.MustCompile(`\.([0-9]{1,18})\.(base\.rdb|base\.aof|incr\.aof)$`)

// SeqOf returns the sequence number in a file's name, or 1 for a name without a number.
func SeqOf(path string) int64 {
	if m := SeqInName.FindStringSubmatch(path); m != nil {
		if seq, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			return seq
		}
	}
	return 1
}
