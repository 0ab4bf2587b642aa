package server_test

import "testing"

func TestVerbs(t *testing.T) {
	c := dial(t, serve(t, memory(t)))
	c.want("+PONG\r\n", "PING")
	c.want("$-1\r\n", "GET", "k")
	c.want("+OK\r\n", "SET", "k", "v")
	c.want("$1\r\nv\r\n", "GET", "k")
	c.want(":1\r\n", "INCR", "n")
	c.want("-ERR value is not an integer or out of range\r\n", "INCR", "k")
	c.want(":2\r\n", "DEL", "k", "n", "x")
	c.want("+OK\r\n", "QUIT")
	if !c.ended() {
		t.Error("the connection is open after QUIT, want it closed")
	}
}
