package perdure

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// An Option configures [Open] and [New]. If its comment names [Store.Configure], it can also be
// changed while the store is open. An Option holds only its value and can be used again, but a log
// or Snapshotter in it can be open in one store only.
type Option struct {
	name string
	live bool // Configure accepts it
	set  func(*config) error
}

// apply validates an option and records it in c.
func (o Option) apply(c *config) error {
	if o.set == nil {
		return &optionError{what: "the zero Option"}
	}
	return o.set(c)
}

// config is the combined result of the options.
type config struct {
	engine.Options
	given given
}

// given records which of the options for [Store.Configure] were passed.
type given struct{ log, rules, stopWrites, autoRecover bool }

// A Snapshotter saves and loads snapshots. [rdb.New] returns the default one.
type Snapshotter = snapshot.Snapshotter

// An AppendLog is an append-only log. [aof.New] returns the default one.
type AppendLog = appendlog.AppendLog

// DefaultSaveRules returns the rules that apply without [WithSaveRules]: save after 900 s with at
// least 1 change, after 300 s with at least 10, or after 60 s with at least 10000.
func DefaultSaveRules() []snapshot.Rule {
	return []snapshot.Rule{{Seconds: 900, Changes: 1}, {Seconds: 300, Changes: 10}, {Seconds: 60, Changes: 10000}}
}

// configure applies options over the defaults, which differ between stores with and without a
// directory.
func configure(dir string, opts []Option) (engine.Options, error) {
	c := config{Options: engine.Options{Dir: dir}}
	for _, o := range opts {
		if err := o.apply(&c); err != nil {
			return c.Options, err
		}
	}
	if dir == "" {
		if c.Log != nil || len(c.Rules) > 0 || c.Options.Snapshotter != nil || c.ReadOnly || !c.Until.IsZero() {
			return c.Options, fmt.Errorf("%w: a store without a directory accepts no log, Snapshotter, save rules, WithReadOnly, or WithRecoverUntil", ErrOptions)
		}
		return c.Options, nil
	}
	c.Dir = filepath.Clean(dir)
	if c.Options.Snapshotter == nil {
		c.Options.Snapshotter = rdb.New()
	}
	if !c.given.log {
		c.Log = aof.New()
	}
	if !c.given.rules {
		c.Rules = DefaultSaveRules()
	}
	return c.Options, nil
}

// WithSnapshotter sets the snapshot implementation. The default is [rdb.New], which writes a
// compressed, checksummed dump.rdb.
func WithSnapshotter(s Snapshotter) Option {
	return Option{name: "WithSnapshotter", set: func(c *config) error {
		if option.IsNil(s) {
			return fmt.Errorf("%w: nil Snapshotter", ErrOptions)
		}
		c.Options.Snapshotter = s
		return nil
	}}
}

// WithSaveRules sets the rules for automatic snapshots. With no rules, automatic snapshots and the
// save at Close are disabled. The default is [DefaultSaveRules]. [Store.Configure] accepts it
// (CONFIG SET save).
func WithSaveRules(rules ...snapshot.Rule) Option {
	return Option{name: "WithSaveRules", live: true, set: func(c *config) error {
		for _, r := range rules {
			if err := r.Validate(); err != nil {
				return fmt.Errorf("%w: %w", ErrOptions, err)
			}
		}
		c.Rules, c.given.rules = append([]snapshot.Rule(nil), rules...), true
		return nil
	}}
}

// WithAppendLog sets the log implementation. The default is [aof.New]: it fsyncs every second,
// rewrites the log when it has doubled and exceeds 64 MiB, and writes an RDB base file.
//
// In [Store.Configure] it switches the log on (CONFIG SET appendonly yes). The base is built in the
// background from a point-in-time snapshot taken then. Until it is complete the log provides no
// durability: Stats reports LogReady as false, and [Store.Sync] and writes through [Store.Durable]
// return [ErrNoAppendLog]. An older log in the directory is replaced. If the log is already on,
// Configure returns an error matching [ErrOptions].
func WithAppendLog(l AppendLog) Option {
	return Option{name: "WithAppendLog", live: true, set: func(c *config) error {
		if option.IsNil(l) {
			return fmt.Errorf("%w: nil AppendLog; WithoutAppendLog turns the log off", ErrOptions)
		}
		c.Log, c.given.log = l, true
		return nil
	}}
}

// WithoutAppendLog disables the log, so that a crash loses everything after the last completed
// snapshot. Without save rules as well ([WithSaveRules]), the store is a cache that writes nothing
// automatically.
//
// In [Store.Configure] it switches the log off (CONFIG SET appendonly no). It syncs and closes the
// log, and keeps its files.
func WithoutAppendLog() Option {
	return Option{name: "WithoutAppendLog", live: true, set: func(c *config) error {
		c.Log, c.given.log = nil, true
		return nil
	}}
}

// A RecoveryPolicy determines how Open handles a log with a torn tail.
type RecoveryPolicy int

// Recovery policies.
const (
	// TruncateTail truncates a torn tail, keeps everything before it, and reports it in
	// [RecoveryReport].
	TruncateTail RecoveryPolicy = iota
	// Strict makes Open fail with an error matching [ErrTorn] and change nothing.
	Strict
)

// WithRecovery sets how Open handles a torn log. The default is [TruncateTail], which is Redis's
// aof-load-truncated yes. Under both policies Open fails on damage that a crash does not explain.
func WithRecovery(p RecoveryPolicy) Option {
	return Option{name: "WithRecovery", set: func(c *config) error {
		if p != TruncateTail && p != Strict {
			return fmt.Errorf("%w: RecoveryPolicy(%d)", ErrOptions, p)
		}
		c.Strict = p == Strict
		return nil
	}}
}

// WithRecoverUntil makes Open load the log only up to t. The result is the state at the end of that
// second, with whole transactions. The zero time sets no limit, which is the default.
//
// The log must have been written with [aof.Timestamps], or by a Redis with aof-timestamp-enabled.
// Open returns an error matching [ErrUntil] if the log has no timestamps or begins later than t.
//
// Nothing is lost: Open first copies the whole log to a directory before-restore-<time> next to it.
// [Store.Recovery] reports that directory and the number of bytes left out. With [WithReadOnly]
// nothing is changed or copied. A dump next to the log is ignored.
func WithRecoverUntil(t time.Time) Option {
	return Option{name: "WithRecoverUntil", set: func(c *config) error {
		c.Until = t
		return nil
	}}
}

// WithDatabases sets the number of databases, 1 to 65536. The default is 16, as in Redis.
func WithDatabases(n int) Option {
	return Option{name: "WithDatabases", set: func(c *config) error {
		if n < 1 || n > 65536 {
			return fmt.Errorf("%w: %d databases", ErrOptions, n)
		}
		c.Databases = n
		return nil
	}}
}

// WithLogger sets the logger for saves, rewrites, and failures. Keys and values are never logged.
// By default nothing is logged; every failure is also returned by a call.
func WithLogger(l *slog.Logger) Option {
	return Option{name: "WithLogger", set: func(c *config) error {
		c.Logger = l
		return nil
	}}
}

// Hooks are functions that the store calls after an event. It calls them with no lock held, on a
// separate goroutine or on that of a caller. Two hooks can run at once. A hook can use the store,
// but must not wait for a save or close the store.
type Hooks struct {
	Saved     func(SaveInfo, error) // a save ended
	Rewritten func(error)           // a rewrite of the log ended
	LogFailed func(error)           // the log failed; writes are refused from now on
	Recovered func()                // the log works again
}

// WithHooks sets the hooks. Any field can be nil.
func WithHooks(h Hooks) Option {
	return Option{name: "WithHooks", set: func(c *config) error {
		c.Options.Hooks = engine.Hooks(h)
		return nil
	}}
}

// WithReadOnly opens a directory without changing anything in it. It does not even create a lock,
// so the directory must not be in use. Writes are refused, nothing is saved, and a torn tail is
// ignored.
func WithReadOnly() Option {
	return Option{name: "WithReadOnly", set: func(c *config) error {
		c.ReadOnly = true
		return nil
	}}
}

// WithStopWritesOnSaveError sets whether writes fail with [ErrSaveFailed] after a failed background
// save, until a save succeeds. The default is on, as in Redis. [Store.Configure] accepts it.
func WithStopWritesOnSaveError(on bool) Option {
	return Option{name: "WithStopWritesOnSaveError", live: true, set: func(c *config) error {
		c.KeepWritingOnSaveFail, c.given.stopWrites = !on, true
		return nil
	}}
}

// WithAutoRecover sets whether the store automatically tries to recover a failed log. It tries
// after one second, then at doubling intervals of up to a minute. The default is on. If it is off,
// only [Store.Recover] recovers the log. [Store.Configure] accepts it.
func WithAutoRecover(on bool) Option {
	return Option{name: "WithAutoRecover", live: true, set: func(c *config) error {
		c.NoAutoRecover, c.given.autoRecover = !on, true
		return nil
	}}
}

// WithLoadProgress sets a function that Open calls about once per MiB loaded, on the goroutine that
// called Open. A nil fn disables it.
func WithLoadProgress(fn func(LoadProgress)) Option {
	return Option{name: "WithLoadProgress", set: func(c *config) error {
		if fn == nil {
			c.Options.LoadProgress = nil
			return nil
		}
		c.Options.LoadProgress = func(p engine.LoadProgress) { fn(LoadProgress(p)) }
		return nil
	}}
}

// init lets packages of this module use internal types. It defines an Option for tests and
// tools, which get it through package internal/storefs, and engine.Of for package server.
func init() {
	engine.Of = func(s any) *engine.Engine { return s.(*Store).e }
	engine.OptionOf = func(set func(*engine.Options)) any {
		return Option{name: "storefs.Option", set: func(c *config) error {
			set(&c.Options)
			return nil
		}}
	}
}
