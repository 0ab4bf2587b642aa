package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// A Rule requests a snapshot after Seconds if at least Changes writes were made: Redis's "save
// <seconds> <changes>".
type Rule struct {
	Seconds int64 // at least 1
	Changes int64 // 0 requests a snapshot every Seconds, even without changes
}

// RetryDelay is the time without automatic snapshots after a failed one
// (CONFIG_BGSAVE_RETRY_DELAY).
const RetryDelay = 5 * time.Second

// State is the input of [Due]. Times are measured from any one origin on a clock that does not
// jump.
type State struct {
	Now      time.Duration
	LastSave time.Duration // last successful snapshot; before the first, the start of the store
	LastTry  time.Duration // start of the last snapshot
	Failed   bool          // the last snapshot failed
	Dirty    int64         // changes since the last successful snapshot
}

// Due returns the first rule that requests a snapshot now, like Redis's serverCron. The rule needs
// at least Changes changes and strictly more than Seconds whole seconds. After a failure it also
// needs strictly more than [RetryDelay] since the last try.
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

// ErrRule is matched by the error of [Rule.Validate].
var ErrRule = errors.New("perdure: invalid save rule")

// Validate returns an error matching [ErrRule] if Redis would refuse the rule.
func (r Rule) Validate() error {
	if r.Seconds < 1 || r.Changes < 0 {
		return fmt.Errorf("%w: %d seconds, %d changes", ErrRule, r.Seconds, r.Changes)
	}
	return nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
