package campaign

import (
	"path/filepath"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// mode is one way to set up a store. Whoever adds a way to keep a log adds a line to modes. The ring's
// parts are filled by some writes, and its flusher does not come by itself: a script then does the same
// things each time.
type mode struct {
	name string
	log  []aof.Option // nil is no log: snapshots only
	// always says that a write that returned is on disk.
	always bool
	// plain says that the log has no checksums: it is good against torn ends, and not against
	// blocks that did not arrive.
	plain bool
}

var modes = []mode{
	{name: "always", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.Always)}, always: true},
	{name: "everysec", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.EverySec)}},
	{name: "no", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.No), aof.Timestamps(true)}},
	{name: "commands", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.Always), aof.RDBBase(false)}, always: true},
	{name: "plain", log: []aof.Option{aof.LogMode(aof.Direct), aof.Fsync(aof.No), aof.Checksums(false)}, plain: true},
	{name: "snapshots"},
	{name: "ring", log: []aof.Option{aof.LogMode(aof.Ring), aof.RingSize(6 << 10), aof.RingDelay(time.Hour)}},
}

// modeOf returns the mode of a name.
func modeOf(name string) mode {
	for _, m := range modes {
		if m.name == name {
			return m
		}
	}
	panic("campaign: no mode " + name)
}

// logs are the modes that keep a log with checksums.
func logs() []mode {
	var with []mode
	for _, m := range modes {
		if m.log != nil && !m.plain {
			with = append(with, m)
		}
	}
	return with
}

// dataDir is where the stores on a file system in memory live.
const dataDir = "/data"

// databases is how many each store has.
const databases = 4

// options are those of a store of this mode. It saves, rewrites and recovers when it is told.
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
	return append(all, more...)
}

// open opens a store of this mode in dataDir of fsys.
func (m mode) open(fsys vfs.FS) (*perdure.Store, error) {
	return perdure.Open(dataDir, m.options(storefs.Option(fsys))...)
}

// logDir is where the log stands.
var logDir = filepath.Join(dataDir, "appendonlydir")
