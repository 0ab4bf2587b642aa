package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if runAsChild() {
		return
	}
	os.Exit(m.Run())
}

func skipWithoutServer(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(redisServer); err != nil && strings.HasPrefix(name, "redis") {
		t.Skip("redis-server is not installed")
	}
	if os.Getenv(valkeyVariable) == "" && strings.HasPrefix(name, "valkey") {
		t.Skip(valkeyVariable + " does not name a valkey-server")
	}
}

// TestPeers checks that every peer returns the values that were stored.
func TestPeers(t *testing.T) {
	for _, name := range peerNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			skipWithoutServer(t, name)
			p, err := openPeer(name, t.TempDir(), 1000)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}()
			if err := fill(p, 1000); err != nil {
				t.Fatal(err)
			}
			if err := verify(p, 1000); err != nil {
				t.Fatal(err)
			}
			testOne(t, p)
		})
	}
}

func testOne(t *testing.T, p peer) {
	if v, err := p.Get(nil, "no such key 12345"); err != errMissing {
		t.Errorf("Get of a missing key = %q, %v, want an error", v, err)
	}
	key := string(appendKey(nil, 7))
	if err := p.Set(key, valueAt(8)); err != nil {
		t.Fatal(err)
	}
	if v, err := p.Get(nil, key); err != nil || !bytes.Equal(v, valueAt(8)) {
		t.Errorf("Get after Set = %q, %v, want the value", v, err)
	}
	for _, want := range []string{"1", "2"} {
		if err := p.Incr("counter"); errors.Is(err, errUnsupported) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if v, err := p.Get(nil, "counter"); err != nil || string(v) != want {
			t.Errorf("Get after Incr = %q, %v, want %s", v, err, want)
		}
	}
	pl, ok := p.(pipeliner)
	if !ok {
		return
	}
	q := pl.Pipeline()
	if err := errors.Join(q.Set(key, valueAt(9)), q.Close()); err != nil {
		t.Fatal(err)
	}
	if v, err := p.Get(nil, key); err != nil || !bytes.Equal(v, valueAt(9)) {
		t.Errorf("Get after a pipeline = %q, %v, want the value", v, err)
	}
}

// TestMeasures runs every measurement of a few suitable peers briefly, and checks the results.
func TestMeasures(t *testing.T) {
	for _, m := range measures {
		for _, name := range []string{"perdure/none", "perdure/everysec", "buntdb/no", "redis/none", "redis-pipe/everysec", "disk"} {
			if !m.suits.MatchString(name) {
				continue
			}
			t.Run(m.name+" "+name, func(t *testing.T) {
				t.Parallel()
				skipWithoutServer(t, name)
				j := job{Measure: m.name, Peer: name, Keys: 1000, Workers: []int{1, 3}, Time: 5 * time.Millisecond}
				if err := j.do(); err != nil {
					t.Fatal(err)
				}
				if len(j.out.Samples) == 0 {
					t.Error("measure = 0 samples, want at least 1")
				}
				for _, s := range j.out.Samples {
					// The resident memory of the process changes with concurrent tests. The program
					// measures it in a separate process (TestDesignInChildren).
					negative := s.Values[0] < 0 && s.What != "RAM a key"
					if scales[s.Unit] == nil || math.IsNaN(s.Values[0]) || negative {
						t.Errorf("sample = %+v, want a positive value", s)
					}
				}
			})
		}
	}
}

// TestDesignInChildren runs the whole design mode, with each job in a separate process.
func TestDesignInChildren(t *testing.T) {
	skipWithoutServer(t, "redis")
	dir := t.TempDir()
	if err := run("design", []string{"-keys", "1000", "-rounds", "1", "-time", "5ms", "-out", dir}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	targets, rest, _ := strings.Cut(string(text), "## Every verb")
	verbs, sizes, _ := strings.Cut(rest, "## Other sizes")
	if n := strings.Count(targets, "\n| "); n < 25 {
		t.Errorf("report has %d rows, want 25 or more\n%s", n, targets)
	}
	if n := strings.Count(verbs, "\n| "); n != 1+2*len(allVerbs) {
		t.Errorf("table of verbs has %d rows, want %d\n%s", n, 1+2*len(allVerbs), verbs)
	}
	rows := len(shapeJobs(0)) / len(shapePeers) * len(shapeOperations) * 2 * len(shapeWorkers)
	if n := strings.Count(sizes, "\n| "); n != 1+rows {
		t.Errorf("table of sizes has %d rows, want %d\n%s", n, 1+rows, sizes)
	}
	if strings.Contains(string(text), "not measured") || strings.Contains(targets, " - ") {
		t.Errorf("report has missing results, want none\n%s", text)
	}
}

// TestCores runs the cores mode briefly and checks its files.
func TestCores(t *testing.T) {
	dir := t.TempDir()
	if err := run("cores", []string{"-keys", "1000", "-rounds", "1", "-time", "1ms", "-out", dir}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cores.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n, want := strings.Count(string(text), "\n| perdure/none |"), len(coresOperations); n != want {
		t.Errorf("report has %d rows of perdure, want %d\n%s", n, want, text)
	}
	for i := range coresOperations {
		wellFormed(t, filepath.Join(dir, fmt.Sprintf("cores-%d.svg", i+1)))
	}
}

// sampleResults returns results with every number of every picture and table.
func sampleResults() *results {
	r := newResults(settings{keys: 1000, rounds: 3})
	for _, t := range tables() {
		for _, c := range t.columns {
			r.add(sample{"perdure/none", c.what, "ns", []float64{300, 100, 200}})
			r.add(sample{"redis/none", c.what, "ns", []float64{3e4}})
			r.add(sample{"redis/always", c.what, "ns", []float64{3e4}})
		}
	}
	for i := range 100 {
		at := time.Duration(i) * timelineStep
		r.Timelines["perdure/none"] = append(r.Timelines["perdure/none"], point{at, time.Duration(i) * 100, i > 30 && i < 60})
	}
	return r
}

func TestPublish(t *testing.T) {
	dir, r := t.TempDir(), sampleResults()
	if err := r.publish(dir); err != nil {
		t.Fatal(err)
	}
	again, err := readResults(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Errorf("results after a round trip:\n%s\nwant\n%s", a, b)
	}
	report := r.report()
	for _, want := range []string{"## Get\n", "| perdure/none | 200 ns (100 ns-300 ns) |", "| redis/none | 30 us |"} {
		if !strings.Contains(report, want) {
			t.Errorf("report lacks %q:\n%s", want, report)
		}
	}
	for _, name := range append([]bars{{file: "saving.svg"}}, pictures...) {
		wellFormed(t, filepath.Join(dir, name.file))
	}
}

func wellFormed(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	d := xml.NewDecoder(f)
	first := ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Errorf("Token of %s = %v, want nil or io.EOF", path, err)
			return
		}
		if e, ok := token.(xml.StartElement); ok && first == "" {
			first = e.Name.Local
		}
	}
	if first != "svg" {
		t.Errorf("%s begins with %q, want SVG", path, first)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		unit string
		v    float64
		want string
	}{
		{"ns", 0, "0 ns"}, {"ns", 0.4, "0.4 ns"}, {"ns", 999, "999 ns"}, {"ns", 1234, "1.23 us"}, {"ns", 56_789, "56.8 us"},
		{"ns", 2.5e9, "2.5 s"}, {"rate", 123_456, "123 k/s"}, {"size", 64 << 20, "64 MiB"}, {"bytes", 104.6, "105 B"},
		{"count", 1, "1"}, {"count", 10, "10"}, {"share", 0.005, "0.5 %"},
	} {
		if got := format(c.unit, c.v); got != c.want {
			t.Errorf("format(%s, %v) = %q, want %q", c.unit, c.v, got, c.want)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 100_000 {
		h.record(time.Duration(i))
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, 0}, {0.5, 50_000}, {0.99, 99_000}, {1, 99_999}} {
		if got := h.quantile(c.q); got < c.want || float64(got) > 1.04*float64(c.want) {
			t.Errorf("quantile(%v) = %d, want %d", c.q, got, c.want)
		}
	}
	for i := range 63 {
		for _, d := range []time.Duration{1 << i, 1<<i + 1, 1<<i - 1} {
			if b := bucket(d); d > ceiling(b) || b > 0 && d <= ceiling(b-1) {
				t.Errorf("%d is in bucket %d with ceiling %d, want one with a sufficient ceiling", d, b, ceiling(b))
			}
		}
	}
}

// TestSequences checks that keys differ and are long enough, and that zipf prefers a few keys.
func TestSequences(t *testing.T) {
	for _, d := range distributions {
		seq, seen := d.draw(0, 1000), map[string]int{}
		for i := range 100_000 {
			seen[seq.key(i)]++
		}
		most := 0
		for _, n := range seen {
			most = max(most, n)
		}
		if skewed := most > 5000; len(seen) > 1000 || skewed != (d.name == "zipf") {
			t.Errorf("%s: %d keys, one %d times, want at most 1000, over 5000 times only for zipf",
				d.name, len(seen), most)
		}
	}
}

// TestDumps runs the measurements of dumps with few keys.
func TestDumps(t *testing.T) {
	skipWithoutServer(t, "redis/none")
	out := t.TempDir()
	s, err := parse("dumps", []string{"-keys", "2000", "-rounds", "2", "-out", out})
	if err != nil {
		t.Fatal(err)
	}
	if err := dumps(s); err != nil {
		t.Fatal(err)
	}
	r, err := readResults(filepath.Join(out, "dumps.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range dataSets {
		for _, what := range []string{"write", "read the server's dump", "read perdure's dump"} {
			for _, peer := range []string{ourSide, theirSide} {
				if s := r.sample(peer, set.name+": "+what); s == nil || len(s.Values) != 2 {
					t.Errorf("%s of %s = %v, want a result", what, peer, s)
				}
			}
		}
	}
}
