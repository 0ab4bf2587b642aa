package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// peer is a store under measurement. Its methods are safe for concurrent use.
type peer interface {
	// Get appends the value of key to dst. Every peer copies, as a store with mutable values must.
	Get(dst []byte, key string) ([]byte, error)

	// Set copies value.
	Set(key string, value []byte) error

	// Incr adds 1 to the decimal number in key.
	Incr(key string) error

	Close() error
}

// These are optional interfaces of a peer.
type (
	// loader stores many keys faster than Set. It is only used to fill the peer.
	loader interface {
		Load(keys []string, values [][]byte) error
	}

	// saver writes its whole contents to a file, durably if it can.
	saver interface{ Save() error }

	// backgroundSaver is a saver that can also save concurrently with writers. It returns at the
	// end.
	backgroundSaver interface{ BackgroundSave() error }

	// pauser reports how long its last save stopped all callers: perdure's barrier, or Redis's
	// fork.
	pauser interface {
		Pause() (time.Duration, error)
	}

	// externalPeer keeps its data in another process, and reports the memory that its last save
	// copied on write.
	externalPeer interface {
		PID() int
		CopiedOnWrite() (int64, error)
	}

	// pipeliner makes a separate peer for each goroutine. That peer sends commands in groups: its
	// Get returns nothing, its errors come late, and its Close sends the remaining commands.
	pipeliner interface{ Pipeline() peer }
)

var (
	errMissing     = errors.New("key is missing")
	errUnsupported = errors.New("not supported")
)

// These modes describe how safe a write is when it returns.
const (
	modeNone     = "none"     // in memory only
	modeNo       = "no"       // passed to the kernel
	modeEverySec = "everysec" // passed to the kernel, and durable a second later
	modeAlways   = "always"   // durable
)

// kind is a peer with all its modes.
type kind struct {
	name  string
	modes []string
	open  func(dir, mode string, keys int) (peer, error)
}

// kinds lists all peers. A peer's name is kind/mode.
var kinds = []kind{
	{"perdure", []string{modeNone, modeNo, modeEverySec, modeAlways}, openPerdure},
	{"perdure-direct", []string{modeNo, modeEverySec}, openPerdureDirect}, // the log's other mode
	{"shardmap", []string{modeNone}, openShardMap},
	{"shardmap-ref", []string{modeNone}, openShardMapRef},
	{"rwmap", []string{modeNone}, openRWMap},
	{"ttlmap", []string{modeNone}, openTTLMap},
	{"syncmap", []string{modeNone}, openSyncMap},
	{"xsync", []string{modeNone}, openXsync},
	{"otter", []string{modeNone}, openOtter},
	{"fastcache", []string{modeNone}, openFastcache},
	{"freecache", []string{modeNone}, openFreecache},
	{"buntdb", []string{modeNone, modeNo, modeEverySec, modeAlways}, openBuntdb},
	{"bbolt", []string{modeNo, modeEverySec, modeAlways}, openBbolt},
	{"badger", []string{modeNone, modeNo, modeEverySec, modeAlways}, openBadger},
	{"pebble", []string{modeNo, modeEverySec, modeAlways}, openPebble},
	{"redis", []string{modeNone, modeNo, modeEverySec, modeAlways}, openRedis},
	{"valkey", []string{modeNone, modeEverySec, modeAlways}, openValkey},
	{"redis-pipe", []string{modeNone, modeNo, modeEverySec, modeAlways}, openRedisPipe},
	{"valkey-pipe", []string{modeNone}, openValkeyPipe},
	{"btree", []string{modeNone}, openBtree},
}

func peerNames() (names []string) {
	for _, k := range kinds {
		for _, m := range k.modes {
			names = append(names, k.name+"/"+m)
		}
	}
	return names
}

// openPeer opens a peer for about keys keys. Its files, including existing files, are in dir.
func openPeer(name, dir string, keys int) (peer, error) {
	what, mode, _ := strings.Cut(name, "/")
	for _, k := range kinds {
		if k.name == what {
			return k.open(dir, mode, keys)
		}
	}
	return nil, fmt.Errorf("unknown peer %q", name)
}

// saveTo passes save a file in dir, syncs the file, and removes it.
func saveTo(dir string, save func(*os.File) error) error {
	f, err := os.CreateTemp(dir, "save")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	return errors.Join(save(f), f.Sync(), f.Close())
}

// ticker calls sync every second. It replaces everysec for a peer without such a mode.
type ticker struct{ stop, done chan struct{} }

func everySecond(mode string, sync func() error) *ticker {
	if mode != modeEverySec {
		return nil
	}
	t := &ticker{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(t.done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-t.stop:
				return
			case <-tick.C:
				_ = sync() // a failing disk shows in the peer's own writes
			}
		}
	}()
	return t
}

func (t *ticker) close() {
	if t != nil {
		close(t.stop)
		<-t.done
	}
}
