package aof_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

var benchUnit = resp.AppendCommand(nil, "SET", "key:000000000000", strings.Repeat("v", 64))

func BenchmarkAppend(b *testing.B) {
	l, _, _ := mustOpen(b, b.TempDir(), aof.Fsync(aof.No))
	b.ReportAllocs()
	for b.Loop() {
		l.Append(0, 0, benchUnit)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, policy := range []aof.FsyncPolicy{aof.No, aof.EverySec, aof.Always} {
		for i := range 4 {
			mode, writers := []aof.Mode{aof.Direct, aof.Ring}[i/2], []int{1, 64}[i%2]
			b.Run(fmt.Sprintf("%v/%v/%d", policy, mode, writers), func(b *testing.B) {
				l, _, _ := mustOpen(b, b.TempDir(), aof.Fsync(policy), aof.LogMode(mode))
				b.ReportAllocs()
				b.SetBytes(int64(len(benchUnit)))
				var next atomic.Int64
				done := make(chan error)
				for range writers {
					go func() {
						for next.Add(1) <= int64(b.N) {
							if err := l.Commit(l.Append(0, 0, benchUnit), false); err != nil {
								done <- err
								return
							}
						}
						done <- nil
					}()
				}
				for range writers {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(l.Status().Fsyncs), "fsyncs")
			})
		}
	}
}

type discard struct{ units }

func (d *discard) Apply([]appendlog.Command) error { return nil }

func BenchmarkReplay(b *testing.B) {
	for _, groups := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d in a group", groups), func(b *testing.B) {
			dir := b.TempDir()
			l, _, _ := mustOpen(b, dir, aof.Fsync(aof.No))
			const n = 1 << 16
			for i := range n {
				p := l.Append(0, 0, benchUnit)
				if i%groups == 0 {
					if err := l.Commit(p, false); err != nil {
						b.Fatal(err)
					}
				}
			}
			closeLog(b, l)
			b.ReportAllocs()
			for b.Loop() {
				l := aof.New()
				if _, err := l.Open(env(vfs.OS(), dir)); err != nil {
					b.Fatal(err)
				}
				if _, err := l.Replay(context.Background(), &discard{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/command")
		})
	}
}
