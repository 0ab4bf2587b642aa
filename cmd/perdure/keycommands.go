package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

const storeHelp = `

A STORE is a data directory, or the address of a running server: unix:PATH or HOST:PORT. A directory
is opened for the one command. A directory that a program has open can't be changed: use the address
of its server.

Exit status: 0 success, 1 the key does not exist or the directory is damaged, 2 usage error, 3 not
supported, 4 I/O error, or refused by the server.`

var getCommand = &command{
	name: "get",
	args: "STORE KEY",
	what: "print the value of a key",
	help: `Get prints the value of a key, which must be a string, and a newline.` + storeHelp,
	run:  onStore(2, 2, false, getKey),
}

var setCommand = &command{
	name: "set",
	args: "STORE KEY [VALUE]",
	what: "store a value",
	help: `Set stores a value under a key, whatever the key held before. Without VALUE, it stores
its standard input. It makes the data directory if it is missing.` + storeHelp,
	run: func(a *app, c *command, args []string) error {
		f := c.flags()
		ttl := f.Duration("ttl", 0, "let the key expire after this `DURATION`, such as 90s or 12h")
		return a.onStore(c, f, args, 2, 3, true, func(s *storeCall) error { return setKey(s, *ttl) })
	},
}

var delCommand = &command{
	name: "del",
	args: "STORE KEY...",
	what: "delete keys",
	help: `Del deletes keys of any type, and prints the number of those that existed.` + storeHelp,
	run:  onStore(2, -1, true, delKeys),
}

var incrCommand = &command{
	name: "incr",
	args: "STORE KEY [N]",
	what: "add to the integer at a key",
	help: `Incr adds N, by default 1, to the integer at a key, and prints the sum. A key that does
not exist counts as 0. For a negative N, write -- before STORE.` + storeHelp,
	run: onStore(2, 3, true, incrKey),
}

var keysCommand = &command{
	name: "keys",
	args: "STORE [PATTERN]",
	what: "print keys",
	help: `Keys prints the keys of any type that match a pattern, in no particular order. In a
pattern, * matches any characters, ? one, and [a-c] one of some. A key with characters that can't
be printed is quoted as in Go. Writers continue, so a key that is added or deleted during the
command may or may not be printed.` + storeHelp,
	run: onStore(1, 2, false, printKeys),
}

var ttlCommand = &command{
	name: "ttl",
	args: "STORE KEY",
	what: "print the time until a key expires",
	help: `Ttl prints the time until a key expires, such as 1h0m2.5s, or none.` + storeHelp,
	run:  onStore(2, 2, false, printTTL),
}

// keyName is a key in JSON.
type keyName struct {
	DB        int     `json:"db"`
	Key       *string `json:"key,omitempty"`
	KeyBase64 *string `json:"keyBase64,omitempty"` // if it is not valid UTF-8
}

func nameOf(db int, key string) keyName {
	n := keyName{DB: db}
	n.Key, n.KeyBase64 = textOrBase64(key)
	return n
}

func textOrBase64(s string) (text, encoded *string) {
	if utf8.ValidString(s) {
		return &s, nil
	}
	s = base64.StdEncoding.EncodeToString([]byte(s))
	return nil, &s
}

// A storeCall is a running command on the keys of a store.
type storeCall struct {
	*app
	*link
	words []string // arguments after STORE
	db    int
	json  bool
}

// onStore returns the run function of a command on the keys of a store.
func onStore(least, most int, write bool, fn func(*storeCall) error) func(*app, *command, []string) error {
	return func(a *app, c *command, args []string) error {
		return a.onStore(c, c.flags(), args, least, most, write, fn)
	}
}

// onStore parses the arguments of a command, connects to the store, and calls fn.
func (a *app) onStore(c *command, f *flag.FlagSet, args []string, least, most int, write bool, fn func(*storeCall) error) (err error) {
	flags := addConnectFlags(f)
	words, err := a.parse(c, f, args, least, most)
	if err != nil {
		return err
	}
	l, err := a.connect(words[0], flags, write)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	return fn(&storeCall{a, l, words[1:], *flags.db, *flags.json})
}

// missing reports that a key does not exist.
func (s *storeCall) missing() error {
	fmt.Fprintln(s.stderr, s.red("perdure:")+" the key does not exist")
	return exit(exitDamaged)
}

// print prints a result as text, or as JSON.
func (s *storeCall) print(text string, v any) error {
	if !s.json {
		_, err := fmt.Fprintln(s.stdout, text)
		return err
	}
	e := json.NewEncoder(s.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func getKey(s *storeCall) error {
	r, err := s.do("GET", s.words[0])
	switch {
	case err != nil:
		return err
	case r.null:
		return s.missing()
	}
	value, encoded := textOrBase64(r.text)
	return s.print(r.text, struct {
		keyName
		Value       *string `json:"value,omitempty"`
		ValueBase64 *string `json:"valueBase64,omitempty"`
	}{nameOf(s.db, s.words[0]), value, encoded})
}

func setKey(s *storeCall, ttl time.Duration) error {
	words := append([]string{"SET"}, s.words...)
	if len(s.words) == 1 {
		value, err := io.ReadAll(s.stdin)
		if err != nil {
			return failed{err}
		}
		words = append(words, string(value))
	}
	if ttl != 0 {
		words = append(words, "PX", strconv.FormatInt(ttl.Milliseconds(), 10))
	}
	if _, err := s.do(words...); err != nil {
		return err
	}
	return s.print("ok", struct {
		keyName
		Stored bool `json:"stored"`
	}{nameOf(s.db, s.words[0]), true})
}

func delKeys(s *storeCall) error {
	r, err := s.do(append([]string{"DEL"}, s.words...)...)
	if err != nil {
		return err
	}
	n, err := r.int()
	if err != nil {
		return err
	}
	return s.print(r.text, struct {
		DB      int   `json:"db"`
		Deleted int64 `json:"deleted"`
	}{s.db, n})
}

func incrKey(s *storeCall) error {
	n := "1"
	if len(s.words) == 2 {
		n = s.words[1]
	}
	r, err := s.do("INCRBY", s.words[0], n)
	if err != nil {
		return err
	}
	sum, err := r.int()
	if err != nil {
		return err
	}
	return s.print(r.text, struct {
		keyName
		Value int64 `json:"value"`
	}{nameOf(s.db, s.words[0]), sum})
}

func printKeys(s *storeCall) error {
	words := []string{"SCAN", "0", "COUNT", "1000"}
	if len(s.words) == 1 {
		words = append(words, "MATCH", s.words[0])
	}
	for {
		r, err := s.do(words...)
		if err != nil {
			return err
		}
		if len(r.items) != 2 {
			return errors.New("the reply to SCAN is not a cursor and keys")
		}
		for _, key := range r.items[1].items {
			if err := s.print(shownKey(key.text), nameOf(s.db, key.text)); err != nil {
				return err
			}
		}
		if words[1] = r.items[0].text; words[1] == "0" {
			return nil
		}
	}
}

// shownKey returns a key as text on one line.
func shownKey(key string) string {
	if quoted := strconv.Quote(key); quoted != `"`+key+`"` || key == "" {
		return quoted
	}
	return key
}

func printTTL(s *storeCall) error {
	r, err := s.do("PTTL", s.words[0])
	if err != nil {
		return err
	}
	ms, err := r.int()
	if err != nil {
		return err
	}
	if ms == -2 {
		return s.missing()
	}
	text, left := s.dim("none"), (*int64)(nil)
	if ms >= 0 {
		text, left = (time.Duration(ms) * time.Millisecond).String(), &ms
	}
	return s.print(text, struct {
		keyName
		TTLMs *int64 `json:"ttlMs"`
	}{nameOf(s.db, s.words[0]), left})
}
