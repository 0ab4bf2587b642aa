package objectstore_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/examples/objectstore"
	"github.com/perduredb/perdure/snapshot"
	"github.com/perduredb/perdure/storetest"
)

func TestSnapshotterConforms(t *testing.T) {
	bucket := dirBucket{t.TempDir()}
	storetest.Snapshotter(t, func(place string) snapshot.Snapshotter { return objectstore.New(bucket, place) })
}

// TestDamagedObjectIsError shortens the object, which storetest cannot do.
func TestDamagedObjectIsError(t *testing.T) {
	bucket := dirBucket{t.TempDir()}
	open := func() (*perdure.Store, error) {
		return perdure.Open(t.TempDir(), perdure.WithoutAppendLog(),
			perdure.WithSnapshotter(objectstore.New(bucket, "shop")))
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set("k", make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := bucket.List(context.Background(), "shop/")
	if err != nil || len(names) != 1 {
		t.Fatalf("List = %q, %v, want one object", names, err)
	}
	if err := os.Truncate(bucket.path(names[0]), 40); err != nil {
		t.Fatal(err)
	}
	if s, err := open(); err == nil {
		s.CloseNoSave()
		t.Error("Open with a damaged object = nil, want an error")
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "objectstore")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	bucket := dirBucket{dir} // in production: a Bucket that uses the client of an object store
	for range 2 {
		data, err := os.MkdirTemp(dir, "data") // the machine is new each time
		if err != nil {
			panic(err)
		}
		s, err := perdure.Open(data, perdure.WithoutAppendLog(),
			perdure.WithSnapshotter(objectstore.New(bucket, "shop")))
		if err != nil {
			panic(err)
		}
		n, err := s.Incr("runs")
		fmt.Println(n, err)
		if err := s.Close(); err != nil {
			panic(err)
		}
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}
