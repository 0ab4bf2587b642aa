package aof

import (
	"fmt"
	"time"
)

// Mode selects where a write is stored when it returns under [EverySec] or [No].
type Mode uint8

// The modes. They do not differ under Always or for a durable write.
const (
	// Direct passes every write to the kernel before it returns, in the log's newest file. At any
	// time a redis-server that opens the directory finds every acknowledged write.
	Direct Mode = iota
	// Ring copies every write to a small memory-mapped file, <appendfilename>.tail in the log's
	// directory, before the write returns. A background task writes it to the log's newest file
	// about 1 ms later. A killed process loses nothing, because the next Open finds the missing
	// writes in the mapped file. Until then another program that reads the log may miss the
	// writes of about the last 1 ms. Close removes the file.
	Ring
)

// String returns the name of the mode.
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

// LogMode sets where a write is stored when it returns. The default is Ring. If Ring is not known
// to be safe, the log works as under Direct, and [Log.Status] reports why. That is so on systems
// other than Linux, and on file systems other than ext4, xfs, btrfs, overlay, and tmpfs. A log that
// is opened under Always does not use the tail file either. It works as under Direct until it is
// opened again, even if its policy changes.
func LogMode(m Mode) Option {
	return Option{set: func(c *config) error {
		if m > Ring {
			return fmt.Errorf("%w: log mode %d", ErrOptions, m)
		}
		c.mode = m
		return nil
	}}
}

// RingSize sets the size of the memory-mapped file of Ring, from 3 KiB to 1 GiB, in three regions.
// The default is 3 MiB. If a region is full because the disk is slower than the writers, the
// writers wait as under Direct. So does a write that is longer than a region.
func RingSize(bytes int64) Option {
	return Option{set: func(c *config) error {
		if bytes < ringMinSize || bytes > ringMaxSize {
			return fmt.Errorf("%w: ring of %d bytes, want %d to %d", ErrOptions, bytes, ringMinSize, ringMaxSize)
		}
		c.ringSize = bytes
		return nil
	}}
}

// RingDelay sets how long a write may wait, under Ring, before it is written to the log's newest
// file together with others. It bounds the age of the writes that another program can miss in the
// file. The default is 1 ms.
func RingDelay(d time.Duration) Option {
	return Option{set: func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("%w: ring delay %v", ErrOptions, d)
		}
		c.ringDelay = d
		return nil
	}}
}
