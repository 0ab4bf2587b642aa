package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/server"
)

// serve starts a Server for a store on a unix socket, and returns the path of the socket. The
// Server ends with the test.
func serve(t testing.TB, store *perdure.Store, opts ...server.Option) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatalf("Listen = %v, want nil", err)
	}
	serveOn(t, l, store, opts...)
	return socket
}

// serveOn is like serve for a given listener, and returns the Server.
func serveOn(t testing.TB, l net.Listener, store *perdure.Store, opts ...server.Option) *server.Server {
	t.Helper()
	srv := server.New(store, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
	return srv
}

// memory returns an empty store without files.
func memory(t testing.TB) *perdure.Store {
	t.Helper()
	s, err := perdure.New()
	if err != nil {
		t.Fatalf("New = %v, want nil", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// conn is a connection of a test.
type conn struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

// dial connects to a unix socket.
func dial(t testing.TB, socket string) *conn {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatalf("Dial = %v, want nil", err)
	}
	return wrap(t, c)
}

// wrap returns a connection that ends with the test.
func wrap(t testing.TB, c net.Conn) *conn {
	t.Cleanup(func() { c.Close() })
	w := &conn{t, c, bufio.NewReader(c)}
	w.limit()
	return w
}

// limit ends the test if the connection is still in use a minute from now.
func (c *conn) limit() { _ = c.SetDeadline(time.Now().Add(time.Minute)) }

// do sends a command, and returns the bytes of its reply.
func (c *conn) do(words ...string) string {
	c.t.Helper()
	c.send(string(resp.AppendCommand(nil, words...)))
	return c.reply()
}

// try is like do, but returns an error if the connection ends.
func (c *conn) try(words ...string) (string, error) {
	if _, err := c.Write(resp.AppendCommand(nil, words...)); err != nil {
		return "", err
	}
	return c.next()
}

// send sends bytes.
func (c *conn) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("Write = %v, want nil", err)
	}
}

// reply returns the bytes of the next reply.
func (c *conn) reply() string {
	c.t.Helper()
	raw, err := c.next()
	if err != nil {
		c.t.Fatalf("reply %q, then %v, want a whole reply", raw, err)
	}
	return raw
}

// ended reports whether the server has closed the connection.
func (c *conn) ended() bool {
	_, err := c.in.ReadByte()
	return err != nil
}

// next reads one reply.
func (c *conn) next() (raw string, err error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return line, err
	}
	n, _ := strconv.Atoi(line[1 : len(line)-2])
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return line, nil
		}
		body := make([]byte, n+2)
		_, err := io.ReadFull(c.in, body)
		return line + string(body), err
	case '%':
		n *= 2
		fallthrough
	case '*', '~', '>':
		for range n {
			element, err := c.next()
			line += element
			if err != nil {
				return line, err
			}
		}
		return line, nil
	case '+', '-', ':', '_', ',', '#', '(':
		return line, nil
	}
	return line, fmt.Errorf("%q begins no reply", line)
}

// want fails the test if a command has another reply.
func (c *conn) want(reply string, words ...string) {
	c.t.Helper()
	if got := c.do(words...); got != reply {
		c.t.Errorf("%q = %q, want %q", words, got, reply)
	}
}

// rest returns everything that the server sends until it closes the connection.
func (c *conn) rest() string {
	c.t.Helper()
	all, _ := io.ReadAll(c.in) // an error also ends the connection
	return string(all)
}

// certificate returns the configuration of a server with a new certificate for localhost, and the
// roots for its clients.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
