package server_test

import (
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/server"
)

// TestDigestIsRedis compares DEBUG DIGEST with that of a redis-server that has the same data.
func TestDigestIsRedis(t *testing.T) {
	redis := dial(t, redistest.Start(t, "", "--enable-debug-command", "yes").Socket)
	small := dial(t, serve(t, onDisk(t), server.WithDebug()))
	trees := dial(t, serve(t, onDisk(t, storefs.SmallCollections(1)), server.WithDebug()))
	for _, command := range []string{
		"SET s text", "SET n 12345", "RPUSH l a 1 b", "SADD i 3 1 2", "SADD m a b 7", "HSET h f v 1 2", "ZADD z 1 a 2.5 b -inf c 1e20 d 0.1 e",
		"SET x v EX 1000", "HSET hx f v", "PEXPIRE hx 1000000", "SELECT 3", "RPUSH l a", "SELECT 0", "DEL missing", "ZINCRBY z 0.2 e", "LPOP l",
	} {
		for _, c := range []*conn{redis, small, trees} {
			c.do(strings.Fields(command)...)
		}
		for _, question := range []string{"DEBUG DIGEST", "DEBUG DIGEST-VALUE s n l i m h z x hx missing"} {
			want := redis.do(strings.Fields(question)...)
			small.want(want, strings.Fields(question)...)
			trees.want(want, strings.Fields(question)...)
		}
	}
}
