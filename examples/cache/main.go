// Cache uses a store that touches no file: the data set is kept outside the Go heap, expires, and
// is gone with the process.
package main

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/perduredb/perdure"
)

func main() {
	s, err := perdure.New()
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		page, err := render(s, "/index")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page)
	}
}

// render answers from the cache, or does the work and keeps the result for a minute.
func render(s *perdure.Store, path string) (string, error) {
	if page, err := s.Get(path); err == nil {
		return string(page) + " (cached)", nil
	} else if !errors.Is(err, perdure.ErrNotFound) {
		return "", err
	}
	page := "the page " + path
	return page, s.Set(path, []byte(page), perdure.TTL(time.Minute))
}
