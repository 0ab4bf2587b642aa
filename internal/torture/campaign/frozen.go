package campaign

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/aof"
)

// frozen contains the frozen scripts and directories. They are files, so a change of a format or of
// a generator does not change what the campaigns check. Seed 1 plays the frozen scripts, and later
// seeds make new scripts. The commit in the name of its folder wrote each directory, and every
// later version must read it.
//
//	testdata/frozen/scripts/<campaign>/<name>.jsonl          one op a line
//	testdata/frozen/directories/<commit>/<name>/data/...     the files
//	testdata/frozen/directories/<commit>/<name>/about.json   a frozenDirectory
//
//go:embed testdata/frozen
var frozen embed.FS

const frozenRoot = "testdata/frozen"

// frozenOp is the JSON form of an op.
type frozenOp struct {
	Kind    string     `json:"kind"`
	DB      int        `json:"db,omitempty"`
	Key     string     `json:"key,omitempty"`
	Value   string     `json:"value,omitempty"`
	At      int64      `json:"at,omitempty"`
	Durable bool       `json:"durable,omitempty"`
	Args    []string   `json:"args,omitempty"`
	Inner   []frozenOp `json:"inner,omitempty"`
}

// frozenDirectory describes a frozen directory.
type frozenDirectory struct {
	Log    bool       `json:"log"`    // the append-only file is on
	Closed bool       `json:"closed"` // closed by Close; false if a killed process left it
	Low    int        `json:"low"`    // the oldest state for damage that looks like a torn tail
	Script []frozenOp `json:"script"` // its writes lead to the final state
}

func freezeOps(sc script) (out []frozenOp) {
	for _, o := range sc {
		out = append(out, frozenOp{
			Kind: kindNames[o.kind], DB: o.db, Key: o.key, Value: o.value, At: o.at, Durable: o.durable, Args: o.args,
			Inner: freezeOps(o.inner),
		})
	}
	return out
}

func thawOps(ops []frozenOp) (sc script, err error) {
	for _, f := range ops {
		o := op{kind: -1, db: f.DB, key: f.Key, value: f.Value, at: f.At, durable: f.Durable, args: f.Args}
		for k, name := range kindNames {
			if name == f.Kind {
				o.kind = kind(k)
			}
		}
		if o.kind < 0 {
			return nil, fmt.Errorf("unknown kind %q of a frozen op", f.Kind)
		}
		if o.inner, err = thawOps(f.Inner); err != nil {
			return nil, err
		}
		sc = append(sc, o)
	}
	return sc, nil
}

// frozenScript returns the script with a name. In the first round it is the frozen script,
// otherwise the result of fresh.
func frozenScript(seed uint64, campaign, name string, fresh func() script) script {
	if seed != 1 {
		return fresh()
	}
	text, err := frozen.ReadFile(path.Join(frozenRoot, "scripts", campaign, fileName(name)+".jsonl"))
	if err != nil {
		panic(err) // every script of seed 1 is frozen
	}
	var ops []frozenOp
	for lines := json.NewDecoder(bytes.NewReader(text)); lines.More(); {
		var o frozenOp
		if err := lines.Decode(&o); err != nil {
			panic(fmt.Sprintf("%s/%s: %v", campaign, name, err))
		}
		ops = append(ops, o)
	}
	sc, err := thawOps(ops)
	if err != nil {
		panic(fmt.Sprintf("%s/%s: %v", campaign, name, err))
	}
	return sc
}

// frozenFixtures returns the frozen directories.
func frozenFixtures() (all []*fixture, err error) {
	abouts, err := fs.Glob(frozen, path.Join(frozenRoot, "directories/*/*/about.json"))
	if err != nil {
		return nil, err
	}
	for _, about := range abouts {
		f, err := thawDirectory(path.Dir(about))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", about, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func thawDirectory(dir string) (*fixture, error) {
	text, err := frozen.ReadFile(path.Join(dir, "about.json"))
	if err != nil {
		return nil, err
	}
	var d frozenDirectory
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	sc, err := thawOps(d.Script)
	if err != nil {
		return nil, err
	}
	m := mode{name: "frozen"}
	if d.Log {
		m.log = []aof.Option{}
	}
	f := &fixture{mode: m, name: "frozen " + path.Base(dir), low: d.Low, closed: d.Closed, files: map[string]string{}}
	f.life = newLife(m, nil, []state{{}}, 0)
	for _, o := range sc {
		if o.writes() {
			next := maps.Clone(f.life.states[len(f.life.states)-1])
			o.apply(next)
			f.life.push(next)
			f.life.issued.Add(1)
		}
	}
	data, err := fs.Sub(frozen, path.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	return f, fs.WalkDir(data, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(data, name)
		f.files[name] = string(content)
		return err
	})
}

// FreezeDirectories writes the directories that campaign rot makes with a seed to files below dir,
// in the form that is embedded. Before a commit changes a file format, it freezes the directories
// of the previous commit.
func FreezeDirectories(dir string, seed uint64) error {
	all, err := fixtures(seed)
	if err != nil {
		return err
	}
	for _, f := range all {
		home := filepath.Join(dir, fileName(f.name))
		about, err := json.Marshal(frozenDirectory{
			Log: f.log != nil, Closed: f.closed, Low: f.low, Script: freezeOps(f.played),
		})
		if err != nil {
			return err
		}
		files := map[string]string{"about.json": string(about) + "\n"}
		for name, content := range f.files {
			files[path.Join("data", name)] = content
		}
		for name, content := range files {
			to := filepath.Join(home, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileName turns a script's or fixture's name into a file name.
func fileName(name string) string {
	return strings.NewReplacer(" ", "-", ",", "", "/", "-").Replace(name)
}
