package server_test

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perduredb/perdure/server"
)

// The tests in this file let many clients misbehave at once. They check that another client is
// served, that the buffers have a limit, and that the misbehaving clients are closed in the end.

// served fails the test if a well-behaved client does not get its replies, or if the buffers of all
// clients need more memory than the limit.
func served(t *testing.T, c *conn, limit int) {
	t.Helper()
	for i := range 300 {
		value := strconv.Itoa(i)
		c.want("+OK\r\n", "SET", "served", value)
		c.want(fmt.Sprintf("$%d\r\n%s\r\n", len(value), value), "GET", "served")
		if n := buffers(t, c); n > limit {
			t.Fatalf("buffers have %d bytes, want at most %d", n, limit)
		}
	}
}

// buffers returns the size of the buffers of all clients.
func buffers(t *testing.T, c *conn) int {
	t.Helper()
	_, rest, _ := strings.Cut(c.do("INFO", "clients"), "client_buffers:")
	number, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("INFO clients: client_buffers %q, want a number", number)
	}
	return n
}

// alone waits until every other client is closed.
func alone(t *testing.T, c *conn) {
	t.Helper()
	for !strings.Contains(c.do("INFO", "clients"), "connected_clients:1\r\n") {
		runtime.Gosched()
	}
}

// attack runs fn for n connections at once, and returns a function that waits for all.
func attack(t *testing.T, socket string, n int, fn func(c net.Conn)) (wait func()) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		c := dial(t, socket)
		all.Go(func() { fn(c.Conn) })
	}
	return all.Wait
}

func TestSlowReaders(t *testing.T) {
	const limit, value = 16 << 20, 1 << 20
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Memory: limit, Write: 200 * time.Millisecond}))
	c := dial(t, socket)
	c.do("SET", "k", strings.Repeat("x", value))
	enough := make(chan struct{})
	wait := attack(t, socket, 30, func(slow net.Conn) {
		defer slow.Close() // some get errors, which they need not read
		defer func() { <-enough }()
		for range 100 {
			if _, err := slow.Write([]byte("*3\r\n$4\r\nMGET\r\n$1\r\nk\r\n$1\r\nk\r\n")); err != nil {
				return
			}
		}
	})
	served(t, c, limit+30*3*value) // each client may exceed the limit once, and is then closed
	close(enough)
	wait()
	alone(t, c)
}

// TestHalfOpenPeers has clients that stop in the middle of a command, as a machine does that is
// switched off.
func TestHalfOpenPeers(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Command: 100 * time.Millisecond}))
	c := dial(t, socket)
	wait := attack(t, socket, 100, func(half net.Conn) {
		_, _ = half.Write([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nhalf of a val"))
		_, _ = half.Read(make([]byte, 1)) // until the server closes the connection
	})
	served(t, c, 1<<20)
	wait()
	alone(t, c)
	c.want("$-1\r\n", "GET", "k")
}

// TestOversizedBulks has clients that declare large arguments, and send little of them.
func TestOversizedBulks(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Command: 200 * time.Millisecond}))
	c := dial(t, socket)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wait := attack(t, socket, 50, func(large net.Conn) {
		_, _ = large.Write([]byte("*1048576\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n" + strings.Repeat("x", 100<<10)))
		_, _ = large.Read(make([]byte, 1)) // until the server closes the connection
	})
	served(t, c, 50<<20)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 200<<20 {
		t.Errorf("the heap has grown by %d bytes for 5 MB of requests, want at most 200 MiB", grown)
	}
	wait()
	alone(t, c)
}

// TestGuessedPasswords has clients that guess passwords, and connect again when they are closed.
func TestGuessedPasswords(t *testing.T) {
	const password = "correct horse"
	socket := serve(t, memory(t), server.WithPassword(password))
	c := dial(t, socket)
	c.want("+OK\r\n", "AUTH", password)
	var guessers sync.WaitGroup
	for n := range 4 {
		guessers.Go(func() {
			for round := range 20 {
				guess := dial(t, socket)
				for i := 0; ; i++ {
					reply, err := guess.try("AUTH", fmt.Sprint("guess", n, round, i))
					if err != nil {
						break
					}
					if !strings.HasPrefix(reply, "-WRONGPASS ") {
						t.Errorf("AUTH with a guess = %q, want WRONGPASS", reply)
					}
				}
				guess.Close()
			}
		})
	}
	served(t, c, 1<<20)
	guessers.Wait()
	alone(t, c)
}
