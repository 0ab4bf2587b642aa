package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDump(t *testing.T) {
	dir := store(t)
	fromLog := want(t, exitGood, "dump", dir)
	fromLog.wants(t,
		`{"db":0,"key":"","type":"string","value":""}`+"\n",
		`{"db":0,"key":"n","type":"string","value":"1"}`+"\n",
		`{"db":0,"key":"ttl","type":"string","value":"v","expireAtMs":4071006245678}`+"\n",
		`{"db":0,"keyBase64":"/wA=","type":"string","valueBase64":"/nY="}`+"\n",
		`{"db":2,"key":"b","type":"string","value":"2"}`+"\n"+`{"db":3,"key":"k","type":"string","value":"<three>"}`+"\n",
	)
	var last dumped
	for _, line := range strings.Split(strings.TrimSpace(fromLog.stdout), "\n") {
		var d dumped
		check(t, json.Unmarshal([]byte(line), &d))
		if d.Key != nil && last.Key != nil && (d.DB < last.DB || d.DB == last.DB && *d.Key <= *last.Key) {
			t.Errorf("dump printed %q after %q, want sorted keys", *d.Key, *last.Key)
		}
		last = d
	}
	for _, path := range []string{dumpName, logDirName, filepath.Join(logDirName, logName+manifestSuffix)} {
		if r := want(t, exitGood, "dump", filepath.Join(dir, path)); r.stdout != fromLog.stdout {
			t.Errorf("dump %s differs, want the dump of the directory:\n%s", path, r.stdout)
		}
	}
}

func TestDumpKeepsExpired(t *testing.T) {
	path := write(t, "a.aof", selects+setKV+"*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$4\r\n1000\r\n"+
		"*2\r\n$6\r\nSELECT\r\n$3\r\n700\r\n"+setKV)
	line := `{"db":0,"key":"k","type":"string","value":"v","expireAtMs":1000}` + "\n" +
		`{"db":700,"key":"k","type":"string","value":"v"}` + "\n"
	if r := want(t, exitGood, "dump", path); r.stdout != line {
		t.Errorf("dump = %s, want %s", r.stdout, line)
	}
	for _, name := range []string{"a.rdb", "b.zst", "c.aof", "d"} {
		out := filepath.Join(t.TempDir(), name)
		want(t, exitGood, "convert", path, out)
		if r := want(t, exitGood, "dump", out); r.stdout != line {
			t.Errorf("dump %s = %s, want %s", name, r.stdout, line)
		}
	}
}

func TestDumpDamagedPrintsNothing(t *testing.T) {
	dir := store(t)
	dump := filepath.Join(dir, dumpName)
	check(t, os.WriteFile(dump, []byte(read(t, dump)[:200]), 0o600))
	if r := want(t, exitDamaged, "dump", dump); r.stdout != "" || !strings.Contains(r.stderr, "offset") {
		t.Errorf("dump: stdout %q, stderr %q, want only an offset on stderr", r.stdout, r.stderr)
	}
	unknown := write(t, "a.aof", "*2\r\n$5\r\nFROBX\r\n$1\r\nx\r\n")
	want(t, exitUnsupported, "dump", unknown).wants(t, "offset 0", "FROBX")
}

// TestCorpus compares dumps with the contents that their authors published.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "rdb", "testdata", "hdt3213", "*.rdb"))
	check(t, err)
	compared, values := 0, 0
	for _, path := range files {
		text, err := os.ReadFile(strings.TrimSuffix(path, ".rdb") + ".json")
		if err != nil {
			continue
		}
		var expected []struct {
			DB         int
			Key        string
			Type       string
			Value      json.RawMessage
			Expiration *time.Time
		}
		if err := json.Unmarshal(text, &expected); err != nil {
			t.Errorf("Unmarshal for %s = %v, want nil", path, err)
			continue
		}
		if _, bad := unfit[filepath.Base(path)]; bad {
			continue
		}
		checkCorpus(t, path, path)
		lines := decodeDump(t, want(t, exitGood, "dump", path).stdout)
		all := corpusValues(t, text)
		for _, e := range expected {
			got, ok := lines[dumpedKey{e.DB, e.Key}]
			switch e.Type {
			case "functions", "aux", "dbsize":
				continue
			}
			if !ok {
				t.Errorf("%s: dump lacks db %d, key %q, want a line", path, e.DB, e.Key)
				continue
			}
			compared++
			if compareCorpusValue(t, path, e.Type, got, all[dumpedKey{e.DB, e.Key}]) {
				values++
			}
			if got.Type != e.Type {
				t.Errorf("%s: %q: type %s, want %s", path, e.Key, got.Type, e.Type)
			}
			if e.Expiration != nil && got.ExpireAtMs != e.Expiration.UnixMilli() || e.Expiration == nil && got.ExpireAtMs != 0 {
				t.Errorf("%s: %q: expiry %d, want %v", path, e.Key, got.ExpireAtMs, e.Expiration)
			}
			var value string
			if e.Type == "string" && json.Unmarshal(e.Value, &value) == nil && got.value(t) != value &&
				!strings.ContainsRune(value, '\ufffd') {
				t.Errorf("%s: %q: value %q, want %q", path, e.Key, got.value(t), value)
			}
		}
	}
	t.Logf("%d keys compared, %d collections among them", compared, values)
	if values < 30 {
		t.Errorf("compared %d collections, want at least 30", values)
	}
}

type dumpedKey struct {
	db  int
	key string
}

// value returns the value of a string.
func (d dumped) value(t *testing.T) string {
	if s, ok := d.Value.(string); ok {
		return s
	}
	s, _ := d.ValueBase64.(string)
	return plain(t, nil, &s)
}

func plain(t *testing.T, text, encoded *string) string {
	t.Helper()
	if text != nil {
		return *text
	}
	if encoded == nil {
		return ""
	}
	p, err := base64.StdEncoding.DecodeString(*encoded)
	check(t, err)
	return string(p)
}

func decodeDump(t *testing.T, lines string) map[dumpedKey]dumped {
	t.Helper()
	all := make(map[dumpedKey]dumped)
	for line := range strings.Lines(lines) {
		var d dumped
		check(t, json.Unmarshal([]byte(line), &d))
		all[dumpedKey{d.DB, plain(t, d.Key, d.KeyBase64)}] = d
	}
	return all
}
