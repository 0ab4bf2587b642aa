// Leaderboard keeps the scores of players in a sorted set. It reads the best players, the rank of a
// player, and the players around one, without a sort.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/perduredb/perdure"
)

func main() {
	dir, err := os.MkdirTemp("", "perdure-leaderboard")
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

	board := s.SortedSetAt("board")
	for i := range 1000 {
		if _, err := board.Add(fmt.Sprintf("player %03d", i), float64(i)); err != nil {
			return err
		}
	}
	if _, err := board.IncrBy("player 500", 1000); err != nil {
		return err
	}
	best, err := board.RevRange(0, 2)
	if err != nil {
		return err
	}
	for i, m := range best {
		fmt.Printf("%d. %s: %v\n", i+1, m.Name, m.Score)
	}
	return around(board, "player 700")
}

// around prints a player with the next better and the next worse one.
func around(board perdure.SortedSet, player string) error {
	rank, err := board.RevRank(player)
	if err != nil {
		return err
	}
	first := max(rank-1, 0)
	near, err := board.RevRange(first, rank+1)
	if err != nil {
		return err
	}
	for i, m := range near {
		fmt.Printf("%d. %s: %v\n", first+i+1, m.Name, m.Score)
	}
	return nil
}
