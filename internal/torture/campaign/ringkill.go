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
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	ringWriters = 64 // at most
	ringKeys    = 8  // of each writer's strings, used in turn
)

// ringLoad is the work of a child of campaign ring.
type ringLoad struct {
	writers int
	policy  aof.FsyncPolicy
	size    int64 // of the ring
	large   int   // the interval of writes with a value that is too large for a region
	trees   int   // the size in bytes above which collections have trees
}

func (l ringLoad) options() []perdure.Option {
	return []perdure.Option{
		perdure.WithSaveRules(), perdure.WithDatabases(2), storefs.SmallCollections(l.trees),
		perdure.WithAppendLog(aof.New(aof.LogMode(aof.Ring), aof.RingSize(l.size), aof.Fsync(l.policy), aof.AutoRewrite(0, 0))),
	}
}

func (l ringLoad) String() string {
	return fmt.Sprintf("%d %d %d %d %d", l.writers, l.policy, l.size, l.large, l.trees)
}

func someRingLoad(rng *rand.Rand) ringLoad {
	return ringLoad{
		writers: 1 << rng.IntN(7),
		policy:  []aof.FsyncPolicy{aof.EverySec, aof.No}[rng.IntN(2)],
		size:    []int64{3 << 20, 3 << 20, 192 << 10, 12 << 10}[rng.IntN(4)],
		large:   []int{100, 5_000}[rng.IntN(2)],
		trees:   []int{100, 8 << 10}[rng.IntN(2)], // most collections have trees, or none
	}
}

// ringKills is the campaign that tests Ring mode. A real process writes as fast as it can to a real
// directory, and rewrites continuously. It is killed at a random time, in half of the cases during
// its start. The process records its acknowledged writes in memory that it shares with this
// process. Each acknowledged write, and everything before it, must be found. Writes of strings and
// commands on collections alternate.
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
	if err := k.writeAcks(); err != nil {
		return "", err
	}
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
	if k.acked, err = readAcks(k.acks); err != nil {
		return "", err
	}
	r.Count("kills", 1)
	return "", k.check(r, perdure.WithReadOnly())
}

// writeAcks writes the file that the next child shares. A write that was found once must be found
// again, so it counts as acknowledged.
func (k *ringChain) writeAcks() error {
	var b []byte
	for _, acked := range k.acked {
		b = binary.LittleEndian.AppendUint64(b, uint64(acked))
	}
	return os.WriteFile(k.acks, b, 0o600)
}

// readAcks reads the number of acknowledged writes of each writer.
func readAcks(path string) (acked [ringWriters]int64, err error) {
	b, err := os.ReadFile(path)
	if err == nil {
		_, err = binary.Decode(b, binary.LittleEndian, &acked)
	}
	return acked, err
}

// check opens the remaining files.
func (k *ringChain) check(r *Run, more ...perdure.Option) error {
	if _, err := os.Stat(filepath.Join(k.data, "appendonlydir", "appendonly.aof.manifest")); errors.Is(err, os.ErrNotExist) {
		return k.none() // killed before there was a log
	}
	s, err := perdure.Open(k.data, append(ringLoad{size: 3 << 20, trees: 100}.options(), more...)...)
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

// ringWriterHas checks the keys of a writer. Its last write, which ringWriterHas returns, must be
// the last acknowledged write or the one after it.
func ringWriterHas(s *perdure.Store, w int, acked int64) (last int64, err error) {
	first := checkRingWriter(s, w, acked)
	if first == nil {
		return acked, nil
	}
	if err := checkRingWriter(s, w, acked+1); err != nil {
		return 0, fmt.Errorf("writer %d: want its first %d writes: %w; or one more: %w", w, acked, first, err)
	}
	return acked + 1, nil
}

// checkRingWriter compares the keys of a writer with those of the model after a number of writes.
// Writes with odd numbers are commands on collections, and the others store strings.
func checkRingWriter(s *perdure.Store, w int, writes int64) error {
	strings, commands := writes/2, int((writes+1)/2)
	for n := strings; n > strings-ringKeys; n-- {
		for db := range ringDBs(n) {
			got, err := numberAt(s, db, ringKey(w, n))
			if want := max(0, 2*n); err != nil || int64(got) != want {
				return fmt.Errorf("database %d, %s = write %d, %w, want %d", db, ringKey(w, n), got, err, want)
			}
		}
	}
	return checkCollections(s, w, commands/roundCommands, commands%roundCommands)
}

// ringDBs returns the number of databases that write n of a string changes. If it is 2, one
// transaction changes both. The number is constant for each key.
func ringDBs(n int64) int { return pick(n&(ringKeys-1) == 3, 2, 1) }

func ringKey(w int, n int64) string { return fmt.Sprint("writer", w, ":", n&(ringKeys-1)) }

// ringChild writes until it is killed.
func ringChild(argument string) error {
	parts := strings.SplitN(argument, ":", 3)
	var load ringLoad
	if _, err := fmt.Sscan(parts[0], &load.writers, &load.policy, &load.size, &load.large, &load.trees); err != nil {
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
	acked, err := readAcks(parts[1])
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range load.writers {
		acks, err := vfs.OS().Share(parts[1])
		if err != nil {
			return err
		}
		go func() { failed <- load.write(s, w, acked[w], acks) }()
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

// write runs one writer, whose acknowledged writes are known.
func (l ringLoad) write(s *perdure.Store, w int, acked int64, acks vfs.Shared) error {
	last, err := ringWriterHas(s, w, acked)
	if err != nil {
		return err
	}
	small := make([]byte, 0, 300)
	large := make([]byte, l.size/3+1000)
	for write := last + 1; err == nil; write++ {
		if n := write / 2; write%2 == 1 {
			err = execute(s, collectionRound(w, int(n/roundCommands)+1)[n%roundCommands])
		} else {
			value := append(strconv.AppendInt(small[:0], write, 10), ':')
			value = value[:len(value)+int(n%200)]
			if (n+int64(w))%int64(l.large) == 0 {
				copy(large, value[:22])
				value = large
			}
			err = ringString(s, w, n, value)
		}
		if err == nil {
			err = acks.Store(8*int64(w), uint64(write))
		}
	}
	return err
}

// ringString does write n of a string.
func ringString(s *perdure.Store, w int, n int64, value []byte) error {
	key := ringKey(w, n)
	if ringDBs(n) == 1 {
		return s.Set(key, value)
	}
	return s.UpdateKeys([]string{key}, func(tx *perdure.Tx) error {
		return errors.Join(tx.Set(key, value), tx.DB(1).Set(key, value))
	})
}
