package op

import (
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/unsupported"
)

// ErrCommand is matched by the error about a command in a log that the store does not apply. The
// command is unknown, or changes a type that is preserved only as bytes. Nothing on disk is
// changed. It matches unsupported.Err.
var ErrCommand error = &sentinel{"perdure: command not supported", unsupported.Err}

// sentinel is an error with its own text that matches another error.
type sentinel struct {
	text string
	is   error
}

func (s *sentinel) Error() string { return s.text }

func (s *sentinel) Unwrap() error { return s.is }

// longestName is the length of the longest command name, with some room.
const longestName = 32

// refusedCommands are the commands that servers log for types which the store holds as opaque
// values, by type. When a type becomes native, its commands move from here to Commands.
var refusedCommands = map[string]string{
	"fields that expire":   `HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HPERSIST HGETDEL HGETEX HSETEX`,
	"geographic positions": `GEOADD GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE`,
	"a stream":             `XADD XDEL XDELEX XTRIM XSETID XACK XACKDEL XCLAIM XAUTOCLAIM XREADGROUP XGROUP`,
	"a HyperLogLog (a string that only a server can count in)": `PFADD PFMERGE PFCOUNT PFDEBUG`,
	"scripts and functions": `EVAL EVALSHA SCRIPT FCALL FUNCTION`,
}

// refusedAs maps the name of a command to its type.
var refusedAs = func() map[string]string {
	byName := make(map[string]string)
	for what, names := range refusedCommands {
		for _, name := range strings.Fields(names) {
			byName[name] = what
		}
	}
	return byName
}()

// readsAs maps the names of commands that read such a type to the type.
var readsAs = func() map[string]string {
	byName := make(map[string]string)
	for what, names := range map[string]string{
		"fields that expire":    "HTTL HPTTL HEXPIRETIME HPEXPIRETIME",
		"geographic positions":  "GEODIST GEOHASH GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO",
		"a stream":              "XRANGE XREVRANGE XLEN XREAD XINFO XPENDING",
		"scripts and functions": "EVAL_RO EVALSHA_RO FCALL_RO",
	} {
		for _, name := range strings.Fields(names) {
			byName[name] = what
		}
	}
	return byName
}()

// refused returns the error for a name that is not in Commands.
func refused(name string) error {
	if what, ok := refusedAs[name]; ok {
		return fmt.Errorf("%w: perdure executes no commands on %s; rewrite the log with the server first: BGREWRITEAOF, with aof-use-rdb-preamble yes",
			ErrCommand, what)
	}
	return fmt.Errorf("%w: unknown command", ErrCommand)
}

// RefusedType returns a description of the type of a command, if perdure holds the type only as
// bytes, and "" for any other name.
func RefusedType(name string) string {
	if what := refusedAs[name]; what != "" {
		return what
	}
	return readsAs[name]
}
