package campaign

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure"
)

// firstKey is the key that a placed store has from the beginning.
const firstKey = "first"

// elements returns the commands that add elements of a key, which name the owner of the store, to a
// small and to a large collection of each type. The first key makes the large ones large.
func elements(owner, key string) (commands [][]string) {
	for i, size := range []string{"small", "large"} {
		hash, set := []string{"HSET", "hash:" + size}, []string{"SADD", "set:" + size}
		list, zset := []string{"RPUSH", "list:" + size}, []string{"ZADD", "zset:" + size}
		for n := range pick(key == firstKey && i == 1, 40, 1) {
			element := fmt.Sprint(key, n)
			hash, set = append(hash, element, owner), append(set, owner+element)
			list, zset = append(list, owner+element), append(zset, fmt.Sprint(n), owner+element)
		}
		commands = append(commands, hash, set, list, zset)
	}
	return commands
}

// setWithElements sets a key to the owner, and adds its elements, in one transaction.
func setWithElements(s *perdure.Store, owner, key string) error {
	return s.Update(func(tx *perdure.Tx) error {
		err := tx.Set(key, []byte(owner))
		for _, args := range elements(owner, key) {
			err = firstError(err, execute(tx, args))
		}
		return err
	})
}

// checkElements checks that each key has the right owner, and that the collections have the
// elements of the keys that exist, and no others.
func (p *placed) checkElements(s *perdure.Store) error {
	want := state{}
	for n := -1; n < p.keys; n++ {
		key := pick(n < 0, firstKey, fmt.Sprint("k", n))
		v, err := s.Get(key)
		if errors.Is(err, perdure.ErrNotFound) {
			continue
		}
		if err != nil || string(v) != "own" {
			return fmt.Errorf("Get(%s) = %q, %w, want \"own\" or ErrNotFound", key, v, err)
		}
		for _, args := range elements("own", key) {
			want.command(0, args)
		}
	}
	for _, args := range elements("own", firstKey) {
		got, err := storeCollection(s, args[1])
		if err != nil {
			return err
		}
		if c := want["0/"+args[1]]; got != c.value {
			return fmt.Errorf("%s differs, want the elements of the keys (reported error: %v): %s",
				args[1], p.failed, difference(got, c.value))
		}
	}
	return nil
}
