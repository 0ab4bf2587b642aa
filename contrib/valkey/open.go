// Package valkey implements [perdure.KV] over a Valkey or Redis server or cluster. A program that
// uses a [perdure.KV] outgrows its machine by replacing the line that opens its store:
//
//	kv, err := perdure.Open("data")                    // in this process
//	kv, err := valkey.Open("valkey://10.0.0.7:6379/0") // on a server
//
// The methods do what those of [perdure.Store] do, and return errors that match its sentinels.
// What a write survives depends on the server: on its appendfsync, and on its replicas if one of
// them takes over.
//
// The package needs Redis 6.2 or Valkey. It has no transactions, batches, or iteration. Programs
// that need them use the client directly.
package valkey

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	client "github.com/valkey-io/valkey-go"

	"github.com/perduredb/perdure"
)

// DefaultTimeout is the time-out of a call without the option [Timeout].
const DefaultTimeout = 5 * time.Second

// KV is a [perdure.KV] over a server or a cluster. It is safe for concurrent use.
//
// Each call ends within the time-out that [Open] or [New] was given. A read is repeated within this
// time if the connection breaks. A write never is, so its outcome is unknown after an error that
// matches no sentinel of perdure, such as [context.DeadlineExceeded].
//
// Operations on several keys are atomic, so in a cluster these keys must have the same slot, for
// example by a hash tag: "{user:1}:name". Otherwise the call returns [perdure.ErrUnsupported] and
// does nothing. FlushDB of a cluster flushes one primary after the other.
type KV struct {
	perdure.UnimplementedKV

	client  client.Client
	timeout time.Duration
	closed  atomic.Bool
}

var _ perdure.KV = (*KV)(nil)

// An Option configures [Open].
type Option func(*config) error

type config struct {
	timeout time.Duration
	client  client.ClientOption
}

// Timeout sets how long a call can take, including connecting. The default is [DefaultTimeout].
func Timeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("time-out of %v", d)
		}
		c.timeout = d
		return nil
	}
}

// ClientOptions changes options of the client that a URL cannot express, such as certificates.
func ClientOptions(change func(*client.ClientOption)) Option {
	return func(c *config) error {
		change(&c.client)
		return nil
	}
}

// Open connects to a server, and to the whole cluster if the server is part of one. It returns an
// error matching [perdure.ErrOptions] if the URL or an option is invalid. The caller must close the
// KV. The URL has one of these forms; valkeys and rediss use TLS, redis means valkey:
//
//	valkey://user:password@host:6379/0
//	valkeys://host:6379?addr=host2:6379&addr=host3:6379
//	unix:///run/valkey.sock?db=0
func Open(url string, opts ...Option) (*KV, error) {
	c := config{timeout: DefaultTimeout}
	var err error
	if c.client, err = client.ParseURL(url); err != nil {
		// err may quote a password.
		return nil, fmt.Errorf("%w: invalid URL of a server; want valkey://, valkeys://, redis://, rediss://, or unix://", perdure.ErrOptions)
	}
	c.client.DisableCache = true
	for _, o := range opts {
		if err := o(&c); err != nil {
			return nil, fmt.Errorf("%w: %w", perdure.ErrOptions, err)
		}
	}
	if c.client.Dialer.Timeout == 0 {
		c.client.Dialer.Timeout = c.timeout
	}
	if c.client.ConnWriteTimeout == 0 {
		c.client.ConnWriteTimeout = c.timeout
	}
	conn, err := client.NewClient(c.client)
	if err != nil {
		return nil, fmt.Errorf("perdure: connect to server: %w", err)
	}
	return &KV{client: conn, timeout: c.timeout}, nil
}

// New returns a KV over a client that exists. Each call of the KV ends within timeout. Close closes
// the client.
func New(c client.Client, timeout time.Duration) (*KV, error) {
	if c == nil || timeout <= 0 {
		return nil, fmt.Errorf("%w: client %v with a time-out of %v", perdure.ErrOptions, c, timeout)
	}
	return &KV{client: c, timeout: timeout}, nil
}

// Client returns the client, for commands that KV lacks. Close closes it.
func (kv *KV) Client() client.Client { return kv.client }

// Close waits for running calls and closes the connections. Later calls return
// [perdure.ErrClosed].
func (kv *KV) Close() error {
	if !kv.closed.Swap(true) {
		kv.client.Close()
	}
	return nil
}

// closing reports whether err means that Close was called.
func (kv *KV) closing(err error) bool { return errors.Is(err, client.ErrClosing) && kv.closed.Load() }
