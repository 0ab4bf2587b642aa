package server_test

import (
	"strings"
	"testing"
)

func TestMaxMemory(t *testing.T) {
	const refused = "OOM command not allowed when used memory > 'maxmemory'.\r\n"
	socket := serve(t, memory(t))
	c, other := dial(t, socket), dial(t, socket)
	c.want("+OK\r\n", "SET", "k", strings.Repeat("x", 1<<20))
	c.want("+OK\r\n", "CONFIG", "SET", "maxmemory", "100kb")
	c.want("-"+refused, "SET", "n", "1")
	c.want("-"+refused, "INCR", "n")
	c.want(":1048576\r\n", "STRLEN", "k")
	c.do("MULTI")
	c.want("-"+refused, "SET", "n", "1")
	c.want("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC")
	c.want("+OK\r\n", "CONFIG", "SET", "maxmemory", "0")
	c.do("MULTI")
	c.want("+QUEUED\r\n", "SET", "n", "1")
	other.want("+OK\r\n", "CONFIG", "SET", "maxmemory", "100kb")
	c.want("-EXECABORT Transaction discarded because of: "+refused, "EXEC")
	c.want(":1\r\n", "DEL", "k")
	for other.do("SET", "n", "1") != "+OK\r\n" { // until the next measurement
		c.want("$-1\r\n", "GET", "n")
	}
	c.want("*2\r\n$9\r\nmaxmemory\r\n$6\r\n102400\r\n", "CONFIG", "GET", "maxmemory")
}

// TestMaxMemoryOfOneByte refuses a write to an empty store.
func TestMaxMemoryOfOneByte(t *testing.T) {
	c := dial(t, serve(t, memory(t)))
	c.want("+OK\r\n", "CONFIG", "SET", "maxmemory", "1")
	c.want("-OOM command not allowed when used memory > 'maxmemory'.\r\n", "LPUSH", "l", "v")
}
