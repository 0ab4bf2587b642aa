package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
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
const (
	SizeKey = "size"
	IDKey   = "id"
	EndKey  = "end"
	CRCKey  = "crc"

	maxLine = 1024    // bytes, LF included: Redis's limit
	maxSize = 1 << 20 // bytes
)

// Missing describes the damage of a file that a manifest lists and that does not exist.
const Missing = "listed in the manifest, but missing"

// Manifest lists the files of a log.
type Manifest struct {
	Base        *File // nil without a base file
	Incrs       []File
	Obsolete    []File
	Checksummed bool // it ends with its checksum, as every manifest of perdure does
}

// Files returns the base file and the incremental files, in load order.
func (m *Manifest) Files() []File {
	var all []File
	if m.Base != nil {
		all = append(all, *m.Base)
	}
	return append(all, m.Incrs...)
}

// At returns file i of Files.
func (m *Manifest) At(i int) *File {
	f := m.Files()[i]
	return &f
}

// Last returns the file that is appended to, or nil.
func (m *Manifest) Last() *File {
	if n := len(m.Incrs); n > 0 {
		return &m.Incrs[n-1]
	}
	return m.Base
}

// Equal reports whether two manifests have equal contents.
func (m *Manifest) Equal(other *Manifest) bool { return bytes.Equal(m.Format(), other.Format()) }

// Format returns the text of the manifest, in Redis's order: base file, obsolete files, incremental
// files.
func (m *Manifest) Format() []byte {
	var out []byte
	if m.Base != nil {
		out = m.Base.appendLine(out)
	}
	for i := range m.Obsolete {
		out = m.Obsolete[i].appendLine(out)
	}
	for i := range m.Incrs {
		out = m.Incrs[i].appendLine(out)
	}
	return fmt.Appendf(out, "%s%08x\n", wire.MarkerPrefix, crc32.Checksum(out, wire.Castagnoli))
}

// Parse parses a manifest. It returns a *corrupt.Error with the offset of the line if the
// manifest is damaged.
func Parse(text []byte) (*Manifest, error) {
	if len(text) > maxSize {
		return nil, corrupt.New(maxSize, "manifest of more than %d bytes", maxSize)
	}
	m := &Manifest{}
	names := make(map[string]bool)
	offset := 0
	for offset < len(text) {
		end := bytes.IndexByte(text[offset:], '\n') + 1
		switch {
		case end > maxLine || end == 0 && len(text)-offset >= maxLine:
			return nil, corrupt.New(int64(offset), "line longer than %d bytes", maxLine)
		case end == 0:
			return nil, corrupt.New(int64(offset), "last line is not ended")
		}
		line := text[offset : offset+end]
		if err := m.parseLine(text, offset, string(line), names); err != nil {
			return nil, err
		}
		offset += end
	}
	if m.Base == nil && len(m.Incrs) == 0 && len(m.Obsolete) == 0 {
		return nil, corrupt.New(0, "manifest lists no file")
	}
	for _, f := range m.Files() {
		if f.Size() >= 0 && !m.Checksummed {
			return nil, corrupt.New(int64(offset), "manifest ends before its checksum")
		}
	}
	return m, nil
}

// parseLine parses the line at offset and adds it to m.
func (m *Manifest) parseLine(text []byte, offset int, line string, names map[string]bool) error {
	bad := func(format string, args ...any) error {
		return corrupt.New(int64(offset), format, args...)
	}
	if line[0] == '#' {
		hex, ours := strings.CutPrefix(line, wire.MarkerPrefix)
		want := fmt.Sprintf("%08x\n", crc32.Checksum(text[:offset], wire.Castagnoli))
		if ours && hex != want {
			return bad("checksum of the manifest: found %q, computed %q", hex, want)
		}
		if ours && offset+len(line) != len(text) {
			return bad("lines follow the checksum of the manifest")
		}
		m.Checksummed = m.Checksummed || ours
		return nil
	}
	f, err := parseFile(line)
	if err != nil {
		return bad("%v", err)
	}
	if len(f.appendLine(nil)) > maxLine {
		return bad("line longer than %d bytes once its names are quoted", maxLine)
	}
	if names[f.Name] {
		return bad("file %q is listed twice", f.Name)
	}
	names[f.Name] = true
	switch f.Kind {
	case KindBase:
		if m.Base != nil {
			return bad("second base file")
		}
		m.Base = &f
	case KindObsolete:
		m.Obsolete = append(m.Obsolete, f)
	case KindIncr:
		if n := len(m.Incrs); n > 0 && m.Incrs[n-1].Seq >= f.Seq {
			return bad("increment %d follows increment %d", f.Seq, m.Incrs[n-1].Seq)
		}
		m.Incrs = append(m.Incrs, f)
	}
	return nil
}

// Read reads a manifest. It returns nil if the manifest does not exist.
func Read(fsys vfs.FS, path string) (*Manifest, error) {
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	m, err := Parse(text)
	return m, corrupt.InFile(err, path)
}

// Write atomically and durably installs m as the manifest called name in a directory. It returns a
// [*snapshot.DirSyncError] if it is unknown whether a crash leaves m or the manifest before.
func (m *Manifest) Write(fsys vfs.FS, dir, name string) error {
	text := m.Format()
	_, err := snapshot.Replace(dirfs.New(fsys), dir, name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	return err
}
