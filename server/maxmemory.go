package server

import (
	"sync/atomic"
	"time"
)

// maxMemory is the setting maxmemory. Above it, commands that need more memory are refused. No key
// is evicted.
type maxMemory struct {
	limit    atomic.Int64 // 0: none
	measured atomic.Int64 // time of the last measurement, Unix ns; 0 before the first
	exceeded atomic.Bool
}

// measureEvery is the time between two measurements, which lock every shard one after the other.
const measureEvery = time.Millisecond

func setMaxMemory(s *Server, value string) error {
	n, err := parseMemory(value)
	if err == nil {
		s.maxMemory.limit.Store(n)
		s.maxMemory.measured.Store(0)
	}
	return err
}

// emptyMemory is the memory that counts for a server without keys. A program that sets maxmemory to
// 1 expects that every command that needs memory is refused.
const emptyMemory = 64 << 10

// full reports whether the data set needed more memory than maxmemory when it was last measured.
func (s *Server) full() bool {
	m := &s.maxMemory
	limit := m.limit.Load()
	if limit == 0 {
		return false
	}
	now, last := time.Now().UnixNano(), m.measured.Load()
	if now-last >= int64(measureEvery) && m.measured.CompareAndSwap(last, now) {
		m.exceeded.Store(emptyMemory+s.engine.MemoryUsed() > limit)
	}
	return m.exceeded.Load()
}
