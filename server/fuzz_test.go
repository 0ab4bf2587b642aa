package server_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/server"
)

// FuzzSession sends bytes to a server, once as a whole and once in pieces. The server must reply in
// the protocol, with as many replies, and then serve another client.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"PING\r\n", "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "SET k v\r\nGET k\r\nHELLO 3\r\nGET none\r\n",
		"BLPOP k 0.001\r\nRPUSH k 1\r\nBLPOP j k 0\r\nBLMOVE k j LEFT LEFT 0\r\nPING\r\n",
		"MULTI\r\nINCR n\r\nNOSUCH\r\nEXEC\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nx", "*-1\r\n*0\r\n\r\n", "\"unbalanced\r\n",
		"SETRANGE k 100000 x\r\nBITCOUNT k\r\nBITPOS k 1 0 -1 BIT\r\nBITFIELD k SET u8 #3 7 OVERFLOW FAIL INCRBY i5 0 99\r\n",
		"MSET a 1 b 2\r\nLCS a b IDX\r\nSCAN 0 MATCH * COUNT 100 TYPE string\r\nDUMP a\r\nOBJECT HELP\r\nCOPY a c DB 3\r\n",
		"CLIENT LIST\r\nCLIENT INFO\r\nCOMMAND DOCS get\r\nCOMMAND GETKEYS MSET a 1\r\nINFO\r\nCONFIG GET *\r\nCONFIG SET save \"1 1\"\r\n",
	} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		whole, n := session(t, data, len(data)+1)
		if _, m := session(t, data, max(step, 1)); n != m && !depends(data) {
			t.Errorf("%q: %d replies to the whole, %d to pieces of %d, want as many\n%q", data, n, m, step, whole)
		}
	})
}

// depends reports whether the number of replies can depend on time or on the other connection.
func depends(data []byte) bool {
	upper := bytes.ToUpper(data)
	for _, word := range []string{"REPLY", "KILL", "BLPOP", "BRPOP", "BLM", "BZ"} {
		if bytes.Contains(upper, []byte(word)) {
			return true
		}
	}
	return false
}

// session sends data in pieces to a new server, and returns the replies and their number.
func session(t *testing.T, data []byte, step int) (replies []byte, n int) {
	store, err := perdure.New()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(context.Background())
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- server.New(store).Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	}()
	replies = exchange(l.dial(), append(bytes.Clone(data), "\r\nQUIT\r\n"...), step)
	c := &conn{in: bufio.NewReader(bytes.NewReader(replies))}
	for {
		raw, err := c.next()
		if err == io.EOF && raw == "" {
			break
		}
		if err != nil {
			t.Fatalf("replies %q contain %q: %v, want the protocol", replies, raw, err)
		}
		n++
	}
	if got := exchange(l.dial(), []byte("PING\r\nQUIT\r\n"), 100); string(got) != "+PONG\r\n+OK\r\n" {
		t.Fatalf("another client got %q, want PONG", got)
	}
	return replies, n
}

// exchange sends data in pieces, and returns what the server sends until it closes the connection,
// or until it waits for the rest of a command.
func exchange(c net.Conn, data []byte, step int) []byte {
	go func() {
		for rest := data; len(rest) > 0; {
			n := min(step, len(rest))
			if _, err := c.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		c.(*pipe).end()
	}()
	replies, _ := io.ReadAll(c)
	return replies
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	close(l.closed)
	return nil
}

func (l *pipes) Addr() net.Addr {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	return a.LocalAddr()
}

// dial connects to the listener. Data of the client and data of the server take two pipes, so that
// the client can end its part.
func (l *pipes) dial() net.Conn {
	toServer, fromClient := net.Pipe()
	toClient, fromServer := net.Pipe()
	l.conns <- &pipe{Conn: fromServer, in: toServer}
	return &pipe{Conn: fromClient, in: toClient}
}

// pipe is one end: it writes to Conn and reads from in.
type pipe struct {
	net.Conn
	in net.Conn
}

func (p *pipe) Read(b []byte) (int, error) { return p.in.Read(b) }

func (p *pipe) SetReadDeadline(t time.Time) error { return p.in.SetReadDeadline(t) }

func (p *pipe) end() { p.Conn.Close() }

func (p *pipe) Close() error {
	p.in.Close()
	return p.Conn.Close()
}
