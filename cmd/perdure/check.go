package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
)

var checkCommand = &command{
	name: "check",
	args: "PATH...",
	what: "check files for damage",
	help: `Check reads every byte and changes nothing. For each problem it prints the file, the
offset, what it expected and found, the effect, and the next step. It names keys only with --keys.
It checks both the log and the dump of a data directory. It reads values to the last element,
including values in RESTORE commands.

  DAMAGED        a file is corrupt, or a log has a torn tail, which Open would truncate
  ODD            a file loads, but it has a value that no server writes, such as an empty list;
                 a value that some servers refuse, such as a stream with inconsistent counts;
                 or bytes after the end of a dump
  NOT SUPPORTED  an intact file has a record of another program or of a newer version, or a
                 command that perdure does not apply; if the file's checksum is wrong, it is
                 damaged

Memory: about 30 bytes per key.

Exit status: 0 ok, 1 damaged or odd, 2 usage error, 3 not supported, 4 unreadable. With several
paths, 4 takes precedence over 1, and 1 over 3.`,
	run: (*app).check,
}

// checked is the result for one PATH, in the form that --json prints.
type checked struct {
	Path        string        `json:"path"`
	Form        form          `json:"form,omitempty"`
	OK          bool          `json:"ok"`
	Unsupported bool          `json:"unsupported,omitempty"` // undamaged, but not supported
	Error       string        `json:"error,omitempty"`       // the reason why it could not be read
	Files       []checkedFile `json:"files,omitempty"`
	Unlisted    []string      `json:"unlisted,omitempty"` // not in the log's manifest

	withKeys bool
}

// checkedFile is the result for one file.
type checkedFile struct {
	File       string   `json:"file"`
	Kind       string   `json:"kind"` // dump, manifest, base, increment or file
	OK         bool     `json:"ok"`
	Size       int64    `json:"size"`
	Version    string   `json:"version,omitempty"`    // for a dump
	Keys       *int64   `json:"keys,omitempty"`       // for a dump
	Commands   *int64   `json:"commands,omitempty"`   // for a log
	Checksums  int64    `json:"checksums,omitempty"`  // commit markers with a correct checksum
	Unverified int64    `json:"unverified,omitempty"` // bytes of a log that no checksum covers
	Trailing   int64    `json:"trailing,omitempty"`   // bytes after the end of a dump
	Good       int64    `json:"good"`                 // the file is whole up to this offset
	Torn       int64    `json:"torn,omitempty"`       // bytes after Good that Open would truncate
	Missing    int64    `json:"missing,omitempty"`    // bytes of a tail file that Open would replay
	Note       string   `json:"note,omitempty"`       // what Open does with a tail file
	Problem    *problem `json:"problem,omitempty"`

	Unsupported bool `json:"unsupported,omitempty"` // the problem is a whole but unknown item

	repairable bool // perdure repair truncates it at Good
	odd        bool // a server loads it but never writes it
	some       bool // some servers refuse it
	trailing   bool // there are bytes after the end
	command    bool // one of its commands cannot be applied
}

func (a *app) check(c *command, args []string) error {
	f := c.flags()
	asJSON := f.Bool("json", false, "print one line with a JSON object for each PATH")
	withKeys := f.Bool("keys", false, "name the damaged key; omitted by default because keys may be confidential")
	paths, err := a.parse(c, f, args, 1, -1)
	if err != nil {
		return err
	}
	code := exitGood
	for _, path := range paths {
		result, err := a.checkPath(path, *withKeys)
		if err != nil {
			result.OK, result.Error = false, errtext.Trim(err)
			fmt.Fprintln(a.stderr, errtext.Named(err))
		}
		result.Unsupported = result.code() == exitUnsupported
		code = worse(code, result.code())
		if *asJSON {
			err = writeJSON(a.stdout, result)
		} else {
			err = result.print(a.stdout)
		}
		if err != nil {
			return err
		}
		if err := a.ctx.Err(); err != nil {
			return err
		}
	}
	return exit(code)
}

// code returns the exit status for one PATH.
func (c *checked) code() int {
	switch {
	case c.Error != "":
		return exitFailed
	case c.OK:
		return exitGood
	}
	unknown := 0
	for _, f := range c.Files {
		if f.Unsupported {
			unknown++
		} else if !f.OK {
			return exitDamaged
		}
	}
	if unknown == 0 {
		return exitDamaged
	}
	return exitUnsupported
}

// worse returns the worse of two exit statuses.
func worse(a, b int) int {
	for _, code := range [...]int{exitFailed, exitDamaged, exitUnsupported} {
		if a == code || b == code {
			return code
		}
	}
	return exitGood
}

// checkPath checks the files at path. The result reports damage. The error reports unreadable
// files.
func (a *app) checkPath(path string, withKeys bool) (*checked, error) {
	result := &checked{Path: path, OK: true, withKeys: withKeys}
	p, err := locate(a.fs, path)
	if err != nil {
		return result, err
	}
	result.Form = p.form
	defer func() {
		for i := range result.Files {
			result.Files[i].explain(path)
		}
	}()
	if p.log != "" {
		if err := a.checkLog(&p, result); err != nil {
			return result, err
		}
	}
	if p.lines != "" {
		return result, a.checkLines(&p, result)
	}
	if p.dump != "" {
		report, err := a.checkDump(&p)
		if err := result.addDump(a.fs, &p, report, err); err != nil {
			return result, err
		}
		if f := &result.Files[len(result.Files)-1]; f.Problem != nil && !f.Unsupported && !f.trailing {
			a.findKey(f, withKeys, func(fn func(io.Reader, int64) error) error {
				return a.withDump("looking", p.dump, p.compressed(), fn)
			})
		}
	}
	return result, nil
}

// checkLines reads JSON lines to the end.
func (a *app) checkLines(p *place, result *checked) error {
	keys, err := a.jsonLines(p).verify(a.ctx)
	f := checkedFile{File: p.lines, Kind: string(formJSON), OK: err == nil, Keys: &keys}
	if info, err := a.fs.Lstat(p.lines); err == nil {
		f.Size, f.Good = info.Size(), info.Size()
	}
	var damage *perdure.CorruptError
	if errors.As(err, &damage) {
		f.Problem, result.OK, err = problemOf(damage), false, nil
		f.Good = damage.Offset
	}
	result.Files = append(result.Files, f)
	return err
}

// checkDump reads a dump to the end.
func (a *app) checkDump(p *place) (report rdb.Report, err error) {
	err = a.withDump("checking", p.dump, p.compressed(), func(r io.Reader, size int64) (err error) {
		report, err = rdb.Check(a.ctx, r, size)
		return err
	})
	return report, err
}

// addDump adds the result for a dump. If the dump is compressed, Size and Good apply to its
// uncompressed content.
func (c *checked) addDump(fsys vfs.FS, p *place, r rdb.Report, err error) error {
	f := checkedFile{
		File: p.dump, Kind: string(formDump), OK: err == nil, Version: r.Version, Keys: &r.Keys,
		Size: r.Size + r.Trailing, Good: r.Size, Trailing: r.Trailing,
	}
	if p.compressed() {
		f.Kind = string(formZst)
	}
	if err == nil && f.isOdd(&r, p.compressed()) {
		c.OK = false
	}
	if err == nil && f.OK && f.Trailing > 0 {
		f.OK, f.Problem, c.OK, f.trailing = false, &problem{
			Offset: r.Size, What: fmt.Sprintf("want the end of the file after the dump, found %s", count(f.Trailing, "more byte")),
		}, false, true
	}
	var unknown *perdure.UnsupportedError
	if errors.As(err, &unknown) {
		f.unsupported(unknown, r.Keys)
		if info, err := fsys.Lstat(p.dump); err == nil && !p.compressed() {
			f.Size = info.Size()
		}
		c.OK, err = false, nil
	}
	var damage *perdure.CorruptError
	if errors.As(err, &damage) {
		f.File, f.Problem, c.OK = damage.File, problemOf(damage), false
		if !p.compressed() {
			f.Good = min(f.Good, damage.Offset)
			if info, err := fsys.Lstat(p.dump); err == nil {
				f.Size = info.Size()
			}
		}
		err = nil
	}
	c.Files = append(c.Files, f)
	return err
}

// isOdd records the first value in a dump that a server never writes, or that some servers refuse.
func (f *checkedFile) isOdd(r *rdb.Report, compressed bool) bool {
	e := r.FirstOdd
	f.odd = e != nil
	if e == nil {
		e = r.FirstRefused
		f.some = e != nil
	}
	if e == nil {
		return false
	}
	f.OK, f.Problem = false, problemOf(e)
	if !compressed {
		f.Good = e.Offset
	}
	return true
}

// onlyOdd reports whether servers load every file that is not good.
func (c *checked) onlyOdd() bool {
	n := 0
	for _, f := range c.Files {
		if f.odd || f.some || f.trailing {
			n++
		} else if !f.OK {
			return false
		}
	}
	return n > 0
}

// print writes the result as text for people.
func (c *checked) print(w io.Writer) error {
	var b strings.Builder
	state := "ok"
	switch {
	case c.Error != "":
		state = "unreadable"
	case c.Unsupported:
		state = "NOT SUPPORTED"
	case c.onlyOdd():
		state = "ODD"
	case !c.OK:
		state = "DAMAGED"
	}
	kind := ""
	if c.Form != "" {
		kind = string(c.Form) + ", "
	}
	fmt.Fprintf(&b, "%s: %s%s\n", c.Path, kind, state)
	for _, f := range c.Files {
		f.print(&b)
	}
	for _, name := range c.Unlisted {
		fmt.Fprintf(&b, "  unlisted %s (ignored)\n", name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *checkedFile) print(b *strings.Builder) {
	if f.Problem != nil {
		f.printProblem(b)
		return
	}
	if !f.OK {
		fmt.Fprintf(b, "  %-8s %s\n", "not read", f.File)
		return
	}
	parts := []string{size(f.Size)}
	if f.Kind == string(formZst) {
		parts[0] += " decompressed"
	}
	if f.Version != "" {
		parts = append(parts, f.Version)
	}
	if f.Keys != nil {
		parts = append(parts, count(*f.Keys, "key"))
	}
	if f.Commands != nil && (f.Keys == nil || *f.Commands > 0) {
		parts = append(parts, count(*f.Commands, "command"))
	}
	if f.Unverified > 0 {
		parts = append(parts, size(f.Unverified)+" without checksum")
	}
	if f.Note != "" {
		parts = append(parts, f.Note)
	}
	fmt.Fprintf(b, "  %-8s %s: %s\n", "ok", f.File, strings.Join(parts, ", "))
}

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
