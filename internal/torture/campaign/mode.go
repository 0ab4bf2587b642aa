package campaign

import (
	"path/filepath"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// mode is one way to set up a store. If you add a log mode or policy, add a line to modes. In Ring
// mode, a few writes fill a region, and the flusher does not run automatically. A script therefore
// does the same operations each time.
type mode struct {
	name string
	log  []aof.Option // nil means no log: only snapshots
	// always reports whether a write that returned is durable.
	always bool
	// plain reports whether the log is without checksums. Such a log survives torn tails, but not
	// blocks that were never written.
	plain bool
	// trees reports whether collections become trees early.
	trees bool
}

var modes = []mode{
	{name: "always", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.Always)}, always: true},
	{name: "everysec", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.EverySec)}, trees: true},
	{name: "no", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.No), aof.Timestamps(true)}},
	{name: "commands", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.Always), aof.RDBBase(false)}, always: true, trees: true},
	{name: "plain", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.No), aof.Checksums(false)}, plain: true},
	{name: "snapshots", trees: true},
	{name: "ring", log: []aof.Option{aof.LogMode(aof.Ring), aof.RingSize(6 << 10), aof.RingDelay(time.Hour)}, trees: true},
}

// modeOf returns the mode with a name.
func modeOf(name string) mode {
	for _, m := range modes {
		if m.name == name {
			return m
		}
	}
	panic("campaign: no mode " + name)
}

// logs returns the modes that keep a log with checksums.
func logs() []mode {
	var with []mode
	for _, m := range modes {
		if m.log != nil && !m.plain {
			with = append(with, m)
		}
	}
	return with
}

// dataDir is the directory of the stores on a file system in memory.
const dataDir = "/data"

// databases is the number of databases in each store.
const databases = 4

// options returns the options for a store of this mode. The store saves, rewrites, and recovers
// only on request.
func (m mode) options(more ...perdure.Option) []perdure.Option {
	all := []perdure.Option{
		perdure.WithSaveRules(), perdure.WithAutoRecover(false), perdure.WithDatabases(databases),
	}
	if m.log == nil {
		all = append(all, perdure.WithoutAppendLog())
	} else {
		off := []aof.Option{aof.AutoRewrite(0, 0)}
		all = append(all, perdure.WithAppendLog(aof.New(append(off, m.log...)...)))
	}
	if m.trees {
		all = append(all, storefs.SmallCollections(smallTree))
	}
	return append(all, more...)
}

// open opens a store of this mode in dataDir of fsys.
func (m mode) open(fsys vfs.FS) (*perdure.Store, error) {
	return perdure.Open(dataDir, m.options(storefs.Option(fsys))...)
}

// logDir is the directory of the log.
var logDir = filepath.Join(dataDir, "appendonlydir")
