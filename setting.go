package perdure

import (
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Setting is a change for Configure.
type Setting struct {
	apply func(*engine.Engine) error
}

// SaveRules replaces the save rules; none turns automatic saves off (CONFIG SET save).
func SaveRules(rules ...snapshot.Rule) Setting {
	return Setting{func(e *engine.Engine) error { return e.SetRules(rules) }}
}

// StopWritesOnSaveError is WithStopWritesOnSaveError while open.
func StopWritesOnSaveError(on bool) Setting {
	return Setting{func(e *engine.Engine) error { e.SetStopWrites(on); return nil }}
}

// Snapshots changes a setting of the dump from the next save on: rdb.Filename, rdb.Compression,
// rdb.Version. It waits for a save or rewrite under way.
func Snapshots(o rdb.Option) Setting {
	return Setting{func(e *engine.Engine) error { return e.ConfigureSnapshotter(o) }}
}

// Log changes a setting of the log: aof.Fsync, aof.AutoRewrite and others that its package allows.
func Log(o aof.Option) Setting {
	return Setting{func(e *engine.Engine) error { return e.ConfigureLog(o) }}
}

// AppendLogOn switches a log on (CONFIG SET appendonly yes). Its base is built in the background
// from the data set of this instant; until that is complete the log gives no durability, which
// Stats tells (LogReady) and Sync and Durable answer with ErrNoAppendLog. An older log in the
// directory is replaced.
func AppendLogOn(l AppendLog) Setting {
	return Setting{func(e *engine.Engine) error { _, err := e.EnableLog(l); return err }}
}

// AppendLogOff switches the log off (CONFIG SET appendonly no): it is synced and closed, and its
// files stay.
func AppendLogOff() Setting {
	return Setting{func(e *engine.Engine) error { return e.DisableLog() }}
}
