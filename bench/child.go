package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// job is one measure of one peer in one round, which a child process takes.
type job struct {
	Measure string
	Peer    string
	Keys    int
	Workers []int
	Time    time.Duration // of each operation

	Operations []string `json:",omitempty"` // for throughput; none means all
	Key, Value int      `json:",omitempty"` // sizes in bytes; 0 for the usual sizes
	Tag        string   `json:",omitempty"` // added after the name of the measurement

	Dir string // parent of the peers' directories; "" is the directory for temporary files

	dir string // the peer's directory; empty at first
	out *outcome
}

// outcome is the result of a child.
type outcome struct {
	Samples  []sample
	Timeline []point
}

func (j *job) add(what, unit string, value float64) {
	what += j.Tag
	j.out.Samples = append(j.out.Samples, sample{Peer: j.Peer, What: what, Unit: unit, Values: []float64{value}})
}

// open opens the job's peer in its directory.
func (j *job) open() (peer, error) { return openPeer(j.Peer, j.dir, j.Keys) }

// shape returns the sizes of keys and values.
func (j *job) shape() shape {
	if j.Key == 0 {
		return usual
	}
	return shape{j.Key, j.Value}
}

// openFull opens the peer and stores the keys.
func (j *job) openFull() (peer, error) {
	p, err := j.open()
	if err != nil {
		return nil, err
	}
	if err := j.shape().fill(p, j.Keys); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// measures lists all measures, in the order of the report.
var measures = []struct {
	name  string
	suits *regexp.Regexp // peers
	take  func(*job) error
}{
	{"throughput", regexp.MustCompile(`^perdure/|/none$|^(bbolt|pebble)/no$`), measureThroughput},
	{"verbs", regexp.MustCompile(`^(perdure|perdure-direct|rwmap|ttlmap|shardmap|xsync|otter|buntdb|pebble|redis|valkey)/(none|everysec)$`), measureVerbs},
	{"insert", regexp.MustCompile(`/everysec$`), measureInsert},
	{"durable", regexp.MustCompile(`/(everysec|always)$`), measureDurable},
	{"memory", regexp.MustCompile(`^(perdure|shardmap|syncmap|xsync|fastcache|freecache|buntdb|redis|valkey)/none$`), measureMemory},
	{"files", regexp.MustCompile(`^(perdure|redis|valkey)/(none|everysec)$|^fastcache/|^(buntdb|bbolt|badger|pebble)/no$`), measureFiles},
	{"saving", regexp.MustCompile(`^(perdure/(none|everysec)|redis/none|redis/everysec|valkey/none|buntdb/no)$`), measureSaving},
	{"collections", onlyTypes, measureCollections},
	{"collectionfiles", onlyTypes, measureCollectionFiles},
	{"openloop", onlyTypes, measureOpenLoop},
	{"disk", regexp.MustCompile(`^disk$`), measureDisk},
}

// onlyTypes is for the measures of mode types, which chooses their peers.
var onlyTypes = regexp.MustCompile(`^$`)

func measureNames() (names []string) {
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// jobVariable contains the child's job. It is a variable so that a test binary can be a child too.
const jobVariable = "PERDURE_BENCH_JOB"

// runAsChild does the job that the process was started for, if there is one, and reports whether
// there was.
func runAsChild() bool {
	text := os.Getenv(jobVariable)
	if text == "" {
		return false
	}
	os.Unsetenv(jobVariable)
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.do()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(j.out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// do takes the measure in this process.
func (j *job) do() error {
	j.out = &outcome{}
	dir, err := os.MkdirTemp(j.Dir, "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j.dir = filepath.Join(dir, "data")
	if err := os.Mkdir(j.dir, 0o755); err != nil {
		return err
	}
	for _, m := range measures {
		if m.name == j.Measure {
			return m.take(j)
		}
	}
	return fmt.Errorf("unknown measurement %q", j.Measure)
}

// inChild does the job in a separate process.
func (j job) inChild() (*outcome, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), jobVariable+"="+string(text))
	c.Stderr = os.Stderr
	answer, err := c.Output()
	if err != nil {
		return nil, err
	}
	var o outcome
	return &o, json.Unmarshal(answer, &o)
}
