package campaign

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	ringWriters = 64 // at most
	ringKeys    = 8  // of each writer, used in turn
)

// ringLoad is the work of a child of campaign ring.
type ringLoad struct {
	writers int
	policy  aof.FsyncPolicy
	size    int64 // of the ring
	large   int   // the interval of writes with a value that is too large for a region
}

func (l ringLoad) options() []perdure.Option {
	return []perdure.Option{
		perdure.WithSaveRules(), perdure.WithDatabases(2),
		perdure.WithAppendLog(aof.New(aof.LogMode(aof.Ring), aof.RingSize(l.size), aof.Fsync(l.policy), aof.AutoRewrite(0, 0))),
	}
}

func (l ringLoad) String() string {
	return fmt.Sprintf("%d %d %d %d", l.writers, l.policy, l.size, l.large)
}

func someRingLoad(rng *rand.Rand) ringLoad {
	return ringLoad{
		writers: 1 << rng.IntN(7),
		policy:  []aof.FsyncPolicy{aof.EverySec, aof.No}[rng.IntN(2)],
		size:    []int64{3 << 20, 3 << 20, 192 << 10, 12 << 10}[rng.IntN(4)],
		large:   []int{100, 5_000}[rng.IntN(2)],
	}
}

// ringKills is the campaign that tests Ring mode. A real process writes as fast as it can to a real
// directory, and rewrites continuously. It is killed at a random time, in half of the cases during
// its start. The process records its acknowledged writes in memory that it shares with this
// process. Each acknowledged write, and everything before it, must be found.
func ringKills(r *Run) {
	kills := r.by(12, 120)
	if r.kills > 0 {
		kills = r.kills
	}
	each := min(50, (kills+1)/2) // in one directory
	for chain := 0; kills > 0; chain++ {
		n := min(each, kills)
		kills -= n
		r.Go(fmt.Sprint("chain ", chain), func() error {
			return ringKillChain(r, rand.New(rand.NewPCG(r.Seed, uint64(chain))), n)
		})
	}
	r.Wait()
}

// ringKillChain kills a number of processes in one directory.
func ringKillChain(r *Run, rng *rand.Rand, kills int) error {
	dir, err := os.MkdirTemp(r.dir, "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	k := &ringChain{data: filepath.Join(dir, "data"), acks: filepath.Join(dir, "acks"), rng: rng}
	if err := os.WriteFile(k.acks, make([]byte, 8*ringWriters), 0o600); err != nil {
		return err
	}
	for n := range kills {
		if r.over() {
			return nil
		}
		load := someRingLoad(rng)
		skip, err := k.kill(r, load, n%2 == 1)
		if skip != "" {
			r.Skip(skip)
			return nil
		}
		if err != nil {
			return fmt.Errorf("kill %d, %v: %w", n, load, err)
		}
	}
	return k.end(r)
}

// ringChain is one directory in which one process after another is killed.
type ringChain struct {
	data, acks string
	rng        *rand.Rand
	acked      [ringWriters]int64
	counted    int64 // the part of acked that the summary already counts
}

// kill lets a child write, kills it, and checks the remaining files without changing them. The next
// child must replay the tail file.
func (k *ringChain) kill(r *Run, load ringLoad, early bool) (skip string, err error) {
	cmd, err := child("ring", fmt.Sprintf("%v:%s:%s", load, k.acks, k.data))
	if err != nil {
		return "", err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	after := time.Duration(k.rng.IntN(40_000)) * time.Microsecond
	shoot := func() {
		time.AfterFunc(after, func() {
			_ = cmd.Process.Kill() // the process still exists: nothing has waited for it
		})
	}
	if early {
		shoot()
	}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if reason, none := strings.CutPrefix(lines.Text(), "no ring: "); none {
			skip = reason
		}
		if !early { // it is writing, so the time to the kill starts
			shoot()
		}
	}
	_ = cmd.Wait() // killed
	if stderr.Len() > 0 {
		return "", fmt.Errorf("child wrote to stderr, want nothing: %s", stderr.String())
	}
	if skip != "" {
		return skip, nil
	}
	counters, err := os.ReadFile(k.acks)
	if err != nil {
		return "", err
	}
	for w := range k.acked {
		// A write that was found once must be found again.
		k.acked[w] = max(k.acked[w], int64(binary.LittleEndian.Uint64(counters[8*w:])))
	}
	r.Count("kills", 1)
	return "", k.check(r, perdure.WithReadOnly())
}

// check opens the remaining files.
func (k *ringChain) check(r *Run, more ...perdure.Option) error {
	if _, err := os.Stat(filepath.Join(k.data, "appendonlydir", "appendonly.aof.manifest")); errors.Is(err, os.ErrNotExist) {
		return k.none() // killed before there was a log
	}
	s, err := perdure.Open(k.data, append(ringLoad{size: 3 << 20}.options(), more...)...)
	if err != nil {
		return fmt.Errorf("perdure.Open = %w, want nil", err)
	}
	info := s.Recovery()
	if info.Merged > 0 {
		r.Count("with a tail file to replay", 1)
		r.Count("bytes replayed", info.Merged)
	}
	if info.TailReason != "" {
		err = fmt.Errorf("TailReason = %q, want the tail file replayed", info.TailReason)
	}
	total := int64(0)
	for w := range k.acked {
		if err == nil {
			k.acked[w], err = ringWriterHas(s, w, k.acked[w])
		}
		total += k.acked[w]
	}
	if err == nil {
		r.Count("writes found", total-k.counted)
		k.counted = total
	}
	return firstError(err, s.CloseNoSave())
}

// none returns an error if a write was acknowledged, because the log is missing.
func (k *ringChain) none() error {
	for w, acked := range k.acked {
		if acked > 0 {
			return fmt.Errorf("writer %d: 0 writes, no log, want the acknowledged %d", w, acked)
		}
	}
	return nil
}

// end opens the directory for the last time.
func (k *ringChain) end(r *Run) error {
	if err := k.check(r); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(k.data, "appendonlydir", "*.tail*"))
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("tail files = %q, want none", names)
	}
	return err
}

// ringWriterHas checks that a writer's keys have the expected values. The last write must be the
// last acknowledged write or the write after it, and each key must have the last write to that key
// before it. ringWriterHas returns the last write.
func ringWriterHas(s *perdure.Store, w int, acked int64) (last int64, err error) {
	if last, err = lastRound(s, w); err != nil {
		return 0, err
	}
	if last < acked || last > acked+1 {
		return 0, fmt.Errorf("writer %d: write %d, want write %d or the next", w, last, acked)
	}
	for round := max(1, last-ringKeys+1); round <= last; round++ {
		for db := range ringDBs(round) {
			if n, err := roundAt(s, db, w, round); err != nil || n != round {
				return 0, fmt.Errorf("writer %d, up to %d, database %d: write %d, %w, want %d", w, last, db, n, err, round)
			}
		}
	}
	return last, nil
}

// ringDBs returns the number of databases that a write changes. If it is 2, one transaction changes
// both. The number is constant for each key.
func ringDBs(round int64) int { return pick(round%ringKeys == 3, 2, 1) }

func ringKey(w int, round int64) string { return fmt.Sprint("writer", w, ":", round%ringKeys) }

// lastRound returns the newest write of a writer in a store; 0 means no write.
func lastRound(s *perdure.Store, w int) (last int64, err error) {
	for key := range int64(ringKeys) {
		n, err := roundAt(s, 0, w, key)
		if err != nil {
			return 0, err
		}
		last = max(last, n)
	}
	return last, nil
}

// roundAt returns the write that a key contains. The key is the key of round.
func roundAt(s *perdure.Store, db, w int, round int64) (int64, error) {
	v, err := s.DB(db).Get(ringKey(w, round))
	if errors.Is(err, perdure.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	text, _, _ := strings.Cut(string(v), ":")
	return strconv.ParseInt(text, 10, 64)
}

// ringChild writes until it is killed.
func ringChild(argument string) error {
	parts := strings.SplitN(argument, ":", 3)
	var load ringLoad
	if _, err := fmt.Sscan(parts[0], &load.writers, &load.policy, &load.size, &load.large); err != nil {
		return err
	}
	s, err := perdure.Open(parts[2], load.options()...)
	if err != nil {
		return err
	}
	if stats := s.Stats(); stats.LogMode != "ring" {
		fmt.Println("no ring:", stats.LogModeReason)
		return s.CloseNoSave()
	}
	failed := make(chan error)
	for w := range load.writers {
		acks, err := vfs.OS().Share(parts[1])
		if err != nil {
			return err
		}
		go func() { failed <- load.write(s, w, acks) }()
	}
	fmt.Println("writing")
	go func() {
		for {
			if err := s.Rewrite(context.Background()); err != nil {
				failed <- err
			}
		}
	}()
	return <-failed
}

// write runs one writer.
func (l ringLoad) write(s *perdure.Store, w int, acks vfs.Shared) error {
	last, err := lastRound(s, w)
	if err != nil {
		return err
	}
	small := make([]byte, 0, 300)
	large := make([]byte, l.size/3+1000)
	for round := last + 1; err == nil; round++ {
		value := append(strconv.AppendInt(small[:0], round, 10), ':')
		value = value[:len(value)+int(round%200)]
		if (round+int64(w))%int64(l.large) == 0 {
			copy(large, value[:22])
			value = large
		}
		key := ringKey(w, round)
		if ringDBs(round) == 1 {
			err = s.Set(key, value)
		} else {
			err = s.UpdateKeys([]string{key}, func(tx *perdure.Tx) error {
				return errors.Join(tx.Set(key, value), tx.DB(1).Set(key, value))
			})
		}
		if err == nil {
			err = acks.Store(8*int64(w), uint64(round))
		}
	}
	return err
}
