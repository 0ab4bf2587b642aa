// Jobqueue is a queue that loses no job when its process is killed. The program starts a worker as
// another process, kills it (SIGKILL) in the middle of a job, and does the remaining jobs itself.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"

	"github.com/perduredb/perdure"
)

func main() {
	if len(os.Args) > 1 {
		if err := worker(os.Args[1]); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "perdure-jobqueue")
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
	for i := range 5 {
		if err := (queue{s}).add(fmt.Sprintf("job %d", i+1)); err != nil {
			return err
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	if err := killWorker(dir); err != nil {
		return err
	}
	if s, err = perdure.Open(dir); err != nil {
		return err
	}
	defer s.Close()
	n, err := queue{s}.resume()
	if err != nil {
		return err
	}
	fmt.Println("jobs to do again:", n)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return work(ctx, queue{s}, func(job string) {
		switch job {
		case "job 5":
			go addLast(queue{s}) // while the worker waits for a job
		case "last job":
			cancel()
		}
	})
}

func addLast(q queue) {
	if err := q.add("last job"); err != nil {
		log.Fatal(err)
	}
}

// killWorker starts a worker, and kills it in its third job.
func killWorker(dir string) error {
	cmd := exec.Command(os.Args[0], dir)
	in, err := cmd.StdinPipe() // the worker waits for its end
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "taken") {
		fmt.Println("worker:", lines.Text())
	}
	fmt.Println("killed:", lines.Text())
	err = cmd.Process.Kill()
	_ = cmd.Wait() // reports that it was killed
	return err
}

// worker does two jobs, and waits in the third until it is killed.
func worker(dir string) error {
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	return work(context.Background(), queue{s}, func(job string) {
		if job == "job 3" {
			fmt.Println("taken", job)
			_, _ = io.ReadAll(os.Stdin) // a job that takes long
		}
	})
}

// work does jobs until ctx ends.
func work(ctx context.Context, q queue, do func(job string)) error {
	for {
		job, err := q.take(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		do(string(job))
		if err := q.done(job); err != nil {
			return err
		}
		fmt.Println("done", string(job))
	}
}
