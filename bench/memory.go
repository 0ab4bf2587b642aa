package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// resident returns the resident memory of p's process, which is this process or that of an
// externalPeer. It returns 0 if /proc does not exist.
func resident(p peer) int64 {
	process := "self"
	if f, ok := p.(externalPeer); ok {
		process = strconv.Itoa(f.PID())
	}
	return residentOf(process)
}

// residentOf returns the resident memory of a process in bytes, or 0 if it is unknown.
func residentOf(process string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%s/status", process))
	if err != nil {
		return 0
	}
	_, text, _ = bytes.Cut(text, []byte("VmRSS:"))
	fields := bytes.Fields(text)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return kib << 10
}

// processorTime returns the time that all processors have spent in a process, or 0 if it is
// unknown.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte(") "))
	fields := bytes.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// collect collects the garbage, releases memory to the kernel, and returns the size of the heap.
func collect() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// measureMemory measures the resident memory and the Go heap per key, and the duration of a
// collection while the store is full.
func measureMemory(j *job) error {
	heap, ram := collect(), resident(nil)
	p, err := j.open()
	if err != nil {
		return err
	}
	defer p.Close()
	_, external := p.(externalPeer)
	if external {
		ram = resident(p)
	}
	if err := fill(p, j.Keys); err != nil {
		return err
	}
	heapNow := collect()
	if ramNow := resident(p); ramNow > 0 {
		j.add("RAM a key", "bytes", float64(ramNow-ram)/float64(j.Keys))
	}
	if external {
		return nil
	}
	j.add("heap a key", "bytes", max(0, float64(heapNow-heap)/float64(j.Keys)))
	var took []time.Duration
	for range 5 {
		begin := time.Now()
		runtime.GC()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	j.add("runtime.GC()", "ns", float64(took[len(took)/2]))
	runtime.KeepAlive(p)
	return nil
}
