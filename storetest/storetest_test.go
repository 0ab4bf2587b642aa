package storetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/examples/flatlog"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
	"github.com/perduredb/perdure/storetest"
)

// recorder is a testing.TB that records failures.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// names fails the test unless a failure begins with the name of the duty.
func (r *recorder) names(t *testing.T, duty string) {
	t.Helper()
	for _, f := range r.failures {
		if strings.HasPrefix(f, duty+": ") {
			return
		}
	}
	t.Errorf("failures = %q, want one of %q", r.failures, duty)
}

func flat() appendlog.AppendLog { return flatlog.New("flat.log") }

// TestWrongLogFailsTest runs the suite on logs that each violate one rule.
func TestWrongLogFailsTest(t *testing.T) {
	for duty, newLog := range map[string]func() appendlog.AppendLog{
		"Open changes nothing in an empty directory":        func() appendlog.AppendLog { return &writesInOpen{flat()} },
		"Replay reports the store that began the log":       func() appendlog.AppendLog { return namesStore{flat()} },
		"Append copies the unit":                            func() appendlog.AppendLog { return &keepsUnit{AppendLog: flat()} },
		"Append keeps the order of calls":                   func() appendlog.AppendLog { return &swaps{AppendLog: flat()} },
		"Commit survives the end of the process":            func() appendlog.AppendLog { return commitsNothing{flat()} },
		"Commit with durable survives a power failure":      func() appendlog.AppendLog { return &unsynced{AppendLog: flat()} },
		"Sync survives a power failure":                     func() appendlog.AppendLog { return syncsNothing{flat()} },
		"Close makes everything durable":                    func() appendlog.AppendLog { return closesNothing{flat()} },
		"Close is final":                                    func() appendlog.AppendLog { return &forgivesClose{AppendLog: flat()} },
		"Replay passes on a transaction as one unit":        func() appendlog.AppendLog { return replays{flat(), split} },
		"Replay returns the error of its Replayer":          func() appendlog.AppendLog { return replays{flat(), ignoring} },
		"Replay ends with its context":                      func() appendlog.AppendLog { return ignoresContext{flat()} },
		"Replay changes nothing on disk":                    func() appendlog.AppendLog { return &writesInReplay{AppendLog: flat()} },
		"Replay with Until needs times":                     func() appendlog.AppendLog { return ignoresEnv{flat(), func(e *snapshot.Env) { e.Until = zeroTime }} },
		"Replay with Strict refuses a torn end":             func() appendlog.AppendLog { return ignoresEnv{flat(), func(e *snapshot.Env) { e.Strict = false }} },
		"Damage is an error":                                func() appendlog.AppendLog { return ignoresDamage{flat()} },
		"There is one Rewrite at a time":                    func() appendlog.AppendLog { return twoRewrites{flat()} },
		"Rewrite replaces the units before Cut":             func() appendlog.AppendLog { return rewrites{flat(), cutLate} },
		"Rewrite that fails leaves the log complete":        func() appendlog.AppendLog { return rewrites{flat(), baseErrorIgnored} },
		"Rewrite survives a crash at every step":            func() appendlog.AppendLog { return &removesFirst{AppendLog: flat()} },
		"A failure is final until a Rewrite is committed":   func() appendlog.AppendLog { return forgets{flat()} },
		"Status reports whether the first base is complete": func() appendlog.AppendLog { return alwaysPublished{flat()} },
	} {
		t.Run(duty, func(t *testing.T) {
			r := &recorder{}
			storetest.AppendLog(r, func(string) appendlog.AppendLog { return newLog() })
			r.names(t, duty)
		})
	}
}

// TestWrongSnapshotterFailsTest runs the suite on Snapshotters that each violate one rule.
func TestWrongSnapshotterFailsTest(t *testing.T) {
	for duty, newSnapshotter := range map[string]func() snapshot.Snapshotter{
		"Stat and Load without a snapshot return fs.ErrNotExist": func() snapshot.Snapshotter { return emptyIsFine{rdb.New()} },
		"Load returns what Save was given":                       func() snapshot.Snapshotter { return loads{rdb.New(), withoutExpiry} },
		"Load returns the error of its Loader":                   func() snapshot.Snapshotter { return loads{rdb.New(), withoutError} },
		"Load of a damaged snapshot is an error":                 func() snapshot.Snapshotter { return damagedIsFine{rdb.New()} },
		"Save replaces the snapshot before":                      func() snapshot.Snapshotter { return &savesOnce{Snapshotter: rdb.New()} },
		"Save that fails leaves the snapshot before":             func() snapshot.Snapshotter { return ignoresViewError{rdb.New()} },
		"Save is durable when it returns":                        func() snapshot.Snapshotter { return unsyncedDump{rdb.New()} },
		"Save leaves the old or the new snapshot after a crash at any step": func() snapshot.Snapshotter {
			return &removesDump{Snapshotter: rdb.New()}
		},
	} {
		t.Run(duty, func(t *testing.T) {
			r := &recorder{}
			storetest.Snapshotter(r, func(string) snapshot.Snapshotter { return newSnapshotter() })
			r.names(t, duty)
		})
	}
}

// TestPanicIsReported runs the suite on a log that panics.
func TestPanicIsReported(t *testing.T) {
	r := &recorder{}
	storetest.AppendLog(r, func(string) appendlog.AppendLog { return panics{flat()} })
	r.names(t, "Sync survives a power failure")
}

type panics struct{ appendlog.AppendLog }

func (panics) Sync(context.Context) error { panic("the log is wrong") }

// ExampleAppendLog shows the test of a log outside this module.
func ExampleAppendLog() {
	testLog := func(t *testing.T) {
		storetest.AppendLog(t, func(string) appendlog.AppendLog { return flatlog.New("flat.log") })
	}
	_ = testLog // func TestLog(t *testing.T) { ... }
}

// ExampleSnapshotter shows the test of a Snapshotter that stores its data in Env.FS.
func ExampleSnapshotter() {
	testDump := func(t *testing.T) {
		storetest.Snapshotter(t, func(string) snapshot.Snapshotter { return rdb.New() })
	}
	_ = testDump // func TestDump(t *testing.T) { ... }
}
