// Command upstream runs the test suite of Redis 7.0 against perdure serve and against redis-server,
// and prints a table with the results of each unit. Run it in the root of the repository.
//
//	go run ./internal/upstream                    run every unit
//	go run ./internal/upstream -units type/incr   run the units that match a regular expression
//	go run ./internal/upstream -all               run the tests of the skip list, too
//
// The suite is written in Tcl and is not part of the repository. The program downloads the source
// package of redis with apt-get, unless -source names a directory with the source text. It needs
// tclsh and redis-server.
//
// Every unit runs against a fresh server, because a unit that fails leaves settings in the server.
// The skip list, testdata/skips.txt, contains the tests that perdure cannot pass, with the reason.
// The exit status is 1 if perdure fails another test that redis-server passes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// units are the units about strings, lists, hashes, sets, sorted sets, keys, transactions, and the
// protocol.
var units = []string{
	"unit/type/string", "unit/type/incr", "unit/type/list", "unit/type/list-3", "unit/type/hash", "unit/type/set",
	"unit/type/zset", "unit/sort", "unit/expire", "unit/keyspace", "unit/scan", "unit/dump", "unit/multi", "unit/other",
	"unit/protocol", "unit/bitops", "unit/bitfield", "unit/info-command",
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	source, server string
	units          *regexp.Regexp
	all, verbose   bool
	out            string
}

func parse() (s settings, err error) {
	flag.StringVar(&s.source, "source", "", "directory with the source text of Redis 7.0 (default: download it)")
	flag.StringVar(&s.server, "server", "redis-server", "program to compare with")
	flag.BoolVar(&s.all, "all", false, "run the tests of the skip list, too")
	flag.BoolVar(&s.verbose, "v", false, "print the output of the suite")
	flag.StringVar(&s.out, "out", "", "file to write the table to")
	pattern := flag.String("units", ".", "regular expression that the units to run match")
	flag.Parse()
	if flag.NArg() > 0 {
		return s, fmt.Errorf("unexpected arguments: %q", flag.Args())
	}
	s.units, err = regexp.Compile(*pattern)
	return s, err
}

func run() error {
	s, err := parse()
	if err != nil {
		return err
	}
	skips, err := readSkips(filepath.Join("internal", "upstream", "testdata", "skips.txt"))
	if err != nil {
		return err
	}
	redis, err := exec.LookPath(s.server)
	if err != nil {
		return err
	}
	suite, err := prepare(s.source, redis)
	if err != nil {
		return err
	}
	perdure, err := filepath.Abs(filepath.Join(".bin", "perdure"))
	if err != nil {
		return err
	}
	if text, err := exec.Command("go", "build", "-o", perdure, "./cmd/perdure").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	suite.verbose = s.verbose
	var rows []row
	for _, unit := range units {
		if !s.units.MatchString(unit) {
			continue
		}
		listed := skips[unit]
		if s.all {
			listed = nil
		}
		theirs, err := suite.run(unit, redisServer(redis), nil)
		if err != nil {
			return err
		}
		ours, err := suite.run(unit, perdureServer(perdure), listed)
		if err != nil {
			return err
		}
		r := compare(unit, theirs, ours, listed)
		r.printFailures(os.Stdout)
		rows = append(rows, r)
	}
	return publish(rows, s.out)
}

// publish prints the table, and returns an error if there are unexpected failures.
func publish(rows []row, out string) error {
	text := table(rows)
	fmt.Print("\n", text)
	if out != "" {
		if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if len(r.failures)+len(r.unused) > 0 {
			return errors.New("perdure fails tests that are not in the skip list, or the list has unused lines")
		}
	}
	return nil
}
