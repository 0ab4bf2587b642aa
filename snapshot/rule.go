package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Rule asks for a snapshot after Seconds when at least Changes writes were made: Redis's
// "save <seconds> <changes>".
type Rule struct {
	Seconds int64 // at least 1
	Changes int64 // 0 asks for one every Seconds, changed or not
}

// RetryDelay is how long the rules rest after a snapshot that failed (CONFIG_BGSAVE_RETRY_DELAY).
const RetryDelay = 5 * time.Second

// State is what rules are judged by. Times are counted from any one origin on a clock that does
// not jump.
type State struct {
	Now      time.Duration
	LastSave time.Duration // when the last snapshot succeeded; the start of the store before the first
	LastTry  time.Duration // when the last one was begun
	Failed   bool          // the last one failed
	Dirty    int64         // changes since the last one that succeeded
}

// Due returns the first of the rules that asks for a snapshot now, as Redis's serverCron judges
// them: at least Changes changes, strictly more than Seconds whole seconds, and after a failure
// strictly more than RetryDelay since the last try.
func Due(rules []Rule, s State) (Rule, bool) {
	for _, r := range rules {
		if s.Dirty >= r.Changes &&
			seconds(s.Now)-seconds(s.LastSave) > r.Seconds &&
			(!s.Failed || seconds(s.Now)-seconds(s.LastTry) > seconds(RetryDelay)) {
			return r, true
		}
	}
	return Rule{}, false
}

// ErrRule is matched by the error of Validate.
var ErrRule = errors.New("invalid save rule")

// Validate reports a rule that Redis would refuse.
func (r Rule) Validate() error {
	if r.Seconds < 1 || r.Changes < 0 {
		return fmt.Errorf("%w: %d seconds, %d changes", ErrRule, r.Seconds, r.Changes)
	}
	return nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
