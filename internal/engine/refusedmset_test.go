package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// TestPairsWithoutMemory refuses memory at some point of an MSET: as a method and as a command of a
// transaction that ignores its error, and as a command of a client's transaction. None or all of
// its pairs must be stored.
func TestPairsWithoutMemory(t *testing.T) {
	const pairs = 40
	for name, mset := range map[string]func(s *scarce, command string) error{
		"method": func(s *scarce, command string) error {
			all := words(command)[1:]
			tx := new(Tx)
			return s.e.Update(tx, 0, false, func() error {
				_ = tx.MSet(0, pairs, func(i int) (string, []byte) { return string(all[2*i]), all[2*i+1] })
				return nil
			})
		},
		"command": func(s *scarce, command string) error {
			tx := new(Tx)
			return s.e.Update(tx, 0, false, func() error {
				_, _ = tx.Do(0, words(command))
				return nil
			})
		},
		"client": func(s *scarce, command string) error {
			session, q := s.e.NewSession(nil), Queued{op.Lookup("MSET"), words(command)}
			_, err := session.Transaction([]Queued{q}, &resp.Reply{}, func(do func(db int, q Queued)) { do(0, q) })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, refused := newScarce(t, 0), 0
			for round := range 100 {
				command, query := "MSET", "EXISTS"
				for i := range pairs {
					command += fmt.Sprintf(" k%d:%d %s", round, i, strings.Repeat("v", 1000))
					query += fmt.Sprintf(" k%d:%d", round, i)
				}
				s.left.Store(int64(round % 12 * 4096))
				err := mset(s, command)
				s.left.Store(plenty)
				if err != nil && err != op.ErrNoMemory {
					t.Fatalf("MSET = %v, want nil or ErrNoMemory", err)
				}
				switch got := s.do(query); got {
				case ":0\r\n":
					refused++
				case fmt.Sprintf(":%d\r\n", pairs):
				default:
					t.Fatalf("EXISTS after an MSET of %d pairs = %q, want all or none", pairs, got)
				}
			}
			if refused == 0 {
				t.Error("no MSET was refused, want some")
			}
		})
	}
}
