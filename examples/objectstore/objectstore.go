// Package objectstore keeps snapshots in an object store, such as S3 or a directory. It is an
// example of a [snapshot.Snapshotter] that uses only exported names.
//
// A snapshot is one object in Redis's RDB format, with an increasing number in its name. The newest
// snapshot has the highest number. Object stores guarantee that an object appears whole or not at
// all. Save deletes an older object only after the newer one exists. After a failed save or a
// crash, the previous snapshot therefore remains.
package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Bucket is the interface that an object store must provide. A program implements it with the
// client of its object store.
type Bucket interface {
	// Put stores everything that r returns as an object. It returns when the object is durable. If
	// Put returns an error, including an error of r, no object with that name exists.
	Put(ctx context.Context, name string, r io.Reader) error

	// Get returns an object. It returns an error matching fs.ErrNotExist if the object does not
	// exist.
	Get(ctx context.Context, name string) (io.ReadCloser, error)

	// List returns the names of the objects that begin with prefix, in any order.
	List(ctx context.Context, prefix string) ([]string, error)

	// Delete removes an object.
	Delete(ctx context.Context, name string) error
}

// Snapshotter keeps the snapshots of one store under a prefix of a Bucket.
type Snapshotter struct {
	bucket Bucket
	prefix string
	env    snapshot.Env
}

var _ snapshot.Snapshotter = (*Snapshotter)(nil)

// New returns a Snapshotter whose objects have names that begin with prefix and a slash. Two stores
// need two prefixes.
func New(bucket Bucket, prefix string) *Snapshotter {
	return &Snapshotter{bucket: bucket, prefix: prefix}
}

// Open implements [snapshot.Snapshotter].
func (s *Snapshotter) Open(env snapshot.Env) error {
	s.env = env
	return nil
}

const suffix = ".rdb"

// name returns the name of the snapshot with a number.
func (s *Snapshotter) name(number int) string {
	return fmt.Sprintf("%s/snapshot-%016d%s", s.prefix, number, suffix)
}

// newest returns the names of all snapshots, the newest last, and its number; 0 without a snapshot.
func (s *Snapshotter) newest(ctx context.Context) (names []string, number int, err error) {
	names, err = s.bucket.List(ctx, s.prefix+"/snapshot-")
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, suffix) })
	if len(names) == 0 {
		return nil, 0, nil
	}
	text := strings.TrimSuffix(strings.TrimPrefix(names[len(names)-1], s.prefix+"/snapshot-"), suffix)
	if _, err := fmt.Sscanf(text, "%d", &number); err != nil {
		return nil, 0, fmt.Errorf("%s: not the name of a snapshot: %w", names[len(names)-1], err)
	}
	return names, number, nil
}

// errFirstEntry stops decoding after the header.
var errFirstEntry = errors.New("header read")

// Stat implements [snapshot.Snapshotter]. It reads the header of the object. The size is unknown,
// because a Bucket does not report sizes.
func (s *Snapshotter) Stat() (snapshot.Info, error) {
	info, err := s.read(context.Background(), headerOnly{})
	info.Size = -1
	if errors.Is(err, errFirstEntry) {
		err = nil
	}
	return info, err
}

// Load implements [snapshot.Snapshotter].
func (s *Snapshotter) Load(ctx context.Context, l snapshot.Loader) (snapshot.Info, error) {
	info, err := s.read(ctx, l)
	if err != nil {
		return snapshot.Info{}, err
	}
	return info, nil
}

// read decodes the newest object. If l returns an error, read returns the information in the
// header.
func (s *Snapshotter) read(ctx context.Context, l snapshot.Loader) (snapshot.Info, error) {
	names, _, err := s.newest(ctx)
	if err != nil {
		return snapshot.Info{}, err
	}
	if len(names) == 0 {
		return snapshot.Info{}, fmt.Errorf("%s: no snapshot: %w", s.prefix, fs.ErrNotExist)
	}
	name := names[len(names)-1]
	object, err := s.bucket.Get(ctx, name)
	if err != nil {
		return snapshot.Info{}, err
	}
	defer object.Close()
	var header rdb.Header
	size, err := rdb.Decode(ctx, object, -1, l, rdb.HeaderTo(&header))
	var damage *snapshot.CorruptError
	if errors.As(err, &damage) {
		damage.SetFile(name)
	}
	return snapshot.Info{
		Name: path.Base(name), Size: size, Keys: -1, Time: header.Created,
		Version: header.Version, Origin: header.Origin,
	}, err
}

// Save implements [snapshot.Snapshotter].
func (s *Snapshotter) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	old, number, err := s.newest(ctx)
	if err != nil {
		return snapshot.Info{}, err
	}
	name := s.name(number + 1)
	r, w := io.Pipe()
	encoded := make(chan snapshot.Info, 1)
	go func() {
		info, err := rdb.Encode(ctx, w, v)
		w.CloseWithError(err) // nil is the end of the object
		encoded <- info
	}()
	err = s.bucket.Put(ctx, name, r)
	r.CloseWithError(err) // a failed Put stops reading
	info := <-encoded
	if err != nil {
		return snapshot.Info{}, err
	}
	for _, name := range old {
		if err := s.bucket.Delete(ctx, name); err != nil {
			s.env.Logger.Warn("old snapshot was not deleted", "object", name, "err", err)
		}
	}
	info.Name, info.Time, info.Origin = path.Base(name), time.Now(), v.Origin()
	return info, nil
}

// headerOnly is a [snapshot.Loader] that refuses the first entry.
type headerOnly struct{}

func (headerOnly) Expect(db int, keys, expires int64) {}
func (headerOnly) Ordered(name string)                {}
func (headerOnly) Load(snapshot.Entry) error          { return errFirstEntry }
func (headerOnly) Extra(snapshot.Extra) error         { return nil }
func (headerOnly) Progress(done, total int64)         {}
