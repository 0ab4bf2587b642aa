package aof

// FormatManifest parses a manifest and writes it out again.
func FormatManifest(text []byte) ([]byte, error) {
	m, err := parseManifest(text)
	if err != nil {
		return nil, err
	}
	return m.format(), nil
}

// VerifyMark reads a line as the mark of a group whose checksum so far is crc.
func VerifyMark(line []byte, crc uint32) (sync int64, ok bool) {
	m, ok := parseMark(line)
	return m.sync, ok && m.verifies(crc)
}

// GroupSeed begins the checksum of a group in a file without a salt.
func GroupSeed(seq, offset int64) uint32 { return newSeed(seq).group(offset) }

// ParseOpening reads a line as the first of an increment, and begins the checksum of a group of it.
func ParseOpening(line []byte, seq, offset int64) (crc uint32, ok bool) {
	_, s, ok := parseOpening(line, newSeed(seq))
	return s.group(offset), ok
}

// LeadSize is the room that a mark leaves in its page.
const LeadSize = leadSize

var (
	AppendMark = func(dst []byte, crc uint32, sync int64) []byte { return appendMark(dst, crc, sync, nil) }
	ValidName  = validName
)
