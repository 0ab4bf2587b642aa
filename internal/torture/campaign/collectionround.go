package campaign

import (
	"fmt"

	"github.com/perduredb/perdure"
)

const (
	keptRounds    = 60 // the number of rounds that the collections of a writer contain
	roundCommands = 8  // the number of commands of a round
)

// collectionRound returns the commands that add a round to the collections of a writer, and remove
// the round keptRounds earlier.
func collectionRound(w, round int) [roundCommands][]string {
	key := func(kind string) string { return collectionKey(kind, w) }
	now, past := fmt.Sprint("round ", round), fmt.Sprint("round ", round-keptRounds)
	return [...][]string{
		{"HSET", key("hash"), now, now}, {"HDEL", key("hash"), past},
		{"SADD", key("set"), now}, {"SREM", key("set"), past},
		{"RPUSH", key("list"), now}, {"LREM", key("list"), "1", past},
		{"ZADD", key("zset"), fmt.Sprint(round), now}, {"ZREM", key("zset"), past},
	}
}

// collectionKey returns the key of a writer's collection.
func collectionKey(kind string, w int) string { return fmt.Sprint(kind, ":", w) }

// checkCollections compares the collections of a writer with those of the model, element by
// element, after all commands of a round and the first part commands of the next one.
func checkCollections(s *perdure.Store, w, done, part int) error {
	want := map[string]*collection{}
	for _, kind := range []string{"hash", "set", "list", "zset"} {
		want[kind] = parseCollection(kind, "")
	}
	for round := max(1, done-keptRounds); round <= done+1; round++ {
		commands := collectionRound(w, round)
		for _, args := range commands[:pick(round > done, part, roundCommands)] {
			want[kindOf[args[0][0]]].change(args[0], args[2:])
		}
	}
	for kind, c := range want {
		got, err := storeCollection(s, collectionKey(kind, w))
		if err != nil {
			return err
		}
		if wanted := pick(c.len() > 0, c.text(), ""); got != wanted {
			return fmt.Errorf("writer %d: %s after round %d and %d commands: %s", w, kind, done, part, difference(got, wanted))
		}
	}
	return nil
}
