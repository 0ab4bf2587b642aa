package valkey

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/perduredb/perdure"
)

// expiryOf returns the arguments of SET for options. It refuses those that [perdure.Store.Set]
// refuses. Of several options of one kind, the last one applies.
func expiryOf(opts []perdure.SetOption) ([]string, error) {
	var ttl time.Duration
	var at time.Time
	var hasTTL, hasAt, keep bool
	for _, o := range opts {
		if d, ok := o.TTL(); ok {
			ttl, hasTTL = d, true
		} else if t, ok := o.ExpireAt(); ok {
			at, hasAt = t, true
		} else if o.KeepTTL() {
			keep = true
		} else {
			return nil, fmt.Errorf("%w: SetOption of another version", perdure.ErrUnsupported)
		}
	}
	switch {
	case hasTTL && hasAt, hasTTL && keep, hasAt && keep:
		return nil, fmt.Errorf("%w: TTL, ExpireAt, and KeepTTL exclude each other", perdure.ErrTTL)
	case hasTTL && ttl <= 0:
		return nil, fmt.Errorf("%w: %v is not positive", perdure.ErrTTL, ttl)
	case hasAt && unixMs(at) <= 0:
		return nil, fmt.Errorf("%w: %v is not after 1970", perdure.ErrTTL, at)
	case hasTTL:
		return []string{"PX", milliseconds(ttl)}, nil
	case hasAt:
		return []string{"PXAT", strconv.FormatInt(unixMs(at), 10)}, nil
	case keep:
		return []string{"KEEPTTL"}, nil
	}
	return nil, nil
}

// milliseconds returns a duration in whole milliseconds, rounded up.
func milliseconds(d time.Duration) string {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return strconv.FormatInt(int64(ms), 10)
}

// unixMs returns a time in Unix milliseconds, clamped to those that an int64 can hold.
func unixMs(t time.Time) int64 {
	const seconds = math.MaxInt64/1000 - 1
	return time.Unix(min(max(t.Unix(), -seconds), seconds), int64(t.Nanosecond())).UnixMilli()
}
