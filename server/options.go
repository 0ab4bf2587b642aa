package server

import (
	"crypto/tls"
	"time"
)

// An Option configures [New].
type Option func(*options)

type options struct {
	password   string
	anyAddress bool
	readOnly   bool
	debug      bool
	shutdown   func()
	tls        *tls.Config
	limits     Limits
}

// WithPassword requires the password from each client, in AUTH or HELLO. It also permits listeners
// that other machines can reach. Without [WithTLS] the password crosses the network unencrypted. An
// empty password is like no option: it requires and permits nothing.
func WithPassword(password string) Option { return func(o *options) { o.password = password } }

// WithAnyAddress permits listeners that other machines can reach, without a password. Every
// program that can connect can then read and change all data.
func WithAnyAddress() Option { return func(o *options) { o.anyAddress = true } }

// WithTLS serves TLS on every listener. To accept only clients with a certificate, set ClientAuth
// and ClientCAs of config.
func WithTLS(config *tls.Config) Option { return func(o *options) { o.tls = config } }

// WithReadOnly refuses every command that changes data, files, or settings. It is for looking into
// a store in production.
func WithReadOnly() Option { return func(o *options) { o.readOnly = true } }

// WithDebug permits the command DEBUG, which is for tests.
func WithDebug() Option { return func(o *options) { o.debug = true } }

// WithShutdown lets the command SHUTDOWN call fn, which should end the context of Serve and not
// wait for it. Without it, SHUTDOWN is refused.
func WithShutdown(fn func()) Option { return func(o *options) { o.shutdown = fn } }

// WithLimits sets the limits of clients.
func WithLimits(l Limits) Option { return func(o *options) { o.limits = l } }

// Limits bounds the resources of clients. A field that is 0 has its default. A connection that
// exceeds a limit is closed, unless the comment of the limit says otherwise.
type Limits struct {
	Clients   int           // connections at once; others get an error. Default 10,000
	Memory    int64         // bytes in the buffers of all clients; a reply may fail. Default 2 GiB
	Query     int           // bytes of one command. Default 1 GiB
	Argument  int           // bytes of one argument. Default 512 MiB
	Arguments int           // arguments of one command. Default 1,048,576
	Reply     int           // bytes of a reply; the command then fails. Default 1 GiB
	Queued    int           // bytes of the commands of a MULTI; EXEC then fails. Default 256 MiB
	Watched   int           // watched keys; WATCH then fails. Default 65,536
	Idle      time.Duration // between two commands. Default: no limit
	Command   time.Duration // for more bytes of a command that has begun. Default 1 minute
	Write     time.Duration // for the client to read a MiB of replies. Default 1 minute
	Login     time.Duration // from the connection to the password, and for TLS. Default 10 s
}

func (l *Limits) setDefaults() {
	setDefault(&l.Clients, 10000)
	setDefault(&l.Memory, 2<<30)
	setDefault(&l.Query, 1<<30)
	setDefault(&l.Argument, 512<<20)
	setDefault(&l.Arguments, 1<<20)
	setDefault(&l.Reply, 1<<30)
	setDefault(&l.Queued, 256<<20)
	setDefault(&l.Watched, 1<<16)
	setDefault(&l.Command, time.Minute)
	setDefault(&l.Write, time.Minute)
	setDefault(&l.Login, 10*time.Second)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
