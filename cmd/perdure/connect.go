package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/server"
)

// A link is a connection to a server. For a data directory, the server is in this process.
type link struct {
	net.Conn
	in   *bufio.Reader
	done func() error // ends the server in this process
}

// connectFlags are the flags of the commands that use one store.
type connectFlags struct {
	db           *int
	passwordFile *string
	json         *bool
}

func addConnectFlags(f *flag.FlagSet) connectFlags {
	return connectFlags{
		db:           f.Int("db", 0, "database `NUMBER`"),
		passwordFile: f.String("password-file", "", "`FILE` with the password of the server"),
		json:         f.Bool("json", false, "print JSON lines"),
	}
}

// connect connects to a server, or opens a data directory. Unless write is set, it does not change
// the directory.
func (a *app) connect(path string, flags connectFlags, write bool) (l *link, err error) {
	if network, address := serverAddress(a, path); network != "" {
		conn, err := (&net.Dialer{}).DialContext(a.ctx, network, address)
		if err != nil {
			return nil, failed{err}
		}
		l = &link{Conn: conn, done: func() error { return nil }}
	} else if l, err = a.openLink(path, write); err != nil {
		return nil, err
	}
	l.in = bufio.NewReader(l)
	if err := l.enter(flags); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// serverAddress returns the network and address of a server that path names: unix:PATH or
// HOST:PORT. For a data directory it returns "".
func serverAddress(a *app, path string) (network, address string) {
	if socket, ok := strings.CutPrefix(path, "unix:"); ok {
		return "unix", socket
	}
	_, port, err := net.SplitHostPort(path)
	if err != nil {
		return "", ""
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", ""
	}
	if _, err := a.fs.Lstat(path); err == nil {
		return "", ""
	}
	return "tcp", path
}

// openLink opens a data directory and serves it to one connection.
func (a *app) openLink(dir string, write bool) (*link, error) {
	options, err := a.storeOptions(dir, write)
	if err != nil {
		return nil, err
	}
	store, err := perdure.OpenContext(a.ctx, dir, options...)
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.New(store).Serve(ctx, newOneConn(theirs)) }()
	return &link{Conn: ours, done: func() error {
		cancel()
		return errors.Join(<-served, store.Close())
	}}, nil
}

// storeOptions returns the options that keep the files of a directory unchanged: with or without
// a log, under their names.
func (a *app) storeOptions(dir string, write bool) ([]perdure.Option, error) {
	options := []perdure.Option{storefs.Option(a.fs)}
	if !write {
		options = append(options, perdure.WithReadOnly())
	}
	if !isDir(a.fs, dir) {
		return options, nil // Open makes a directory, or reports another file
	}
	p := place{path: dir}
	err := p.directory(a.fs, dir)
	switch {
	case errors.Is(err, errNoData):
		return options, nil
	case err != nil:
		return nil, err
	case p.form == formLog:
		return nil, fmt.Errorf("%s: a log directory, want a data directory", dir)
	case p.log == "":
		return append(options, perdure.WithoutAppendLog()), nil
	case strings.HasSuffix(p.log, manifestSuffix):
		name := strings.TrimSuffix(filepath.Base(p.log), manifestSuffix)
		return append(options, perdure.WithAppendLog(aof.New(aof.Dirname(filepath.Base(filepath.Dir(p.log))), aof.Filename(name)))), nil
	}
	return options, nil
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn chan net.Conn
	end  context.Context
	stop context.CancelFunc
}

func newOneConn(conn net.Conn) *oneConn {
	l := &oneConn{conn: make(chan net.Conn, 1)}
	l.end, l.stop = context.WithCancel(context.Background())
	l.conn <- conn
	return l
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	case <-l.end.Done():
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.stop()
	return nil
}

func (l *oneConn) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// enter authenticates, and selects the database.
func (l *link) enter(flags connectFlags) error {
	if *flags.passwordFile != "" {
		password, err := readPassword(*flags.passwordFile)
		if err != nil {
			return err
		}
		if _, err := l.do("AUTH", password); err != nil {
			return err
		}
	}
	if *flags.db == 0 {
		return nil
	}
	_, err := l.do("SELECT", strconv.Itoa(*flags.db))
	return err
}

func (l *link) close() error { return errors.Join(l.Conn.Close(), l.done()) }

// An answer is a reply of a server.
type answer struct {
	text  string
	null  bool
	items []answer // of an array
}

// int returns the number in an answer.
func (r answer) int() (int64, error) { return strconv.ParseInt(r.text, 10, 64) }

// do sends a command and returns the answer. An error reply is an error.
func (l *link) do(words ...string) (answer, error) {
	if _, err := l.Write(resp.AppendCommand(nil, words...)); err != nil {
		return answer{}, failed{err}
	}
	return l.read()
}

func (l *link) read() (answer, error) {
	line, err := l.in.ReadString('\n')
	if err != nil {
		return answer{}, failed{fmt.Errorf("the server closed the connection: %w", err)}
	}
	kind, line := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+', ':':
		return answer{text: line}, nil
	case '-':
		return answer{}, errors.New(strings.TrimPrefix(line, "ERR "))
	}
	n, err := strconv.Atoi(line)
	switch {
	case kind != '$' && kind != '*' || err != nil:
		return answer{}, failed{fmt.Errorf("reply begins with %q, want a server of Redis's protocol", kind)}
	case n < 0:
		return answer{null: true}, nil
	case kind == '*':
		r := answer{}
		for range n {
			item, err := l.read()
			if err != nil {
				return r, err
			}
			r.items = append(r.items, item)
		}
		return r, nil
	}
	var text strings.Builder
	if _, err := io.CopyN(&text, l.in, int64(n)+2); err != nil {
		return answer{}, failed{err}
	}
	return answer{text: text.String()[:n]}, nil
}
