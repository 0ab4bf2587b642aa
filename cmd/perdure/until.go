package main

import (
	"flag"
	"fmt"
	"strconv"
	"time"
)

// moment is a flag for a point in time, as Unix seconds or RFC 3339 such as 2026-01-02T15:04:05Z.
type moment struct{ time.Time }

// Set implements flag.Value.
func (m *moment) Set(text string) error {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 {
		m.Time = time.Unix(seconds, 0)
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("want Unix seconds or 2026-01-02T15:04:05Z")
	}
	m.Time = t
	return nil
}

// String implements flag.Value.
func (m *moment) String() string {
	if m == nil || m.IsZero() {
		return ""
	}
	return m.UTC().Format(time.RFC3339)
}

// untilFlag adds --until to a command that reads a log.
func untilFlag(f *flag.FlagSet) *moment {
	m := &moment{}
	f.Var(m, "until", "read the log up to `time`, inclusive (Unix seconds or 2026-01-02T15:04:05Z)")
	return m
}

// locateUntil is like locate for a PATH whose log is read up to a time.
func (a *app) locateUntil(path string, until *moment) (place, error) {
	p, err := locate(a.fs, path)
	if err == nil && !until.IsZero() {
		if p.log == "" {
			return p, &usageError{fmt.Sprintf("%s: --until needs a log, got a %s", path, p.form)}
		}
		p.until = until.Time
	}
	return p, err
}
