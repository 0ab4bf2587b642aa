package server

import (
	"slices"
	"strconv"
	"strings"
)

// remembered are the settings of Redis that have no meaning here, with Redis's defaults. Clients
// and test suites read and set them.
var remembered = map[string]string{
	"active-expire-effort": "1", "activedefrag": "yes", "activerehashing": "yes", "aof-load-truncated": "yes",
	"aof-rewrite-incremental-fsync": "yes", "appenddirname": "appendonlydir", "appendfilename": "appendonly.aof",
	"busy-reply-threshold": "5000", "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
	"client-query-buffer-limit": "1073741824", "cluster-enabled": "no", "daemonize": "no", "dynamic-hz": "yes",
	"enable-debug-command": "no", "hash-max-listpack-entries": "512", "hash-max-listpack-value": "64",
	"hash-max-ziplist-entries": "512", "hash-max-ziplist-value": "64", "hll-sparse-max-bytes": "3000", "hz": "10",
	"io-threads": "1", "latency-monitor-threshold": "0", "latency-tracking": "yes", "lazyfree-lazy-eviction": "no",
	"lazyfree-lazy-expire": "no", "lazyfree-lazy-server-del": "no", "lazyfree-lazy-user-del": "no",
	"lazyfree-lazy-user-flush": "no", "lfu-decay-time": "1", "lfu-log-factor": "10", "list-compress-depth": "0",
	"list-max-listpack-size": "-2", "list-max-ziplist-size": "-2", "logfile": "", "loglevel": "notice", "lua-time-limit": "5000",
	"maxmemory-clients": "0", "maxmemory-eviction-tenacity": "10", "maxmemory-policy": "noeviction",
	"maxmemory-samples": "5", "min-replicas-max-lag": "10", "min-replicas-to-write": "0", "min-slaves-max-lag": "10",
	"min-slaves-to-write": "0", "notify-keyspace-events": "", "proto-max-bulk-len": "536870912", "protected-mode": "yes",
	"rdb-del-sync-files": "no", "rdb-key-save-delay": "0", "rdb-save-incremental-fsync": "yes", "rdbchecksum": "yes",
	"rdbcompression": "yes", "repl-backlog-size": "1048576", "repl-diskless-sync": "yes", "repl-diskless-sync-delay": "5",
	"repl-ping-replica-period": "10", "repl-timeout": "60", "replica-priority": "100", "replica-read-only": "yes",
	"replica-serve-stale-data": "yes", "replicaof": "", "sanitize-dump-payload": "no", "set-max-intset-entries": "512",
	"set-max-listpack-entries": "128", "set-max-listpack-value": "64", "shutdown-timeout": "10",
	"slowlog-log-slower-than": "10000", "slowlog-max-len": "128", "stream-node-max-bytes": "4096",
	"stream-node-max-entries": "100", "tcp-backlog": "511", "tcp-keepalive": "300", "tracking-table-max-keys": "1000000",
	"unixsocket": "", "unixsocketperm": "0", "zset-max-listpack-entries": "128", "zset-max-listpack-value": "64",
	"zset-max-ziplist-entries": "128", "zset-max-ziplist-value": "64",
}

// aliases are the names that share a value.
var aliases = map[string][]string{
	"hash-max-listpack-entries": {"hash-max-ziplist-entries"}, "hash-max-ziplist-entries": {"hash-max-listpack-entries"},
	"hash-max-listpack-value": {"hash-max-ziplist-value"}, "hash-max-ziplist-value": {"hash-max-listpack-value"},
	"list-max-listpack-size": {"list-max-ziplist-size"}, "list-max-ziplist-size": {"list-max-listpack-size"},
	"zset-max-listpack-entries": {"zset-max-ziplist-entries"}, "zset-max-ziplist-entries": {"zset-max-listpack-entries"},
	"zset-max-listpack-value": {"zset-max-ziplist-value"}, "zset-max-ziplist-value": {"zset-max-listpack-value"},
	"min-replicas-max-lag": {"min-slaves-max-lag"}, "min-slaves-max-lag": {"min-replicas-max-lag"},
	"min-replicas-to-write": {"min-slaves-to-write"}, "min-slaves-to-write": {"min-replicas-to-write"},
}

// inMemoryUnits are the remembered settings whose values can have a unit, such as 64mb.
var inMemoryUnits = []string{"client-query-buffer-limit", "maxmemory-clients", "proto-max-bulk-len", "repl-backlog-size"}

// checkRemembered checks a value by the form of the default, and returns the value to show.
func checkRemembered(name, value string) (string, error) {
	initial := remembered[name]
	if slices.Contains(inMemoryUnits, name) {
		n, err := parseMemory(value)
		return strconv.FormatInt(n, 10), err
	}
	if initial == "yes" || initial == "no" {
		_, err := parseYesNo(value)
		return strings.ToLower(value), err
	}
	if _, err := strconv.Atoi(initial); err == nil {
		if _, err := strconv.Atoi(value); err != nil {
			return "", errNumber
		}
	}
	return value, nil
}
