package server

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/perduredb/perdure/internal/glob"
	"github.com/perduredb/perdure/internal/op"
)

// config contains the settings of CONFIG. Those of settings are real: they are read from the store
// and change it. Others are only remembered, because clients and test suites read and set them.
type config struct {
	server *Server
	mu     sync.Mutex
	values map[string]string // of settings without a get function
}

func newConfig(s *Server) *config {
	c := &config{server: s, values: maps.Clone(remembered)}
	for name, setting := range settings {
		if setting.get == nil || setting.initial != "" {
			c.values[name] = setting.initial
		}
	}
	return c
}

// get returns a setting, and reports whether it exists. c.mu must be held.
func (c *config) get(name string) (string, bool) {
	if setting := settings[name]; setting != nil && setting.get != nil {
		return setting.get(c.server), true
	}
	value, ok := c.values[name]
	return value, ok
}

// matching returns the names that match one of the patterns, in order.
func (c *config) matching(patterns []string) (names []string) {
	all := slices.Concat(slices.Collect(maps.Keys(settings)), slices.Collect(maps.Keys(c.values)))
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		if slices.ContainsFunc(patterns, func(p string) bool { return glob.Match(p, name) }) {
			names = append(names, name)
		}
	}
	return names
}

// set changes settings, given as pairs of names and values. If a value is refused, settings before
// it have their old values again.
func (c *config) set(pairs []string) error {
	for i := 0; i < len(pairs); i += 2 {
		name := strings.ToLower(pairs[i])
		if _, ok := c.get(name); !ok {
			return clientError("Unknown option or number of arguments for CONFIG SET - '" + op.Shown([]byte(pairs[i]), len(pairs[i])) + "'")
		}
		for j := 0; j < i; j += 2 {
			if strings.EqualFold(pairs[j], name) {
				return setError(name, "duplicate parameter")
			}
		}
	}
	var undo []string
	for i := 0; i < len(pairs); i += 2 {
		name := strings.ToLower(pairs[i])
		old, _ := c.get(name)
		if err := c.setOne(name, pairs[i+1]); err != nil {
			for j := len(undo) - 2; j >= 0; j -= 2 {
				_ = c.setOne(undo[j], undo[j+1]) // it was valid before
			}
			return setError(name, err.Error())
		}
		undo = append(undo, name, old)
	}
	return nil
}

func setError(name, why string) error {
	return clientError("CONFIG SET failed (possibly related to argument '" + name + "') - " + why)
}

func (c *config) setOne(name, value string) error {
	setting := settings[name]
	if setting == nil {
		value, err := checkRemembered(name, value)
		if err != nil {
			return err
		}
		for _, alias := range append([]string{name}, aliases[name]...) {
			c.values[alias] = value
		}
		return nil
	}
	if setting.set == nil {
		return errImmutable
	}
	if err := setting.set(c.server, value); err != nil {
		return err
	}
	if setting.get == nil {
		if setting.normal != nil {
			value = setting.normal(value)
		}
		c.values[name] = value
	}
	return nil
}

var configSubcommands = []subcommand{
	{"GET", -3, (*client).configGet},
	{"SET", -4, (*client).configSet},
	{"RESETSTAT", 2, (*client).configReset},
	{"REWRITE", 2, (*client).configRewrite},
	{"HELP", 2, (*client).help},
}

func (c *client) configGet(words [][]byte) {
	config := c.server.config
	config.mu.Lock()
	defer config.mu.Unlock()
	names := config.matching(lowered(words[2:]))
	c.out.Map(len(names))
	for _, name := range names {
		value, _ := config.get(name)
		c.out.Text(name)
		c.out.Text(value)
	}
}

func (c *client) configSet(words [][]byte) {
	if len(words)%2 != 0 {
		c.out.Error("ERR syntax error")
		return
	}
	pairs := make([]string, 0, len(words)-2)
	for _, word := range words[2:] {
		pairs = append(pairs, string(word))
	}
	config := c.server.config
	config.mu.Lock()
	defer config.mu.Unlock()
	if err := config.set(pairs); err != nil {
		c.out.Error("ERR " + err.Error())
		return
	}
	c.out.Line("OK")
}

func (c *client) configReset([][]byte) {
	c.server.counts.reset()
	c.out.Line("OK")
}

func (c *client) configRewrite([][]byte) {
	c.out.Error("ERR The server is running without a config file")
}

func lowered(words [][]byte) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = strings.ToLower(string(word))
	}
	return all
}
