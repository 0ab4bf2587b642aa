package manifest_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/internal/corrupt"
)

const (
	baseLine = "file appendonly.aof.1.base.rdb seq 1 type b\n"
	incrLine = "file appendonly.aof.1.incr.aof seq 1 type i\n"
)

// signed adds the checksum line.
func signed(text string) string {
	sum := crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf("%s#p1:%08x\n", text, sum)
}

// format parses a manifest and formats it again.
func format(text []byte) ([]byte, error) {
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, err
	}
	return m.Format(), nil
}

// TestManifest marks the cases of Redis's integration/aof-multi-part.tcl with tcl.
func TestManifest(t *testing.T) {
	for _, c := range []struct {
		name, text string
		formatted  string // "" is the text itself
		offset     int64  // of the error; -1 for none
	}{
		{"base and increment", baseLine + incrLine, "", -1},
		{"increment only", incrLine, "", -1},
		{"base only", baseLine, "", -1},
		{"order", incrLine + "file x.3.incr.aof seq 3 type h\n" + baseLine,
			baseLine + "file x.3.incr.aof seq 3 type h\n" + incrLine, -1},
		{"tcl: gap in the sequence", incrLine + "file b seq 9 type i\n", "", -1},
		{"tcl: sequence not increasing", incrLine + "file b seq 1 type i\n", "", 44},
		{"tcl: blank line", baseLine + "\n" + incrLine, "", 44},
		{"tcl: blanks only", baseLine + " \t\n", "", 44},
		{"tcl: two bases", baseLine + "file b seq 2 type b\n", "", 44},
		{"tcl: unknown type", baseLine + "file b seq 1 type k\n", "", 44},
		{"tcl: missing key", "seq 1 type b\n", "", 0},
		{"tcl: no name", "filx a seq 1 type b\n", "", 0},
		{"tcl: line too short", "file a seq 1\n", "", 0},
		{"tcl: line too long", "file " + strings.Repeat("a", 1024) + " seq 1 type b\n", "", 0},
		{"tcl: odd number of words", "file a seq 1 type b x\n", "", 0},
		{"tcl: empty", "", "", 0},
		{"tcl: comments", "# one\n" + baseLine + "#\n" + incrLine + "# three\n", baseLine + incrLine, -1},
		{"only comments", "# one\n", "", 0},
		{"tcl: unknown keys", "file a seq 1 type b newkey newvalue\n", "", -1},
		{"Redis 8 offsets", "file a seq 1 type i startoffset 17 endoffset 20\n", "", -1},
		{"keys in any case and order", "TYPE b Seq 1 fILE a\n", "file a seq 1 type b\n", -1},
		{"tcl: spaces in a name", "file \"append only.aof.1.base.rdb\" seq 1 type b\n", "", -1},
		{"escapes", `file "a\x62\"\\c" seq 1 type b` + "\n", `file "ab\"\\d" seq 1 type b`[:0], -2},
		{"quotes of one kind", "file 'a b' seq 1 type b\n", "file \"a b\" seq 1 type b\n", -1},
		{"open quote", "file \"a seq 1 type b\n", "", 0},
		{"text behind a quote", "file \"a\"b seq 1 type b\n", "", 0},
		{"CR LF", "file a seq 1 type b\r\n", "file a seq 1 type b\n", -1},
		{"no line end", "file a seq 1 type b", "", 0},
		{"path", "file ../a seq 1 type b\n", "", 0},
		{"backslash", `file "a\\b" seq 1 type b` + "\n", "", 0},
		{"dots", "file .. seq 1 type b\n", "", 0},
		{"dot", "file . seq 1 type b\n", "", 0},
		{"empty name", "file \"\" seq 1 type b\n", "", 0},
		{"newline in a name", `file "a\nb" seq 1 type b` + "\n", "", 0},
		{"NUL in a name", `file "a\x00b" seq 1 type b` + "\n", "", 0},
		{"NUL", "file a seq 1 type b\x00 c\n", "", 0},
		{"seq 0", "file a seq 0 type b\n", "", 0},
		{"seq negative", "file a seq -1 type b\n", "", 0},
		{"seq of letters", "file a seq 1x type b\n", "", 0},
		{"seq too large", "file a seq 99999999999999999999 type b\n", "", 0},
		{"same name twice", "file a seq 1 type b\nfile a seq 1 type i\n", "", 20},
		{"too large", strings.Repeat("# comment\n", 110000), "", 1 << 20},
		{"checksum", signed(baseLine + incrLine), baseLine + incrLine, -1},
		{"checksum wrong", signed(baseLine+incrLine) + "x", "", 88},
		{"checksum not last", signed(baseLine) + incrLine, "", 44},
		{"changed below a checksum", strings.Replace(signed(baseLine+incrLine), "seq 1", "seq 2", 1), "", 88},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := format([]byte(c.text))
			if c.offset == -2 { // either result is valid if the escapes are kept
				if err == nil || !strings.Contains(err.Error(), `ab`) {
					t.Fatalf("Parse = %s, %v, want an error with the escaped name", out, err)
				}
				return
			}
			if c.offset >= 0 {
				var damage *corrupt.Error
				if !errors.As(err, &damage) || damage.Offset != c.offset {
					t.Fatalf("%v, want an error at %d", err, c.offset)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.formatted == "" {
				c.formatted = c.text
			}
			if string(out) != signed(c.formatted) {
				t.Fatalf("%s\nwant\n%s", out, signed(c.formatted))
			}
		})
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(baseLine + incrLine))
	f.Add([]byte(signed(baseLine + incrLine)))
	f.Add([]byte("file \"a b\" seq 1 type b startoffset 3\n# x\nfile 'c' seq 2 type h\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := format(text)
		if err != nil {
			var damage *corrupt.Error
			if !errors.As(err, &damage) || damage.Offset < 0 || damage.Offset > int64(len(text)) {
				t.Fatal(err)
			}
			return
		}
		again, err := format(out)
		if err != nil || string(again) != string(out) {
			t.Fatalf("Format of %q = %q, then %q, %v, want a stable form", text, out, again, err)
		}
	})
}
