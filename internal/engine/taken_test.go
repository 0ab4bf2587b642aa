package engine

import (
	"testing"

	"github.com/perduredb/perdure/rdb"
)

func TestWhenTakenPrecedesSave(t *testing.T) {
	e, err := Open(t.Context(), Options{Databases: 1, Dir: t.TempDir(), Snapshotter: rdb.New()})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	calls := 0
	e.WhenTaken(func() {
		calls++
		if !e.Taken() {
			t.Error("Taken when the function is called = false, want true")
		}
	})
	for want := 1; want <= 2; want++ {
		if _, err := e.Save(t.Context()); err != nil {
			t.Fatalf("Save = %v, want nil", err)
		}
		if calls != want {
			t.Errorf("%d saves called the function %d times", want, calls)
		}
		if e.Taken() {
			t.Error("Taken after a save = true, want false")
		}
	}
}
