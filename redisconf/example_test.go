package redisconf_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/redisconf"
)

func Example() {
	dir, err := os.MkdirTemp("", "perdure")
	check(err)
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "redis.conf")
	check(os.WriteFile(file, []byte("port 6379\nappendonly yes\nappendfsync always\n"), 0o600))

	c, err := redisconf.ReadFile(file)
	check(err)
	for _, d := range c.Unknown {
		fmt.Printf("line %d: %s is ignored\n", d.Line, d.Name)
	}
	c.Dir = filepath.Join(dir, "data")
	s, err := perdure.Open(c.Dir, c.Options()...)
	check(err)
	defer s.Close()
	check(s.Set("order", []byte("paid"))) // on disk once Set returns
	fmt.Println("fsync:", c.Fsync)
	// Output:
	// line 1: port is ignored
	// fsync: always
}

func ExampleParse() {
	_, err := redisconf.Parse([]byte("appendonly yes\nappendfsync sometimes\n"))
	fmt.Println(err)
	// Output: perdure: line 2: appendfsync: want always, everysec, or no, got "sometimes"
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
