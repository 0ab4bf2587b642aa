package engine

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// pausedSnapshots calls pause after the snapshot was taken and before it is written.
type pausedSnapshots struct {
	snapshot.Snapshotter
	pause func()
}

func (p pausedSnapshots) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	p.pause()
	return p.Snapshotter.Save(ctx, v)
}

// TestCloseRefusesWriteThatIsOnItsWay admits a large write before Close, and lets it continue after
// the last snapshot was taken. If it returned nil, the next Open would not have it.
func TestCloseRefusesWriteThatIsOnItsWay(t *testing.T) {
	const size = 1 << 20
	preparing, saving := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	var once sync.Once
	e, err := Open(t.Context(), Options{
		Dir: "/data", FS: vfs.NewMem("/data"), Databases: 1, Rules: []snapshot.Rule{{Seconds: 3600, Changes: 1}},
		Snapshotter: pausedSnapshots{rdb.New(), func() {
			close(saving)
			if err := <-written; !errors.Is(err, ErrClosed) {
				t.Errorf("a write after the last snapshot returned %v, want ErrClosed", err)
			}
		}},
		MemoryLimit: func(n int) bool {
			if n >= size {
				once.Do(func() { // the write was admitted, and does not have a lock yet
					close(preparing)
					<-saving
				})
			}
			return true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetPlain(0, false, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	go func() {
		written <- e.Call(0, false, &op.Call{Code: op.Set, Key: "large", Value: make([]byte, size)})
	}()
	<-preparing
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
