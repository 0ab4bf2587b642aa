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

var (
	GroupSeed  = groupSeed
	AppendMark = appendMark
	ValidName  = validName
)
