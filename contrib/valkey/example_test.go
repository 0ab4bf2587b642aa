package valkey_test

import (
	"fmt"
	"log"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/contrib/valkey"
)

// openKV opens a store in this process, or connects to a server if there is a URL.
func openKV(dir, url string) (kv perdure.KV, closeKV func() error, err error) {
	if url == "" {
		s, err := perdure.Open(dir)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	s, err := valkey.Open(url, valkey.Timeout(time.Second))
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

func ExampleOpen() {
	kv, closeKV, err := openKV("data", "valkey://:password@10.0.0.7:6379/0")
	if err != nil {
		log.Fatal(err)
	}
	defer closeKV()
	n, err := kv.Incr("visits")
	fmt.Println(n, err)
}
