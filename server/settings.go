package server

import (
	"strconv"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// A setting is a real setting of CONFIG.
type setting struct {
	initial string                              // without get, or if get has no value
	get     func(s *Server) string              // nil: the value that was set last
	set     func(s *Server, value string) error // nil: it cannot be changed
	normal  func(value string) string           // without get: the form of a new value, or nil
}

// A clientError is an error whose text is that of Redis.
type clientError string

func (e clientError) Error() string { return string(e) }

const (
	errProtected = clientError("can't set protected config")
	errImmutable = clientError("can't set immutable config")
	errYesNo     = clientError("argument must be 'yes' or 'no'")
	errSave      = clientError("Invalid save parameters")
	errPolicy    = clientError("argument(s) must be one of the following: everysec, always, no")
	errNumber    = clientError("argument couldn't be parsed into an integer")
	errMemory    = clientError("argument must be a memory value")
	errLogOn     = clientError("Unable to turn on AOF. Check server logs.")
)

var settings map[string]*setting

func init() { // the functions of the table use it
	settings = map[string]*setting{
		"save":        {get: getSave, set: setSave},
		"appendonly":  {get: getAppendOnly, set: setAppendOnly},
		"appendfsync": {initial: "everysec", get: getAppendFsync, set: setAppendFsync},
		"auto-aof-rewrite-percentage": {initial: "100", set: func(s *Server, v string) error {
			return s.setAutoRewrite(v, s.config.values["auto-aof-rewrite-min-size"])
		}},
		"auto-aof-rewrite-min-size": {initial: "67108864", normal: inBytes, set: func(s *Server, v string) error {
			return s.setAutoRewrite(s.config.values["auto-aof-rewrite-percentage"], v)
		}},
		"no-appendfsync-on-rewrite":   {initial: "no", set: logSwitch(aof.NoFsyncOnRewrite)},
		"aof-use-rdb-preamble":        {initial: "yes", set: logSwitch(aof.RDBBase)},
		"aof-timestamp-enabled":       {initial: "no", set: logSwitch(aof.Timestamps)},
		"stop-writes-on-bgsave-error": {get: func(s *Server) string { return yesNo(s.engine.StopsWrites()) }, set: setStopWrites},
		"dir":                         {get: func(s *Server) string { return s.engine.Dir() }, set: refuseSetting},
		"dbfilename":                  {get: getDumpName, set: refuseSetting},
		"databases":                   {get: func(s *Server) string { return strconv.Itoa(s.engine.Databases()) }},
		"maxclients":                  {get: func(s *Server) string { return strconv.Itoa(s.options.limits.Clients) }},
		"timeout":                     {get: func(s *Server) string { return strconv.Itoa(int(s.options.limits.Idle.Seconds())) }},
		"requirepass":                 {get: func(*Server) string { return "" }},
		"maxmemory":                   {initial: "0", normal: inBytes, set: setMaxMemory},
		"port":                        {initial: "0"},
		"bind":                        {initial: ""},
	}
}

func refuseSetting(*Server, string) error { return errProtected }

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

func parseYesNo(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, errYesNo
}

func getSave(s *Server) string {
	var parts []string
	for _, r := range s.engine.Rules() {
		parts = append(parts, strconv.FormatInt(r.Seconds, 10)+" "+strconv.FormatInt(r.Changes, 10))
	}
	return strings.Join(parts, " ")
}

// getDumpName returns the name of the dump. A store without a dump most likely uses the default.
func getDumpName(s *Server) string {
	if name := s.engine.DumpName(); name != "" && s.engine.Dir() != "" {
		return name
	}
	return rdb.DefaultFilename
}

func setSave(s *Server, value string) error {
	words := strings.Fields(value)
	if len(words)%2 != 0 {
		return errSave
	}
	rules := []snapshot.Rule{}
	for i := 0; i < len(words); i += 2 {
		seconds, err := strconv.Atoi(words[i])
		changes, err2 := strconv.Atoi(words[i+1])
		if err != nil || err2 != nil || seconds < 1 || changes < 0 {
			return errSave
		}
		rules = append(rules, snapshot.Rule{Seconds: int64(seconds), Changes: int64(changes)})
	}
	return s.store.Configure(perdure.WithSaveRules(rules...))
}

func getAppendOnly(s *Server) string { return yesNo(s.store.Stats().LogEnabled) }

func setAppendOnly(s *Server, value string) error {
	on, err := parseYesNo(value)
	if err != nil || on == s.store.Stats().LogEnabled {
		return err
	}
	if !on {
		return s.store.Configure(perdure.WithoutAppendLog())
	}
	policy, err := parsePolicy(s.config.values["appendfsync"])
	if err != nil {
		return err
	}
	if err := s.store.Configure(perdure.WithAppendLog(aof.New(aof.Fsync(policy)))); err != nil {
		return errLogOn
	}
	return nil
}

// getAppendFsync returns the policy of the log, or without a log the one that the next will have.
func getAppendFsync(s *Server) string {
	if policy := s.store.Stats().FsyncPolicy; policy != "" {
		return policy
	}
	return s.config.values["appendfsync"]
}

func setAppendFsync(s *Server, value string) error {
	policy, err := parsePolicy(value)
	if err != nil {
		return err
	}
	s.config.values["appendfsync"] = strings.ToLower(value)
	return s.configureLog(aof.Fsync(policy))
}

func parsePolicy(value string) (aof.FsyncPolicy, error) {
	for _, p := range []aof.FsyncPolicy{aof.EverySec, aof.Always, aof.No} {
		if strings.EqualFold(value, p.String()) {
			return p, nil
		}
	}
	return 0, errPolicy
}

// configureLog changes an option of perdure's log. If there is no log, it does nothing.
func (s *Server) configureLog(o aof.Option) error {
	if log, ok := s.engine.Log().(*aof.Log); ok {
		return log.Configure(o)
	}
	return nil
}

// logSwitch returns the set function for an option of the log that is yes or no.
func logSwitch(option func(bool) aof.Option) func(s *Server, value string) error {
	return func(s *Server, value string) error {
		on, err := parseYesNo(value)
		if err != nil {
			return err
		}
		return s.configureLog(option(on))
	}
}

func (s *Server) setAutoRewrite(percentage, size string) error {
	p, err := strconv.Atoi(percentage)
	if err != nil || p < 0 {
		return errNumber
	}
	n, err := parseMemory(size)
	if err != nil {
		return err
	}
	return s.configureLog(aof.AutoRewrite(p, n))
}

// inBytes returns the number of bytes of a valid value.
func inBytes(value string) string {
	n, _ := parseMemory(value)
	return strconv.FormatInt(n, 10)
}

// parseMemory parses a number of bytes with an optional unit, such as 64mb.
func parseMemory(value string) (int64, error) {
	digits := strings.TrimRight(strings.ToLower(value), "kmgb")
	unit, ok := map[string]int64{
		"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000 * 1000, "mb": 1 << 20, "g": 1000 * 1000 * 1000, "gb": 1 << 30,
	}[strings.ToLower(value)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > (1<<62)/unit {
		return 0, errMemory
	}
	return n * unit, nil
}

func setStopWrites(s *Server, value string) error {
	on, err := parseYesNo(value)
	if err != nil {
		return err
	}
	return s.store.Configure(perdure.WithStopWritesOnSaveError(on))
}
