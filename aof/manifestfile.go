package aof

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
)

// fileKind is the type letter of a file in a manifest.
type fileKind byte

const (
	kindBase    fileKind = 'b'
	kindHistory fileKind = 'h'
	kindIncr    fileKind = 'i'
)

// manifestFile is one line of a manifest.
type manifestFile struct {
	name  string
	seq   int64
	kind  fileKind
	extra []string // further keys and values, preserved as they were read: startoffset of Redis 8
}

func (f *manifestFile) appendLine(out []byte) []byte {
	out = append(out, "file "...)
	out = appendWord(out, f.name)
	out = append(out, " seq "...)
	out = strconv.AppendInt(out, f.seq, 10)
	out = append(out, " type "...)
	out = append(out, byte(f.kind))
	for _, word := range f.extra {
		out = append(out, ' ')
		out = appendWord(out, word)
	}
	return append(out, '\n')
}

// parseManifestFile parses a line that is not a comment.
func parseManifestFile(line string) (f manifestFile, err error) {
	words, err := splitWords(strings.Trim(line, " \t\r\n"))
	if err != nil {
		return f, err
	}
	if len(words) < 6 || len(words)%2 != 0 {
		return f, fmt.Errorf("line of %d words, need 3 or more pairs", len(words))
	}
	for i := 0; i < len(words); i += 2 {
		key, value := words[i], words[i+1]
		switch {
		case strings.EqualFold(key, "file"):
			if err := plainName(value); err != nil {
				return f, err
			}
			f.name = value
		case strings.EqualFold(key, "seq"):
			f.seq, err = strconv.ParseInt(value, 10, 64)
			if err != nil || f.seq <= 0 || f.seq == math.MaxInt64 {
				return f, fmt.Errorf("sequence number %q", value)
			}
		case strings.EqualFold(key, "type"):
			if len(value) != 1 || !strings.Contains("bhi", value) {
				return f, fmt.Errorf("file type %q, need b, h or i", value)
			}
			f.kind = fileKind(value[0])
		default:
			f.extra = append(f.extra, key, value)
		}
	}
	if f.name == "" || f.seq == 0 || f.kind == 0 {
		return f, fmt.Errorf("line without file, seq and type")
	}
	return f, nil
}

// pair returns the value of a further key, or "".
func (f *manifestFile) pair(key string) string {
	for i := 0; i+1 < len(f.extra); i += 2 {
		if f.extra[i] == key {
			return f.extra[i+1]
		}
	}
	return ""
}

// size returns the size that the manifest lists, or -1.
func (f *manifestFile) size() int64 {
	if n, err := strconv.ParseInt(f.pair(sizeKey), 10, 64); err == nil {
		return n
	}
	return -1
}

// with returns f with the pair of key added or replaced.
func (f manifestFile) with(key, value string) manifestFile {
	f = f.without(key)
	f.extra = append(f.extra, key, value)
	return f
}

// without returns f without the pair of key.
func (f manifestFile) without(key string) manifestFile {
	var kept []string
	for i := 0; i+1 < len(f.extra); i += 2 {
		if !strings.EqualFold(f.extra[i], key) {
			kept = append(kept, f.extra[i], f.extra[i+1])
		}
	}
	f.extra = kept
	return f
}

// checkSize compares the length of a base file with the size that the manifest records.
func (f *manifestFile) checkSize(path string, size int64) error {
	want := f.size()
	if f.kind != kindBase || want < 0 || size == want {
		return nil
	}
	return &corrupt.Error{File: path, Offset: min(want, size),
		What: fmt.Sprintf("file of %d bytes, the manifest says %d", size, want)}
}

// checkRDB checks that a base file begins with an RDB if its name says so.
func (f *manifestFile) checkRDB(path string, found bool) error {
	if found || f.kind != kindBase || !strings.HasSuffix(f.name, baseRDBSuffix) {
		return nil
	}
	return &corrupt.Error{File: path, What: "want an RDB, found none"}
}

// checkTrailer compares the last bytes of an RDB base file with those that the manifest records.
func (f *manifestFile) checkTrailer(path string, file io.ReaderAt, size int64) error {
	want := f.pair(crcKey)
	if want == "" {
		return nil
	}
	found, err := rdbTrailer(file, size)
	if err != nil || wire.FormatID(found) == want {
		return err
	}
	return &corrupt.Error{File: path, Offset: max(0, size-8),
		What: fmt.Sprintf("file is not the one that the manifest lists: it ends with %s, want %s", wire.FormatID(found), want)}
}

// rdbTrailer returns the last 8 bytes of a file, which are the CRC-64 of an RDB.
func rdbTrailer(file io.ReaderAt, size int64) (uint64, error) {
	var b [8]byte
	if size < int64(len(b)) {
		return 0, nil
	}
	if n, err := file.ReadAt(b[:], size-int64(len(b))); n < len(b) {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// checkIdentity compares the identity of a file with the one that the manifest records.
func (f *manifestFile) checkIdentity(path string, id wire.Identity) error {
	want := f.pair(idKey)
	if want == "" || want == wire.FormatID(id.Salt) {
		return nil
	}
	found := "has no id"
	if id.Salt != 0 {
		found = "has id " + wire.FormatID(id.Salt)
	}
	return &corrupt.Error{File: path, What: fmt.Sprintf("file is not the one that the manifest lists: it %s, want %s", found, want)}
}

// checkBaseEnd checks that a base file of commands with an opening line ends with the commit marker
// that writeBase writes there.
func (f *manifestFile) checkBaseEnd(path string, file io.ReaderAt, id wire.Identity, size int64) error {
	if f.kind != kindBase || id.Salt == 0 || id.Store == 0 {
		return nil
	}
	if rdb, err := wire.IsRDB(file); rdb || err != nil {
		return err
	}
	_, seed, err := wire.ReadOpening(file, f.seq)
	if err != nil {
		return err
	}
	if _, end, err := wire.ClosingMarker(file, seed, size); err != nil || end > 0 {
		return err
	}
	return &corrupt.Error{File: path, Offset: size, What: "base ends before its last mark"}
}

// checkGood compares the whole part of an incremental file, and the commit marker that ends at the
// recorded size, with the manifest.
func (f *manifestFile) checkGood(path string, good int64, end uint32) error {
	want := f.size()
	switch {
	case f.kind != kindIncr:
		return nil
	case good < want:
		return &corrupt.Error{File: path, Offset: good,
			What: fmt.Sprintf("of the %d bytes that the manifest lists as durable, %d are good", want, good)}
	case f.pair(endKey) != "" && f.pair(endKey) != fmt.Sprintf("%08x", end):
		return &corrupt.Error{File: path, Offset: want,
			What: "file is not the one that the manifest lists: another commit marker ends here"}
	}
	return nil
}
