package campaign

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure"
)

// cell is a key's value and, if it has one, its expiry in Unix milliseconds.
type cell struct {
	value string
	at    int64
}

// state is a data set, keyed by "database/key".
type state map[string]cell

var digestSeed = maphash.MakeSeed()

func digestCell(db int, key, value string, at int64) uint64 {
	var h maphash.Hash
	h.SetSeed(digestSeed)
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], uint64(db)<<32|uint64(len(key)))
	binary.LittleEndian.PutUint64(head[8:], uint64(at))
	h.Write(head[:])
	h.WriteString(key)
	h.WriteString(value)
	return h.Sum64()
}

// digest returns a number that is equal for equal states.
func (s state) digest() uint64 {
	var sum uint64
	for name, c := range s {
		db, key, _ := strings.Cut(name, "/")
		n, _ := strconv.Atoi(db)
		sum += digestCell(n, key, c.value, c.at)
	}
	return sum
}

// digestOf returns the digest of the contents of a store.
func digestOf(s *perdure.Store) (uint64, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	var sum uint64
	for en, err := range snap.All(context.Background()) {
		if err != nil {
			return 0, err
		}
		sum += digestCell(en.DB, string(en.Key), textOf(en), en.ExpireAtMs)
	}
	return sum, nil
}

// held returns the contents of a store, for a message.
func held(s *perdure.Store) string {
	snap, err := s.Snapshot()
	if err != nil {
		return err.Error()
	}
	defer snap.Close()
	var all []string
	for en, err := range snap.All(context.Background()) {
		if err != nil {
			return err.Error()
		}
		all = append(all, fmt.Sprintf("%d/%s=%.24q@%d", en.DB, en.Key, textOf(en), en.ExpireAtMs))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// String returns a state in the form of held.
func (s state) String() string {
	var all []string
	for name, c := range s {
		all = append(all, fmt.Sprintf("%s=%.24q@%d", name, c.value, c.at))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// whole returns a state with every value in full.
func (s state) whole() string {
	var all []string
	for name, c := range s {
		all = append(all, fmt.Sprintf("%q=%q@%d", name, c.value, c.at))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// kind is the operation of an op.
type kind int

const (
	opSet kind = iota
	opIncr
	opAppend
	opDelete
	opExpire
	opPersist
	opMSet
	opUpdate
	opUndo
	opCommand
	opFlushDB
	opFlushAll
	opSave
	opRewrite
	opSync
	opReopen
)

var kindNames = [...]string{"set", "incr", "append", "delete", "expire", "persist", "mset", "update",
	"undo", "command", "flushdb", "flushall", "save", "rewrite", "sync", "reopen"}

// op is one step of a script.
type op struct {
	kind    kind
	db      int
	key     string
	value   string
	at      int64 // an expiry in Unix milliseconds
	durable bool
	args    []string // a command on collections
	inner   []op     // the ops of an update, or of a writer while a save or a rewrite runs
}

func (o op) String() string {
	return fmt.Sprintf("%s %d/%s %.80q", kindNames[o.kind], o.db, o.key, o.args)
}

// writes reports whether the op changes the data set.
func (o op) writes() bool { return o.kind < opSave }

func (o op) name() string { return fmt.Sprintf("%d/%s", o.db, o.key) }

// apply changes a state as the op changes the store.
func (o op) apply(s state) {
	old := s[o.name()]
	switch o.kind {
	case opSet:
		s[o.name()] = cell{o.value, o.at}
	case opIncr:
		n, _ := strconv.ParseInt(old.value, 10, 64)
		s[o.name()] = cell{strconv.FormatInt(n+1, 10), old.at}
	case opAppend:
		s[o.name()] = cell{old.value + o.value, old.at}
	case opDelete:
		delete(s, o.name())
	case opExpire, opPersist:
		if _, there := s[o.name()]; there {
			s[o.name()] = cell{old.value, o.at}
		}
	case opMSet, opUpdate:
		for _, in := range o.inner {
			in.apply(s)
		}
	case opCommand:
		s.command(o.db, o.args)
	case opFlushDB:
		maps.DeleteFunc(s, func(name string, _ cell) bool { return strings.HasPrefix(name, fmt.Sprint(o.db, "/")) })
	case opFlushAll:
		clear(s)
	}
}

// target is the common interface of a Store's database and a transaction.
type target interface {
	doer
	Set(key string, value []byte, opts ...perdure.SetOption) error
	Incr(key string) (int64, error)
	Append(key string, suffix []byte) (int, error)
	Delete(keys ...string) (int, error)
	ExpireAt(key string, at time.Time) (bool, error)
	Persist(key string) (bool, error)
}

// on does an op that changes one key.
func (o op) on(t target) (err error) {
	switch o.kind {
	case opSet:
		opts := make([]perdure.SetOption, 0, 2)
		if o.at != 0 {
			opts = append(opts, perdure.ExpireAt(time.UnixMilli(o.at)))
		}
		return t.Set(o.key, []byte(o.value), opts...)
	case opIncr:
		_, err = t.Incr(o.key)
	case opAppend:
		_, err = t.Append(o.key, []byte(o.value))
	case opDelete:
		_, err = t.Delete(o.key)
	case opExpire:
		_, err = t.ExpireAt(o.key, time.UnixMilli(o.at))
	case opPersist:
		_, err = t.Persist(o.key)
	case opCommand:
		err = execute(t, o.args)
	}
	return err
}

// errUndone ends a transaction that is rolled back.
var errUndone = errors.New("undone")

// within does the inner ops in a transaction.
func (o op) within(tx *perdure.Tx) error {
	for _, in := range o.inner {
		if err := in.on(tx.DB(in.db)); err != nil {
			return err
		}
	}
	return nil
}

// do does the op, except for a reopening.
func (o op) do(s *perdure.Store) error {
	ctx := context.Background()
	switch o.kind {
	case opMSet:
		var pairs []perdure.Pair
		for _, in := range o.inner {
			pairs = append(pairs, perdure.Pair{Key: in.key, Value: []byte(in.value)})
		}
		return s.DB(o.db).MSet(pairs...)
	case opUpdate:
		return s.Update(o.within)
	case opUndo:
		err := s.Update(func(tx *perdure.Tx) error { return firstError(o.within(tx), errUndone) })
		if errors.Is(err, errUndone) {
			err = nil
		}
		return err
	case opFlushDB:
		return s.DB(o.db).FlushDB()
	case opFlushAll:
		return s.FlushAll()
	case opSave:
		_, err := s.Save(ctx)
		return err
	case opRewrite:
		return s.Rewrite(ctx)
	case opSync:
		return s.Sync(ctx)
	}
	db := s.DB(o.db)
	if o.durable {
		db = db.Durable()
	}
	return o.on(db)
}

// far is the first expiry that scripts use: the year 2100.
const far = int64(4102444800000)

// randomWrite returns an op that changes something.
func randomWrite(rng *rand.Rand) op {
	o := op{db: rng.IntN(3), key: fmt.Sprint("k", rng.IntN(6)), value: randomText(rng)}
	if rng.IntN(2) == 0 {
		o.kind, o.args, o.value = opCommand, few.command(rng), ""
		o.key, o.durable = o.args[1], rng.IntN(16) == 0
		return o
	}
	if rng.IntN(8) == 0 {
		o.key = fmt.Sprintf("%c0", "hslz"[rng.IntN(4)]) // a collection, if the op is for any type
		o.kind = []kind{opDelete, opExpire, opPersist, opSet}[rng.IntN(4)]
		if o.kind == opExpire {
			o.at = far + rng.Int64N(1000)
		}
		return o
	}
	switch rng.IntN(16) {
	case 0, 1:
		return op{kind: opIncr, db: o.db, key: "n"}
	case 2, 3:
		o.kind = opAppend
	case 4, 5:
		o.kind = opDelete
	case 6:
		o.kind, o.at = opExpire, far+rng.Int64N(1000)
	case 7:
		o.kind = opPersist
	case 8:
		o.kind = opMSet
		for i := range 3 {
			o.inner = append(o.inner, op{db: o.db, key: fmt.Sprint("m", i), value: randomText(rng)})
		}
	case 9, 10:
		return randomUpdate(rng, opUpdate)
	case 13:
		return randomUpdate(rng, opUndo)
	case 11:
		o.at = far + rng.Int64N(1000)
	case 12:
		o.durable = rng.IntN(4) == 0
	}
	return o
}

// randomUpdate returns a transaction over all databases, which kind commits or rolls back.
func randomUpdate(rng *rand.Rand, kind kind) op {
	o := op{kind: kind, key: "tx"}
	text := randomText(rng)
	for db := range databases {
		o.inner = append(o.inner, op{db: db, key: "tx", value: text})
	}
	o.inner = append(o.inner, op{kind: opDelete, db: 1, key: "k1"}, op{kind: opIncr, db: 2, key: "n"})
	for range 3 {
		args := few.deterministic(rng)
		o.inner = append(o.inner, op{kind: opCommand, db: rng.IntN(3), key: args[1], args: args})
	}
	return o
}

// randomText returns text that is mostly short. Some texts span blocks.
func randomText(rng *rand.Rand) string {
	n := rng.IntN(40)
	switch rng.IntN(12) {
	case 0:
		n = 200 + rng.IntN(600)
	case 1:
		n = 1000 + rng.IntN(5000)
	}
	return strings.Repeat(string(rune('a'+rng.IntN(26))), n)
}

// script is a sequence of ops.
type script []op

// randomScript returns n ops. They include two rewrites, one save, one reopening, and writers that
// write concurrently.
func randomScript(seed uint64, n int) script {
	rng := rand.New(rand.NewPCG(seed, 11))
	var sc script
	for i := range n {
		switch {
		case i == n/4 || i == 3*n/4:
			sc = append(sc, op{kind: opRewrite, inner: []op{randomWrite(rng), randomWrite(rng), randomWrite(rng)}})
		case i == n/2:
			sc = append(sc, op{kind: opSave, inner: []op{randomWrite(rng), randomWrite(rng)}})
		case i == 5*n/8:
			sc = append(sc, op{kind: opReopen})
		case i%13 == 12:
			sc = append(sc, op{kind: opSync})
		case i == 7*n/8 && rng.IntN(2) == 0:
			sc = append(sc, op{kind: opFlushAll})
		case i%17 == 16:
			sc = append(sc, op{kind: opFlushDB, db: rng.IntN(3)})
		default:
			sc = append(sc, randomWrite(rng))
		}
	}
	return sc
}

// again returns writes of equal lengths with other bytes. A program does this if it lost its last
// writes and repeats them. If a tail was truncated but not durably removed, it would fit after
// these writes.
func (sc script) again() script {
	var out script
	for _, o := range sc {
		switch {
		case o.kind == opCommand:
			o.args = slices.Clone(o.args)
			for i := 2; i < len(o.args) && o.args[0] != "RENAME" && o.args[0] != "COPY" && o.args[0] != "SMOVE"; i++ {
				o.args[i] = strings.Map(nextLetter, o.args[i])
			}
		case o.kind == opUpdate || o.kind == opMSet || o.kind == opUndo:
			o.inner = script(o.inner).again()
		case !o.writes():
			continue
		}
		o.value = strings.Map(nextLetter, o.value)
		out = append(out, o)
	}
	return out
}

// nextLetter returns the next lowercase letter, and other runes unchanged.
func nextLetter(r rune) rune {
	if r < 'a' || r > 'z' {
		return r
	}
	return 'a' + (r-'a'+1)%26
}
