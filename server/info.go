package server

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"syscall"
	"time"
)

// redisVersion is the version of Redis whose commands and replies the server has.
const redisVersion = "7.0.15"

var infoCommands = []command{
	{name: "INFO", arity: -1, flags: outside, run: (*client).info},
	{name: "COMMAND", arity: -1, flags: outside, run: (*client).command, subs: func() []subcommand { return commandSubcommands }},
	{name: "CONFIG", arity: -2, flags: outside | admin, subs: func() []subcommand { return configSubcommands }},
	{name: "MEMORY", arity: -2, flags: outside, subs: func() []subcommand { return memorySubcommands }},
	{name: "MODULE", arity: -2, subs: func() []subcommand { return moduleSubcommands }},
	{name: "SLOWLOG", arity: -2, subs: func() []subcommand { return slowlogSubcommands }},
	{name: "LATENCY", arity: -2, subs: func() []subcommand { return latencySubcommands }},
	{name: "ACL", arity: -2, subs: func() []subcommand { return aclSubcommands }},
	{name: "FUNCTION", arity: -2, subs: func() []subcommand { return functionSubcommands }},
	{name: "LOLWUT", arity: -1, run: func(c *client, _ [][]byte) { c.out.Verbatim("Redis ver. " + redisVersion + "\n") }},
}

// sections are the sections of INFO in their order. Commandstats is only in INFO all and INFO
// everything, or if the client names it.
var sections = []struct {
	name string
	text func(s *Server) string
}{
	{"server", (*Server).serverInfo},
	{"clients", (*Server).clientsInfo},
	{"memory", func(s *Server) string { return s.storeInfo("Memory") }},
	{"persistence", func(s *Server) string { return s.storeInfo("Persistence") }},
	{"stats", (*Server).statsInfo},
	{"replication", func(*Server) string { return replicationInfo }},
	{"cpu", func(*Server) string { return cpuInfo() }},
	{"modules", func(*Server) string { return "# Modules\r\n" }},
	{"commandstats", (*Server).commandStats},
	{"errorstats", func(*Server) string { return "# Errorstats\r\n" }},
	{"cluster", func(*Server) string { return "# Cluster\r\ncluster_enabled:0\r\n" }},
	{"keyspace", (*Server).keyspaceInfo},
}

const replicationInfo = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n" +
	"master_repl_offset:0\r\nrepl_backlog_active:0\r\n"

func (c *client) info(words [][]byte) {
	wanted, all, more := map[string]bool{}, len(words) == 1, false
	for _, word := range words[1:] {
		name := strings.ToLower(string(word))
		wanted[name] = true
		more = more || name == "all" || name == "everything"
		all = all || more || name == "default"
	}
	var parts []string
	for _, s := range sections {
		if all && (more || s.name != "commandstats") || wanted[s.name] {
			parts = append(parts, s.text(c.server))
		}
	}
	c.out.Verbatim(strings.Join(parts, "\r\n"))
}

func (s *Server) serverInfo() string {
	up := time.Since(s.started)
	return fmt.Sprintf("# Server\r\nredis_version:%s\r\nserver_name:perdure\r\nredis_mode:standalone\r\nos:%s %s\r\narch_bits:%d\r\n"+
		"multiplexing_api:go\r\ngo_version:%s\r\nprocess_id:%d\r\nrun_id:%s\r\ntcp_port:0\r\nuptime_in_seconds:%d\r\n"+
		"uptime_in_days:%d\r\nhz:10\r\nconfigured_hz:10\r\nconfig_file:\r\n",
		redisVersion, runtime.GOOS, runtime.GOARCH, 32<<(^uint(0)>>63), runtime.Version(), syscall.Getpid(), s.id,
		int64(up.Seconds()), int64(up.Hours()/24))
}

func (s *Server) clientsInfo() string {
	return fmt.Sprintf("# Clients\r\nconnected_clients:%d\r\ncluster_connections:0\r\nmaxclients:%d\r\nclient_buffers:%d\r\n"+
		"blocked_clients:%d\r\ntracking_clients:0\r\nclients_in_timeout_table:0\r\n",
		s.connected(), s.options.limits.Clients, s.buffered.Load(), s.blocked.Load())
}

// storeInfo returns one section of the information of the store.
func (s *Server) storeInfo(section string) string {
	_, text, _ := strings.Cut(s.store.Info(), "# "+section+"\r\n")
	text, _, _ = strings.Cut(text, "\r\n\r\n")
	return "# " + section + "\r\n" + strings.TrimSuffix(text, "\r\n") + "\r\n"
}

func (s *Server) statsInfo() string {
	stats, store := s.Stats(), s.store.Stats()
	return s.storeInfo("Stats") + fmt.Sprintf("total_connections_received:%d\r\ntotal_commands_processed:%d\r\n"+
		"total_reads_processed:%d\r\nrejected_connections:%d\r\nexpired_keys:%d\r\nevicted_keys:0\r\nmigrate_cached_sockets:0\r\npubsub_channels:0\r\npubsub_patterns:0\r\n",
		stats.Connections, stats.Commands, stats.Reads, stats.Rejected, store.Expired)
}

// commandStats returns the statistics of the commands that clients have sent. Times are not
// measured.
func (s *Server) commandStats() string {
	var b strings.Builder
	b.WriteString("# Commandstats\r\n")
	for i, name := range names() {
		calls, rejected := s.counts.of[i].calls.Load(), s.counts.of[i].rejected.Load()
		if calls+rejected > 0 {
			fmt.Fprintf(&b, "cmdstat_%s:calls=%d,usec=0,usec_per_call=0.00,rejected_calls=%d,failed_calls=0\r\n",
				strings.ToLower(name), calls, rejected)
		}
	}
	return b.String()
}

// cpuInfo returns the processor time of Go code, as the runtime estimates it.
func cpuInfo() string {
	sample := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}}
	metrics.Read(sample)
	seconds := 0.0
	if sample[0].Value.Kind() == metrics.KindFloat64 {
		seconds = sample[0].Value.Float64()
	}
	return fmt.Sprintf("# CPU\r\nused_cpu_sys:0.000000\r\nused_cpu_user:%.6f\r\nused_cpu_sys_children:0.000000\r\n"+
		"used_cpu_user_children:0.000000\r\n", seconds)
}

func (s *Server) keyspaceInfo() string {
	var b strings.Builder
	b.WriteString("# Keyspace\r\n")
	for db := range s.engine.Databases() {
		if keys, expires := s.engine.Len(db), s.engine.Expires(db); keys > 0 {
			fmt.Fprintf(&b, "db%d:keys=%d,expires=%d,avg_ttl=0\r\n", db, keys, expires)
		}
	}
	return b.String()
}
