//lint:file-ignore ST1005 The messages begin with the name of the method that broke its duty.

package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// logTest makes the logs of one check.
type logTest struct {
	make  func(place string) appendlog.AppendLog
	place string
	disks int
}

// disk returns a new data directory.
func (t *logTest) disk() *disk {
	t.disks++
	return newDisk(fmt.Sprintf("%s-%d", t.place, t.disks))
}

// history is an open log with a model of its contents.
type history struct {
	log  appendlog.AppendLog
	disk *disk
	all  []string // units as replay describes them, in order: the base first
	last appendlog.Position
}

// open opens the log on d as a store does: a log that is found is replayed into r.
func (t *logTest) open(d *disk) (*history, error) {
	h, _, err := t.replay(d, func(*snapshot.Env) {}, &replayed{})
	if err != nil {
		return nil, err
	}
	if err := h.log.Start(); err != nil {
		return nil, fmt.Errorf("Start = %w, want nil", err)
	}
	return h, nil
}

// replay opens a log and replays it; Start comes next.
func (t *logTest) replay(d *disk, set func(*snapshot.Env), r *replayed) (*history, appendlog.ReplayReport, error) {
	return t.replayCtx(context.Background(), d, set, r)
}

func (t *logTest) replayCtx(
	ctx context.Context, d *disk, set func(*snapshot.Env), r *replayed,
) (*history, appendlog.ReplayReport, error) {
	var report appendlog.ReplayReport
	env, err := d.env()
	if err != nil {
		return nil, report, err
	}
	set(&env)
	log := t.make(d.place)
	found, err := log.Open(env)
	if err != nil {
		return nil, report, fmt.Errorf("Open: %w", err)
	}
	if !found {
		return nil, report, errors.New("Open = false, nil, want the log that was written there to be found")
	}
	if report, err = log.Replay(ctx, r); err != nil {
		return nil, report, fmt.Errorf("Replay: %w", err)
	}
	return &history{log: log, disk: d, all: r.units}, report, nil
}

// closed returns a new log that was closed after units were committed.
func (t *logTest) closed(durable bool) (*history, error) {
	h, err := t.begin()
	if err != nil {
		return nil, err
	}
	if err := h.commit(durable, some...); err != nil {
		return nil, err
	}
	return h, h.log.Close()
}

// begin makes a log on a new disk, with a base of two keys.
func (t *logTest) begin() (*history, error) { return t.beginOn(t.disk()) }

func (t *logTest) beginOn(d *disk) (*history, error) {
	env, err := d.env()
	if err != nil {
		return nil, err
	}
	h := &history{log: t.make(d.place), disk: d}
	found, err := h.log.Open(env)
	if err != nil || found {
		return nil, fmt.Errorf("Open of an empty directory = %v, %w, want false, nil", found, err)
	}
	return h, h.rewrite([]string{"0: SET base one", "2: SET base two"})
}

// rewrite commits a base that holds the given units. The log then holds nothing else.
func (h *history) rewrite(list []string) error {
	r, err := h.log.BeginRewrite()
	if err != nil {
		return fmt.Errorf("BeginRewrite = %w, want nil", err)
	}
	r.Cut()
	if err := r.Commit(context.Background(), h.base(list)); err != nil {
		return fmt.Errorf("Rewrite.Commit = %w, want nil", err)
	}
	h.all = append([]string{}, list...)
	return nil
}

// base writes units, each "<db>: SET <key> <value>" or a transaction of such, as a base.
func (h *history) base(list []string) appendlog.Base {
	d := &dataSet{failAt: -1}
	for _, s := range flat(list) {
		db, args := parse(s)
		d.entries = append(d.entries, snapshot.Entry{DB: db, Key: []byte(args[1]), Value: []byte(args[2])})
	}
	return appendlog.Base{
		RDB: d.encode,
		Commands: func(w io.Writer) error {
			for _, e := range d.entries {
				b := h.log.AppendSelect(nil, e.DB)
				b = appendlog.AppendCommand(b, []byte("SET"), e.Key, e.Value)
				if _, err := w.Write(b); err != nil {
					return err
				}
				overwrite(b)
			}
			return nil
		},
	}
}

// unit encodes a unit as a store passes it to Append.
func (h *history) unit(text string) (firstDB, lastDB int, unit []byte) {
	commands := strings.Split(text, "; ")
	for i, s := range commands {
		db, args := parse(s)
		if i == 0 {
			firstDB = db
		} else if db != lastDB {
			unit = h.log.AppendSelect(unit, db)
		}
		lastDB = db
		unit = appendlog.AppendCommand(unit, args...)
	}
	if len(commands) > 1 {
		unit = append([]byte(appendlog.Multi), unit...)
		unit = append(unit, appendlog.Exec...)
	}
	return firstDB, lastDB, unit
}

// append appends a unit and makes its buffer useless.
func (h *history) append(text string) appendlog.Position {
	firstDB, lastDB, unit := h.unit(text)
	h.last = h.log.Append(firstDB, lastDB, unit)
	overwrite(unit)
	h.all = append(h.all, text)
	return h.last
}

// commit appends units and commits them.
func (h *history) commit(durable bool, list ...string) error {
	for _, text := range list {
		if err := h.log.Commit(h.append(text), durable); err != nil {
			return fmt.Errorf("Commit = %w, want nil", err)
		}
	}
	return nil
}

func parse(command string) (db int, args []string) {
	number, rest, _ := strings.Cut(command, ": ")
	_, _ = fmt.Sscan(number, &db)
	return db, strings.Split(rest, " ")
}

// flat returns the commands of units.
func flat(list []string) (commands []string) {
	for _, text := range list {
		commands = append(commands, strings.Split(text, "; ")...)
	}
	return commands
}

// state returns what the commands of units leave, by database and key.
func state(list []string) map[string]string {
	values := map[string]string{}
	for _, s := range flat(list) {
		db, args := parse(s)
		values[fmt.Sprint(db, " ", args[1])] = args[2]
	}
	return values
}

// replayed is an [appendlog.Replayer] that keeps a description of every unit.
type replayed struct {
	units  []string
	failAt int // Apply of this unit returns err
	err    error
	until  time.Time // a later base is refused, as a store does
}

var _ appendlog.Replayer = (*replayed)(nil)

// Base implements [appendlog.Replayer].
func (r *replayed) Base(ctx context.Context, f io.Reader, size int64) (appendlog.BaseInfo, error) {
	var header rdb.Header
	n, err := rdb.Decode(ctx, f, size, &baseLoader{to: r}, rdb.HeaderTo(&header))
	if err == nil && !r.until.IsZero() && header.Created.After(r.until) {
		err = appendlog.ErrUntil
	}
	return appendlog.BaseInfo{Size: n, Origin: header.Origin}, err
}

// Apply implements [appendlog.Replayer].
func (r *replayed) Apply(unit []appendlog.Command) error {
	if r.err != nil && len(r.units) == r.failAt {
		return r.err
	}
	var commands []string
	for _, c := range unit {
		var args []string
		for _, arg := range c.Args {
			args = append(args, string(arg))
		}
		commands = append(commands, fmt.Sprintf("%d: %s", c.DB, strings.Join(args, " ")))
	}
	r.units = append(r.units, strings.Join(commands, "; "))
	return nil
}

// Progress implements [appendlog.Replayer].
func (r *replayed) Progress(int64, int64) {}

// baseLoader turns the entries of a base into units.
type baseLoader struct {
	loaded
	to *replayed
}

// Load implements [snapshot.Loader].
func (l *baseLoader) Load(e snapshot.Entry) error {
	l.to.units = append(l.to.units, fmt.Sprintf("%d: SET %s %s", e.DB, e.Key, e.Value))
	return nil
}

// wantContents opens the log on d and compares what it replays with the model. Then it appends to
// the log and closes it.
func (t *logTest) wantContents(d *disk, when string, want []string) error {
	h, err := t.open(d)
	if err != nil {
		return fmt.Errorf("%s: %w", when, err)
	}
	if err := same(h.all, want); err != nil {
		return fmt.Errorf("%s: Replay passed on %w", when, err)
	}
	if err := h.log.Close(); err != nil {
		return fmt.Errorf("%s: Close = %w, want nil", when, err)
	}
	return nil
}

// same returns an error that describes the first difference of two lists of units.
func same(got, want []string) error {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("%d units, want %d: %q is missing", len(got), len(want), want[i])
		case i >= len(want):
			return fmt.Errorf("%d units, want %d: %q is too many", len(got), len(want), got[i])
		case got[i] != want[i]:
			return fmt.Errorf("%q as unit %d, want %q", got[i], i, want[i])
		}
	}
	return nil
}

// prefix returns an error unless got is a prefix of all with at least n units.
func prefix(got, all []string, n int) error {
	if len(got) < n {
		return same(got, all[:n])
	}
	if len(got) > len(all) {
		return same(got, all)
	}
	return same(got, all[:len(got)])
}
