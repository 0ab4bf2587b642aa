// Package clock is the wall clock: what expiries and dates in files are measured by.
//
// Intervals are not: they follow the monotonic clock of package time. A wall clock may jump, and
// Shift makes it jump, for tests.
package clock

import (
	"sync/atomic"
	"time"
)

var shift atomic.Int64

// Now is the wall clock's time, without a monotonic reading.
func Now() time.Time { return time.Now().Round(0).Add(time.Duration(shift.Load())) }

// Shift sets how far the clock is off the system's, for the whole program.
func Shift(d time.Duration) { shift.Store(int64(d)) }
