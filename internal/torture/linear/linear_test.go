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
