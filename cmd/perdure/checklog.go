package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/rdb"
)

// baseReport describes the RDB at the start of a log's file, and the unsupported item in it.
type baseReport struct {
	rdb.Report
	unknown *perdure.UnsupportedError
}

// logReport checks a log, and returns a report for the RDB of each file that begins with one.
func (a *app) logReport(path string, opts ...aof.CheckOption) (aof.Report, map[string]baseReport, error) {
	var total int64
	dir := filepath.Dir(path)
	if names, err := a.fs.ReadDir(dir); err == nil && strings.HasSuffix(path, manifestSuffix) {
		for _, name := range names {
			if info, err := a.fs.Lstat(filepath.Join(dir, name)); err == nil {
				total += info.Size()
			}
		}
	}
	p := a.progress("checking", total)
	defer p.end()
	var bases []baseReport
	base := func(ctx context.Context, r io.Reader, size int64) (appendlog.BaseInfo, error) {
		report, err := rdb.Check(ctx, r, size)
		b := baseReport{Report: report}
		if errors.As(err, &b.unknown) { // its end is unknown
			report.Size, err = size, nil
		}
		bases = append(bases, b)
		return appendlog.BaseInfo{Size: report.Size, Origin: report.Origin}, err
	}
	report, err := aof.Check(path, append(opts, aof.BaseCheck(base), aof.CheckContext(a.ctx),
		aof.OnFS(dirfs.New(&readFS{FS: a.fs, progress: p})))...)
	byPath := make(map[string]baseReport)
	for _, f := range report.Files {
		if f.RDB && len(bases) > 0 {
			byPath[f.Path], bases = bases[0], bases[1:]
		}
	}
	return report, byPath, err
}

// checkLog checks a log with its manifest, or a single file.
func (a *app) checkLog(p *place, result *checked) error {
	commands := op.NewChecker()
	defer commands.Close()
	refused := make(map[*appendlog.CommandError]problem) // database and key of each
	report, bases, err := a.logReport(p.log, aof.CommandCheck(func(c appendlog.Command) error {
		err := commands.Command(c.Args)
		var e *appendlog.CommandError
		if errors.As(err, &e) {
			var at problem
			key := ""
			if len(c.Args) > 1 {
				key = string(c.Args[1])
			}
			at.place(c.DB, "key ", key, result.withKeys && len(c.Args) > 1)
			refused[e] = at
		}
		return err
	}))
	var damage *perdure.CorruptError
	if errors.As(err, &damage) { // damage of the manifest
		result.OK = false
		result.Files = append(result.Files, checkedFile{
			File: p.log, Kind: "manifest", Good: damage.Offset, Problem: problemOf(damage),
		})
		return nil
	}
	if err != nil {
		return err
	}
	result.OK = report.OK()
	result.Unlisted = report.Unlisted
	for _, f := range report.Files {
		out := checkedFile{
			File: f.Path, Kind: f.Kind, OK: f.Problem == nil, Size: f.Size, Commands: &f.Commands,
			Checksums: f.Marks, Unverified: f.Unverified, Good: f.Good, Torn: f.Torn, Problem: problemOf(f.Problem),
			repairable: f.Repairable,
		}
		if f.Refused != nil && out.Problem == nil {
			out.refused(f.Refused)
			out.Problem.DB, out.Problem.Key = refused[f.Refused].DB, refused[f.Refused].Key
		}
		if base, ok := bases[f.Path]; ok {
			out.Version, out.Keys = base.Version, &base.Keys
			if base.unknown != nil {
				out.unsupported(base.unknown, base.Keys)
				result.OK = false
			}
			if out.Problem == nil && out.isOdd(&base.Report, false) {
				result.OK = false
			}
			if out.odd || out.some || f.Problem != nil && f.Good == 0 {
				a.findKey(&out, result.withKeys, func(fn func(io.Reader, int64) error) error {
					return a.withDump("looking", f.Path, false, fn)
				})
			}
		}
		result.Files = append(result.Files, out)
	}
	a.addTail(result, report.Tail)
	return nil
}
