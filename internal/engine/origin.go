package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

// origin identifies the store that saved a dump, and the part of that store's log that the dump
// contains. A Snapshotter stores it as text (snapshot.View.Origin):
//
//	store:<16 hex digits> log:<on|off> since:<an end of a log>
//
// A dump saved while a log was on holds nothing that the log lacks. since is an end that the log
// had (appendlog.Ender). For a dump saved while the log was on, it is the beginning of the log. For
// a dump saved by Close, or with the log off, it is the last end of the log. Such a dump holds
// everything up to that end. If it was saved with the log off, it may hold more, and replaces the
// log at the next Open.
type origin struct {
	store string
	log   bool
	since string
}

// String returns the text of an origin.
func (o origin) String() string {
	log := "off"
	if o.log {
		log = "on"
	}
	return fmt.Sprintf("store:%s log:%s since:%s", o.store, log, o.since)
}

// parseOrigin parses the text of an origin. It returns the zero origin for anything else.
func parseOrigin(text string) origin {
	var o origin
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, ":")
		switch key {
		case "store":
			o.store = value
		case "log":
			o.log = value == "on"
		case "since":
			o.since = value
		}
	}
	if o.String() != text {
		return origin{}
	}
	return o
}

// newStoreID returns the id of a new store.
func newStoreID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// ErrLogIgnored is returned by Open if it would open the store without its log.
var ErrLogIgnored = errors.New("perdure: directory has an append-only log that its dump does not contain")

// logEnd returns the name of the end of a log that its Open found, or that was closed. It returns
// "" for a log without such a name.
func logEnd(log appendlog.AppendLog) (string, error) {
	if ender, ok := log.(appendlog.Ender); ok {
		return ender.End()
	}
	return "", nil
}

// ErrDiverged is returned by Open if neither the log nor the dump of one store holds everything
// that the other does.
var ErrDiverged = errors.New("perdure: append-only log and dump are of different histories")

// compareDump compares the log that was found with the dump next to it, and reports whether the
// dump replaces the log.
func (e *Engine) compareDump(found bool) (replaced bool, err error) {
	ender, ok := e.opts.Log.(appendlog.Ender)
	if !found || !ok || e.dump.since == "" || !e.opts.Until.IsZero() {
		return false, nil
	}
	relation, err := ender.Relate(e.dump.store, e.dump.since)
	switch {
	case err != nil:
		return false, err
	case relation == appendlog.AtEnd && !e.dump.log:
		return true, nil
	case relation == appendlog.Lacks || relation == appendlog.Continues && !e.dump.log:
		return false, fmt.Errorf("%w: %s: move the dump away to load the log, or the log away to load the dump", ErrDiverged, e.dir)
	}
	e.ownDump = relation != appendlog.Unrelated
	return false, nil
}

// refuseIgnored returns an error if the store would be opened without a log, but the directory has
// a log, under the default names, with data that the dump lacks. Otherwise data that Close
// confirmed would be missing.
func (e *Engine) refuseIgnored() error {
	log := aof.New()
	found, err := log.Open(e.env)
	if err != nil || !found {
		return err
	}
	return e.contained(log)
}

// contained returns an error if a log, which its Open found, has anything that the data set lacks.
func (e *Engine) contained(log appendlog.AppendLog) error {
	end, err := logEnd(log)
	if err == nil && (end == "" || end != e.since) {
		err = fmt.Errorf("%w: %s: open the store with this log, or move the log away", ErrLogIgnored, e.dir)
	}
	return err
}

// judgeDump determines, after the log was loaded, whether this store saved the dump with this log.
// If not, it sets NewerDump as the report documents. rec is the result of replaying the log.
func (e *Engine) judgeDump(rec *appendlog.ReplayReport) {
	if rec.Store != "" {
		e.env.Store = rec.Store
	}
	dump, err := e.snaps.Stat()
	if err != nil {
		return
	}
	o := parseOrigin(dump.Origin)
	switch {
	case e.ownDump:
	case o.store != "" && rec.Store != "":
		e.recovery.NewerDump = o.store != rec.Store
	case rec.Store != "": // a dump without a store ID, next to a log of perdure
		e.recovery.NewerDump = dump.Time.After(rec.Time)
	default: // file times may have a resolution of one second
		e.recovery.NewerDump = dump.Time.After(rec.Time.Add(time.Second))
	}
}

// stampDump sets the origin of a view that will be saved. Every shard must be locked.
func (e *Engine) stampDump(v *view) {
	o := origin{store: e.env.Store, since: e.since, log: e.log != nil && e.jobs.logReady.Load() || e.closedLog}
	if o.log && e.log != nil {
		o.since, _ = logEnd(e.log) // its beginning, which is in memory
	}
	v.origin = o.String()
}

// keepNewerDump renames a dump that the store did not load, before a save replaces it. After a
// crash the dump has one of the names, or both.
func (e *Engine) keepNewerDump() error {
	if !e.recovery.NewerDump || e.keptDump {
		return nil
	}
	info, err := e.snaps.Stat()
	if err != nil {
		return ignoreNotExist(err)
	}
	path := filepath.Join(e.dir, info.Name)
	if _, err := e.fs.Lstat(path); err != nil {
		return ignoreNotExist(err) // it is not a file here
	}
	for n := 1; ; n++ {
		kept := fmt.Sprintf("%s.kept-%d", path, n)
		err := e.fs.Link(path, kept)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
			err = e.fs.Rename(path, kept)
		}
		if err == nil {
			err = e.fs.SyncDir(e.dir)
		}
		if err != nil {
			return &snapshot.DirSyncError{Dir: e.dir, Err: err}
		}
		e.keptDump = true
		e.logger.Warn("a dump that was not loaded is kept", "file", kept)
		return nil
	}
}

// damagedDump returns the damage of the dump, if any. Open calls it before it refuses a log because
// of the dump's origin: the origin may be damaged.
func (e *Engine) damagedDump(ctx context.Context) error {
	_, err := e.snaps.Load(ctx, discard{})
	return ignoreNotExist(err)
}

// discard is a Loader that ignores what it receives.
type discard struct{}

func (discard) Expect(int, int64, int64)   {}
func (discard) Ordered(string)             {}
func (discard) Load(snapshot.Entry) error  { return nil }
func (discard) Extra(snapshot.Extra) error { return nil }
func (discard) Progress(int64, int64)      {}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
