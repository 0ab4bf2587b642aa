package op

import (
	"fmt"
	"math"
	"time"
)

// An Expiry is the expiry that a call requests: none, from now, at a time, or the present one.
type Expiry struct {
	TTL     time.Duration // from now; of Expire, or with HasTTL
	At      time.Time     // of ExpireAt, or with HasExpireAt
	KeepTTL bool

	HasTTL      bool
	HasExpireAt bool
}

// Check returns an error matching ErrTTL if no key can have the expiry. A call with such an expiry
// fails whatever the key holds, as in Redis.
func (e *Expiry) Check() error {
	switch {
	case !e.HasTTL && !e.HasExpireAt:
		return nil
	case e.HasTTL && e.HasExpireAt:
		return fmt.Errorf("%w: TTL and ExpireAt exclude each other", ErrTTL)
	case e.KeepTTL && e.HasTTL:
		return fmt.Errorf("%w: TTL and KeepTTL exclude each other", ErrTTL)
	case e.KeepTTL:
		return fmt.Errorf("%w: ExpireAt and KeepTTL exclude each other", ErrTTL)
	case e.HasTTL && e.TTL <= 0:
		return fmt.Errorf("%w: %v is not positive", ErrTTL, e.TTL)
	case e.HasExpireAt && unixMs(e.At) <= 0:
		return fmt.Errorf("%w: ExpireAt(%v) is not after 1970", ErrTTL, e.At)
	}
	return nil
}

// at returns the absolute expiry that a write requests, or 0 for none.
func (e *Expiry) at(x *Exec) int64 {
	switch {
	case e.HasTTL:
		return x.after(e.TTL)
	case e.HasExpireAt:
		return unixMs(e.At)
	}
	return 0
}

// deadline returns the absolute expiry of an Expire or ExpireAt. A duration that is not positive
// means now.
func (e *Expiry) deadline(x *Exec, c Code) int64 {
	switch {
	case c == ExpireAt:
		return unixMs(e.At)
	case e.TTL <= 0:
		return x.Now()
	}
	return x.after(e.TTL)
}

// after converts a positive duration from now into an absolute expiry, rounded up to a whole
// millisecond.
func (x *Exec) after(d time.Duration) int64 {
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	return x.Now() + ms
}

// unixMs returns a time in Unix milliseconds, clamped to the first or last time that can be
// represented.
func unixMs(t time.Time) int64 {
	const seconds = math.MaxInt64/1000 - 1
	return time.Unix(min(max(t.Unix(), -seconds), seconds), int64(t.Nanosecond())).UnixMilli()
}

// expire sets an expiry, and reports whether the key exists. A time that is not in the future
// deletes the key. During loading it does not, because only the log's own DEL ends a key's life.
func (x *Exec) expire(p Place, at int64) (existed bool, err error) {
	it, ok := x.Find(p)
	if !ok {
		return false, nil
	}
	x.remember(p.Shard)
	if !x.Replaying && at <= x.Now() {
		x.Dirty++
		p.Shard.Remove(p.DB, p.Hash, it)
		x.command(p.DB, "DEL", p.Key)
		return true, nil
	}
	if err := p.Shard.Reexpire(p.DB, p.Hash, it, max(at, 1)); err != nil { // 0 would mean no expiry
		return false, err
	}
	x.Dirty++
	x.commandInt(p.DB, "PEXPIREAT", p.Key, at)
	return true, nil
}

// persist removes the expiry, and reports whether there was one.
func (x *Exec) persist(p Place) (had bool, err error) {
	it, ok := x.Find(p)
	if !ok || it.ExpireAtMs() == 0 {
		return false, nil
	}
	x.remember(p.Shard)
	if err := p.Shard.Reexpire(p.DB, p.Hash, it, 0); err != nil {
		return false, err
	}
	x.Dirty++
	x.command(p.DB, "PERSIST", p.Key)
	return true, nil
}

// NoExpiry is the time to live of a key without an expiry.
const NoExpiry time.Duration = -1

// TimeToLive returns the result of a TTL that ended with err: the remaining time to live of the
// key, or [NoExpiry].
func (c *Call) TimeToLive(err error) (time.Duration, error) {
	switch {
	case err != nil:
		return 0, err
	case c.Result == 0:
		return NoExpiry, nil
	}
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(max(c.Result-NowMs(), 0), most)) * time.Millisecond, nil
}
