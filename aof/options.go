package aof

import (
	"fmt"
	"time"
)

// Option sets one thing of a Log. Fsync, AutoRewrite, RDBBase, NoFsyncOnRewrite and Timestamps
// can be changed while it is open, through Configure.
type Option struct {
	set     func(*config) error
	runtime bool // may be changed while the log is open
}

// config is the sum of the options.
type config struct {
	fsync            FsyncPolicy
	trigger          Trigger
	rdbBase          bool
	loadTruncated    bool
	noFsyncOnRewrite bool
	filename         string
	dirname          string
	timestamps       bool
	checksums        bool
	mode             Mode
	ringSize         int64
	ringDelay        time.Duration
}

func defaultConfig() config {
	return config{
		trigger:       Trigger{Percentage: 100, MinSize: 64 << 20},
		rdbBase:       true,
		loadTruncated: true,
		filename:      "appendonly.aof",
		dirname:       "appendonlydir",
		checksums:     true,
		mode:          Ring,
		ringSize:      3 << 20,
		ringDelay:     time.Millisecond,
	}
}

// Fsync says when writes are forced to disk. The default is EverySec. Redis: appendfsync.
func Fsync(p FsyncPolicy) Option {
	return Option{runtime: true, set: func(c *config) error {
		if p > No {
			return fmt.Errorf("%w: fsync policy %d", ErrOptions, p)
		}
		c.fsync = p
		return nil
	}}
}

// AutoRewrite says how far the log grows before a rewrite is due: by percentage over its size
// after the last one, and over minSize bytes. The default is 100 and 64 MiB; a percentage of 0
// turns it off. Redis: auto-aof-rewrite-percentage, auto-aof-rewrite-min-size.
func AutoRewrite(percentage int, minSize int64) Option {
	return Option{runtime: true, set: func(c *config) error {
		if percentage < 0 || minSize < 0 {
			return fmt.Errorf("%w: rewrite at %d %% over %d bytes", ErrOptions, percentage, minSize)
		}
		c.trigger = Trigger{Percentage: percentage, MinSize: minSize}
		return nil
	}}
}

// RDBBase says whether a rewrite writes its base as an RDB file, which is smaller and faster, or
// as commands. The default is true. Redis: aof-use-rdb-preamble.
func RDBBase(on bool) Option {
	return Option{runtime: true, set: func(c *config) error { c.rdbBase = on; return nil }}
}

// LoadTruncated says whether a log whose last file ends inside a unit is cut there and used, or
// refused. The default is true. Redis: aof-load-truncated.
func LoadTruncated(on bool) Option {
	return Option{set: func(c *config) error { c.loadTruncated = on; return nil }}
}

// NoFsyncOnRewrite says whether the fsync policy rests while a rewrite runs, so that writers do
// not wait behind it. A power failure then loses what was written since the rewrite began, under
// Always too; a write that asked to be durable, and Sync, still force. The default is false.
// Redis: no-appendfsync-on-rewrite.
func NoFsyncOnRewrite(on bool) Option {
	return Option{runtime: true, set: func(c *config) error { c.noFsyncOnRewrite = on; return nil }}
}

// Filename sets the name that the log's files begin with. The default is appendonly.aof. Redis:
// appendfilename.
func Filename(name string) Option {
	return Option{set: func(c *config) error {
		c.filename = name
		return validName(name)
	}}
}

// Dirname sets the name of the log's directory inside the data directory. The default is
// appendonlydir. Redis: appenddirname.
func Dirname(name string) Option {
	return Option{set: func(c *config) error {
		c.dirname = name
		return validName(name)
	}}
}

// Timestamps says whether the log notes the time, as #TS: lines, before the first write of every
// second, so that redis-check-aof can cut it at a time. The default is false. Redis:
// aof-timestamp-enabled. Redis before 7.0 does not read such a log.
func Timestamps(on bool) Option {
	return Option{runtime: true, set: func(c *config) error { c.timestamps = on; return nil }}
}

// Checksums says whether the log notes checksums, as #p1 lines. The default is true. Without
// them damage inside a value is not seen. Redis before 7.0 does not read a log with them.
func Checksums(on bool) Option {
	return Option{set: func(c *config) error { c.checksums = on; return nil }}
}

// FsyncPolicy says when appended bytes are forced to disk: Redis's appendfsync.
type FsyncPolicy uint8

// The policies. The zero value is EverySec, which is also the default.
const (
	EverySec FsyncPolicy = iota // at most two seconds of acknowledged writes are lost with power
	Always                      // a write returns when it is on disk
	No                          // the system decides; Sync, Rewrite and Close still force
)

// String gives Redis's word.
func (p FsyncPolicy) String() string {
	switch p {
	case Always:
		return "always"
	case No:
		return "no"
	default:
		return "everysec"
	}
}
