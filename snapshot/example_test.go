package snapshot_test

import (
	"fmt"
	"time"

	"github.com/perduredb/perdure/snapshot"
)

func ExampleDue() {
	rules := []snapshot.Rule{{Seconds: 900, Changes: 1}, {Seconds: 60, Changes: 10000}}
	state := snapshot.State{Now: 61 * time.Second, Dirty: 9999}
	_, due := snapshot.Due(rules, state)
	fmt.Println(due)
	state.Dirty++
	rule, due := snapshot.Due(rules, state)
	fmt.Println(rule.Seconds, due)
	// Output:
	// false
	// 60 true
}
