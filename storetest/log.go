//lint:file-ignore ST1005 The messages begin with the name of the method that broke its duty.

package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/perduredb/perdure/appendlog"
)

// AppendLog tests an append-only log. The function newLog returns a log that is not open. Logs for
// one place are logs over one set of data, opened one after the other; a log that keeps its data in
// Env.FS can ignore place, since every place has a separate file system.
func AppendLog(tb testing.TB, newLog func(place string) appendlog.AppendLog) {
	tb.Helper()
	run(tb, logDuties, func(name string) *logTest { return &logTest{make: newLog, place: name} })
}

var logDuties = []duty[*logTest]{
	{"Open changes nothing in an empty directory", openChangesNothing},
	{"Replay passes on every unit in order", replayPassesOn},
	{"Replay passes on a transaction as one unit", replayTransactions},
	{"Replay reports the store that began the log", replayReportsStore},
	{"Append keeps the order of calls", appendKeepsOrder},
	{"Append copies the unit", appendCopies},
	{"AppendLinked releases what it was given once", appendLinked},
	{"Commit survives the end of the process", commitSurvivesKill},
	{"Commit with durable survives a power failure", commitSurvivesPower},
	{"Sync survives a power failure", syncSurvivesPower},
	{"Close makes everything durable", closeMakesDurable},
	{"Close is final", closeIsFinal},
	{"Open after Close works or returns ErrClosed", openAfterClose},
	{"Replay changes nothing on disk", replayChangesNothing},
	{"Replay returns the error of its Replayer", replayReturnsError},
	{"Replay ends with its context", replayEndsWithContext},
	{"Replay with Until needs times", replayUntil},
	{"Replay with Strict refuses a torn end", replayStrict},
	{"Start truncates a torn end and loses nothing durable", startTruncates},
	{"Damage is an error", damageIsError},
	{"Status reports whether the first base is complete", statusPublished},
	{"Rewrite replaces the units before Cut", rewriteReplaces},
	{"Rewrite that fails leaves the log complete", rewriteFails},
	{"Rewrite survives a crash at every step", rewriteSurvivesCrash},
	{"There is one Rewrite at a time", oneRewrite},
	{"A failure is final until a Rewrite is committed", failureIsFinal},
}

// some are units in several databases.
var some = []string{"0: SET a 1", "0: SET b 2", "5: SET a 3", "5: SET a 4", "0: SET a 5", "15: SET c 6"}

func openChangesNothing(t *logTest) error {
	d := t.disk()
	env, err := d.env()
	if err != nil {
		return err
	}
	return d.unchanged("Open", func() error {
		found, err := t.make(d.place).Open(env)
		if found || err != nil {
			return fmt.Errorf("Open = %v, %w, want false, nil", found, err)
		}
		return nil
	})
}

func replayPassesOn(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for range 3 { // a log that is continued by another process, twice
		if err := h.commit(false, some...); err != nil {
			return err
		}
		if err := h.log.Close(); err != nil {
			return fmt.Errorf("Close = %w, want nil", err)
		}
		want := h.all
		if h, err = t.open(h.disk); err != nil {
			return err
		}
		if err := same(h.all, want); err != nil {
			return fmt.Errorf("Replay passed on %w", err)
		}
	}
	return h.log.Close()
}

func replayTransactions(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	// The last leaves another database selected than it began with.
	if err := h.commit(false, "0: SET a 1; 0: SET b 2", "3: SET c 3", "4: SET d 4; 1: SET e 5; 2: SET f 6", "2: SET g 7"); err != nil {
		return err
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	return t.wantContents(h.disk, "after Close", h.all)
}

func appendKeepsOrder(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	var mu sync.Mutex // the locks of a store
	var writers sync.WaitGroup
	errs := make(chan error, 8)
	for w := range cap(errs) {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for i := range 50 {
				mu.Lock()
				before := h.last
				p := h.append(fmt.Sprintf("%d: SET k%d %d", (w+i)%3, w, i))
				mu.Unlock()
				if p <= before {
					errs <- fmt.Errorf("Append = %d after %d, want positions to grow", p, before)
					return
				}
				if err := h.log.Commit(p, i%20 == 0); err != nil {
					errs <- fmt.Errorf("Commit = %w, want nil", err)
					return
				}
			}
		}()
	}
	writers.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	return t.wantContents(h.disk, "after Close", h.all)
}

// appendCopies overwrites the buffer of each unit before the unit is committed, as history.append
// does.
func appendCopies(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for _, text := range some {
		h.append(text)
	}
	if err := h.log.Sync(context.Background()); err != nil {
		return fmt.Errorf("Sync = %w, want nil", err)
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	return t.wantContents(h.disk, "after Close", h.all)
}

func appendLinked(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	linker, ok := h.log.(appendlog.Linker)
	if !ok {
		return h.log.Close()
	}
	_, _, unit := h.unit("0: SET k v")
	large := make([]byte, 300<<10)
	for i := range large {
		large[i] = 'a' + byte(i%26)
	}
	head := append(unit[:len(unit)-len("$1\r\nv\r\n"):len(unit)], fmt.Sprintf("$%d\r\n", len(large))...)
	want := "0: SET k " + string(large)
	released := make(chan bool, 2)
	p, kept := linker.AppendLinked(0, 0, [][]byte{head, large, []byte("\r\n")}, func() {
		overwrite(large)
		released <- true
	})
	if !kept {
		return errors.New("AppendLinked dropped the unit of a log that has not failed")
	}
	if err := h.log.Commit(p, true); err != nil {
		return err
	}
	h.all = append(h.all, want)
	if err := h.log.Close(); err != nil {
		return err
	}
	<-released
	if len(released) > 0 {
		return errors.New("AppendLinked called release twice, want once")
	}
	return t.wantContents(h.disk, "after Close", h.all)
}

func commitSurvivesKill(t *logTest) error {
	return t.commitSurvives(false, "after a kill", (*disk).killed)
}

func commitSurvivesPower(t *logTest) error {
	return t.commitSurvives(true, "after a power failure", (*disk).powerless)
}

// commitSurvives looks at what a crash leaves after each Commit.
func (t *logTest) commitSurvives(durable bool, when string, crash func(*disk) *disk) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for _, text := range some {
		if err := h.commit(durable, text); err != nil {
			return err
		}
		if err := t.wantContents(crash(h.disk), when, h.all); err != nil {
			return err
		}
	}
	return nil
}

func syncSurvivesPower(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for _, text := range some {
		h.append(text)
	}
	if err := h.log.Sync(context.Background()); err != nil {
		return fmt.Errorf("Sync = %w, want nil", err)
	}
	return t.wantContents(h.disk.powerless(), "after a power failure", h.all)
}

func closeMakesDurable(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for _, text := range some {
		h.append(text)
	}
	if err := h.log.Close(); err != nil {
		return fmt.Errorf("Close = %w, want nil", err)
	}
	return t.wantContents(h.disk.powerless(), "after a power failure", h.all)
}

func closeIsFinal(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	if err := h.log.Close(); err != nil {
		return fmt.Errorf("the second Close = %w, want what the first returned", err)
	}
	want := h.all
	p := h.append("0: SET late 1")
	if err := h.log.Commit(p, true); !errors.Is(err, appendlog.ErrClosed) {
		return fmt.Errorf("Commit after Close = %v, want an error matching ErrClosed", err)
	}
	if err := h.log.Sync(context.Background()); !errors.Is(err, appendlog.ErrClosed) {
		return fmt.Errorf("Sync after Close = %v, want an error matching ErrClosed", err)
	}
	if _, err := h.log.BeginRewrite(); !errors.Is(err, appendlog.ErrClosed) {
		return fmt.Errorf("BeginRewrite after Close = %v, want an error matching ErrClosed", err)
	}
	h.log.Status()
	_ = h.log.Err()
	return t.wantContents(h.disk, "after Append after Close", want)
}

func openAfterClose(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	env, err := h.disk.env()
	if err != nil {
		return err
	}
	found, err := h.log.Open(env)
	if errors.Is(err, appendlog.ErrClosed) {
		return nil
	}
	if !found || err != nil {
		return fmt.Errorf("Open after Close = %v, %w, want true or an error matching ErrClosed", found, err)
	}
	r := &replayed{}
	if _, err := h.log.Replay(context.Background(), r); err != nil {
		return fmt.Errorf("Replay after Open after Close = %w, want nil", err)
	}
	if err := same(r.units, h.all); err != nil {
		return fmt.Errorf("Replay passed on %w", err)
	}
	if err := h.log.Start(); err != nil {
		return err
	}
	return h.log.Close()
}
