// Package redisconf reads the configuration files of Redis and Valkey, redis.conf and valkey.conf,
// as options of perdure.
//
//	c, err := redisconf.ReadFile("/etc/redis/redis.conf")
//	if err != nil { ... }
//	s, err := perdure.Open(c.Dir, c.Options()...)
//
// A store opened this way uses the files that a server with this configuration uses, in the same
// way. A directive that the file lacks therefore has the default of Redis 7, not that of perdure.
// In particular, without "appendonly yes" the store has no append-only log.
//
// The package knows the directives about persistence, databases, and include. It returns all others
// in [Config.Unknown], so a file of any version can be read.
//
// It refuses values that a server refuses. It also refuses a few that a server accepts: numbers
// that overflow, have no digits, or begin with a space, quotes within the quoted value of save, a
// NUL byte, an include that includes itself, more than 65536 databases, and file names that
// [perdure.Open] refuses. Unlike a server, it does not require that the directory exists.
//
// All functions are safe for concurrent use. A [Config] is a value without locks.
package redisconf

import (
	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// A Config holds the values of the directives that perdure knows. Its fields can be changed before
// the call of [Config.Options].
type Config struct {
	// Dir is the data directory, for [perdure.Open]. A relative path begins at the working
	// directory of the process, not at the configuration file, as in Redis. Redis: dir.
	Dir string

	SaveRules    []snapshot.Rule // save; none after save ""
	DumpFilename string          // dbfilename
	Compression  bool            // rdbcompression
	Checksum     bool            // rdbchecksum

	AppendOnly       bool            // appendonly
	Fsync            aof.FsyncPolicy // appendfsync
	NoFsyncOnRewrite bool            // no-appendfsync-on-rewrite
	LogFilename      string          // appendfilename
	LogDirname       string          // appenddirname
	RewritePercent   int             // auto-aof-rewrite-percentage
	RewriteMinSize   int64           // auto-aof-rewrite-min-size, in bytes
	LoadTruncated    bool            // aof-load-truncated
	RDBBase          bool            // aof-use-rdb-preamble
	Timestamps       bool            // aof-timestamp-enabled

	StopWritesOnSaveError bool // stop-writes-on-bgsave-error
	Databases             int  // databases

	// Unknown contains the directives that perdure does not know, in the order of the files.
	Unknown []Directive
}

// A Directive is a line of a configuration.
type Directive struct {
	Name string   // in lowercase
	Args []string // without quotes and escapes; may contain passwords
	File string   // path of the file; empty for [Parse]
	Line int      // from 1
}

// Default returns the configuration of a Redis 7 that is started without a file.
func Default() *Config {
	return &Config{
		Dir:                   ".",
		SaveRules:             []snapshot.Rule{{Seconds: 3600, Changes: 1}, {Seconds: 300, Changes: 100}, {Seconds: 60, Changes: 10000}},
		DumpFilename:          "dump.rdb",
		Compression:           true,
		Checksum:              true,
		Fsync:                 aof.EverySec,
		LogFilename:           "appendonly.aof",
		LogDirname:            "appendonlydir",
		RewritePercent:        100,
		RewriteMinSize:        64 << 20,
		LoadTruncated:         true,
		RDBBase:               true,
		StopWritesOnSaveError: true,
		Databases:             16,
	}
}

// Options returns the options for [perdure.Open]. Options that follow them override them. Each call
// returns a new Snapshotter and a new log, because a store cannot share them with another.
func (c *Config) Options() []perdure.Option {
	return []perdure.Option{
		perdure.WithSaveRules(c.SaveRules...),
		perdure.WithSnapshotter(rdb.New(
			rdb.Filename(c.DumpFilename),
			rdb.Compression(c.Compression),
			rdb.Checksum(c.Checksum),
		)),
		c.logOption(),
		perdure.WithStopWritesOnSaveError(c.StopWritesOnSaveError),
		perdure.WithDatabases(c.Databases),
	}
}

// logOption returns the option for the append-only log.
func (c *Config) logOption() perdure.Option {
	if !c.AppendOnly {
		return perdure.WithoutAppendLog()
	}
	return perdure.WithAppendLog(aof.New(
		aof.Fsync(c.Fsync),
		aof.NoFsyncOnRewrite(c.NoFsyncOnRewrite),
		aof.Filename(c.LogFilename),
		aof.Dirname(c.LogDirname),
		aof.AutoRewrite(c.RewritePercent, c.RewriteMinSize),
		aof.LoadTruncated(c.LoadTruncated),
		aof.RDBBase(c.RDBBase),
		aof.Timestamps(c.Timestamps),
	))
}
