package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisPeer is a separate redis-server or valkey-server on a unix socket, without a port. It sends
// one command per round trip.
type redisPeer struct {
	c    *redis.Client
	cmd  *exec.Cmd
	home string // directory of the socket, whose path must be short
}

var background = context.Background()

const redisServer = "redis-server"

// valkeyVariable contains the path of a valkey-server.
const valkeyVariable = "VALKEY_SERVER"

func openRedis(dir, mode string, _ int) (peer, error) { return startRedis(redisServer, dir, mode) }

func openValkey(dir, mode string, _ int) (peer, error) {
	server := os.Getenv(valkeyVariable)
	if server == "" {
		return nil, errors.New(valkeyVariable + " does not name a valkey-server")
	}
	return startRedis(server, dir, mode)
}

// versionOf returns the version that a server reports, or "" if it cannot be run.
func versionOf(server string) string {
	text, err := exec.Command(server, "--version").Output()
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "v=")
	version, _, _ := strings.Cut(rest, " ")
	return version
}

func startRedis(server, dir, mode string) (*redisPeer, error) {
	home, err := os.MkdirTemp("", "r")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(home, "s")
	args := []string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--daemonize", "no",
		"--auto-aof-rewrite-percentage", "0", "--aof-use-rdb-preamble", "no"}
	if mode != modeNone {
		args = append(args, "--appendonly", "yes", "--appendfsync", mode)
	}
	p := &redisPeer{home: home, cmd: exec.Command(server, args...)}
	if err := p.cmd.Start(); err != nil {
		os.RemoveAll(home)
		return nil, err
	}
	p.c = redis.NewClient(&redis.Options{Network: "unix", Addr: socket, PoolSize: 80, ReadTimeout: -1})
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
		err := p.c.Ping(background).Err()
		if err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			p.Close()
			return nil, fmt.Errorf("%s: %w", server, err)
		}
	}
}

func (p *redisPeer) Get(dst []byte, key string) ([]byte, error) {
	v, err := p.c.Get(background, key).Bytes()
	if err == redis.Nil {
		err = errMissing
	}
	return append(dst, v...), err
}

func (p *redisPeer) Set(key string, value []byte) error {
	return p.c.Set(background, key, value, 0).Err()
}

func (p *redisPeer) Incr(key string) error { return p.c.Incr(background, key).Err() }

func (p *redisPeer) Load(keys []string, values [][]byte) error {
	_, err := p.c.Pipelined(background, func(pl redis.Pipeliner) error {
		for i, k := range keys {
			pl.Set(background, k, values[i], 0)
		}
		return nil
	})
	return err
}

func (p *redisPeer) Save() error { return p.c.Save(background).Err() }

func (p *redisPeer) BackgroundSave() error {
	if err := p.c.BgSave(background).Err(); err != nil {
		return err
	}
	for {
		time.Sleep(5 * time.Millisecond)
		saving, err := p.info("persistence", "rdb_bgsave_in_progress")
		if err != nil || saving == 0 {
			return err
		}
	}
}

// info returns a number in INFO.
func (p *redisPeer) info(section, field string) (int64, error) {
	text, err := p.c.Info(background, section).Result()
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(text, "\n"+field+":")
	if !found {
		return 0, fmt.Errorf("INFO lacks %s", field)
	}
	number, _, _ := strings.Cut(rest, "\r")
	return strconv.ParseInt(number, 10, 64)
}

func (p *redisPeer) Pause() (time.Duration, error) {
	us, err := p.info("stats", "latest_fork_usec")
	return time.Duration(us) * time.Microsecond, err
}

func (p *redisPeer) PID() int { return p.cmd.Process.Pid }

func (p *redisPeer) CopiedOnWrite() (int64, error) { return p.info("persistence", "rdb_last_cow_size") }

// Close ends the server as SHUTDOWN NOSAVE does, and kills it if it does not end.
func (p *redisPeer) Close() error {
	defer os.RemoveAll(p.home)
	err := p.cmd.Process.Signal(os.Interrupt)
	kill := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	return errors.Join(err, p.cmd.Wait(), p.c.Close())
}

// redisPipePeer is a redisPeer with pipelines of 64 commands.
type redisPipePeer struct{ *redisPeer }

func openRedisPipe(dir, mode string, _ int) (peer, error) {
	p, err := startRedis(redisServer, dir, mode)
	return redisPipePeer{p}, err
}

func openValkeyPipe(dir, mode string, keys int) (peer, error) {
	p, err := openValkey(dir, mode, keys)
	if err != nil {
		return nil, err
	}
	return redisPipePeer{p.(*redisPeer)}, nil
}

func (p redisPipePeer) Pipeline() peer { return &redisPipe{p.c.Pipeline()} }

type redisPipe struct{ p redis.Pipeliner }

func (r *redisPipe) Get(dst []byte, key string) ([]byte, error) {
	r.p.Get(background, key)
	return dst, r.sent(64)
}

func (r *redisPipe) Set(key string, value []byte) error {
	r.p.Set(background, key, value, 0)
	return r.sent(64)
}

func (r *redisPipe) Incr(key string) error {
	r.p.Incr(background, key)
	return r.sent(64)
}

// sent sends the pending commands if there are at least n.
func (r *redisPipe) sent(n int) error {
	if r.p.Len() < n {
		return nil
	}
	if _, err := r.p.Exec(background); err != redis.Nil { // a missing key or element
		return err
	}
	return nil
}

func (r *redisPipe) Close() error { return r.sent(1) }
