package aof

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/corrupt"
)

// A manifest is a text file with one line per file, each terminated by LF:
//
//	file <name> seq <n> type <b|h|i> [<key> <value>]...
//
// b marks the base file, i an incremental file, and h an obsolete file that may be deleted. The
// name is quoted if necessary. Lines that begin with # are comments. perdure ends the manifest with
// the comment
//
//	#p1:<8 hex digits>
//
// whose digits are the CRC-32C of every byte before it. Redis drops comments when it writes the
// manifest.
//
// perdure's manifests also record properties of the files, as further pairs. Servers skip these:
//
//	size <bytes>          length of a base file; for an incremental file, the bytes durable when
//	                      the manifest was written, and its length after a rotation or Close
//	id <16 hex digits>    salt of the file's opening line
//	end <8 hex digits>    digits of the commit marker that ends at size, in an incremental file
//	                      that was rotated or closed
//	crc <16 hex digits>   last 8 bytes of an RDB base file, its CRC-64
//
// Invariants of every manifest, parsed or written:
//
//  1. It lists at least one file and at most one base file.
//  2. Every name is a plain file name, and is listed once.
//  3. The sequence numbers of the incremental files increase.
//  4. A manifest that records a size ends with its checksum.
const (
	manifestMaxLine = 1024    // bytes, LF included: Redis's limit
	manifestMaxSize = 1 << 20 // bytes
	sizeKey         = "size"
	idKey           = "id"
	endKey          = "end"
	crcKey          = "crc"
	whatMissing     = "listed in the manifest, but missing"
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

// manifest lists the files of a log.
type manifest struct {
	base    *manifestFile // nil if there is no base file
	incrs   []manifestFile
	history []manifestFile
	summed  bool // it ends with its checksum, as every manifest of perdure does
}

// files returns the base file and the incremental files, in load order.
func (m *manifest) files() []manifestFile {
	var all []manifestFile
	if m.base != nil {
		all = append(all, *m.base)
	}
	return append(all, m.incrs...)
}

// at returns file i of files.
func (m *manifest) at(i int) *manifestFile {
	f := m.files()[i]
	return &f
}

// last returns the file that is appended to, or nil.
func (m *manifest) last() *manifestFile {
	if n := len(m.incrs); n > 0 {
		return &m.incrs[n-1]
	}
	return m.base
}

// closing returns a copy of the manifest that records the end of t, to which nothing more is
// appended.
func (m *manifest) closing(t *incr) (*manifest, error) {
	next := *m
	next.incrs = slices.Clone(m.incrs)
	for i, f := range next.incrs {
		if f.name != t.name {
			continue
		}
		closed, err := t.closed(f)
		if err != nil {
			return nil, err
		}
		next.incrs[i] = closed
	}
	return &next, nil
}

// equal reports whether two manifests have the same contents.
func (m *manifest) equal(other *manifest) bool { return bytes.Equal(m.format(), other.format()) }

// format returns the text of the manifest, in Redis's order: base file, obsolete files, incremental
// files.
func (m *manifest) format() []byte {
	var out []byte
	if m.base != nil {
		out = m.base.appendLine(out)
	}
	for i := range m.history {
		out = m.history[i].appendLine(out)
	}
	for i := range m.incrs {
		out = m.incrs[i].appendLine(out)
	}
	return fmt.Appendf(out, "%s%08x\n", markPrefix, crc32.Checksum(out, castagnoli))
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

// parseManifest parses a manifest. It returns a *corrupt.Error with the offset of the line if the
// manifest is damaged.
func parseManifest(text []byte) (*manifest, error) {
	if len(text) > manifestMaxSize {
		return nil, corrupt.New(manifestMaxSize, "manifest of more than %d bytes", manifestMaxSize)
	}
	m := &manifest{}
	names := make(map[string]bool)
	offset := 0
	for offset < len(text) {
		end := bytes.IndexByte(text[offset:], '\n') + 1
		switch {
		case end > manifestMaxLine || end == 0 && len(text)-offset >= manifestMaxLine:
			return nil, corrupt.New(int64(offset), "line longer than %d bytes", manifestMaxLine)
		case end == 0:
			return nil, corrupt.New(int64(offset), "last line is not ended")
		}
		line := text[offset : offset+end]
		if err := m.parseLine(text, offset, string(line), names); err != nil {
			return nil, err
		}
		offset += end
	}
	if m.base == nil && len(m.incrs) == 0 && len(m.history) == 0 {
		return nil, corrupt.New(0, "manifest lists no file")
	}
	for _, f := range m.files() {
		if f.size() >= 0 && !m.summed {
			return nil, corrupt.New(int64(offset), "manifest ends before its checksum")
		}
	}
	return m, nil
}

// parseLine parses the line at offset and adds it to m.
func (m *manifest) parseLine(text []byte, offset int, line string, names map[string]bool) error {
	bad := func(format string, args ...any) error {
		return corrupt.New(int64(offset), format, args...)
	}
	if line[0] == '#' {
		hex, ours := strings.CutPrefix(line, markPrefix)
		want := fmt.Sprintf("%08x\n", crc32.Checksum(text[:offset], castagnoli))
		if ours && hex != want {
			return bad("checksum of the manifest: found %q, computed %q", hex, want)
		}
		if ours && offset+len(line) != len(text) {
			return bad("lines follow the checksum of the manifest")
		}
		m.summed = m.summed || ours
		return nil
	}
	f, err := parseManifestFile(line)
	if err != nil {
		return bad("%v", err)
	}
	if len(f.appendLine(nil)) > manifestMaxLine {
		return bad("line longer than %d bytes once its names are quoted", manifestMaxLine)
	}
	if names[f.name] {
		return bad("file %q is listed twice", f.name)
	}
	names[f.name] = true
	switch f.kind {
	case kindBase:
		if m.base != nil {
			return bad("second base file")
		}
		m.base = &f
	case kindHistory:
		m.history = append(m.history, f)
	case kindIncr:
		if n := len(m.incrs); n > 0 && m.incrs[n-1].seq >= f.seq {
			return bad("increment %d follows increment %d", f.seq, m.incrs[n-1].seq)
		}
		m.incrs = append(m.incrs, f)
	}
	return nil
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

// checkSize compares the length of a base file with the size that the manifest records.
func (f *manifestFile) checkSize(path string, size int64) error {
	want := f.size()
	if f.kind != kindBase || want < 0 || size == want {
		return nil
	}
	return &corrupt.Error{File: path, Offset: min(want, size),
		What: fmt.Sprintf("file of %d bytes, the manifest says %d", size, want)}
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

// checkIdentity compares the identity of a file with the one that the manifest records.
func (f *manifestFile) checkIdentity(path string, id identity) error {
	want := f.pair(idKey)
	if want == "" || want == formatID(id.salt) {
		return nil
	}
	found := "has no id"
	if id.salt != 0 {
		found = "has id " + formatID(id.salt)
	}
	return &corrupt.Error{File: path, What: fmt.Sprintf("file is not the one that the manifest lists: it %s, want %s", found, want)}
}

// checkTrailer compares the last bytes of an RDB base file with those that the manifest records.
func (f *manifestFile) checkTrailer(path string, file io.ReaderAt, size int64) error {
	want := f.pair(crcKey)
	if want == "" {
		return nil
	}
	found, err := rdbTrailer(file, size)
	if err != nil || formatID(found) == want {
		return err
	}
	return &corrupt.Error{File: path, Offset: max(0, size-8),
		What: fmt.Sprintf("file is not the one that the manifest lists: it ends with %s, want %s", formatID(found), want)}
}

// checkRDB checks that a base file begins with an RDB if its name says so.
func (f *manifestFile) checkRDB(path string, found bool) error {
	if found || f.kind != kindBase || !strings.HasSuffix(f.name, baseRDBSuffix) {
		return nil
	}
	return &corrupt.Error{File: path, What: "want an RDB, found none"}
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
