package redisconf_test

import (
	"fmt"
	"strings"

	"github.com/perduredb/perdure/redisconf"
)

// values returns the values of a configuration in the form in which CONFIG GET returns them, except
// for dir.
func values(c *redisconf.Config) map[string]string {
	yesNo := map[bool]string{true: "yes", false: "no"}
	var rules []string
	for _, r := range c.SaveRules {
		rules = append(rules, fmt.Sprint(r.Seconds, " ", r.Changes))
	}
	return map[string]string{
		"save":                        strings.Join(rules, " "),
		"dbfilename":                  c.DumpFilename,
		"rdbcompression":              yesNo[c.Compression],
		"rdbchecksum":                 yesNo[c.Checksum],
		"appendonly":                  yesNo[c.AppendOnly],
		"appendfsync":                 c.Fsync.String(),
		"no-appendfsync-on-rewrite":   yesNo[c.NoFsyncOnRewrite],
		"appendfilename":              c.LogFilename,
		"appenddirname":               c.LogDirname,
		"auto-aof-rewrite-percentage": fmt.Sprint(c.RewritePercent),
		"auto-aof-rewrite-min-size":   fmt.Sprint(c.RewriteMinSize),
		"aof-load-truncated":          yesNo[c.LoadTruncated],
		"aof-use-rdb-preamble":        yesNo[c.RDBBase],
		"aof-timestamp-enabled":       yesNo[c.Timestamps],
		"stop-writes-on-bgsave-error": yesNo[c.StopWritesOnSaveError],
		"databases":                   fmt.Sprint(c.Databases),
	}
}

// format returns a text with the values of a configuration.
func format(c *redisconf.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dir %s\n", quote(c.Dir))
	for name, value := range values(c) {
		fmt.Fprintf(&b, "%s %s\n", name, quote(value))
	}
	for _, d := range c.Unknown {
		b.WriteString(quote(d.Name))
		for _, arg := range d.Args {
			b.WriteString(" " + quote(arg))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// quote returns an argument in double quotes, with every byte escaped.
func quote(s string) string {
	q := `"`
	for i := range len(s) {
		q += fmt.Sprintf(`\x%02x`, s[i])
	}
	return q + `"`
}
