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

// A tally counts the calls of one command by one client that the counters of the server do not have
// yet. All clients change those, so that a pipeline adds its calls together.
type tally struct {
	command *command
	calls   int64
}

// count counts a call.
func (c *client) count(cmd *command) {
	if t := &c.tally; t.command != cmd {
		c.addCalls()
		t.command = cmd
	}
	c.tally.calls++
}

// addCalls adds the calls so far to the counters of the server.
func (c *client) addCalls() {
	if t := &c.tally; t.calls > 0 {
		c.server.counts.of[t.command.number].calls.Add(t.calls)
		t.calls = 0
	}
}

func (c *counters) reset() {
	c.connections.Store(0)
	c.rejected.Store(0)
	c.reads.Store(0)
	for i := range c.of {
		c.of[i].calls.Store(0)
		c.of[i].rejected.Store(0)
	}
}
