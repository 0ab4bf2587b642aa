// Redisfiles opens a directory that Redis, Valkey, or perdure wrote, without changing it, and
// prints its contents.
//
//	go run ./examples/redisfiles /var/lib/redis
package main

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/perduredb/perdure"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: redisfiles DIRECTORY")
	}
	if err := run(os.Args[1]); err != nil {
		var bad *perdure.CorruptError
		if errors.As(err, &bad) {
			log.Fatalf("%s is damaged at byte %d: %s", bad.File, bad.Offset, bad.What)
		}
		log.Fatal(err)
	}
}

func run(dir string) error {
	s, err := perdure.Open(dir, perdure.WithReadOnly())
	if err != nil {
		return err
	}
	defer s.Close()
	r := s.Recovery()
	fmt.Printf("%d keys from %s\n", r.Keys, r.Source)
	if r.Cut > 0 {
		fmt.Printf("a crash tore %d bytes off %s\n", r.Cut, r.CutFile)
	}
	const most = 10
	for n := range s.Databases() {
		db := s.DB(n)
		if db.Len() == 0 {
			continue
		}
		fmt.Printf("database %d: %d keys\n", n, db.Len())
		shown := 0
		for key := range db.Keys("*") {
			if shown++; shown > most {
				fmt.Println("  ...")
				break
			}
			if err := show(db, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// show prints the type of one key, the beginning of a string, and the time to live.
func show(db *perdure.DB, key string) error {
	kind, err := db.Type(key)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("  %-8s %.40q", kind, key)
	if kind == "string" {
		v, err := db.Get(key)
		if err != nil {
			return err
		}
		line += fmt.Sprintf(" = %.40q", v)
	}
	if ttl, err := db.TTL(key); err == nil && ttl != perdure.NoExpiry {
		line += fmt.Sprintf("  (for %v)", ttl)
	}
	fmt.Println(line)
	return nil
}
