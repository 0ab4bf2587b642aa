package valkey_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	client "github.com/valkey-io/valkey-go"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/contrib/valkey"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func TestStoreConforms(t *testing.T) {
	s, err := perdure.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, kv := range map[string]perdure.KV{"Store": s, "DB 0": s.DB(0), "durable": s.Durable()} {
		t.Run(name, func(t *testing.T) {
			conform(t, kv, func(t *testing.T) { restoreList(t, s) })
		})
	}
}

// restoreList restores a dump that only holds a list, because a Store has no method that makes one.
func restoreList(t *testing.T, s *perdure.Store) {
	t.Helper()
	var dump bytes.Buffer
	list, err := rdb.NewList([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := rdb.NewWriter(&dump, rdb.Version(10))
	if err == nil {
		err = w.WriteValue(&rdb.Entry{Entry: snapshot.Entry{Key: []byte("{t}list")}}, list)
	}
	if err == nil {
		_, err = w.Close()
	}
	if err == nil {
		err = s.Restore(context.Background(), &dump)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a KV that is closed when the test ends.
func open(t *testing.T, url string, opts ...valkey.Option) *valkey.KV {
	t.Helper()
	kv, err := valkey.Open(url, opts...)
	if err != nil {
		t.Fatalf("Open(%q) = %v, want nil", url, err)
	}
	t.Cleanup(func() { kv.Close() })
	return kv
}

// pushList makes the list with the client.
func pushList(t *testing.T, kv *valkey.KV) {
	t.Helper()
	c := kv.Client()
	if err := c.Do(context.Background(), c.B().Rpush().Key("{t}list").Element("x").Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

func TestServerConforms(t *testing.T) {
	for name, path := range redistest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			s := redistest.StartProgram(t, path, "")
			for _, query := range []string{"?db=0", "?db=3&protocol=2"} {
				kv := open(t, "unix://"+s.Socket+query)
				conform(t, kv, func(t *testing.T) { pushList(t, kv) })
			}
		})
	}
}

func TestClusterConforms(t *testing.T) {
	kv := open(t, startCluster(t))
	if mode := kv.Client().Mode(); mode != client.ClientModeCluster {
		t.Fatalf("Mode = %v, want cluster", mode)
	}
	conform(t, kv, func(t *testing.T) { pushList(t, kv) })

	for i := range 100 { // in the slots of both nodes
		if err := kv.Set(fmt.Sprint(i), []byte("v")); err != nil {
			t.Fatalf("Set = %v, want nil", err)
		}
	}
	_, errMGet := kv.MGet("1", "2")
	_, errDelete := kv.Delete("1", "2")
	_, errExists := kv.Exists("1", "2")
	errMSet := kv.MSet(perdure.Pair{Key: "1"}, perdure.Pair{Key: "2"})
	for _, err := range []error{errMGet, errDelete, errExists, errMSet} {
		if !errors.Is(err, perdure.ErrUnsupported) {
			t.Errorf("operation on two slots = %v, want ErrUnsupported", err)
		}
	}
	if err := kv.FlushDB(); err != nil {
		t.Fatalf("FlushDB = %v, want nil", err)
	}
	for i := range 100 {
		if n, err := kv.Exists(fmt.Sprint(i)); n != 0 || err != nil {
			t.Fatalf("Exists after FlushDB = %d, %v, want 0", n, err)
		}
	}
}

// startCluster starts a cluster of two servers on the loopback interface, and returns the URL of
// one of them.
func startCluster(t *testing.T) (url string) {
	t.Helper()
	var servers []*redistest.Server
	var ports, buses []string
	for i, slots := range [][]string{{"0", "8191"}, {"8192", "16383"}} {
		ports, buses = append(ports, freePort(t)), append(buses, freePort(t))
		s := redistest.Start(t, "", "--bind", "127.0.0.1", "--port", ports[i], "--cluster-port", buses[i], "--cluster-enabled", "yes")
		s.Must("CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1])
		servers = append(servers, s)
	}
	servers[0].Must("CLUSTER", "MEET", "127.0.0.1", ports[1], buses[1])
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for _, s := range servers {
		for !strings.Contains(s.Must("CLUSTER", "INFO").Text, "cluster_state:ok") {
			select {
			case <-deadline:
				t.Fatal("cluster is not ready, want cluster_state:ok")
			case <-tick.C:
			}
		}
	}
	return "valkey://127.0.0.1:" + ports[0]
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestServerErrorsMatchSentinels(t *testing.T) {
	s := redistest.Start(t, "")
	kv := open(t, "unix://"+s.Socket)
	s.Must("CONFIG", "SET", "maxmemory", "1")
	if err := kv.Set("k", nil); !errors.Is(err, perdure.ErrNoMemory) {
		t.Errorf("Set beyond maxmemory = %v, want ErrNoMemory", err)
	}
	s.Must("CONFIG", "SET", "maxmemory", "0")
	s.Must("CONFIG", "SET", "proto-max-bulk-len", "1mb")
	if _, err := kv.Append("k", make([]byte, 1<<20)); err != nil {
		t.Errorf("Append = %v, want nil", err)
	}
	if _, err := kv.Append("k", []byte("x")); !errors.Is(err, perdure.ErrTooLarge) {
		t.Errorf("Append beyond proto-max-bulk-len = %v, want ErrTooLarge", err)
	}
	s.Must("REPLICAOF", "127.0.0.1", "1")
	if err := kv.Set("k", nil); !errors.Is(err, perdure.ErrReadOnly) {
		t.Errorf("Set on replica = %v, want ErrReadOnly", err)
	}
}

func TestCallsAfterCloseReturnErrClosed(t *testing.T) {
	s := redistest.Start(t, "")
	kv := open(t, "unix://"+s.Socket)
	for range 2 {
		if err := kv.Close(); err != nil {
			t.Fatalf("Close = %v, want nil", err)
		}
	}
	_, errGet := kv.Get("k")
	_, errSwap := kv.CompareAndSwap("k", nil, nil)
	for _, err := range []error{errGet, errSwap, kv.Set("k", nil), kv.FlushDB()} {
		if !errors.Is(err, perdure.ErrClosed) {
			t.Errorf("call after Close = %v, want ErrClosed", err)
		}
	}
}

// TestCallsEndInTime calls a server that delays all commands for a minute.
func TestCallsEndInTime(t *testing.T) {
	s := redistest.Start(t, "")
	kv := open(t, "unix://"+s.Socket, valkey.Timeout(50*time.Millisecond))
	s.Must("CLIENT", "PAUSE", "60000")
	if err := kv.Set("k", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Set on paused server = %v, want context.DeadlineExceeded", err)
	}
}

func TestCallsReconnect(t *testing.T) {
	port := freePort(t)
	args := []string{"--bind", "127.0.0.1", "--port", port, "--appendonly", "yes"}
	s := redistest.Start(t, "", args...)
	kv := open(t, "redis://127.0.0.1:"+port, valkey.Timeout(time.Second))
	if err := kv.Set("k", []byte("v")); err != nil {
		t.Fatalf("Set = %v, want nil", err)
	}
	s.Kill()
	if err := kv.Set("k", nil); err == nil || errors.Is(err, perdure.ErrClosed) {
		t.Errorf("Set without a server = %v, want an error other than ErrClosed", err)
	}
	redistest.Start(t, s.Dir, args...)
	if v, err := kv.Get("k"); string(v) != "v" || err != nil {
		t.Errorf("Get after restart = %q, %v, want v", v, err)
	}
}

func TestOpenReturnsErrors(t *testing.T) {
	for _, url := range []string{"", "http://localhost", "valkey://localhost/x", "valkey://u:pass%word@h"} {
		_, err := valkey.Open(url)
		if !errors.Is(err, perdure.ErrOptions) || strings.Contains(err.Error(), "pass") {
			t.Errorf("Open(%q) = %v, want ErrOptions without the password", url, err)
		}
	}
	if _, err := valkey.Open("valkey://localhost", valkey.Timeout(0)); !errors.Is(err, perdure.ErrOptions) {
		t.Errorf("Open with Timeout(0) = %v, want ErrOptions", err)
	}
	if _, err := valkey.New(nil, time.Second); !errors.Is(err, perdure.ErrOptions) {
		t.Errorf("New(nil) = %v, want ErrOptions", err)
	}
	if kv, err := valkey.Open("unix:///nonexistent", valkey.Timeout(time.Second)); err == nil {
		t.Errorf("Open without a server = %v, want an error", kv)
	}
}
