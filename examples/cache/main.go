// Cache uses a store without files. The data set is outside the Go heap, expires, and is lost when
// the process ends.
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

// render answers from the cache, or renders the page and caches it for a minute.
func render(s *perdure.Store, path string) (string, error) {
	if page, err := s.Get(path); err == nil {
		return string(page) + " (cached)", nil
	} else if !errors.Is(err, perdure.ErrNotFound) {
		return "", err
	}
	page := "the page " + path
	return page, s.Set(path, []byte(page), perdure.TTL(time.Minute))
}
