package aof

import (
	"fmt"
	"strings"
	"time"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/snapshot"
)

// An Option configures a Log. [Log.Configure] can change those of [Fsync], [AutoRewrite],
// [RDBBase], [NoFsyncOnRewrite] and [Timestamps] while the log is open.
type Option struct {
	set     func(*config) error
	runtime bool // may be changed while the log is open
}

// config holds the values of all options.
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

// Fsync sets when writes are fsynced. The default is [EverySec]. Redis: appendfsync.
func Fsync(p FsyncPolicy) Option {
	return Option{runtime: true, set: func(c *config) error {
		if p > No {
			return fmt.Errorf("%w: fsync policy %d", ErrOptions, p)
		}
		c.fsync = p
		return nil
	}}
}

// AutoRewrite sets how far the log must grow before a rewrite is due. It must grow by percentage
// over its size after the last rewrite, and must be larger than minSize bytes. The defaults are 100
// and 64 MiB. A percentage of 0 disables automatic rewrites. Redis: auto-aof-rewrite-percentage,
// auto-aof-rewrite-min-size.
func AutoRewrite(percentage int, minSize int64) Option {
	return Option{runtime: true, set: func(c *config) error {
		if percentage < 0 || minSize < 0 {
			return fmt.Errorf("%w: rewrite at %d %% over %d bytes", ErrOptions, percentage, minSize)
		}
		c.trigger = Trigger{Percentage: percentage, MinSize: minSize}
		return nil
	}}
}

// RDBBase sets whether a rewrite writes the base file as an RDB file or as commands. An RDB file is
// smaller and faster. The default is true. Redis: aof-use-rdb-preamble.
func RDBBase(on bool) Option {
	return Option{runtime: true, set: func(c *config) error { c.rdbBase = on; return nil }}
}

// LoadTruncated sets how to open a log whose last file ends inside a log record. If on is true, the
// file is truncated there and used; otherwise the log is refused. The default is true. Redis:
// aof-load-truncated.
func LoadTruncated(on bool) Option {
	return Option{set: func(c *config) error { c.loadTruncated = on; return nil }}
}

// NoFsyncOnRewrite sets whether the fsync policy is suspended during a rewrite, so that writers do
// not wait for its disk writes. A power failure then loses the writes since the start of the
// rewrite, even under Always. Sync, and a write that was asked to be durable, still fsync. The
// default is false. Redis: no-appendfsync-on-rewrite.
func NoFsyncOnRewrite(on bool) Option {
	return Option{runtime: true, set: func(c *config) error { c.noFsyncOnRewrite = on; return nil }}
}

// Filename sets the prefix of the names of the log's files. The default is appendonly.aof. Redis:
// appendfilename.
func Filename(name string) Option {
	return Option{set: func(c *config) error {
		c.filename = name
		return validName(name)
	}}
}

// Dirname sets the name of the log's directory, which is inside the data directory. The default is
// appendonlydir. Redis: appenddirname.
func Dirname(name string) Option {
	return Option{set: func(c *config) error {
		c.dirname = name
		return validName(name)
	}}
}

// Timestamps sets whether the log records the time before the first write of every second, in #TS:
// lines. redis-check-aof can then truncate the log at a given time. The default is false. Redis:
// aof-timestamp-enabled. Redis before 7.0 cannot read such a log.
func Timestamps(on bool) Option {
	return Option{runtime: true, set: func(c *config) error { c.timestamps = on; return nil }}
}

// Checksums sets whether the log contains checksums, in #p1: lines. The default is true. Without
// them damage inside a value is not detected. Redis before 7.0 cannot read a log with checksums.
func Checksums(on bool) Option {
	return Option{set: func(c *config) error { c.checksums = on; return nil }}
}

// FsyncPolicy is the policy for when appended bytes are fsynced: Redis's appendfsync.
type FsyncPolicy uint8

// The policies. The zero value is EverySec, which is also the default.
const (
	EverySec FsyncPolicy = iota // a power failure loses at most two seconds of acknowledged writes
	Always                      // a write returns once it is durable
	No                          // the kernel decides; Sync, Rewrite and Close still fsync
)

// String returns Redis's name of the policy.
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

// validName returns an error if name is not a plain base name, on any system.
func validName(name string) error {
	if err := manifest.CheckName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if len(name) > maxName {
		return fmt.Errorf("%w: name of %d bytes, at most %d", ErrOptions, len(name), maxName)
	}
	if strings.HasPrefix(name, snapshot.TempPrefix) {
		return fmt.Errorf("%w: name begins with %s", ErrOptions, snapshot.TempPrefix)
	}
	return nil
}

// maxName is the length of the longest file name that is accepted, in bytes. The longest suffix
// then fits into the 255 bytes that a file system allows.
const maxName = 200
