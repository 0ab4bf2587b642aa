package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// sample is one measurement of one peer, with one value per round.
type sample struct {
	Peer   string
	What   string
	Unit   string // ns, rate (per second), bytes (per key), size (bytes), count, share
	Values []float64
}

// results are the raw numbers that the report and the pictures are made of.
type results struct {
	Taken     time.Time
	Machine   string
	Keys      int
	Rounds    int
	Time      time.Duration // of each operation
	Versions  map[string]string
	Samples   []*sample
	Timelines map[string][]point // by peer, of the last round
	Failures  []string           // failed measurements
}

func newResults(s settings) *results {
	r := &results{
		Taken: time.Now().UTC().Truncate(time.Second), Machine: machine(), Keys: s.keys, Rounds: s.rounds, Time: s.time,
		Versions: map[string]string{"go": runtime.Version()}, Timelines: map[string][]point{},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			for _, k := range kinds {
				if strings.Contains(d.Path, "/"+k.name) && !strings.Contains(d.Path, "perdure") {
					r.Versions[d.Path] = d.Version
				}
			}
		}
	}
	for name, server := range map[string]string{redisServer: redisServer, "valkey-server": os.Getenv(valkeyVariable)} {
		if version := versionOf(server); version != "" {
			r.Versions[name] = version
		}
	}
	return r
}

// machine returns the name and the number of the processors.
func machine() string {
	name := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo") // without the file, only the name is missing
	if _, rest, found := strings.Cut(string(text), "model name"); found {
		rest, _, _ = strings.Cut(rest, "\n")
		name = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
	}
	return fmt.Sprintf("%d x %s, %s", runtime.NumCPU(), name, runtime.GOOS)
}

// take does a job in a child and adds its results. It records a failed job and leaves it out.
func (r *results) take(round int, j job) {
	begin := time.Now()
	o, err := j.inChild()
	fmt.Fprintf(os.Stderr, "round %d  %-10s  %-18s %8d keys  %5.1f s\n", round+1, j.Measure, j.Peer, j.Keys, time.Since(begin).Seconds())
	if err != nil {
		if text := fmt.Sprintf("%s of %s: %v", j.Measure, j.Peer, err); !slices.Contains(r.Failures, text) {
			r.Failures = append(r.Failures, text)
		}
		return
	}
	for _, s := range o.Samples {
		r.add(s)
	}
	if len(o.Timeline) > 0 && j.Tag == "" {
		r.Timelines[j.Peer] = o.Timeline
	}
}

func (r *results) add(s sample) {
	if have := r.sample(s.Peer, s.What); have != nil {
		have.Values = append(have.Values, s.Values...)
		return
	}
	r.Samples = append(r.Samples, &s)
}

// sample returns the measurement of a peer, or nil.
func (r *results) sample(peer, what string) *sample {
	for _, s := range r.Samples {
		if s.Peer == peer && s.What == what {
			return s
		}
	}
	return nil
}

// median returns the median of a measurement; ok is false without a measurement.
func (r *results) median(peer, what string) (m float64, ok bool) {
	s := r.sample(peer, what)
	if s == nil {
		return 0, false
	}
	return median(s.Values), true
}

// ratio returns the median over the rounds of a's value divided by b's value of that round. Both
// values of a round were measured under equal conditions.
func (r *results) ratio(a, b, what string) (m float64, ok bool) {
	sa, sb := r.sample(a, what), r.sample(b, what)
	if sa == nil || sb == nil {
		return 0, false
	}
	var each []float64
	for i := range min(len(sa.Values), len(sb.Values)) {
		each = append(each, sa.Values[i]/sb.Values[i])
	}
	return median(each), true
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func readResults(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &results{}
	return r, json.Unmarshal(text, r)
}

// publish writes the raw numbers, the report, and the pictures to dir, and prints the report.
func (r *results) publish(dir string) error {
	if err := writeJSON(filepath.Join(dir, "results.json"), r); err != nil {
		return err
	}
	if err := r.draw(dir); err != nil {
		return err
	}
	report := r.report()
	fmt.Print(report)
	return os.WriteFile(filepath.Join(dir, "report.md"), []byte(report), 0o644)
}
