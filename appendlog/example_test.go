package appendlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

func ExampleAppendCommand() {
	fmt.Printf("%q\n", appendlog.AppendCommand(nil, "SET", "k", "v"))
	// Output: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
}

func ExampleAppendSelect() {
	fmt.Printf("%q\n", appendlog.AppendSelect(nil, 3))
	// Output: "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
}

// A log records the selected database, and writes a SELECT before a unit that uses another one.
func ExampleAppendUnit() {
	incr := appendlog.AppendCommand(nil, "INCR", "n")
	log := appendlog.AppendUnit(nil, 0, 0, incr)
	size := len(log)
	log = appendlog.AppendUnit(log, 0, 3, incr)
	fmt.Println(size == len(incr), len(log)-size > len(incr))
	// Output: true true
}

func ExampleReader() {
	log := appendlog.AppendUnit(nil, 0, 3, appendlog.AppendCommand(nil, "INCR", "n"))
	log = append(log, "*2\r\n$4\r\nINC"...) // torn by a crash
	r := appendlog.NewReader(bytes.NewReader(log), "flat.log", 0)
	for {
		unit, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		} else if errors.Is(err, snapshot.ErrTorn) {
			fmt.Println("truncate at", r.End())
			return
		} else if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("database %d: %s\n", unit[0].DB, unit[0].Args)
	}
	// Output:
	// database 3: [INCR n]
	// truncate at 44
}

// counting is a Replayer that counts commands and units.
type counting struct {
	appendlog.Replayer
	units int
}

func (c *counting) Apply([]appendlog.Command) error { c.units++; return nil }

func ExampleReplayCommands() {
	log := appendlog.AppendCommand([]byte(appendlog.Multi), "INCR", "a")
	log = append(appendlog.AppendCommand(log, "INCR", "b"), appendlog.Exec...)
	c := &counting{}
	commands, err := appendlog.ReplayCommands(appendlog.NewReader(bytes.NewReader(log), "flat.log", 0), c)
	fmt.Println(commands, "commands in", c.units, "unit,", err)
	// Output: 2 commands in 1 unit, <nil>
}
