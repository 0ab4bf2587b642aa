package aof

import (
	"fmt"
	"time"
)

// Mode says where a write is when it returns under EverySec or No.
type Mode uint8

// The modes. Under Always, and for a durable write, they are the same.
const (
	// Direct gives every write to the system, in the log's newest file, before it returns. At any
	// moment a redis-server that opens the directory finds everything that was acknowledged.
	Direct Mode = iota
	// Ring copies every write to a small file that is mapped into memory, <appendfilename>.tail in the
	// log's directory, before it returns; a background task writes it to the log's newest file
	// about a millisecond later. A process that is killed loses nothing: the next Open finds in
	// the mapped file what is missing. What another program finds in the log before that is
	// about a millisecond older. Close removes the file.
	Ring
)

// String gives the mode's name.
func (m Mode) String() string {
	if m == Ring {
		return "ring"
	}
	return "direct"
}

// The bounds of RingSize.
const (
	ringMinSize = 3 << 10
	ringMaxSize = 1 << 30
)

// LogMode says where a write is when it returns. The default is Ring. Where that is not known to be
// safe the log works as under Direct, and Status tells why: on systems other than Linux, and on file
// systems other than ext4 and tmpfs. A log that is opened under Always has no use for it either, and
// goes on as under Direct when its policy is changed, until it is opened again.
func LogMode(m Mode) Option {
	return Option{set: func(c *config) error {
		if m > Ring {
			return fmt.Errorf("%w: log mode %d", ErrOptions, m)
		}
		c.mode = m
		return nil
	}}
}

// RingSize sets how many bytes the mapped file of Ring holds, from 3 KiB to 1 GiB, in three parts. The
// default is 3 MiB. Where a part is full, because the disk is slower than the writers, they wait as
// under Direct, and so does a write that is longer than a part.
func RingSize(bytes int64) Option {
	return Option{set: func(c *config) error {
		if bytes < ringMinSize || bytes > ringMaxSize {
			return fmt.Errorf("%w: ring of %d bytes, want %d to %d", ErrOptions, bytes, ringMinSize, ringMaxSize)
		}
		c.ringSize = bytes
		return nil
	}}
}

// RingDelay sets how long, under Ring, a write may wait for others before it is written to the log's
// newest file with them: how far what another program finds there may lag behind. The default
// is a millisecond.
func RingDelay(d time.Duration) Option {
	return Option{set: func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("%w: ring delay %v", ErrOptions, d)
		}
		c.ringDelay = d
		return nil
	}}
}
