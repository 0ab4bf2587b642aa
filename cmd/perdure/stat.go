package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var statCommand = &command{
	name: "stat",
	args: "PATH",
	what: "show files, sizes, versions, key counts, and expiries",
	help: `Stat lists the files with their sizes and versions, and counts keys by database and type.
It also counts keys by the time until they expire: within a minute, an hour, and so on. The memory
that perdure needs for the keys is an estimate. --top prints the keys with the largest values. In a
data directory the counts are those of the log, or of the dump if there is no log. A log is loaded
into memory; a dump is not.`,
	run: (*app).stat,
}

// statistics are the results of stat, in the form that --json prints.
type statistics struct {
	Path      string     `json:"path"`
	Form      form       `json:"form"`
	Files     []statFile `json:"files"`
	Source    string     `json:"source"` // the source of the numbers below
	Databases []statDB   `json:"databases"`
	Types     []statType `json:"types"`
	Keys      int64      `json:"keys"`
	DataBytes int64      `json:"dataBytes"` // keys and values; other types than string as in a dump
	Expires   int64      `json:"expires"`   // keys with an expiry
	Expired   int64      `json:"expired"`   // expired keys among these
	FirstMs   int64      `json:"firstExpiryMs,omitempty"`
	LastMs    int64      `json:"lastExpiryMs,omitempty"`
	TTLs      []statTTL  `json:"ttls"`

	MemoryBytes int64     `json:"memoryBytes"` // the estimated memory of a store for the keys
	Largest     []statKey `json:"largest,omitempty"`

	top   largest
	now   int64
	dbs   map[int]*statDB
	types map[snapshot.Type]*statType
}

type statFile struct {
	File     string    `json:"file"`
	Kind     string    `json:"kind"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Version  string    `json:"version,omitempty"`
	Server   string    `json:"server,omitempty"`
	Commands *int64    `json:"commands,omitempty"`
	Problem  *problem  `json:"problem,omitempty"`
}

type statDB struct {
	DB      int   `json:"db"`
	Keys    int64 `json:"keys"`
	Expires int64 `json:"expires"`
}

type statType struct {
	Type string `json:"type"`
	Keys int64  `json:"keys"`
	Size int64  `json:"bytes"` // of the values
	Most int64  `json:"most"`  // bytes of the largest
}

func (a *app) stat(c *command, args []string) error {
	f := c.flags()
	until := untilFlag(f)
	asJSON := f.Bool("json", false, "print one JSON object")
	top := f.Int("top", 0, "print the `n` keys with the largest values")
	paths, err := a.parse(c, f, args, 1, 1)
	if err != nil {
		return err
	}
	p, err := a.locateUntil(paths[0], until)
	if err != nil {
		return err
	}
	s := &statistics{
		Path: p.path, Form: p.form, now: time.Now().UnixMilli(),
		dbs: make(map[int]*statDB), types: make(map[snapshot.Type]*statType),
		TTLs: ttlSpans(), top: largest{n: *top},
	}
	if err := a.statFiles(&p, s); err != nil {
		return err
	}
	src, err := a.open(&p, false)
	if err != nil {
		return err
	}
	defer src.close()
	s.Source = cmp.Or(p.log, p.dump, p.lines)
	if err := src.each(a.ctx, s.add); err != nil {
		return err
	}
	s.finish()
	if *asJSON {
		return writeJSON(a.stdout, s)
	}
	return s.print(a.stdout)
}

// statFiles lists the files.
func (a *app) statFiles(p *place, s *statistics) error {
	if p.log != "" {
		report, bases, err := a.logReport(p.log)
		if err != nil {
			return err
		}
		for _, f := range report.Files {
			out := statFile{File: f.Path, Kind: f.Kind, Size: f.Size, Commands: &f.Commands, Problem: problemOf(f.Problem)}
			if base, ok := bases[f.Path]; ok {
				out.Version, out.Server = base.Version, base.Server
			}
			s.Files = append(s.Files, a.withTime(out))
		}
		if t := report.Tail; t != nil {
			out := a.withTime(statFile{File: t.Path, Kind: kindTail, Commands: &t.Commands, Problem: problemOf(t.Problem)})
			if info, err := a.fs.Lstat(t.Path); err == nil {
				out.Size = info.Size()
			}
			s.Files = append(s.Files, out)
		}
	}
	if p.lines != "" {
		out := a.withTime(statFile{File: p.lines, Kind: string(formJSON)})
		if info, err := a.fs.Lstat(p.lines); err == nil {
			out.Size = info.Size()
		}
		s.Files = append(s.Files, out)
	}
	if p.dump != "" {
		out := a.withTime(statFile{File: p.dump, Kind: string(formDump)})
		if info, err := a.fs.Lstat(p.dump); err == nil {
			out.Size = info.Size()
		}
		header, err := a.header(p)
		if err != nil {
			return err
		}
		out.Version, out.Server = header.Version, header.Server
		s.Files = append(s.Files, out)
	}
	return nil
}

func (a *app) withTime(f statFile) statFile {
	if info, err := a.fs.Lstat(f.File); err == nil {
		f.Modified = info.ModTime().UTC()
	}
	return f
}

// errEnough ends reading at the first key.
var errEnough = errors.New("enough")

// header reads a dump up to its first key.
func (a *app) header(p *place) (h rdb.Header, err error) {
	err = a.withDump("reading", p.dump, p.compressed(), func(r io.Reader, size int64) error {
		enough := eachLoader(func(snapshot.Entry) error { return errEnough })
		_, err := rdb.Decode(context.Background(), r, size, enough, rdb.HeaderTo(&h))
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return h, err
}

// add counts one key.
func (s *statistics) add(e snapshot.Entry) error {
	db := s.dbs[e.DB]
	if db == nil {
		db = &statDB{DB: e.DB}
		s.dbs[e.DB] = db
	}
	t := s.types[e.Type]
	if t == nil {
		t = &statType{}
		s.types[e.Type] = t
	}
	s.Keys++
	db.Keys++
	t.Keys++
	t.Size += int64(len(e.Value))
	t.Most = max(t.Most, int64(len(e.Value)))
	s.MemoryBytes += memoryOf(&e)
	s.addTTL(e.ExpireAtMs)
	s.top.add(&e)
	s.DataBytes += int64(len(e.Key) + len(e.Value))
	if e.ExpireAtMs == 0 {
		return nil
	}
	s.Expires++
	db.Expires++
	if e.ExpireAtMs < s.now {
		s.Expired++
	}
	if s.FirstMs == 0 || e.ExpireAtMs < s.FirstMs {
		s.FirstMs = e.ExpireAtMs
	}
	s.LastMs = max(s.LastMs, e.ExpireAtMs)
	return nil
}

// finish sorts the counts, and combines the encodings of one type.
func (s *statistics) finish() {
	s.Databases, s.Types = []statDB{}, []statType{}
	s.Largest = s.top.sorted()
	for _, db := range s.dbs {
		s.Databases = append(s.Databases, *db)
	}
	slices.SortFunc(s.Databases, func(x, y statDB) int { return x.DB - y.DB })
	byName := make(map[string]*statType)
	for t, n := range s.types {
		name := rdb.TypeName(t)
		if byName[name] == nil {
			byName[name] = &statType{Type: name}
		}
		byName[name].Keys += n.Keys
		byName[name].Size += n.Size
		byName[name].Most = max(byName[name].Most, n.Most)
	}
	for _, t := range byName {
		s.Types = append(s.Types, *t)
	}
	slices.SortFunc(s.Types, func(x, y statType) int { return strings.Compare(x.Type, y.Type) })
}

// print writes the numbers as text for people.
func (s *statistics) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", s.Path, s.Form)
	for _, f := range s.Files {
		fmt.Fprintf(&b, "  %-10s %-40s %10s", f.Kind, filepath.Base(f.File), size(f.Size))
		if f.Version != "" {
			fmt.Fprintf(&b, "  %s", f.Version)
		}
		if f.Server != "" {
			fmt.Fprintf(&b, " (server %s)", f.Server)
		}
		if f.Commands != nil && *f.Commands > 0 {
			fmt.Fprintf(&b, "  %s", count(*f.Commands, "command"))
		}
		if f.Problem != nil {
			fmt.Fprintf(&b, "  DAMAGED at offset %d: %s", f.Problem.Offset, f.Problem.What)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s, %s of keys and values (%s)\n", count(s.Keys, "key"), size(s.DataBytes), s.Source)
	for _, db := range s.Databases {
		fmt.Fprintf(&b, "  db %-7d %10d keys %10d with expiry\n", db.DB, db.Keys, db.Expires)
	}
	for _, t := range s.Types {
		fmt.Fprintf(&b, "  %-10s %10d keys %10s, on average %s, at most %s\n", t.Type, t.Keys, size(t.Size),
			size(t.Size/max(t.Keys, 1)), size(t.Most))
	}
	s.printMore(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func timeText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
