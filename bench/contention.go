package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/perduredb/perdure"
)

// contention measures the cost of locks with many goroutines and processors, on this machine and in
// a simulation of larger machines. It writes contention.md.
func contention(s settings) error {
	out, err := os.Create(filepath.Join(s.out, "contention.md"))
	if err != nil {
		return err
	}
	defer out.Close()
	w := io.MultiWriter(os.Stdout, out)
	fmt.Fprintf(w, "# Contention\n\n%d keys of 16 bytes, values of 64; %v a figure. %s.\n", s.keys, s.time, machine())
	for _, name := range []string{"perdure/none", "perdure/no"} {
		if !s.peers.MatchString(name) {
			continue
		}
		if err := crowd(s, w, name); err != nil {
			return err
		}
	}
	if err := heldShard(s, w); err != nil {
		return err
	}
	sections, err := measureSections(s)
	if err != nil {
		return err
	}
	sections.print(w)
	simulate(w, sections)
	return out.Close()
}

var (
	crowdProcs   = []int{2, 4, 8, 16, 64}
	crowdWorkers = []int{1, 2, 4, 16, 64, 256}
)

// crowd measures a peer with more goroutines, and more processors for Go, than the machine has.
func crowd(s settings, w io.Writer, name string) error {
	dir, err := os.MkdirTemp(s.dir, "contention")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := openPeer(name, dir, s.keys)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := fill(p, s.keys); err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	fmt.Fprintf(w, "\n## %s: ns a call, all goroutines together (share of their time that they waited for locks)\n\n", name)
	fmt.Fprintf(w, "| | GOMAXPROCS |%s\n|---|---|%s\n", columns(crowdWorkers, " %d goroutines |"), strings.Repeat("---|", len(crowdWorkers)))
	for _, draw := range []struct {
		name string
		keys sequence
	}{{"uniform", uniform(0, s.keys)}, {"zipf", zipf(0, s.keys)}, {"one key", uniform(0, 1)}} {
		for _, op := range []string{opGet, opSet} {
			for _, procs := range crowdProcs {
				runtime.GOMAXPROCS(procs)
				fmt.Fprintf(w, "| %s, %s | %d |", op, draw.name, procs)
				for _, workers := range crowdWorkers {
					before := lockWait()
					sc, err := trial{peer: p, do: operation(op, draw.keys), workers: workers, time: s.time}.run()
					if err != nil {
						return err
					}
					waited := (lockWait() - before) / (1.2 * sc.elapsed.Seconds() * float64(workers))
					fmt.Fprintf(w, " %.0f (%.0f %%) |", sc.nsPerOp(), 100*waited)
				}
				fmt.Fprintln(w)
			}
		}
	}
	return nil
}

func columns(n []int, format string) (s string) {
	for _, i := range n {
		s += fmt.Sprintf(format, i)
	}
	return s
}

// lockWait returns the total time in seconds that goroutines waited for mutexes, without spinning.
func lockWait() float64 {
	sample := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}

// heldShard measures the effect on all other callers if a program holds one shard for long.
func heldShard(s settings, w io.Writer) error {
	store, err := perdure.New()
	if err != nil {
		return err
	}
	defer store.Close()
	p := perdurePeer{Store: store}
	if err := fill(p, s.keys); err != nil {
		return err
	}
	fmt.Fprint(w, "\n## One shard held: ViewKeys of one key keeps it for this long, 90% of the time\n\n")
	fmt.Fprint(w, "| held for | Get, uniform: ns a call | p50 | p99 | p99.9 | longest |\n|---|---|---|---|---|---|\n")
	for _, hold := range []time.Duration{0, 10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond} {
		stop, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- holdShard(store, hold, stop) }()
		sc, err := trial{peer: p, do: operation(opGet, uniform(0, s.keys)), workers: 1, time: 2 * s.time, latency: true}.run()
		close(stop)
		if err := errors.Join(err, <-ended); err != nil {
			return err
		}
		h := sc.latency
		fmt.Fprintf(w, "| %v | %.0f | %v | %v | %v | %v |\n", hold, sc.nsPerOp(), h.quantile(0.5), h.quantile(0.99), h.quantile(0.999), h.max)
	}
	return nil
}

func holdShard(store *perdure.Store, hold time.Duration, stop <-chan struct{}) error {
	spin := func(d time.Duration) {
		for begin := time.Now(); time.Since(begin) < d; {
		}
	}
	key := string(appendKey(nil, 0))
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if hold > 0 {
			if err := store.ViewKeys([]string{key}, func(*perdure.Tx) error { spin(hold); return nil }); err != nil {
				return err
			}
		}
		spin(hold/10 + time.Microsecond)
	}
}
