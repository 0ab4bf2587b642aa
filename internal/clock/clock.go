// Package clock provides the wall clock for expiries and for dates in files.
//
// Intervals use the monotonic clock of package time instead. A wall clock may jump; [Shift] makes
// it jump, for tests.
package clock

import (
	"sync/atomic"
	"time"
)

var shift atomic.Int64

// Now returns the wall clock's time, without a monotonic reading.
func Now() time.Time { return time.Now().Round(0).Add(time.Duration(shift.Load())) }

// Shift sets the offset of the clock from the operating system's clock, for the whole program.
func Shift(d time.Duration) { shift.Store(int64(d)) }
