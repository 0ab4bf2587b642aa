// Tags indexes articles by their tags: each article is a hash, and each tag is the set of its
// articles. A transaction changes an article and its index together.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/perduredb/perdure"
)

func main() {
	dir, err := os.MkdirTemp("", "perdure-tags")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()

	for _, a := range []struct {
		id, title string
		tags      []string
	}{
		{"article:1", "Maps in Go", []string{"go", "memory"}},
		{"article:2", "Logs that survive", []string{"storage"}},
		{"article:3", "A store in Go", []string{"go", "storage"}},
	} {
		if err := publish(s, a.id, a.title, a.tags); err != nil {
			return err
		}
	}
	fmt.Println("go:", slices.Sorted(s.SetAt("tag:go").All()))

	// Do executes the commands that have no method, such as those on several sets.
	both, err := s.Do(context.Background(), "SINTER", "tag:go", "tag:storage")
	if err != nil {
		return err
	}
	for _, id := range both.All() {
		name, err := id.Text()
		if err != nil {
			return err
		}
		title, err := s.HashAt(name).Get("title")
		if err != nil {
			return err
		}
		fmt.Printf("go and storage: %s\n", title)
	}
	return nil
}

// publish stores an article and adds it to the sets of its tags.
func publish(s *perdure.Store, id, title string, tags []string) error {
	keys := []string{id}
	for _, tag := range tags {
		keys = append(keys, "tag:"+tag)
	}
	return s.UpdateKeys(keys, func(tx *perdure.Tx) error {
		if _, err := tx.HashAt(id).Set("title", []byte(title)); err != nil {
			return err
		}
		for _, key := range keys[1:] {
			if _, err := tx.SetAt(key).Add(id); err != nil {
				return err
			}
		}
		return nil
	})
}
