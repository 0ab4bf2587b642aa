package perdure_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
)

// againstModel changes a store in memory, one whose collections have trees from the start, and one
// with a log. For each of them, it calls model, then step many times, and check often and after it
// has reopened the log.
func againstModel(t *testing.T, model func() (step func(*perdure.Store, *rand.Rand), check func(*perdure.Store))) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"small", "large", "log"} {
		var s *perdure.Store
		switch name {
		case "small":
			s = memory(t)
		case "large":
			s = open(t, t.TempDir(), perdure.WithoutAppendLog(), storefs.SmallCollections(64))
		case "log":
			s = open(t, dir, logOnly()...)
		}
		step, check := model()
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 2000 {
			if step(s, r); i%100 == 0 {
				check(s)
			}
		}
		if name == "log" {
			ok(t, s.Close())
			s = open(t, dir, logOnly()...)
		}
		check(s)
	}
}

// word returns one of some short names.
func word(r *rand.Rand) string { return fmt.Sprintf("name:%d", r.IntN(40)) }

// same fails the test unless got is wanted and err nil.
func same[T comparable](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%s = %v, %v, want %v, nil", what, got, err, want)
	}
}
