package engine

import "github.com/perduredb/perdure/internal/op"

// walk executes a command with the flag Walks. If one of its keys is a large collection, it runs on
// captured values with no lock held: see [op.Exec.Capture]. After too many races with writers it
// runs under the locks.
func (s *Session) walk(x *exec, db int, c *op.Command, words [][]byte) error {
	for tries := 0; ; tries++ {
		p := op.Place{DB: db}
		if err := s.lockFor(x, c, words, &p); err != nil {
			return err
		}
		if tries == largeTries || !x.Capture(c, db, words) {
			c.RunAt(&x.Exec, p, words)
			s.end(x)
			return nil
		}
		if done, err := s.runCaptured(x, db, c, words); done {
			return err
		}
	}
}

// runCaptured runs a command on the values that were just captured under its locks. The result done
// is false if it has to be run again, because other writers have changed a key.
func (s *Session) runCaptured(x *exec, db int, c *op.Command, words [][]byte) (done bool, err error) {
	defer x.Uncapture()
	s.end(x)
	x.Restart()
	if s.e.opts.Walking != nil {
		s.e.opts.Walking()
	}
	done, err = x.RunCaptured(c, db, words, func() error { return s.lockFor(x, c, words, &op.Place{DB: db}) })
	if x.held != nil { // the command has changed a key
		s.end(x)
	}
	x.Restart()
	return done, err
}
