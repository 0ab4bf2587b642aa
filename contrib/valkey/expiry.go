package valkey

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/perduredb/perdure"
)

// expiryOf returns the arguments of SET for options. It refuses those that [perdure.Store.Set]
// refuses.
func expiryOf(opts []perdure.SetOption) (args []string, err error) {
	for _, o := range opts {
		var arg []string
		if d, ok := o.TTL(); ok {
			if d <= 0 {
				return nil, fmt.Errorf("%w: %v is not positive", perdure.ErrTTL, d)
			}
			arg = []string{"PX", milliseconds(d)}
		} else if t, ok := o.ExpireAt(); ok {
			ms := unixMs(t)
			if ms <= 0 {
				return nil, fmt.Errorf("%w: %v is not after 1970", perdure.ErrTTL, t)
			}
			arg = []string{"PXAT", strconv.FormatInt(ms, 10)}
		} else if o.KeepTTL() {
			arg = []string{"KEEPTTL"}
		} else {
			return nil, fmt.Errorf("%w: SetOption of another version", perdure.ErrUnsupported)
		}
		if args != nil && args[0] != arg[0] {
			return nil, fmt.Errorf("%w: options exclude each other", perdure.ErrTTL)
		}
		args = arg
	}
	return args, nil
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
