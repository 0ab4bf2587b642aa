package redisconf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/snapshot"
)

// directives contains the directives that have one argument. The reader handles dir, save, and
// include, whose effect depends on earlier lines.
var directives = map[string]func(c *Config, arg string) error{
	"dbfilename":                  text(option.FileName, func(c *Config) *string { return &c.DumpFilename }),
	"rdbcompression":              yesNo(func(c *Config) *bool { return &c.Compression }),
	"rdbchecksum":                 yesNo(func(c *Config) *bool { return &c.Checksum }),
	"stop-writes-on-bgsave-error": yesNo(func(c *Config) *bool { return &c.StopWritesOnSaveError }),
	"databases":                   number(1, 65536, func(c *Config) *int { return &c.Databases }),
	"appendonly":                  yesNo(func(c *Config) *bool { return &c.AppendOnly }),
	"appendfsync":                 fsync,
	"no-appendfsync-on-rewrite":   yesNo(func(c *Config) *bool { return &c.NoFsyncOnRewrite }),
	"appendfilename":              text(logName, func(c *Config) *string { return &c.LogFilename }),
	"appenddirname":               text(logName, func(c *Config) *string { return &c.LogDirname }),
	"auto-aof-rewrite-percentage": number(0, math.MaxInt32, func(c *Config) *int { return &c.RewritePercent }),
	"auto-aof-rewrite-min-size":   size(func(c *Config) *int64 { return &c.RewriteMinSize }),
	"aof-load-truncated":          yesNo(func(c *Config) *bool { return &c.LoadTruncated }),
	"aof-use-rdb-preamble":        yesNo(func(c *Config) *bool { return &c.RDBBase }),
	"aof-timestamp-enabled":       yesNo(func(c *Config) *bool { return &c.Timestamps }),
}

func text(check func(string) error, field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, arg string) error {
		*field(c) = arg
		return check(arg)
	}
}

// logName returns an error for a name that [aof.Filename] and [aof.Dirname] refuse.
func logName(name string) error {
	if strings.HasPrefix(name, snapshot.TempPrefix) {
		return fmt.Errorf("%q begins with the reserved prefix %s", name, snapshot.TempPrefix)
	}
	return option.BaseName(name)
}

func yesNo(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, arg string) error {
		switch lower(arg) {
		case "yes":
			*field(c) = true
		case "no":
			*field(c) = false
		default:
			return fmt.Errorf("want yes or no, got %q", arg)
		}
		return nil
	}
}

func fsync(c *Config, arg string) error {
	for _, p := range []aof.FsyncPolicy{aof.Always, aof.EverySec, aof.No} {
		if lower(arg) == p.String() {
			c.Fsync = p
			return nil
		}
	}
	return fmt.Errorf("want always, everysec, or no, got %q", arg)
}

// number accepts the one spelling of an integer that Redis accepts: without a plus sign, leading
// zeros, or space.
func number(low, high int, field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, arg string) error {
		n, err := strconv.Atoi(arg)
		if err != nil || n < low || n > high || strconv.Itoa(n) != arg {
			return fmt.Errorf("want an integer from %d to %d, got %q", low, high, arg)
		}
		*field(c) = n
		return nil
	}
}

// units contains the units of a size. As in Redis, k is 1000 bytes and kb is 1024 bytes.
var units = map[string]int64{
	"": 1, "b": 1,
	"k": 1000, "kb": 1 << 10,
	"m": 1000 * 1000, "mb": 1 << 20,
	"g": 1000 * 1000 * 1000, "gb": 1 << 30,
}

func size(field func(*Config) *int64) func(*Config, string) error {
	return func(c *Config, arg string) error {
		digits := strings.TrimRight(arg, "bBgGkKmM")
		n, err := strconv.ParseUint(digits, 10, 63)
		unit, known := units[lower(arg[len(digits):])]
		if err != nil || !known || int64(n) > math.MaxInt64/unit {
			return fmt.Errorf("want a size such as 1000, 64mb, or 1gb, got %q", arg)
		}
		*field(c) = int64(n) * unit
		return nil
	}
}

// saveRules returns the rules of a save line. One argument contains all numbers of the line, as in
// save "3600 1 300 100". An empty one means no rules.
func saveRules(args []string) (rules []snapshot.Rule, err error) {
	if len(args) == 1 {
		args = strings.Fields(args[0])
	}
	if len(args)%2 != 0 {
		return nil, errors.New("want pairs of seconds and changes")
	}
	for ; len(args) > 0; args = args[2:] {
		seconds, err1 := strconv.ParseInt(args[0], 10, 64)
		changes, err2 := strconv.ParseInt(args[1], 10, 32)
		r := snapshot.Rule{Seconds: seconds, Changes: changes}
		if err1 != nil || err2 != nil || r.Validate() != nil {
			return nil, fmt.Errorf("want 1 or more seconds and 0 to 2147483647 changes, got %q %q", args[0], args[1])
		}
		rules = append(rules, r)
	}
	return rules, nil
}
