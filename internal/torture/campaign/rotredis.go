package campaign

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// redisFlips is the number of bit flips that redis-server is tested with.
const redisFlips = 300

// compareWithRedis flips bits of a log in Redis's form and counts the results of redis-server. It
// flips bits of perdure's log too, which differs only by perdure's lines.
func compareWithRedis(r *Run) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		r.Note("rot: SKIPPED: comparison with redis-server, which is not installed")
		return
	}
	all, err := fixtures(r.Seed)
	if err != nil {
		r.fail("redis", err)
		return
	}
	f := all[1] // always, closed
	plain := maps.Clone(f.files)
	foreign(plain)
	name := "appendonlydir/appendonly.aof.2.incr.aof"
	whole := servedBy(plain)
	counts := map[string]int{}
	rng := rand.New(rand.NewPCG(r.Seed, 9))
	for range redisFlips {
		if r.over() {
			return
		}
		counts[flipped(rng, plain, name, whole)]++
	}
	wrong := counts["wrong state"] + counts["crash"]
	r.Note("redis-server with %d bit flips in one of its logs: %d refused, %d same state, %d wrong state, %d crashed: %.0f %% missed",
		redisFlips, counts["refused"], counts["same state"], counts["wrong state"], counts["crash"], 100*float64(wrong)/redisFlips)
	r.mu.Lock()
	n := int64(0)
	for _, one := range r.counts {
		if one.What != "fixtures" && one.What != "bytes" {
			n += one.N
		}
	}
	r.mu.Unlock()
	r.Note("perdure with %d damaged files: no different state was loaded silently", n)
}

// flipped returns the result of one flip.
func flipped(rng *rand.Rand, files map[string]string, name, whole string) string {
	data := []byte(files[name])
	data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	changed := maps.Clone(files)
	changed[name] = string(data)
	switch got := servedBy(changed); got {
	case whole:
		return "same state"
	case "refused", "crash":
		return got
	default:
		return "wrong state"
	}
}

// servedBy starts a redis-server on files and returns the digest of its contents, "refused", or
// "crash".
func servedBy(files map[string]string) string {
	home, err := os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(home)
	if err := write(home, files); err != nil {
		return err.Error()
	}
	socket := filepath.Join(home, "s")
	var log bytes.Buffer
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", home, "--save", "",
		"--appendonly", "yes", "--enable-debug-command", "yes", "--databases", strconv.Itoa(databases))
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return err.Error()
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the server's log shows how it ended
		close(exited)
	}()
	defer func() {
		_ = cmd.Process.Kill() // it may have ended
		<-exited
	}()
	for range 2000 {
		select {
		case <-exited:
			if strings.Contains(log.String(), "crashed by signal") || strings.Contains(log.String(), "ASSERTION FAILED") {
				return "crash"
			}
			return "refused"
		case <-time.After(5 * time.Millisecond):
		}
		if digest := askDigest(socket); digest != "" {
			return digest
		}
	}
	return "no reply"
}

// askDigest returns the DEBUG DIGEST of a server, or "" if the server does not answer yet.
func askDigest(socket string) string {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return ""
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "DEBUG DIGEST\r\n"); err != nil {
		return ""
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "-LOADING") {
		return ""
	}
	return strings.TrimSpace(line)
}
