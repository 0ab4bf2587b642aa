package perdure

import (
	"strings"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/snapshot"
)

// Configure changes options while the store is open, as Redis's CONFIG SET does: [WithSaveRules],
// [WithStopWritesOnSaveError], [WithAutoRecover], [WithAppendLog] and [WithoutAppendLog]. An option
// that is not given stays as it is, and the last of two that contradict each other counts.
//
// It validates every option first. On an error it has applied none: an option that cannot be
// changed, or makes no sense, is an error matching ErrOptions. There is one exception: an error of
// closing the log, for [WithoutAppendLog], comes when everything is applied and the log is off.
//
// Log and Snapshotter are configured by their own methods, by whoever made them: see
// [aof.Log.Configure] and [rdb.Dump.Configure].
func (s *Store) Configure(opts ...Option) error {
	if err := s.e.Closed(); err != nil {
		return err
	}
	var c config
	for _, o := range opts {
		if o.set != nil && !o.live {
			return &optionError{what: o.name + " cannot be changed while the store is open"}
		}
		if err := o.apply(&c); err != nil {
			return named(err)
		}
	}
	return named(s.e.Configure(c.change()))
}

// change returns the options that were given, for Configure.
func (c *config) change() (to engine.Change) {
	if c.given.rules {
		to.Rules = append([]snapshot.Rule{}, c.Rules...)
	}
	if c.given.stopWrites {
		to.KeepWritingOnSaveFail = &c.KeepWritingOnSaveFail
	}
	if c.given.autoRecover {
		to.NoAutoRecover = &c.NoAutoRecover
	}
	to.SwitchLog, to.Log = c.given.log, c.Log
	return to
}

// optionError is an error about an option that matches ErrOptions, and its cause if there is one.
type optionError struct {
	what  string
	cause error
}

func (e *optionError) Error() string {
	s := ErrOptions.Error()
	if e.what != "" {
		s += ": " + e.what
	}
	if e.cause != nil {
		s += ": " + strings.TrimPrefix(e.cause.Error(), "perdure: ")
	}
	return s
}

func (e *optionError) Is(target error) bool { return target == ErrOptions }

func (e *optionError) Unwrap() error { return e.cause }
