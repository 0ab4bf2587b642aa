// Package server serves a [perdure.Store] over Redis's protocol, so that redis-cli, client
// libraries, and tools can use the data of a running program. It serves the commands on strings,
// hashes, sets, lists, sorted sets, keys, and databases of Redis 7.0, transactions with WATCH, and
// the commands that clients send to look at a server.
//
//	srv := server.New(store)
//	l, err := net.Listen("unix", path)
//	...
//	err = srv.Serve(ctx, l)
//
// A reply to a write is sent when the write is as safe as the fsync policy of the store requires.
// Pipelined commands share one wait and one write to the connection.
//
// Commands on streams, HyperLogLogs, and geographic positions, scripts, and Pub/Sub are not
// supported: docs/architecture.md lists all differences from redis-server.
//
// Without a password, a Server only accepts listeners on unix sockets and loopback addresses:
// every program that can connect can read and change all data. See [WithPassword], [WithTLS], and
// [WithReadOnly].
package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
)

// ErrAddress is returned by [Server.Serve] for a listener that other machines can reach, without
// [WithPassword] or [WithAnyAddress].
var ErrAddress = errors.New("perdure: server: an address that other machines can reach requires a password")

// A Server serves one store to any number of clients. It is safe for concurrent use.
type Server struct {
	store   *perdure.Store
	engine  *engine.Engine
	options options
	config  *config
	started time.Time
	id      string // random

	lastID   atomic.Int64
	buffered atomic.Int64 // bytes in the buffers of all clients
	blocked  atomic.Int64 // clients whose command waits
	counts   counters

	maxMemory maxMemory

	mu      sync.Mutex
	clients map[int64]*client
}

// New returns a Server for a store. The store must stay open until Serve has returned.
func New(store *perdure.Store, opts ...Option) *Server {
	s := &Server{store: store, engine: engine.Of(store), started: time.Now(), id: randomID(), clients: map[int64]*client{}}
	for _, o := range opts {
		o(&s.options)
	}
	s.options.limits.setDefaults()
	s.counts.of = make([]commandCounters, len(commands))
	s.config = newConfig(s)
	return s
}

// Serve accepts connections until ctx ends, and serves each in its own goroutine. It then closes
// the listener and all its connections, waits for the commands that are running, and returns nil.
// A Server can serve several listeners, each in a separate call of Serve.
//
// Serve closes a listener that other machines can reach, and returns [ErrAddress] at once. If
// something else closes the listener, it returns an error matching [net.ErrClosed]. After any other
// error of Accept it tries again.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if !s.allows(l.Addr()) {
		l.Close()
		return fmt.Errorf("%w: %s", ErrAddress, l.Addr())
	}
	if s.options.tls != nil {
		l = tls.NewListener(l, s.options.tls)
	}
	var served sync.WaitGroup
	defer served.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	delay := acceptDelay(0)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("perdure: server: %w", err)
		case err != nil: // for example, too many open files
			delay.wait(ctx)
			continue
		}
		delay = 0
		served.Add(1)
		go func() {
			defer served.Done()
			s.serveConn(ctx, conn)
		}()
	}
}

// acceptDelay is the pause after an error of Accept, which doubles up to a second.
type acceptDelay time.Duration

func (d *acceptDelay) wait(ctx context.Context) {
	*d = min(max(*d*2, acceptDelay(5*time.Millisecond)), acceptDelay(time.Second))
	t := time.NewTimer(time.Duration(*d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// allows reports whether the options permit to serve an address.
func (s *Server) allows(addr net.Addr) bool {
	if s.options.anyAddress || s.options.password != "" {
		return true
	}
	switch a := addr.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return addr.Network() == "pipe"
}

// randomID returns 40 hexadecimal digits.
func randomID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never returns an error
	return hex.EncodeToString(b[:])
}

// serveConn serves one connection to its end.
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s.counts.connections.Add(1)
	c := newClient(s, conn)
	if !s.add(c) {
		s.counts.rejected.Add(1)
		c.reject("ERR max number of clients reached")
		return
	}
	defer s.remove(c)
	if !s.handshake(ctx, conn) {
		return
	}
	defer func() { // a bug in perdure ends this client, not the program
		if r := recover(); r != nil {
			slog.Error("perdure: server: panic in a command", "panic", r, "stack", string(debug.Stack()))
			c.reject("ERR internal error")
		}
	}()
	c.serve()
}

// handshake completes the handshake of a TLS connection.
func (s *Server) handshake(ctx context.Context, conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.limits.Login)
	defer cancel()
	return secure.HandshakeContext(ctx) == nil
}

// add registers a client, and reports whether the limit of clients permits it.
func (s *Server) add(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= s.options.limits.Clients {
		return false
	}
	s.clients[c.id] = c
	return true
}

func (s *Server) remove(c *client) {
	c.session.Unwatch()
	c.forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c.id)
}
