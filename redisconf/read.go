package redisconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/internal/errtext"
)

// Limits of a configuration with all files that it includes.
const (
	maxDepth = 16       // of files that include files
	maxBytes = 16 << 20 // in all files
)

// ReadFile reads a configuration file and the files that it includes. Later directives override
// earlier ones. The rules of save lines add up, and save "" removes them. As in Redis, a save line
// after an include line replaces the rules too.
//
// It returns a [*LineError], which matches [perdure.ErrOptions], if a line is wrong, and an error
// matching [fs.ErrNotExist] if the file does not exist.
func ReadFile(name string) (c *Config, err error) {
	defer errtext.Name(&err)
	r := newReader()
	if err := r.file(name); err != nil {
		return nil, err
	}
	return r.config, nil
}

// Parse reads the text of a configuration and the files that it includes, as [ReadFile] does.
func Parse(text []byte) (c *Config, err error) {
	defer errtext.Name(&err)
	r := newReader()
	if err := r.text("", string(text)); err != nil {
		return nil, err
	}
	return r.config, nil
}

// reader reads files in the order in which they include each other.
type reader struct {
	config   *Config
	saved    bool          // a save line that was not after an include line was read
	included bool          // an include line of the current file has ended
	open     []fs.FileInfo // the files that include the current one, and the current one
	bytes    int64         // read so far
}

func newReader() *reader { return &reader{config: Default()} }

// file reads the file with that path.
func (r *reader) file(name string) error {
	if len(r.open) == maxDepth {
		return fmt.Errorf("files include files more than %d levels deep", maxDepth)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for _, outer := range r.open {
		if os.SameFile(outer, info) {
			return fmt.Errorf("%s includes itself", name)
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes-r.bytes+1))
	if err != nil {
		return err
	}
	r.open = append(r.open, info)
	err = r.text(name, string(text))
	r.open = r.open[:len(r.open)-1]
	return err
}

// path returns the path of an included file. A server changes its working directory at a dir line,
// so that later relative names begin there.
func (r *reader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.config.Dir, name)
}

// text reads the text of a file, or of [Parse] if name is empty.
func (r *reader) text(name, text string) error {
	if r.bytes += int64(len(text)); r.bytes > maxBytes {
		return fmt.Errorf("configuration exceeds %d bytes", maxBytes)
	}
	r.included = false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := r.line(Directive{File: name, Line: number}, line); err != nil {
			return err
		}
	}
	return nil
}

// line applies a line. An error names the line, and that of the innermost file if the line includes
// a file.
func (r *reader) line(d Directive, line string) error {
	args, err := splitArgs(line)
	switch {
	case err == nil && strings.Contains(line, "\x00"):
		err = errors.New("line contains a NUL byte")
	case err == nil && len(args) == 0: // only \v or \f
		return nil
	case err == nil && args[0] == "":
		err = errors.New("directive is empty")
	case err == nil:
		d.Name, d.Args = lower(args[0]), args[1:]
		err = r.directive(d)
	}
	var inner *LineError
	if err == nil || errors.As(err, &inner) {
		return err
	}
	return &LineError{File: d.File, Line: d.Line, Name: d.Name, Err: err}
}

// directive applies a directive.
func (r *reader) directive(d Directive) error {
	if d.Name == "save" {
		return r.save(d.Args)
	}
	set := directives[d.Name]
	switch d.Name {
	case "include":
		set = r.include
	case "dir":
		set = r.dir
	}
	switch {
	case set == nil:
		r.config.Unknown = append(r.config.Unknown, d)
		return nil
	case len(d.Args) != 1:
		return fmt.Errorf("want 1 argument, got %d", len(d.Args))
	}
	return set(r.config, d.Args[0])
}

// save applies a save line. The first one replaces the default rules. After an include line each
// one replaces all rules, because the server then handles it like a CONFIG SET, and the next one in
// an included file can still be the first.
func (r *reader) save(args []string) error {
	rules, err := saveRules(args)
	if none := len(args) == 1 && args[0] == ""; none || !r.saved || r.included {
		r.config.SaveRules = nil
	}
	r.config.SaveRules = append(r.config.SaveRules, rules...)
	r.saved = r.saved || !r.included
	return err
}

// dir changes the directory. A relative path begins at the directory of an earlier dir line.
func (r *reader) dir(c *Config, arg string) error {
	if arg == "" {
		return errors.New("directory is empty")
	}
	c.Dir = r.path(arg)
	return nil
}

// include reads the files that match a pattern, in the order of their names, or the one file of a
// name without wildcards. A pattern can match no file, but a name must exist.
func (r *reader) include(_ *Config, name string) error {
	defer func() { r.included = true }()
	if !strings.ContainsAny(name, "*?[") {
		return r.file(r.path(name))
	}
	pattern := filepath.Clean(r.path(strings.ReplaceAll(name, "[!", "[^")))
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if hidden(pattern, path) {
			continue
		}
		if err := r.file(path); err != nil {
			return err
		}
	}
	return nil
}

// hidden reports whether a wildcard of a pattern matched a name that begins with a period, which
// glob(3) does not allow.
func hidden(pattern, path string) bool {
	patterns := strings.Split(pattern, string(filepath.Separator))
	for i, name := range strings.Split(path, string(filepath.Separator)) {
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(patterns[i], ".") {
			return true
		}
	}
	return false
}
