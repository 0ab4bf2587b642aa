package perdure

import (
	"time"

	"github.com/perduredb/perdure/internal/op"
)

// A SetOption sets the expiry of a write. Passing one does not allocate.
//
// Its methods are for implementations of [KV]. One of [SetOption.TTL], [SetOption.ExpireAt], and
// [SetOption.KeepTTL] reports true, or none for the zero SetOption and for options of later
// versions. An implementation refuses those that it does not know with an error matching
// [ErrUnsupported], and options that exclude each other with [ErrTTL].
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
)

// TTL sets the expiry to d from now, in whole milliseconds rounded up.
func TTL(d time.Duration) SetOption { return SetOption{kind: setTTL, ttl: d} }

// ExpireAt sets the expiry to t, in whole milliseconds. The log records the absolute time. If t is
// not in the future, the write succeeds and the key has expired at once. If t is not after 1970,
// the write returns [ErrTTL].
func ExpireAt(t time.Time) SetOption { return SetOption{kind: setExpireAt, at: t} }

// KeepTTL keeps the expiry of the key. Without it a write removes the expiry, as in Redis.
func KeepTTL() SetOption { return SetOption{kind: setKeepTTL} }

// TTL returns the argument of the function [TTL], and reports whether it made the option.
func (o SetOption) TTL() (d time.Duration, ok bool) { return o.ttl, o.kind == setTTL }

// ExpireAt returns the argument of the function [ExpireAt], and reports whether it made the option.
func (o SetOption) ExpireAt() (t time.Time, ok bool) { return o.at, o.kind == setExpireAt }

// KeepTTL reports whether the function [KeepTTL] made the option.
func (o SetOption) KeepTTL() bool { return o.kind == setKeepTTL }

// expiryOf returns the expiry that options request together.
func expiryOf(opts []SetOption) (x op.Expiry) {
	for _, o := range opts {
		switch o.kind {
		case setTTL:
			x.HasTTL, x.TTL = true, o.ttl
		case setExpireAt:
			x.HasExpireAt, x.At = true, o.at
		case setKeepTTL:
			x.KeepTTL = true
		}
	}
	return x
}
