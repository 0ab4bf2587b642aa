package main

import (
	"context"
	"errors"

	"github.com/perduredb/perdure"
)

// A queue is two lists: the jobs that wait, and those that a worker has taken. A job is in exactly
// one of them until it is done, because one command moves it.
type queue struct{ s *perdure.Store }

const waiting, taken = "jobs:waiting", "jobs:taken"

func (q queue) add(job string) error {
	_, err := q.s.ListAt(waiting).PushBack([]byte(job))
	return err
}

// take returns the next job. If no job waits, it waits for one until ctx ends.
func (q queue) take(ctx context.Context) (job []byte, err error) {
	moved, err := q.s.Do(ctx, "BLMOVE", waiting, taken, "LEFT", "RIGHT", 0)
	if err != nil {
		return nil, err
	}
	return moved.Bytes()
}

// done removes a job that was taken.
func (q queue) done(job []byte) error {
	_, err := q.s.ListAt(taken).Remove(1, job)
	return err
}

// resume lets the jobs that a killed worker had taken wait again, and returns their number.
func (q queue) resume() (n int, err error) {
	err = q.s.UpdateKeys([]string{waiting, taken}, func(tx *perdure.Tx) error {
		for ; ; n++ {
			job, err := tx.ListAt(taken).PopBack()
			if errors.Is(err, perdure.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := tx.ListAt(waiting).PushFront(job); err != nil {
				return err
			}
		}
	})
	return n, err
}
