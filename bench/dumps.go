package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// dataSets lists the data that mode dumps fills a server with, by name.
var dataSets = []struct {
	name string
	add  func(p redis.Pipeliner, i int) // the i-th key
}{
	{"strings", func(p redis.Pipeliner, i int) { p.Set(background, string(appendKey(nil, uint64(i))), valueAt(i), 0) }},
	{"mixed", addMixed},
}

// addMixed adds in turn a string, a hash, a list, a sorted set, and a set. The collections have ten
// elements.
func addMixed(p redis.Pipeliner, i int) {
	key := string(appendKey(nil, uint64(i)))
	if i%5 == 0 {
		p.Set(background, key, valueAt(i), time.Hour)
		return
	}
	args := []any{[]string{"", "HSET", "RPUSH", "ZADD", "SADD"}[i%5], key}
	for j := range 10 {
		switch i % 5 {
		case 1:
			args = append(args, "field:"+strconv.Itoa(j), string(valueAt(i + j))[:20])
		case 3:
			args = append(args, strconv.Itoa(i*j%1000), "member:"+strconv.Itoa(j))
		default:
			args = append(args, "element:"+strconv.Itoa(i+j))
		}
	}
	p.Do(background, args...)
}

// dumps measures reading and writing of large dumps. In each round, perdure and a server with equal
// data write their contents, and each reads both dumps.
func dumps(s settings) error {
	r := newResults(s)
	for _, set := range dataSets {
		dir, err := os.MkdirTemp(s.dir, "dumps")
		if err != nil {
			return err
		}
		err = dumpRounds(s, r, dir, set.name, set.add)
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			return fmt.Errorf("%s: %w", set.name, err)
		}
	}
	text := dumpReport(r)
	fmt.Print(text)
	return errors.Join(writeJSON(filepath.Join(s.out, "dumps.json"), r),
		os.WriteFile(filepath.Join(s.out, "dumps.md"), []byte(text), 0o644))
}

const (
	ourSide   = "perdure"
	theirSide = "redis"
)

// dumpRounds fills a server once, and then runs every round.
func dumpRounds(s settings, r *results, dir, name string, add func(redis.Pipeliner, int)) error {
	note := func(peer, what, unit string, v float64) {
		r.add(sample{Peer: peer, What: name + ": " + what, Unit: unit, Values: []float64{v}})
	}
	timed := func(peer, what string, fn func() error) error {
		collect()
		begin := time.Now()
		err := fn()
		note(peer, what, "ns", float64(time.Since(begin)))
		return err
	}
	a, b := filepath.Join(dir, theirSide), filepath.Join(dir, ourSide)
	for _, d := range []string{a, b} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	server, err := startRedis(redisServer, a, modeNone)
	if err != nil {
		return err
	}
	defer func() { server.Close() }()
	for i := 0; i < s.keys; i += 5000 {
		if _, err := server.c.Pipelined(background, func(p redis.Pipeliner) error {
			for k := i; k < min(s.keys, i+5000); k++ {
				add(p, k)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for range s.rounds {
		if err := timed(theirSide, "write", server.Save); err != nil {
			return err
		}
		if err := server.Close(); err != nil {
			return err
		}
		if err := ourRound(timed, a, b); err != nil {
			return err
		}
		// The server's own dump is the last, because the next round writes its contents.
		for _, from := range []struct{ what, dir string }{{"read perdure's dump", b}, {"read the server's dump", a}} {
			err := timed(theirSide, from.what, func() (err error) {
				server, err = startRedis(redisServer, from.dir, modeNone)
				return err
			})
			if err != nil {
				return err
			}
			if n, err := server.c.DBSize(background).Result(); err != nil || n != int64(s.keys) {
				return fmt.Errorf("the server has %d keys: %w", n, err)
			}
			if from.dir == a {
				break
			}
			if err := server.Close(); err != nil {
				return err
			}
		}
		for peer, d := range map[string]string{theirSide: a, ourSide: b} {
			if size, err := sizeOf(d); err == nil {
				note(peer, "size", "size", float64(size))
			}
		}
	}
	return nil
}

// ourRound reads the server's dump in a, writes it to b, and reads b.
func ourRound(timed func(peer, what string, fn func() error) error, a, b string) error {
	dump := filepath.Join(a, "dump.rdb")
	err := timed(ourSide, "decode the server's dump into nothing", func() error {
		f, err := os.Open(dump)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		_, err = rdb.Decode(context.Background(), f, info.Size(), nothing{})
		return err
	})
	if err != nil {
		return err
	}
	for _, from := range []string{a, b} {
		var s *perdure.Store
		what := "read perdure's dump"
		if from == a {
			what = "read the server's dump"
		}
		err := timed(ourSide, what, func() (err error) {
			s, err = perdure.Open(from, perdure.WithoutAppendLog(), perdure.WithSaveRules(), perdure.WithReadOnly())
			return err
		})
		if err != nil {
			return err
		}
		if from == a {
			err = timed(ourSide, "write", func() error { return writeDump(s, filepath.Join(b, "dump.rdb")) })
		}
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
	}
	return nil
}

// writeDump writes a snapshot to a file and syncs it, as Save does.
func writeDump(s *perdure.Store, path string) error {
	snap, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = snap.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// nothing receives a dump and discards it.
type nothing struct{}

func (nothing) Expect(int, int64, int64)   {}
func (nothing) Load(snapshot.Entry) error  { return nil }
func (nothing) Ordered(string)             {}
func (nothing) Extra(snapshot.Extra) error { return nil }
func (nothing) Progress(int64, int64)      {}

// dumpReport formats the results of both, side by side.
func dumpReport(r *results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Dumps, read and written\n\n%s| what | redis-server | perdure | perdure is |\n|---|---|---|---|\n", r.header())
	for _, s := range r.Samples {
		if s.Peer != ourSide {
			continue
		}
		times := ""
		if x, ok := r.ratio(theirSide, ourSide, s.What); ok && s.Unit == "ns" {
			times = fmt.Sprintf("%.1fx as fast", x)
		}
		fmt.Fprintf(&b, "| %s | %v | %v | %s |\n", s.What, r.sample(theirSide, s.What), s, times)
	}
	b.WriteString("\nReading by a server is the time from its start to its first reply.\n")
	return b.String()
}
