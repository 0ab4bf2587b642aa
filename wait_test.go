package perdure_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
)

// popped is the result of a pop that waited.
type popped struct {
	value string
	err   error
}

// waiting calls pop in a new goroutine, waits until it blocks, and returns its result later.
func waiting(pop func() (string, error)) <-chan popped {
	result := make(chan popped, 1)
	go func() {
		v, err := pop()
		result <- popped{v, err}
	}()
	synctest.Wait()
	return result
}

// front returns a function that pops the first element of a list, and waits.
func front(ctx context.Context, l perdure.List) func() (string, error) {
	return func() (string, error) {
		v, err := l.WaitPopFront(ctx)
		return string(v), err
	}
}

// wantPopped fails the test if a pop has another result, or is still waiting.
func wantPopped(t *testing.T, result <-chan popped, want string, wantErr error) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-result:
		if got.value != want || !errors.Is(got.err, wantErr) {
			t.Errorf("pop = %q, %v, want %q, %v", got.value, got.err, want, wantErr)
		}
	default:
		t.Errorf("pop still waits, want %q, %v", want, wantErr)
	}
}

func wantWaiting(t *testing.T, result <-chan popped) {
	t.Helper()
	synctest.Wait()
	if len(result) > 0 {
		t.Errorf("pop = %v, want that it waits", <-result)
	}
}

// inBubble runs a test of a store in memory with time that passes at once.
func inBubble(t *testing.T, test func(t *testing.T, s *perdure.Store)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := perdure.New()
		if err != nil {
			t.Fatalf("New = %v, want nil", err)
		}
		defer s.Close()
		test(t, s)
	})
}

func TestWaitPopServesLongestWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		l, ctx := s.ListAt("l"), t.Context()
		a, b, c := waiting(front(ctx, l)), waiting(front(ctx, l)), waiting(front(ctx, l))
		n, err := l.PushBack([]byte("1"), []byte("2"))
		if n != 2 || err != nil {
			t.Errorf("PushBack = %d, %v, want 2, nil", n, err)
		}
		if n, _ := l.Len(); n != 0 {
			t.Errorf("Len = %d, want 0", n)
		}
		wantPopped(t, a, "1", nil)
		wantPopped(t, b, "2", nil)
		wantWaiting(t, c)
		if _, err := s.Do(ctx, "LPUSH", "l", "3"); err != nil {
			t.Errorf("Do = %v, want nil", err)
		}
		wantPopped(t, c, "3", nil)
	})
}

func TestWaitPopReturnsErrorOfContext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		l := s.ListAt("l")
		ctx, cancel := context.WithCancel(t.Context())
		a := waiting(front(ctx, l))
		soon, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		b := waiting(front(soon, l))
		cancel()
		wantPopped(t, a, "", context.Canceled)
		wantWaiting(t, b)
		time.Sleep(time.Minute)
		wantPopped(t, b, "", context.DeadlineExceeded)
		if _, err := l.PushBack([]byte("1")); err != nil {
			t.Fatal(err)
		}
		if n, _ := l.Len(); n != 1 {
			t.Errorf("Len = %d, want 1", n)
		}
		if _, err := l.WaitPopFront(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("WaitPopFront = %v, want %v", err, context.Canceled)
		}
		if v, err := l.WaitPopBack(t.Context()); string(v) != "1" || err != nil {
			t.Errorf("WaitPopBack = %q, %v, want 1, nil", v, err)
		}
	})
}

func TestWaitPopMinAndMax(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		z := s.SortedSetAt("z")
		pop := func(pop func(context.Context) (perdure.Member, error)) func() (string, error) {
			return func() (string, error) {
				m, err := pop(t.Context())
				return fmt.Sprint(m.Name, m.Score), err
			}
		}
		a, b := waiting(pop(z.WaitPopMax)), waiting(pop(z.WaitPopMin))
		if _, err := z.AddMany(perdure.Member{Name: "a", Score: 1}, perdure.Member{Name: "b", Score: 2}, perdure.Member{Name: "c", Score: 3}); err != nil {
			t.Fatal(err)
		}
		wantPopped(t, a, "c3", nil)
		wantPopped(t, b, "a1", nil)
		if err := s.Set("z", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := z.WaitPopMin(t.Context()); !errors.Is(err, perdure.ErrWrongType) {
			t.Errorf("WaitPopMin = %v, want ErrWrongType", err)
		}
	})
}

func TestDoWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		do := func(args ...any) func() (string, error) {
			return func() (string, error) {
				r, err := s.Do(t.Context(), args...)
				if v, err := r.Text(); err == nil {
					return v, nil
				}
				var all []string
				for _, e := range r.All() {
					v, _ := e.Text()
					all = append(all, v)
				}
				return strings.Join(all, " "), err
			}
		}
		move := waiting(do("BLMOVE", "a", "b", "LEFT", "LEFT", 0))
		several := waiting(do("BLPOP", "x", "b", 0))
		limited := waiting(do("BRPOP", "y", 2.5))
		if _, err := s.ListAt("a").PushBack([]byte("v")); err != nil {
			t.Fatal(err)
		}
		wantPopped(t, move, "v", nil)
		wantPopped(t, several, "b v", nil)
		time.Sleep(2499 * time.Millisecond)
		wantWaiting(t, limited)
		time.Sleep(time.Millisecond)
		wantPopped(t, limited, "", nil)
	})
}

func TestTransactionServesAtItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		l, ctx := s.ListAt("l"), t.Context()
		a := waiting(front(ctx, l))
		failed := errors.New("failed")
		err := s.UpdateKeys([]string{"l"}, func(tx *perdure.Tx) error {
			if _, err := tx.ListAt("l").PushBack([]byte("1")); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Errorf("UpdateKeys = %v, want %v", err, failed)
		}
		wantWaiting(t, a)
		err = s.Update(func(tx *perdure.Tx) error {
			l := tx.ListAt("l")
			if _, err := l.WaitPopFront(ctx); !errors.Is(err, perdure.ErrNotFound) {
				t.Errorf("WaitPopFront in a transaction = %v, want ErrNotFound", err)
			}
			if _, err := tx.Do(ctx, "BLPOP", "l", 0); err != nil {
				t.Errorf("Do in a transaction = %v, want nil", err)
			}
			_, err := l.PushBack([]byte("2"), []byte("3"))
			if v, err := l.WaitPopFront(ctx); string(v) != "2" || err != nil {
				t.Errorf("WaitPopFront in a transaction = %q, %v, want 2, nil", v, err)
			}
			return err
		})
		if err != nil {
			t.Errorf("Update = %v, want nil", err)
		}
		wantPopped(t, a, "3", nil)
	})
}

func TestRestoreServesWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		other, err := perdure.New()
		if err != nil {
			t.Fatalf("New = %v, want nil", err)
		}
		defer other.Close()
		if _, err := other.ListAt("l").PushBack([]byte("1"), []byte("2")); err != nil {
			t.Fatal(err)
		}
		snapshot, err := other.Snapshot()
		if err != nil {
			t.Fatalf("Snapshot = %v, want nil", err)
		}
		defer snapshot.Close()
		var dump bytes.Buffer
		if _, err := snapshot.WriteTo(&dump); err != nil {
			t.Fatalf("WriteTo = %v, want nil", err)
		}
		a := waiting(front(t.Context(), s.ListAt("l")))
		if err := s.Restore(t.Context(), &dump); err != nil {
			t.Fatalf("Restore = %v, want nil", err)
		}
		wantPopped(t, a, "1", nil)
		if n, _ := s.ListAt("l").Len(); n != 1 {
			t.Errorf("Len = %d, want 1", n)
		}
	})
}

func TestCloseEndsWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		a := waiting(front(t.Context(), s.ListAt("a")))
		b := waiting(func() (string, error) {
			_, err := s.Do(t.Context(), "BLMOVE", "a", "b", "LEFT", "LEFT", 0)
			return "", err
		})
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
		wantPopped(t, a, "", perdure.ErrClosed)
		wantPopped(t, b, "", perdure.ErrClosed)
		if _, err := s.ListAt("a").WaitPopFront(t.Context()); !errors.Is(err, perdure.ErrClosed) {
			t.Errorf("WaitPopFront after Close = %v, want ErrClosed", err)
		}
	})
}

// TestWaitPopsInOrder lets goroutines push while others wait, and checks that those that have
// waited longer get the earlier elements of each goroutine.
func TestWaitPopsInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, s *perdure.Store) {
		const pushers, each = 4, 50
		var results [pushers * each]<-chan popped
		for i := range results {
			if i%3 == 0 {
				results[i] = waiting(func() (string, error) {
					r, err := s.Do(t.Context(), "BLMOVE", "l", "moved", "LEFT", "LEFT", 0)
					if err != nil {
						return "", err
					}
					return r.Text()
				})
				continue
			}
			results[i] = waiting(front(t.Context(), s.ListAt("l")))
		}
		var all sync.WaitGroup
		for p := range pushers {
			all.Go(func() {
				for i := range each {
					if _, err := s.ListAt("l").PushBack([]byte(strconv.Itoa(p*each + i))); err != nil {
						t.Errorf("PushBack = %v, want nil", err)
					}
				}
			})
		}
		all.Wait()
		var next [pushers]int
		for i, result := range results {
			got := <-result
			n, err := strconv.Atoi(got.value)
			if err != nil || got.err != nil {
				t.Fatalf("pop %d = %q, %v, want a number", i, got.value, got.err)
			}
			if p := n / each; n%each != next[p] {
				t.Errorf("pop %d = element %d of pusher %d, want %d", i, n%each, p, next[p])
			}
			next[n/each]++
		}
	})
}

// TestWaitPopsEachElementOnce lets goroutines push, move, and pop elements, with waits of which
// some are canceled. Each element is popped once.
func TestWaitPopsEachElementOnce(t *testing.T) {
	const pushers, poppers, each = 4, 8, 500
	s, err := perdure.New()
	if err != nil {
		t.Fatalf("New = %v, want nil", err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen [pushers * each]atomic.Int32
	var left atomic.Int64
	left.Store(pushers * each)
	var all sync.WaitGroup
	for i := range pushers {
		all.Go(func() {
			for j := range each {
				element, key := i*each+j, []string{"a", "b", "a"}[j%3]
				var err error
				if j%10 == 0 {
					err = s.UpdateKeys([]string{key, "other"}, func(tx *perdure.Tx) error {
						_, err := tx.ListAt(key).PushBack([]byte(strconv.Itoa(element)))
						return err
					})
				} else {
					_, err = s.ListAt(key).PushBack([]byte(strconv.Itoa(element)))
				}
				if err != nil {
					t.Errorf("push = %v, want nil", err)
				}
			}
		})
	}
	all.Go(func() { // moves from b to a
		for ctx.Err() == nil {
			if _, err := s.Do(ctx, "BLMOVE", "b", "a", "LEFT", "RIGHT", 0); err != nil && ctx.Err() == nil {
				t.Errorf("BLMOVE = %v, want nil", err)
			}
		}
	})
	for i := range poppers {
		all.Go(func() {
			for ctx.Err() == nil {
				wait, stop := ctx, context.CancelFunc(func() {})
				if i%2 == 0 {
					wait, stop = context.WithTimeout(ctx, 20*time.Microsecond)
				}
				r, err := s.Do(wait, "BLPOP", "none", "a", 0)
				stop()
				if err != nil {
					continue // it was canceled
				}
				text, _ := r.At(1).Text()
				element, err := strconv.Atoi(text)
				if err != nil {
					t.Errorf("BLPOP = %q, want a number", text)
					return
				}
				if n := seen[element].Add(1); n != 1 {
					t.Errorf("element %d was popped %d times, want 1", element, n)
				}
				if left.Add(-1) == 0 {
					cancel()
				}
			}
		})
	}
	all.Wait()
	if n := left.Load(); n != 0 {
		t.Errorf("%d elements were not popped, want 0", n)
	}
	if n, _ := s.Exists("a", "b"); n != 0 {
		t.Errorf("Exists = %d, want 0", n)
	}
}
