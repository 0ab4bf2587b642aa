package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	memtable "github.com/perduredb/perdure/internal/table"
)

// sections are the parts of a call, in ns: under the lock of a shard, under the lock of the log,
// and outside both.
type sections struct {
	getHold, setHold       float64 // random keys
	getHotHold, setHotHold float64 // one key
	logHold                float64
	get, set               float64 // the whole calls, random keys, one goroutine, no log
}

func (s *sections) getThink() float64 { return max(10, s.get-s.getHold) }
func (s *sections) setThink() float64 { return max(10, s.set-s.setHold) }

// measureSections measures the parts with locks that are acquired once.
func measureSections(s settings) (sections, error) {
	var sec sections
	sec.tableSections(s)
	store, err := perdure.New()
	if err != nil {
		return sec, err
	}
	defer store.Close()
	p := perdurePeer{Store: store}
	if err := fill(p, s.keys); err != nil {
		return sec, err
	}
	for _, c := range []struct {
		op  string
		out *float64
	}{{opGet, &sec.get}, {opSet, &sec.set}} {
		sc, err := trial{peer: p, do: operation(c.op, uniform(0, s.keys)), workers: 1, time: s.time}.run()
		if err != nil {
			return sec, err
		}
		*c.out = sc.nsPerOp()
	}
	return sec, sec.logSection(s)
}

// tableSections measures the table's part while all its locks are held.
func (sec *sections) tableSections(s settings) {
	t := memtable.New(memtable.Options{})
	defer t.Close()
	t.LockAll()
	defer t.UnlockAll()
	set := func(key string, i int) {
		h := t.Hash(key)
		t.Shard(h).Set(0, h, key, memtable.String, valueAt(i), 0)
	}
	for i := range s.keys {
		set(string(appendKey(nil, uint64(i))), i)
	}
	var buf []byte
	get := func(key string, _ int) {
		h := t.Hash(key)
		buf, _ = t.Shard(h).AppendString(buf[:0], 0, h, key)
	}
	all, one := uniform(0, s.keys), uniform(0, 1)
	for _, c := range []struct {
		keys sequence
		do   func(string, int)
		out  *float64
	}{{all, get, &sec.getHold}, {all, set, &sec.setHold}, {one, get, &sec.getHotHold}, {one, set, &sec.setHotHold}} {
		*c.out = each(s.time, func(i int) { c.do(c.keys.key(i), i) })
	}
}

// logSection measures Append to a log, without the wait for the kernel.
func (sec *sections) logSection(s settings) error {
	dir, err := os.MkdirTemp(s.dir, "contention")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := aof.New(aof.Fsync(aof.No), aof.LogMode(aof.Direct), aof.AutoRewrite(0, 0))
	store, err := perdure.Open(dir, perdure.WithAppendLog(log), perdure.WithSaveRules())
	if err != nil {
		return err
	}
	defer store.Close()
	unit := fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$16\r\n%016d\r\n$64\r\n%064d\r\n", 1, 2)
	var spent time.Duration
	n := 0
	for spent < s.time {
		begin := time.Now()
		var p appendlog.Position
		for range 1000 {
			p = log.Append(0, 0, unit)
		}
		spent += time.Since(begin)
		n += 1000
		if err := log.Commit(p, false); err != nil {
			return err
		}
	}
	sec.logHold = float64(spent.Nanoseconds()) / float64(n)
	return nil
}

// each returns the duration of a call of do in ns.
func each(d time.Duration, do func(i int)) float64 {
	begin, n := time.Now(), 0
	for time.Since(begin) < d {
		for range 1000 {
			do(n)
			n++
		}
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(n)
}

func (s *sections) print(w io.Writer) {
	fmt.Fprint(w, "\n## Critical sections\n\n| | under a lock, ns | the whole call, ns |\n|---|---|---|\n")
	fmt.Fprintf(w, "| Get of random keys, shard | %.0f | %.0f |\n", s.getHold, s.get)
	fmt.Fprintf(w, "| Set of random keys, shard | %.0f | %.0f |\n", s.setHold, s.set)
	fmt.Fprintf(w, "| Get of one key, shard | %.0f | |\n", s.getHotHold)
	fmt.Fprintf(w, "| Set of one key, shard | %.0f | |\n", s.setHotHold)
	fmt.Fprintf(w, "| Append of one SET to the log | %.0f | |\n", s.logHold)
}
