// Command bench compares perdure with the stores that a Go programmer could use instead.
//
//	go run .                      every measurement of every peer, written to results/
//	go run . design               the targets of the design, row by row; design.md, design.json
//	go run . dumps                large dumps, also of redis-server; dumps.md, dumps.json
//	go run . memory               memory that a store releases when it is not needed; memory.md
//	go run . contention           cost of locks under contention; contention.md
//	go run . cores                speed by number of processors; cores.md, cores.json, pictures
//	go run . server               perdure serve and redis-server, with redis-benchmark; server.md
//	go run . types                hashes, lists, sets, sorted sets; types.md, types.json, pictures
//	go run . draw                 report and pictures again, from results.json
//
// Run it in its directory, or in the root of the repository with go -C bench run . (flags follow
// the mode; -h lists them). The memory results need Linux. If the program of a peer (redis-server)
// is missing, the report names the peer and leaves it out. VALKEY_SERVER may contain the path of a
// valkey-server, which is then measured too.
//
// Each measurement of each peer is a separate process, so that no peer is affected by another's
// heap or files. Rounds are interleaved, A B C A B C, so that a drift of the machine affects all
// peers equally. Keys have 16 bytes and values 64. Results are medians of the rounds, with the
// lowest and highest.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// settings are the values of the flags.
type settings struct {
	keys    int
	rounds  int
	time    time.Duration
	workers []int
	peers   *regexp.Regexp
	only    *regexp.Regexp
	out     string
	dir     string
}

func main() {
	if runAsChild() {
		return
	}
	mode, args := "all", os.Args[1:]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		mode, args = args[0], args[1:]
	}
	err := run(mode, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(mode string, args []string) error {
	s, err := parse(mode, args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	switch mode {
	case "all":
		r := newResults(s)
		measureAll(s, r)
		return r.publish(s.out)
	case "design":
		return design(s)
	case "dumps":
		return dumps(s)
	case "memory":
		return fragmentation(s)
	case "contention":
		return contention(s)
	case "cores":
		return cores(s)
	case "server":
		return servers(s)
	case "types":
		return types(s)
	case "draw":
		r, err := readResults(filepath.Join(s.out, "results.json"))
		if err != nil {
			return err
		}
		return r.publish(s.out)
	}
	return fmt.Errorf("unknown mode %q, want all, design, dumps, memory, contention, cores, server, types, or draw", mode)
}

func parse(mode string, args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("bench "+mode, flag.ExitOnError)
	f.IntVar(&s.keys, "keys", 1_000_000, "number of keys in each store")
	f.IntVar(&s.rounds, "rounds", 3, "number of rounds; results are medians")
	f.DurationVar(&s.time, "time", 300*time.Millisecond, "time to measure each operation")
	f.StringVar(&s.out, "out", "results", "directory for results")
	f.StringVar(&s.dir, "dir", "", "directory for the files of the peers, on the disk to be measured (default: the temporary directory)")
	peers := f.String("peers", ".", "measure only peers that match this regular expression, such as ^(perdure|redis)/")
	only := f.String("only", ".", "run only measurements that match this regular expression: "+strings.Join(measureNames(), " "))
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 || s.keys < 1000 || s.rounds < 1 {
		return s, fmt.Errorf("want at least 1000 keys, 1 round, and only flags after the mode, got %q", args)
	}
	var err error
	if s.peers, err = regexp.Compile(*peers); err != nil {
		return s, err
	}
	if s.only, err = regexp.Compile(*only); err != nil {
		return s, err
	}
	s.workers = []int{1, 2, 64}
	return s, nil
}

// measureAll takes every measure of every suitable peer, round by round.
func measureAll(s settings, r *results) {
	for _, m := range measures {
		if !s.only.MatchString(m.name) {
			continue
		}
		for round := range s.rounds {
			for _, name := range peerNames() {
				if !s.peers.MatchString(name) || !m.suits.MatchString(name) {
					continue
				}
				r.take(round, job{Measure: m.name, Peer: name, Keys: s.keys, Workers: s.workers, Time: s.time, Dir: s.dir})
			}
		}
	}
}
