// Sessions keeps each session of a web application in a hash that expires. A request reads and
// changes single fields, and extends the session.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/perduredb/perdure"
)

const idle = 30 * time.Minute

func main() {
	dir, err := os.MkdirTemp("", "perdure-sessions")
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

	if err := login(s, "token", "Ada"); err != nil {
		return err
	}
	for range 2 {
		user, visits, err := request(s, "token")
		if err != nil {
			return err
		}
		fmt.Println(user, visits)
	}
	if _, err := s.Delete(key("token")); err != nil { // logout
		return err
	}
	_, _, err = request(s, "token")
	fmt.Println("after the logout:", err)
	if !errors.Is(err, errNoSession) {
		return err
	}
	return nil
}

var errNoSession = errors.New("no session")

func key(token string) string { return "session:" + token }

// login starts a session.
func login(s *perdure.Store, token, user string) error {
	return s.UpdateKeys([]string{key(token)}, func(tx *perdure.Tx) error {
		if _, err := tx.HashAt(key(token)).Set("user", []byte(user)); err != nil {
			return err
		}
		_, err := tx.Expire(key(token), idle)
		return err
	})
}

// request returns the user of a session, counts the request, and extends the session.
func request(s *perdure.Store, token string) (user string, visits int64, err error) {
	err = s.UpdateKeys([]string{key(token)}, func(tx *perdure.Tx) error {
		if found, err := tx.Expire(key(token), idle); err != nil {
			return err
		} else if !found {
			return errNoSession
		}
		session := tx.HashAt(key(token))
		name, err := session.Get("user")
		if err != nil {
			return err
		}
		user = string(name)
		visits, err = session.IncrBy("visits", 1)
		return err
	})
	return user, visits, err
}
