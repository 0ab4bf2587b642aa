package aof

// FormatManifest parses a manifest and writes it out again.
func FormatManifest(text []byte) ([]byte, error) {
	m, err := parseManifest(text)
	if err != nil {
		return nil, err
	}
	return m.format(), nil
}

var ValidName = validName
