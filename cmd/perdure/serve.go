package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/redisconf"
	"github.com/perduredb/perdure/server"
)

var serveCommand = &command{
	name: "serve",
	args: "DIR",
	what: "serve a data directory over Redis's protocol",
	help: `Serve opens a data directory and serves it to redis-cli and other clients until it is
interrupted. It makes the directory if it is missing. The append-only log is on, and syncs every
second. A redis.conf or valkey.conf given with --config sets everything about files instead; its dir
does not count, and directives that perdure does not know are named and ignored, except for
enable-debug-command. CONFIG SET changes settings while it runs.

It listens on 127.0.0.1:6379, or where --listen specifies: unix:PATH, or HOST:PORT. An address that
other machines can reach requires --password-file. A socket at PATH is replaced if no program
listens on it.

With --read-only, nothing in the directory changes, and commands that write are refused. A directory
that a program has open cannot be served.

Exit status: 0 interrupted or SHUTDOWN, 1 damaged, 2 usage error, 3 not supported, 4 I/O error.`,
	run: (*app).serve,
}

func (a *app) serve(c *command, args []string) (err error) {
	f := c.flags()
	listen := f.String("listen", "127.0.0.1:6379", "`ADDRESS` to listen on: unix:PATH or HOST:PORT")
	readOnly := f.Bool("read-only", false, "change nothing, and refuse commands that write")
	config := f.String("config", "", "`FILE` in the format of redis.conf with the settings of the files")
	passwordFile := f.String("password-file", "", "`FILE` with the password that clients must send")
	paths, err := a.parse(c, f, args, 1, 1)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(a.ctx, syscall.SIGTERM)
	defer stop()
	options := []server.Option{server.WithShutdown(stop)}
	if *readOnly {
		options = append(options, server.WithReadOnly())
	}
	if *passwordFile != "" {
		password, err := readPassword(*passwordFile)
		if err != nil {
			return err
		}
		options = append(options, server.WithPassword(password))
	}
	storeOptions, debug, err := a.readConfig(*config)
	if err != nil {
		return err
	}
	if debug {
		options = append(options, server.WithDebug())
	}
	if *readOnly {
		storeOptions = append(storeOptions, perdure.WithReadOnly())
	}
	store, err := perdure.OpenContext(ctx, paths[0], append(storeOptions, storefs.Option(a.fs))...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	l, err := listenOn(*listen)
	if err != nil {
		return failed{err}
	}
	srv := server.New(store, options...)
	shareProcessors(ctx, store, srv, l.Addr())
	err = srv.Serve(ctx, &announced{l, sync.OnceFunc(func() {
		fmt.Fprintf(a.stdout, "serving %s on %s\n", paths[0], *listen)
	})})
	if errors.Is(err, server.ErrAddress) {
		return c.misuse("--listen " + *listen + " requires --password-file")
	}
	return err
}

// announced is a listener that calls a function before it first accepts, once the server has not
// refused its address.
type announced struct {
	net.Listener
	announce func()
}

func (l *announced) Accept() (net.Conn, error) {
	l.announce()
	return l.Listener.Accept()
}

// readConfig returns the options for the store in a configuration file, and whether it permits
// DEBUG. Without a file it returns none.
func (a *app) readConfig(path string) (options []perdure.Option, debug bool, err error) {
	if path == "" {
		return nil, false, nil
	}
	c, err := redisconf.ReadFile(path)
	if err != nil {
		return nil, false, failed{err}
	}
	for _, d := range c.Unknown {
		if d.Name != "enable-debug-command" || len(d.Args) != 1 {
			a.warn("%s:%d: %s is ignored", d.File, d.Line, d.Name)
			continue
		}
		debug = !strings.EqualFold(d.Args[0], "no")
	}
	return c.Options(), debug, nil
}

// readPassword returns the first line of a file.
func readPassword(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", failed{err}
	}
	password, _, _ := strings.Cut(string(text), "\n")
	if password = strings.TrimSuffix(password, "\r"); password == "" {
		return "", failed{fmt.Errorf("%s: the first line is empty, want a password", path)}
	}
	return password, nil
}

// listenOn listens on unix:PATH or HOST:PORT. Only the user can connect to a socket at PATH.
func listenOn(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return net.Listen("tcp", address)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// removeStale removes a socket on which no program listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil // Listen reports another file
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("listen %s: another program listens there", path)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return os.Remove(path)
	}
	return nil
}
