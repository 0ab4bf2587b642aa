package server

import "sync/atomic"

// Stats are counts of a [Server]. A comment names the same number of INFO. CONFIG RESETSTAT sets
// the numbers to 0, except for Clients.
type Stats struct {
	Clients     int   // connected_clients
	Connections int64 // total_connections_received
	Rejected    int64 // rejected_connections
	Commands    int64 // total_commands_processed
	Reads       int64 // total_reads_processed; a pipeline of commands often takes one read
}

// Stats returns the counts. It does not wait for clients or the store.
func (s *Server) Stats() Stats {
	c := &s.counts
	stats := Stats{s.connected(), c.connections.Load(), c.rejected.Load(), 0, c.reads.Load()}
	for i := range c.of {
		stats.Commands += c.of[i].calls.Load()
	}
	return stats
}

// connected returns the number of clients.
func (s *Server) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// counters are what Stats and INFO count.
type counters struct {
	connections, rejected, reads atomic.Int64
	of                           []commandCounters // by command
}

// commandCounters are the counts of one command.
type commandCounters struct{ calls, rejected atomic.Int64 }

func (c *counters) reset() {
	c.connections.Store(0)
	c.rejected.Store(0)
	c.reads.Store(0)
	for i := range c.of {
		c.of[i].calls.Store(0)
		c.of[i].rejected.Store(0)
	}
}
