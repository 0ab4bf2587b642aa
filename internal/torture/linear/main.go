// Command linear checks that a store is linearizable. It passes porcupine histories of concurrent
// calls on single keys and of transactions, including histories with a crash during calls.
//
//	go run . -histories 200 -seed 1
//	go run . -for 1h
//
// It is a separate module, so that no other go.mod requires porcupine.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience limits the search of one history. The decision is NP-complete, so a history that takes
// longer is counted as undecided.
const patience = 20 * time.Second

func main() {
	n := flag.Int("histories", 200, "number of histories")
	seed := flag.Uint64("seed", 1, "seed of the first history")
	kind := flag.Int("kind", -1, "run only this kind of history; -1 runs all")
	length := flag.Duration("for", 0, "run for this time instead of -histories")
	flag.Parse()
	began := time.Now()
	sum, err := check(*seed, *kind, func(done int) bool {
		if *length > 0 {
			return time.Since(began) < *length
		}
		return done < *n
	})
	fmt.Printf("%s in %v\n", sum, time.Since(began).Round(time.Second/10))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// summary counts the checked histories and operations.
type summary struct {
	histories  []int
	operations int
	undecided  int
}

func (s summary) String() string {
	text := ""
	for i, st := range setups {
		text += fmt.Sprintf("%d histories of %s, ", s.histories[i], st.name)
	}
	return text + fmt.Sprintf("%d operations, %d undecided", s.operations, s.undecided)
}

// check makes and checks histories with increasing seeds while more returns true. Every second
// history is of single keys.
func check(seed uint64, kind int, more func(done int) bool) (sum summary, err error) {
	sum.histories = make([]int, len(setups))
	for done := 0; more(done); done++ {
		i := 0
		if done%2 == 1 {
			i = 1 + done/2%(len(setups)-1)
		}
		if kind >= 0 {
			i = kind
		}
		at := seed + uint64(done)
		st := setups[i]
		history, err := st.play(at)
		again := func(err error) error {
			return fmt.Errorf("FAIL linear: %s: %w | again: go run . -histories 1 -kind %d -seed %d", st.name, err, i, at)
		}
		if err != nil {
			return sum, again(err)
		}
		switch porcupine.CheckOperationsTimeout(st.model, history, patience) {
		case porcupine.Illegal:
			return sum, again(fmt.Errorf("check of %d operations = Illegal, want Ok", len(history)))
		case porcupine.Unknown:
			sum.undecided++
		}
		sum.histories[i]++
		sum.operations += len(history)
	}
	total := 0
	for _, n := range sum.histories {
		total += n
	}
	if sum.undecided*1000 > total+999 {
		return sum, fmt.Errorf("FAIL linear: %d of %d histories undecided, want at most 1 in 1000",
			sum.undecided, total)
	}
	return sum, nil
}
