package aof

import "time"

// Limits of a sync interval, from the time of its first byte.
const (
	syncAfter = 1 * time.Second
	syncLate  = 2 * time.Second
)

// interval is the state of the everysec policy. A sync interval begins with the first byte written
// (in Ring mode: appended) after a sync has begun, and ends when the next sync begins. When an
// interval opens, timer is set to end it, and a second timer watches it. An interval that is not
// durable when the second timer fires is late. While an interval is late no Commit returns. So no
// acknowledged byte stays unsynced for longer than syncLate.
//
// Log.mu guards all fields. The syncer receives from timer.
type interval struct {
	number int64 // of the newest interval
	open   bool  // it has not ended
	synced int64 // the newest durable one
	late   int64 // the newest one that was late
	watch  [2]*time.Timer
	timer  *time.Timer // nil before the background tasks run
}

// begin opens an interval whose first byte was appended at since. expire is called with its number
// when the interval should be durable.
func (i *interval) begin(since time.Time, expire func(number int64)) {
	i.open = true
	i.number++
	number := i.number
	age := time.Since(since)
	i.watch[number&1] = time.AfterFunc(syncLate-age, func() { expire(number) })
	i.timer.Reset(max(0, syncAfter-age))
}

// end ends the open interval, if there is one, because a sync begins.
func (i *interval) end() {
	if i.open {
		i.open = false
		i.timer.Stop()
	}
}

// durable records that an interval is durable, and reports whether that was not known.
func (i *interval) durable(number int64) (first bool) {
	if number <= i.synced {
		return false
	}
	i.synced = number
	if t := i.watch[number&1]; t != nil {
		t.Stop()
	}
	return true
}

// isLate reports whether an interval is late.
func (i *interval) isLate() bool { return i.late > i.synced }

// forget ends the open interval without a sync: a rewrite has replaced its bytes.
func (i *interval) forget() { i.open, i.synced = false, i.number }

// stop stops the timers.
func (i *interval) stop() {
	i.timer.Stop()
	for _, t := range i.watch {
		if t != nil {
			t.Stop()
		}
	}
}
