package aof

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
	return fmt.Appendf(out, "%s%08x\n", wire.MarkerPrefix, crc32.Checksum(out, wire.Castagnoli))
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
		hex, ours := strings.CutPrefix(line, wire.MarkerPrefix)
		want := fmt.Sprintf("%08x\n", crc32.Checksum(text[:offset], wire.Castagnoli))
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

// readManifest reads a manifest. It returns nil if the manifest does not exist.
func readManifest(fsys vfs.FS, path string) (*manifest, error) {
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, manifestMaxSize+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	m, err := parseManifest(text)
	return m, corrupt.InFile(err, path)
}

// write atomically and durably installs m as the manifest called name in a directory. It returns a
// [*snapshot.DirSyncError] if it is unknown whether a crash leaves m or the manifest before.
func (m *manifest) write(fsys vfs.FS, dir, name string) error {
	text := m.format()
	_, err := snapshot.Replace(dirfs.New(fsys), dir, name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	return err
}
