package flatlog

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
)

// The file begins with magic and the ID of the store, which is 16 hex digits. Records follow. A
// record is the length of the content and its CRC-32C, each in 4 bytes, little endian, and then the
// content. The content is whole log records in RESP, and begins with a SELECT.
const (
	magic      = "flatlog1"
	idSize     = 16
	headerSize = 8
)

// parseHeader returns the ID of the store at the start of a file. It returns false without a valid
// header.
func parseHeader(b []byte) (id string, ok bool) {
	if len(b) < len(magic)+idSize || string(b[:len(magic)]) != magic {
		return "", false
	}
	id = string(b[len(magic) : len(magic)+idSize])
	_, err := hex.DecodeString(id)
	return id, err == nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends a record to dst.
func appendRecord(dst, content []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(content)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(content, castagnoli))
	return append(dst, content...)
}

// parseRecord returns the content of the record at the start of b. It returns false without a whole
// record.
func parseRecord(b []byte) (content []byte, ok bool) {
	if len(b) < headerSize {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > int64(len(b)-headerSize) {
		return nil, false
	}
	content = b[headerSize : headerSize+n]
	return content, crc32.Checksum(content, castagnoli) == binary.LittleEndian.Uint32(b[4:])
}

// holdsRecord reports whether a record begins anywhere in b.
func holdsRecord(b []byte) bool {
	for i := range b {
		if _, ok := parseRecord(b[i:]); ok {
			return true
		}
	}
	return false
}

// recordWriter writes the data of each Write as a record. The writer of a base passes whole
// commands.
type recordWriter struct{ w io.Writer }

func (r recordWriter) Write(p []byte) (int, error) {
	if _, err := r.w.Write(appendRecord(nil, p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
