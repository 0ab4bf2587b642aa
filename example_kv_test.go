package perdure_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/perduredb/perdure"
)

// countVisit works on a store in this process and on a remote server.
func countVisit(kv perdure.KV, user string) (int64, error) {
	if err := kv.Set("seen:"+user, []byte("yes"), perdure.TTL(time.Hour)); err != nil {
		return 0, err
	}
	return kv.Incr("visits")
}

func ExampleKV() {
	s, err := perdure.New()
	check(err)
	defer s.Close()
	n, err := countVisit(s, "Ada")
	check(err)
	fmt.Println(n)
	// Output: 1
}

// discard is a KV that stores nothing. It has only one of the methods.
type discard struct{ perdure.UnimplementedKV }

func (discard) Set(key string, value []byte, opts ...perdure.SetOption) error {
	for _, o := range opts {
		if d, ok := o.TTL(); ok {
			fmt.Println("expires in", d)
		}
	}
	return nil
}

func ExampleUnimplementedKV() {
	_, err := countVisit(discard{}, "Ada")
	fmt.Println(err, errors.Is(err, perdure.ErrUnsupported))
	// Output:
	// expires in 1h0m0s
	// perdure: not supported: Incr true
}

func ExampleSetOption_TTL() {
	for _, o := range []perdure.SetOption{perdure.TTL(time.Minute), perdure.KeepTTL()} {
		d, ok := o.TTL()
		fmt.Println(d, ok)
	}
	// Output:
	// 1m0s true
	// 0s false
}

func ExampleSetOption_ExpireAt() {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	t, ok := perdure.ExpireAt(at).ExpireAt()
	fmt.Println(t.Equal(at), ok)
	// Output: true true
}

func ExampleSetOption_KeepTTL() {
	fmt.Println(perdure.KeepTTL().KeepTTL(), perdure.TTL(time.Minute).KeepTTL())
	// Output: true false
}
