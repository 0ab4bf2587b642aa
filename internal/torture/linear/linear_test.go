package main

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestLinearizable runs the command at its default size.
func TestLinearizable(t *testing.T) {
	sum, err := check(1, -1, func(done int) bool { return done < 200 })
	t.Log(sum)
	if err != nil {
		t.Fatal(err)
	}
}

// TestModelsDetectAnomalies checks that the models refuse a lost write and a partial batch.
func TestModelsDetectAnomalies(t *testing.T) {
	one := func(in input, out output, at int64) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: at, Return: at + 1}
	}
	set := one(input{kind: opSet, keys: []string{"a"}, arg: "x"}, output{}, 0)
	stale := one(input{kind: opGet, keys: []string{"a"}}, output{values: []string{""}}, 5)
	if porcupine.CheckOperations(keyModel, []porcupine.Operation{set, stale}) {
		t.Error("CheckOperations of a lost write = true, want false")
	}
	batch := one(input{kind: opBatch, keys: []string{"a", "b"}, arg: "x"}, output{unknown: true}, 0)
	seen := one(input{kind: opGet, keys: []string{"a"}}, output{values: []string{"x"}, found: true}, 5)
	unseen := one(input{kind: opGet, keys: []string{"b"}}, output{values: []string{""}}, 9)
	if porcupine.CheckOperations(batchModel, []porcupine.Operation{batch, seen, unseen}) {
		t.Error("CheckOperations of a partial batch = true, want false")
	}
}

// TestModelsDetectAnomaliesOfCollections checks that the models refuse an element that two calls
// removed, a lost score, and a wrong rank.
func TestModelsDetectAnomaliesOfCollections(t *testing.T) {
	push := input{kind: opPushBack, keys: []string{"l0"}, arg: "a"}
	pop := input{kind: opPopFront, keys: []string{"l0"}}
	popped := output{values: []string{"a"}, found: true}
	a, b := input{kind: opAdd, keys: []string{"z0"}, arg: "a", score: 2}, input{kind: opAdd, keys: []string{"z0"}, arg: "b", score: 1}
	score, rank := input{kind: opScore, keys: []string{"z0"}, arg: "a"}, input{kind: opRank, keys: []string{"z0"}, arg: "a"}
	one, added := output{values: []string{"1"}, found: true}, output{found: true}
	type call struct {
		in  input
		out output
	}
	for name, c := range map[string]struct {
		calls []call
		want  bool
	}{
		"popped once":  {[]call{{push, output{values: []string{"1"}}}, {pop, popped}}, true},
		"popped twice": {[]call{{push, output{values: []string{"1"}}}, {pop, popped}, {pop, popped}}, false},
		"rank":         {[]call{{a, added}, {b, added}, {rank, one}}, true},
		"wrong rank":   {[]call{{a, added}, {b, added}, {rank, output{values: []string{"0"}, found: true}}}, false},
		"lost score":   {[]call{{a, added}, {score, output{values: []string{"0"}}}}, false},
	} {
		var history []porcupine.Operation
		for i, call := range c.calls {
			at := int64(10 * i)
			history = append(history, porcupine.Operation{Input: call.in, Output: call.out, Call: at, Return: at + 1})
		}
		if got := porcupine.CheckOperations(keyModel, history); got != c.want {
			t.Errorf("%s: CheckOperations = %v, want %v", name, got, c.want)
		}
	}
}
