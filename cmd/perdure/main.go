// Command perdure works on files of Redis's formats. It checks, repairs, shows, and converts them,
// restores backups, and serves a data directory to clients of Redis.
//
//	perdure check PATH...        check files for damage
//	perdure repair PATH          truncate the damaged tail of a log
//	perdure dump PATH            print every key as JSON lines
//	perdure stat PATH            show files, sizes, key counts, and expiries
//	perdure convert SRC DST      convert between dumps, logs, append-only files, and JSON lines
//	perdure diff A B             compare two data sets key by key, in any format
//	perdure digest PATH...       print a fingerprint of each data set, in any format
//	perdure restore BACKUP DIR   restore a backup into a data directory
//	perdure serve DIR            serve a data directory over Redis's protocol
//	perdure get|set|del STORE    read and change keys of a data directory or a running server;
//	perdure incr|keys|ttl STORE  a STORE is DIR, unix:PATH, or HOST:PORT
//	perdure completion bash      print a script that completes command lines
//
// A PATH is a data directory, a log's directory or manifest, an append-only file, a dump, JSON
// lines, or a dump or JSON lines compressed with zstd. Only repair, restore, serve, set, del,
// and incr change existing files.
//
// The exit status is 0 for success, 1 for damage or differences, 2 for a usage error, 3 for files
// that are intact but not supported, and 4 for files that cannot be read or written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
)

// Exit statuses.
const (
	exitGood        = 0
	exitDamaged     = 1 // or different
	exitUsage       = 2
	exitUnsupported = 3 // intact, but from another program or a newer version
	exitFailed      = 4 // a file cannot be read or written
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// app is one run of the program.
type app struct {
	ctx    context.Context
	fs     vfs.FS
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// run runs the program without its process, and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ctx: ctx, fs: vfs.OS(), stdin: stdin, stdout: stdout, stderr: stderr}
	return a.run(args)
}

// command is one subcommand.
type command struct {
	name string
	args string // the usage line's arguments
	what string // one line
	help string // the rest
	run  func(a *app, c *command, args []string) error
}

// commands returns the commands in the order of the help.
func commands() []*command {
	return []*command{checkCommand, repairCommand, dumpCommand, statCommand, convertCommand, diffCommand, digestCommand, restoreCommand,
		serveCommand, getCommand, setCommand, delCommand, incrCommand, keysCommand, ttlCommand, completionCommand}
}

func (a *app) run(args []string) int {
	err := a.dispatch(args)
	var silent *silentError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitGood
	case errors.As(err, &silent):
		return silent.code
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(a.stderr, strings.Replace(errtext.Named(err).Error(), "perdure:", a.red("perdure:"), 1))
	return status(err)
}

// status returns the exit status for an error.
func status(err error) int {
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, new(failed)):
		if errors.Is(err, perdure.ErrUnsupported) {
			return exitUnsupported
		}
		return exitFailed
	case errors.Is(err, perdure.ErrCorrupt), errors.Is(err, aof.ErrNotRepairable):
		return exitDamaged
	case errors.Is(err, perdure.ErrUnsupported):
		return exitUnsupported
	}
	return exitFailed
}

// usageError reports a wrong command line.
type usageError struct{ what string }

func (e *usageError) Error() string { return e.what }

func (a *app) dispatch(args []string) error {
	if len(args) == 0 {
		return &usageError{"no command given; run 'perdure help' for a list"}
	}
	name, rest := args[0], args[1:]
	for _, c := range commands() {
		if c.name == name {
			return c.run(a, c, rest)
		}
	}
	switch name {
	case "help", "-h", "-help", "--help":
		return a.help(rest)
	case "version", "-version", "--version":
		a.version()
		return nil
	}
	return &usageError{fmt.Sprintf("unknown command %q; run 'perdure help' for a list", name)}
}

// help prints the list of commands, or the help of one command.
func (a *app) help(args []string) error {
	if len(args) > 0 {
		return a.dispatch(append([]string{args[0]}, "-h"))
	}
	fmt.Fprint(a.stdout, "Perdure checks, repairs, converts, and serves the data files of perdure, Redis, and Valkey.\n\nUsage:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(a.stdout, "  %-28s %s\n", "perdure "+c.name+" "+c.args, c.what)
	}
	fmt.Fprint(a.stdout, "  perdure version\n\n",
		"Run 'perdure COMMAND -h' for details. A PATH is a data directory, a log directory or manifest,\n",
		"an append-only file, a dump, or JSON lines. Dumps and JSON lines may be compressed (.zst).\n\n",
		"Exit status:\n\n",
		"  0  success\n",
		"  1  damage found; for diff, differences found\n",
		"  2  usage error\n",
		"  3  not supported: an intact file of another program or a newer version, or with a command\n",
		"     that perdure does not apply\n",
		"  4  I/O error, or not a data file; for diff, also damage\n")
	return nil
}

func (a *app) version() {
	version, revision := "(unknown)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Fprintf(a.stdout, "perdure %s%s %s %s/%s\n", version, revision,
		runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// flags returns the flag set of a command.
func (c *command) flags() *flag.FlagSet {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse accepts flags before, between, and after the arguments. The number of arguments must be
// from least to most; most -1 means any number. For -h it prints the help and returns flag.ErrHelp.
func (a *app) parse(c *command, f *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var paths []string
	for len(args) > 0 {
		before := args
		err := f.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			a.commandHelp(c, f)
			return nil, err
		}
		if err != nil {
			return nil, c.misuse(err.Error())
		}
		args = f.Args()
		if n := len(before) - len(args); n > 0 && before[n-1] == "--" {
			paths = append(paths, args...)
			break
		}
		if len(args) > 0 {
			paths, args = append(paths, args[0]), args[1:]
		}
	}
	if len(paths) < least || most >= 0 && len(paths) > most {
		return nil, c.misuse(fmt.Sprintf("want %s, got %d arguments", c.args, len(paths)))
	}
	for i, path := range paths {
		if path == "" {
			return nil, c.misuse(fmt.Sprintf("argument %d is empty", i+1))
		}
	}
	return paths, nil
}

// misuse returns the one-line error for a wrong command line.
func (c *command) misuse(what string) error {
	return &usageError{fmt.Sprintf("%s: %s; run 'perdure %s -h' for details", c.name, what, c.name)}
}

func (a *app) commandHelp(c *command, f *flag.FlagSet) {
	fmt.Fprintf(a.stdout, "usage: perdure %s [flags] %s\n\n%s\n", c.name, c.args, c.help)
	first := true
	f.VisitAll(func(g *flag.Flag) {
		if first {
			fmt.Fprintln(a.stdout)
			first = false
		}
		value, usage := flag.UnquoteUsage(g)
		fmt.Fprintf(a.stdout, "  %-22s %s\n", strings.TrimSpace("--"+g.Name+" "+value), usage)
	})
}

// silentError ends the program with a status after all messages were printed.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// exit returns the error for a status, nil for exitGood.
func exit(code int) error {
	if code == exitGood {
		return nil
	}
	return &silentError{code}
}

// warn prints a warning. The command continues.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.stderr, a.red("perdure:")+" warning: "+format+"\n", args...)
}
