package manifest

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

// Kind is the type letter of a file in a manifest.
type Kind byte

// The kinds of files.
const (
	KindBase     Kind = 'b'
	KindObsolete Kind = 'h'
	KindIncr     Kind = 'i'
)

// File is one line of a manifest.
type File struct {
	Name  string
	Seq   int64
	Kind  Kind
	Extra []string // further keys and values, preserved as read: startoffset of Redis 8
}

func (f *File) appendLine(out []byte) []byte {
	out = append(out, "file "...)
	out = appendQuoted(out, f.Name)
	out = append(out, " seq "...)
	out = strconv.AppendInt(out, f.Seq, 10)
	out = append(out, " type "...)
	out = append(out, byte(f.Kind))
	for _, word := range f.Extra {
		out = append(out, ' ')
		out = appendQuoted(out, word)
	}
	return append(out, '\n')
}

// parseFile parses a line that is not a comment.
func parseFile(line string) (f File, err error) {
	words, err := splitQuoted(strings.Trim(line, " \t\r\n"))
	if err != nil {
		return f, err
	}
	if len(words) < 6 || len(words)%2 != 0 {
		return f, fmt.Errorf("line of %d words, want 3 or more pairs", len(words))
	}
	for i := 0; i < len(words); i += 2 {
		key, value := words[i], words[i+1]
		switch {
		case strings.EqualFold(key, "file"):
			if err := CheckName(value); err != nil {
				return f, err
			}
			f.Name = value
		case strings.EqualFold(key, "seq"):
			f.Seq, err = strconv.ParseInt(value, 10, 64)
			if err != nil || f.Seq <= 0 || f.Seq == math.MaxInt64 {
				return f, fmt.Errorf("invalid sequence number %q", value)
			}
		case strings.EqualFold(key, "type"):
			if len(value) != 1 || !strings.Contains("bhi", value) {
				return f, fmt.Errorf("file type %q, want b, h, or i", value)
			}
			f.Kind = Kind(value[0])
		default:
			f.Extra = append(f.Extra, key, value)
		}
	}
	if f.Name == "" || f.Seq == 0 || f.Kind == 0 {
		return f, fmt.Errorf("line without file, seq and type")
	}
	return f, nil
}

// pair returns the value of a further key, or "".
func (f *File) pair(key string) string {
	for i := 0; i+1 < len(f.Extra); i += 2 {
		if f.Extra[i] == key {
			return f.Extra[i+1]
		}
	}
	return ""
}

// Size returns the size that the manifest lists, or -1.
func (f *File) Size() int64 {
	if n, err := strconv.ParseInt(f.pair(SizeKey), 10, 64); err == nil {
		return n
	}
	return -1
}

// With returns f with the pair of key added or replaced.
func (f File) With(key, value string) File {
	f = f.Without(key)
	f.Extra = append(f.Extra, key, value)
	return f
}

// Without returns f without the pair of key.
func (f File) Without(key string) File {
	var kept []string
	for i := 0; i+1 < len(f.Extra); i += 2 {
		if !strings.EqualFold(f.Extra[i], key) {
			kept = append(kept, f.Extra[i], f.Extra[i+1])
		}
	}
	f.Extra = kept
	return f
}

// CheckSize compares the length of a base file with the size that the manifest records.
func (f *File) CheckSize(path string, size int64) error {
	want := f.Size()
	if f.Kind != KindBase || want < 0 || size == want {
		return nil
	}
	return &corrupt.Error{File: path, Offset: min(want, size),
		What: fmt.Sprintf("file of %d bytes, the manifest says %d", size, want)}
}

// CheckRDB checks that a base file begins with an RDB if it has the name of one.
func (f *File) CheckRDB(path string, found bool) error {
	if found || f.Kind != KindBase || !strings.HasSuffix(f.Name, baseRDBSuffix) {
		return nil
	}
	return &corrupt.Error{File: path, What: "want an RDB, found none"}
}

// CheckTrailer compares the last bytes of an RDB base file with those that the manifest records.
func (f *File) CheckTrailer(path string, file io.ReaderAt, size int64) error {
	want := f.pair(CRCKey)
	if want == "" {
		return nil
	}
	found, err := RdbTrailer(file, size)
	if err != nil || wire.FormatID(found) == want {
		return err
	}
	return &corrupt.Error{File: path, Offset: max(0, size-8),
		What: fmt.Sprintf("file is not the one that the manifest lists: it ends with %s, want %s", wire.FormatID(found), want)}
}

// RdbTrailer returns the last 8 bytes of a file, which are the CRC-64 of an RDB.
func RdbTrailer(file io.ReaderAt, size int64) (uint64, error) {
	var b [8]byte
	if size < int64(len(b)) {
		return 0, nil
	}
	if n, err := file.ReadAt(b[:], size-int64(len(b))); n < len(b) {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// CheckIdentity compares the identity of a file with the one that the manifest records.
func (f *File) CheckIdentity(path string, id wire.Identity) error {
	want := f.pair(IDKey)
	if want == "" || want == wire.FormatID(id.Salt) {
		return nil
	}
	found := "has no id"
	if id.Salt != 0 {
		found = "has id " + wire.FormatID(id.Salt)
	}
	return &corrupt.Error{File: path, What: fmt.Sprintf("file is not the one that the manifest lists: it %s, want %s", found, want)}
}

// CheckBaseEnd checks that a base file of commands with an opening line ends with the commit marker
// that writeBase writes there.
func (f *File) CheckBaseEnd(path string, file io.ReaderAt, id wire.Identity, size int64) error {
	if f.Kind != KindBase || id.Salt == 0 || id.Store == 0 {
		return nil
	}
	if rdb, err := wire.IsRDB(file); rdb || err != nil {
		return err
	}
	_, seed, err := wire.ReadOpening(file, f.Seq)
	if err != nil {
		return err
	}
	if _, end, err := wire.ClosingMarker(file, seed, size); err != nil || end > 0 {
		return err
	}
	return &corrupt.Error{File: path, Offset: size, What: "base ends before its last mark"}
}

// CheckGood compares the whole part of an incremental file, and the commit marker that ends at the
// recorded size, with the manifest.
func (f *File) CheckGood(path string, good int64, end uint32) error {
	want := f.Size()
	switch {
	case f.Kind != KindIncr:
		return nil
	case good < want:
		return &corrupt.Error{File: path, Offset: good,
			What: fmt.Sprintf("of the %d bytes that the manifest lists as durable, %d are good", want, good)}
	case f.pair(EndKey) != "" && f.pair(EndKey) != fmt.Sprintf("%08x", end):
		return &corrupt.Error{File: path, Offset: want,
			What: "file is not the one that the manifest lists: another commit marker ends here"}
	}
	return nil
}
