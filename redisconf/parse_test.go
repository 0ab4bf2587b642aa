package redisconf_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/redisconf"
	"github.com/perduredb/perdure/snapshot"
)

func parse(t *testing.T, text string) *redisconf.Config {
	t.Helper()
	c, err := redisconf.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q) = %v, want nil", text, err)
	}
	return c
}

func TestParseReadsEveryDirective(t *testing.T) {
	got := parse(t, `
# a comment
save 900 1
SAVE 60 10000 30 5
dir /var/lib/redis
dbfilename a.rdb
rdbcompression no
rdbchecksum no
appendonly yes
appendfsync Always
no-appendfsync-on-rewrite yes
appendfilename "my log.aof"
appenddirname 'logs'
auto-aof-rewrite-percentage 50
auto-aof-rewrite-min-size 32MB
aof-load-truncated no
aof-use-rdb-preamble no
aof-timestamp-enabled yes
stop-writes-on-bgsave-error no
databases 4
`)
	want := &redisconf.Config{
		Dir:              filepath.FromSlash("/var/lib/redis"),
		SaveRules:        []snapshot.Rule{{Seconds: 900, Changes: 1}, {Seconds: 60, Changes: 10000}, {Seconds: 30, Changes: 5}},
		DumpFilename:     "a.rdb",
		AppendOnly:       true,
		Fsync:            aof.Always,
		NoFsyncOnRewrite: true,
		LogFilename:      "my log.aof",
		LogDirname:       "logs",
		RewritePercent:   50,
		RewriteMinSize:   32 << 20,
		Timestamps:       true,
		Databases:        4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse: -want +got\n%s", diff)
	}
}

func TestParseOfEmptyTextReturnsDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "  # dir /\r\n\t\n\v\n"} {
		if diff := cmp.Diff(redisconf.Default(), parse(t, text)); diff != "" {
			t.Errorf("Parse(%q): -want +got\n%s", text, diff)
		}
	}
}

// TestParseSplitsArguments compares arguments with those of sdssplitargs.
func TestParseSplitsArguments(t *testing.T) {
	for line, want := range map[string][]string{
		`x`:                         nil,
		"x a\tb\r":                  {"a", "b"},
		"\vx \f a\vb":               {"a\vb"},
		`x "a b" 'c d'`:             {"a b", "c d"},
		`x "" ''`:                   {"", ""},
		`x "\n\r\t\b\a\\\"\q"`:      {"\n\r\t\b\a\\\"q"},
		`x "\x41\xfF\x00\xg1\x4"`:   {"A\xff\x00xg1x4"},
		`x 'it\'s' '\n"'`:           {"it's", `\n"`},
		`x a"b c" d'e f'`:           {"ab c", "de f"},
		`x \n # not a comment`:      {`\n`, "#", "not", "a", "comment"},
		`x "` + "caf\xc3\xa9" + `"`: {"café"},
	} {
		c := parse(t, line)
		if len(c.Unknown) != 1 || c.Unknown[0].Name != "x" {
			t.Errorf("Parse(%q) = %+v, want the unknown directive x", line, c.Unknown)
		} else if diff := cmp.Diff(want, c.Unknown[0].Args, cmpEmpty); diff != "" {
			t.Errorf("Parse(%q): -want +got\n%s", line, diff)
		}
	}
}

// cmpEmpty makes nil and empty slices equal.
var cmpEmpty = cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })

func TestParseReturnsUnknownDirectives(t *testing.T) {
	got := parse(t, "port 6379\nAppendOnly yes\n\nRename-Command \"CONFIG\" ''\n").Unknown
	want := []redisconf.Directive{
		{Name: "port", Args: []string{"6379"}, Line: 1},
		{Name: "rename-command", Args: []string{"CONFIG", ""}, Line: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Unknown: -want +got\n%s", diff)
	}
}

func TestSaveLinesAccumulate(t *testing.T) {
	one, two := snapshot.Rule{Seconds: 1, Changes: 2}, snapshot.Rule{Seconds: 3, Changes: 0}
	for text, want := range map[string][]snapshot.Rule{
		"save 1 2\nsave 3 0":             {one, two},
		"save 1 2 3 0":                   {one, two},
		`save "1 2 3 0"`:                 {one, two},
		"save 1 2\nsave \"\"":            nil,
		"save":                           nil,
		"save 1 2\nsave\nsave ' '":       {one},
		"save ''\nsave +1 02":            {one},
		"save 1 2\nsave \"\"\nsave 3 -0": {two},
	} {
		if diff := cmp.Diff(want, parse(t, text).SaveRules); diff != "" {
			t.Errorf("Parse(%q): -want +got\n%s", text, diff)
		}
	}
}

func TestLaterDirectivesOverride(t *testing.T) {
	c := parse(t, "appendonly yes\ndir a\ndir b\nappendonly no\nauto-aof-rewrite-min-size 1k\nauto-aof-rewrite-min-size 2kb")
	if c.AppendOnly || c.Dir != filepath.Join("a", "b") || c.RewriteMinSize != 2048 {
		t.Errorf("AppendOnly, Dir, RewriteMinSize = %v, %q, %d, want false, a/b, 2048", c.AppendOnly, c.Dir, c.RewriteMinSize)
	}
}

func TestWrongLinesReturnLineError(t *testing.T) {
	for line, want := range map[string]string{
		`appendonly maybe`:                       `appendonly: want yes or no, got "maybe"`,
		`appendonly`:                             `appendonly: want 1 argument, got 0`,
		`dir a b`:                                `dir: want 1 argument, got 2`,
		`dir ""`:                                 `dir: directory is empty`,
		`include`:                                `include: want 1 argument, got 0`,
		`include [`:                              `include: syntax error in pattern`,
		`APPENDFSYNC often`:                      `appendfsync: want always, everysec, or no, got "often"`,
		`databases 0`:                            `databases: want an integer from 1 to 65536, got "0"`,
		`databases 016`:                          `databases: want an integer from 1 to 65536, got "016"`,
		`auto-aof-rewrite-percentage -1`:         `auto-aof-rewrite-percentage: want an integer from 0 to 2147483647, got "-1"`,
		`auto-aof-rewrite-min-size 64mib`:        `auto-aof-rewrite-min-size: want a size such as 1000, 64mb, or 1gb, got "64mib"`,
		`auto-aof-rewrite-min-size mb`:           `auto-aof-rewrite-min-size: want a size such as 1000, 64mb, or 1gb, got "mb"`,
		`auto-aof-rewrite-min-size 9999999tb`:    `auto-aof-rewrite-min-size: want a size such as 1000, 64mb, or 1gb, got "9999999tb"`,
		`auto-aof-rewrite-min-size 8589934592gb`: `auto-aof-rewrite-min-size: want a size such as 1000, 64mb, or 1gb, got "8589934592gb"`,
		`save 60`:                                `save: want pairs of seconds and changes`,
		`save 0 1`:                               `save: want 1 or more seconds and 0 to 2147483647 changes, got "0" "1"`,
		`save 1 -1`:                              `save: want 1 or more seconds and 0 to 2147483647 changes, got "1" "-1"`,
		`save 1 9999999999`:                      `save: want 1 or more seconds and 0 to 2147483647 changes, got "1" "9999999999"`,
		`save "1 '2'"`:                           `save: want 1 or more seconds and 0 to 2147483647 changes, got "1" "'2'"`,
		`dbfilename a/b`:                         `dbfilename: want a file name, got the path "a/b"`,
		`dbfilename appendonlydir`:               `dbfilename: "appendonlydir" is the name of another file of the store`,
		`appendfilename ""`:                      `appendfilename: "" is not a file name`,
		`appenddirname temp-perdure-x`:           `appenddirname: "temp-perdure-x" begins with the reserved prefix temp-perdure-`,
		`requirepass "secret`:                    `unbalanced quotes`,
		`x 'a'b`:                                 `unbalanced quotes`,
		`x 'a`:                                   `unbalanced quotes`,
		`"" x`:                                   `directive is empty`,
		"x \x00":                                 `line contains a NUL byte`,
	} {
		_, err := redisconf.Parse([]byte("\nhz 10\n" + line + "\nappendonly yes\n"))
		var wrong *redisconf.LineError
		if !errors.As(err, &wrong) || !errors.Is(err, perdure.ErrOptions) {
			t.Errorf("Parse(%q) = %v, want a LineError matching ErrOptions", line, err)
		} else if got, want := err.Error(), "perdure: line 3: "+want; got != want {
			t.Errorf("Parse(%q) = %q, want %q", line, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("save 60 100\nsave \"\"\nappendonly yes # no\n"))
	f.Add([]byte("DIR 'a b'\nauto-aof-rewrite-min-size 64mb\nx \"\\x41\\n\" 'it\\'s'\n"))
	f.Add([]byte("save '\"1\" 2'\ndatabases 65536\ndbfilename ..\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(strings.ToLower(string(text)), "include") {
			return // would read files of the machine
		}
		c, err := redisconf.Parse(text)
		if err != nil {
			if !errors.Is(err, perdure.ErrOptions) || strings.Count(err.Error(), "perdure: ") != 1 && !strings.Contains(string(text), "perdure: ") {
				t.Errorf("Parse = %q, want an ErrOptions with one prefix", err)
			}
			return
		}
		again, err := redisconf.Parse([]byte(format(c)))
		if err != nil {
			t.Fatalf("Parse(%q) = %v, want nil", format(c), err)
		}
		for i := range c.Unknown { // the lines of the second text differ
			c.Unknown[i].Line = again.Unknown[i].Line
		}
		if diff := cmp.Diff(c, again, cmpEmpty); diff != "" {
			t.Errorf("Parse(%q): -want +got\n%s", format(c), diff)
		}
	})
}
