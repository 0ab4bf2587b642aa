package perdure

import (
	"strings"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// Configure changes options while the store is open, as Redis's CONFIG SET does: [WithSaveRules],
// [WithStopWritesOnSaveError], [WithAutoRecover], [WithAppendLog], and [WithoutAppendLog]. Options
// that are not given keep their values. If two contradict each other, the last one applies.
//
// Configure validates every option first. On error it has applied none. It returns an error
// matching [ErrOptions] if an option cannot be changed or is invalid. There is one exception: if
// closing the log fails for [WithoutAppendLog], all options are applied and the log is off.
//
// A log or Snapshotter is configured through its own methods: see [aof.Log.Configure] and
// [rdb.Dump.Configure].
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
			return errtext.Named(err)
		}
	}
	return errtext.Named(s.e.Configure(c.change()))
}

// change returns the options that were given, for [Store.Configure].
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

// optionError is an error about an option. It matches [ErrOptions], and its cause if there is one.
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
