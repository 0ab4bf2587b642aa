package perdure_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/perduredb/perdure"
)

func ExampleStore_HashAt() {
	s, err := perdure.New()
	check(err)
	defer s.Close()

	session := s.HashAt("session:7")
	_, err = session.MSet(
		perdure.Pair{Key: "user", Value: []byte("Ada")},
		perdure.Pair{Key: "visits", Value: []byte("1")})
	check(err)
	n, err := session.IncrBy("visits", 1)
	check(err)
	user, err := session.Get("user")
	check(err)
	fmt.Println(string(user), n)
	fields := slices.Sorted(maps.Keys(maps.Collect(session.All())))
	fmt.Println(fields)
	// Output:
	// Ada 2
	// [user visits]
}

func ExampleStore_ListAt() {
	s, err := perdure.New()
	check(err)
	defer s.Close()

	queue := s.ListAt("jobs")
	n, err := queue.PushBack([]byte("resize"), []byte("upload"))
	check(err)
	job, err := queue.PopFront()
	check(err)
	fmt.Println(n, string(job))
	for i, job := range queue.All() {
		fmt.Println(i, string(job))
	}
	// Output:
	// 2 resize
	// 0 upload
}

func ExampleStore_SetAt() {
	s, err := perdure.New()
	check(err)
	defer s.Close()

	tags := s.SetAt("article:1:tags")
	added, err := tags.Add("go", "storage", "go")
	check(err)
	has, err := tags.Has("go")
	check(err)
	fmt.Println(added, has)
	// Output: 2 true
}

func ExampleStore_SortedSetAt() {
	s, err := perdure.New()
	check(err)
	defer s.Close()

	board := s.SortedSetAt("board")
	_, err = board.AddMany(
		perdure.Member{Name: "Ada", Score: 120},
		perdure.Member{Name: "Grace", Score: 80})
	check(err)
	_, err = board.IncrBy("Grace", 60)
	check(err)
	top, err := board.RevRange(0, 9)
	check(err)
	for _, m := range top {
		fmt.Println(m.Name, m.Score)
	}
	// Output:
	// Grace 140
	// Ada 120
}

func ExampleTx_SortedSetAt() {
	s, err := perdure.New()
	check(err)
	defer s.Close()

	// The hash and its index change together, or not at all.
	check(s.UpdateKeys([]string{"user:1", "users by age"}, func(tx *perdure.Tx) error {
		if _, err := tx.HashAt("user:1").Set("age", []byte("36")); err != nil {
			return err
		}
		_, err := tx.SortedSetAt("users by age").Add("user:1", 36)
		return err
	}))
	young, err := s.SortedSetAt("users by age").RangeByScore(18, 40)
	fmt.Println(young, err)
	// Output: [{user:1 36}] <nil>
}

func ExampleList_WaitPopFront() {
	s, err := perdure.New()
	check(err)
	defer s.Close()

	queue := s.ListAt("jobs")
	done := make(chan bool)
	go func() { // a worker
		defer close(done)
		job, err := queue.WaitPopFront(context.Background())
		check(err)
		fmt.Println(string(job))
	}()
	_, err = queue.PushBack([]byte("resize"))
	check(err)
	<-done
	// Output:
	// resize
}
