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
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// An Option configures Open and New. Those whose comment names [Store.Configure] can be changed
// while the store is open, too. An Option keeps nothing but its value and can be used again.
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

// config is the sum of the options.
type config struct {
	engine.Options
	given given
}

// given are the options among those for Configure that were given.
type given struct{ log, rules, stopWrites, autoRecover bool }

// Snapshotter keeps snapshots; rdb.New makes the default one.
type Snapshotter = snapshot.Snapshotter

// AppendLog keeps a log; aof.New makes the default one.
type AppendLog = appendlog.AppendLog

// DefaultSaveRules are in force when WithSaveRules is not given: after 900 s with a change, 300 s
// with 10, 60 s with 10000.
func DefaultSaveRules() []snapshot.Rule {
	return []snapshot.Rule{{Seconds: 900, Changes: 1}, {Seconds: 300, Changes: 10}, {Seconds: 60, Changes: 10000}}
}

// configure applies options over the defaults, which differ for a store with and without a directory.
func configure(dir string, opts []Option) (engine.Options, error) {
	c := config{Options: engine.Options{Dir: dir}}
	for _, o := range opts {
		if err := o.apply(&c); err != nil {
			return c.Options, err
		}
	}
	if dir == "" {
		if c.Log != nil || len(c.Rules) > 0 || c.Options.Snapshotter != nil || c.ReadOnly || !c.Until.IsZero() {
			return c.Options, fmt.Errorf("%w: a store without a directory keeps nothing", ErrOptions)
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

// WithSnapshotter sets who keeps the snapshots. The default is rdb.New(): dump.rdb, compressed and
// with a checksum.
func WithSnapshotter(s Snapshotter) Option {
	return Option{name: "WithSnapshotter", set: func(c *config) error {
		if option.IsNil(s) {
			return fmt.Errorf("%w: nil Snapshotter", ErrOptions)
		}
		c.Options.Snapshotter = s
		return nil
	}}
}

// WithSaveRules sets when a snapshot is saved by itself; none at all turns that off, and with it
// the save at Close. The default is DefaultSaveRules. [Store.Configure] accepts it (CONFIG SET save).
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

// WithAppendLog sets who keeps the log. The default is aof.New(): fsync every second, rewritten when
// it has doubled and is over 64 MiB, with an RDB base.
//
// In [Store.Configure] it switches the log on (CONFIG SET appendonly yes). The base is built in the background
// from the data set of that moment. Until it is complete the log gives no durability: Stats reports LogReady
// as false, and Sync and Durable return ErrNoAppendLog. An older log in the directory is replaced. A
// store whose log is on returns an error matching ErrOptions.
func WithAppendLog(l AppendLog) Option {
	return Option{name: "WithAppendLog", live: true, set: func(c *config) error {
		if option.IsNil(l) {
			return fmt.Errorf("%w: nil AppendLog; WithoutAppendLog turns the log off", ErrOptions)
		}
		c.Log, c.given.log = l, true
		return nil
	}}
}

// WithoutAppendLog keeps no log: what survives a crash is the last completed snapshot. Together
// with WithSaveRules() of no rules the store is a cache that writes nothing by itself.
//
// In [Store.Configure] it switches the log off (CONFIG SET appendonly no): the log is synced and closed, and
// its files stay.
func WithoutAppendLog() Option {
	return Option{name: "WithoutAppendLog", live: true, set: func(c *config) error {
		c.Log, c.given.log = nil, true
		return nil
	}}
}

// RecoveryPolicy decides what Open does with a log whose end a crash has torn.
type RecoveryPolicy int

// The policies.
const (
	// TruncateTail truncates the torn end, keeps everything before it, and reports it in
	// RecoveryReport.
	TruncateTail RecoveryPolicy = iota
	// Strict makes Open return an error matching ErrTorn, and change nothing.
	Strict
)

// WithRecovery sets what Open does with a torn log. The default is TruncateTail, Redis's
// aof-load-truncated yes. Damage that a crash does not explain is refused either way.
func WithRecovery(p RecoveryPolicy) Option {
	return Option{name: "WithRecovery", set: func(c *config) error {
		if p != TruncateTail && p != Strict {
			return fmt.Errorf("%w: RecoveryPolicy(%d)", ErrOptions, p)
		}
		c.Strict = p == Strict
		return nil
	}}
}

// WithRecoverUntil makes Open take the log up to t and no further: the state at the end of that
// second, transactions whole. The log must have been written with aof.Timestamps, or by a Redis with
// aof-timestamp-enabled; one that cannot tell is an error that is ErrUntil. Nothing is lost: the
// whole log is first copied to a directory before-restore-<time> beside it, which Recovery names
// together with how much was left out. With WithReadOnly nothing is changed or copied at all. A
// dump beside the log is not looked at. The zero time is no bound, which is the default.
func WithRecoverUntil(t time.Time) Option {
	return Option{name: "WithRecoverUntil", set: func(c *config) error {
		c.Until = t
		return nil
	}}
}

// WithDatabases sets how many numbered databases there are, 1 to 65536. The default is Redis's 16.
func WithDatabases(n int) Option {
	return Option{name: "WithDatabases", set: func(c *config) error {
		if n < 1 || n > 65536 {
			return fmt.Errorf("%w: %d databases", ErrOptions, n)
		}
		c.Databases = n
		return nil
	}}
}

// WithLogger sets where the store tells of saves, rewrites and failures; never of keys or values.
// The default is nowhere. Nothing is told there only: failures are errors of calls too.
func WithLogger(l *slog.Logger) Option {
	return Option{name: "WithLogger", set: func(c *config) error {
		c.Logger = l
		return nil
	}}
}

// Hooks are functions that the store calls when something happened, from a goroutine of its own
// or of a caller, with no lock held; two may run at once. A hook may use the store, but must not wait for a save, nor close
// the store.
type Hooks struct {
	Saved     func(SaveInfo, error) // a save ended
	Rewritten func(error)           // a rewrite of the log ended
	LogFailed func(error)           // the log failed; writes are refused from now on
	Recovered func()                // the log works again
}

// WithHooks sets the hooks; fields may be nil.
func WithHooks(h Hooks) Option {
	return Option{name: "WithHooks", set: func(c *config) error {
		c.Options.Hooks = engine.Hooks(h)
		return nil
	}}
}

// WithReadOnly opens a directory without changing anything in it, not even a lock: writes are
// refused, nothing is saved, and a torn tail is passed over. The directory must not be in use.
func WithReadOnly() Option {
	return Option{name: "WithReadOnly", set: func(c *config) error {
		c.ReadOnly = true
		return nil
	}}
}

// WithStopWritesOnSaveError sets whether a background save that failed makes writes fail with
// ErrSaveFailed until one succeeds. The default is on, as in Redis. [Store.Configure] accepts it.
func WithStopWritesOnSaveError(on bool) Option {
	return Option{name: "WithStopWritesOnSaveError", live: true, set: func(c *config) error {
		c.KeepWritingOnSaveFail, c.given.stopWrites = !on, true
		return nil
	}}
}

// WithAutoRecover sets whether the store tries by itself to recover a log that has failed, after a
// second and then at doubling intervals up to a minute. The default is on; off leaves it to Recover. [Store.Configure] accepts it.
func WithAutoRecover(on bool) Option {
	return Option{name: "WithAutoRecover", live: true, set: func(c *config) error {
		c.NoAutoRecover, c.given.autoRecover = !on, true
		return nil
	}}
}

// WithLoadProgress sets a function that Open calls about once a MiB, in the goroutine that called it; nil is none.
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

// WithFS is an Option for the tests and tools of this module, which get it through package
// internal/storefs: the file system has an internal type.
func init() {
	engine.OptionFS = func(fsys vfs.FS) any {
		return Option{name: "WithFS", set: func(c *config) error {
			c.FS = fsys
			return nil
		}}
	}
}

// SetOption says how Set and its relatives treat expiry and disk. It is a plain value: passing one
// allocates nothing.
type SetOption struct {
	kind setKind
	ttl  time.Duration
	at   time.Time
}

type setKind uint8

const (
	setTTL setKind = iota + 1
	setExpireAt
	setKeepTTL
	setDurable
)

// TTL lets the key live for d from now, in whole milliseconds rounded up.
func TTL(d time.Duration) SetOption { return SetOption{kind: setTTL, ttl: d} }

// ExpireAt lets the key live until t, in whole milliseconds. The log holds the absolute time.
func ExpireAt(t time.Time) SetOption { return SetOption{kind: setExpireAt, at: t} }

// KeepTTL leaves the expiry as it is. Without it a Set removes the expiry, as in Redis.
func KeepTTL() SetOption { return SetOption{kind: setKeepTTL} }

// Durable makes the call return only when it is on disk, whatever the fsync policy. Without a log
// it is ErrNoAppendLog.
func Durable() SetOption { return SetOption{kind: setDurable} }

func setArgs(opts []SetOption) (a engine.SetArgs) {
	for _, o := range opts {
		switch o.kind {
		case setTTL:
			a.HasTTL, a.TTL = true, o.ttl
		case setExpireAt:
			a.HasExpireAt, a.ExpireAt = true, o.at
		case setKeepTTL:
			a.KeepTTL = true
		case setDurable:
			a.Durable = true
		}
	}
	return a
}
