package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/perduredb/perdure/snapshot"
)

// FuzzLine reads arbitrary lines. An accepted line must keep its meaning when it is written.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		`{"db":0,"key":"a","type":"string","value":"1","expireAtMs":5}`,
		`{"db":0,"keyBase64":"/w==","type":"list","valueBase64":["/w==",""]}`,
		`{"db":1,"key":"h","type":"hash","value":{"f":"v"},"fieldExpireAtMs":{"f":1700000000000}}`,
		`{"db":1,"key":"z","type":"zset","value":[{"member":"a","score":1.5},{"member":"b","score":"-inf"}]}`,
		`{"db":0,"key":"x","type":"stream","value":{"entries":[{"id":"1-1","fields":[["f","v"]]}],"length":1,"lastId":"1-1","firstId":"1-1","maxDeletedId":"0-0","entriesAdded":1,"groups":[{"name":"g","lastId":"1-1","entriesRead":1,"pending":[{"id":"1-1","deliveredAtMs":0,"deliveries":1}],"consumers":[{"name":"c","seenAtMs":0,"activeAtMs":0,"pending":["1-1"]}]}]}}`,
		`{"db":0,"key":"k","type":"array","dumpBase64":"HAEAAAABYQ4AEk8MazmStqc="}`,
		`{"db":0,"key":"h","type":"hash","value":{"f":"v"},"fieldExpireAtMs":{"f":1700000000000},"valkey":true}`,
		`{"db":0,"key":"\ud83d\ude00","type":"string","value":"\/\u0041"}`,
		`{"type":"extra","opcode":245,"payloadBase64":"AA=="}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first []byte
		for range 2 {
			l, x, err := readLine(text)
			if err == nil && x != nil {
				_, _ = x.extra()
				return
			}
			var e snapshot.Entry
			if err == nil {
				e, err = l.entry()
			}
			if err != nil {
				if first != nil {
					t.Fatalf("read of a line that perdure wrote = %v, want nil\n%s", err, text)
				}
				return
			}
			if !json.Valid(text) {
				t.Fatalf("readLine of invalid JSON = nil, want an error: %s", text)
			}
			line, err := lineOf(&e)
			if err != nil {
				t.Fatal(err)
			}
			if text, err = json.Marshal(line); err != nil {
				t.Fatal(err)
			}
			if first != nil && !bytes.Equal(first, text) {
				t.Fatalf("second line = %s, want %s", text, first)
			}
			first = text
		}
	})
}
