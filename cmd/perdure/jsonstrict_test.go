package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodLine = `{"db":0,"key":"a","type":"string","value":"1"}`

// badLines lists ambiguous or invalid lines, with a part of the error. offset is the offset of the
// first wrong byte, or 0 if the error is about the whole line.
var badLines = []struct {
	line   string
	offset int
	what   string
}{
	// After the object.
	{goodLine + "garbage", len(goodLine), "found more"},
	{goodLine + "]", len(goodLine), "found more"},
	{goodLine + "}", len(goodLine), "found more"},
	{goodLine + ",", len(goodLine), "found more"},
	{goodLine + "\x00", len(goodLine), "found more"},
	{goodLine + " \t x", len(goodLine) + 3, "found more"},
	{goodLine + goodLine, len(goodLine), "found more"},
	{goodLine + "\v", len(goodLine), "found more"},
	// Before it, and instead of it.
	{"\ufeff" + goodLine, 0, "want a JSON object"},
	{"", 0, "want a JSON object"},
	{"  ", 2, "want a JSON object"},
	{"null", 0, "want a JSON object"},
	{"[" + goodLine + "]", 0, "want a JSON object"},
	{goodLine[:20], 18, "the end of a string"},
	{`{"db":0,"key":"a","type":"string","value":"1"`, 45, "want"},
	// null.
	{`{"db":0,"key":"a","type":"string","value":null}`, 42, "found null"},
	{`{"db":null,"key":"a","type":"string","value":""}`, 6, "found null"},
	{`{"db":0,"key":"a","type":"list","value":["b",null]}`, 45, "found null"},
	{`{"db":0,"key":"a","type":"hash","value":{"f":null}}`, 45, "found null"},
	// Members: duplicate, in another case, unknown, missing.
	{`{"db":0,"key":"a","type":"string","value":"1","value":"2"}`, 46, "found a duplicate"},
	{`{"db":0,"key":"a","key":"a","type":"string","value":"1"}`, 18, "found a duplicate"},
	{`{"db":0,"key":"a","type":"string","value":"1","v\u0061lue":"2"}`, 46, "found a duplicate"},
	{`{"db":0,"key":"a","type":"hash","value":{"f":"1","f":"2"}}`, 49, "found a duplicate"},
	{`{"db":0,"key":"a","type":"string","Value":"1"}`, 0, "found 1 more"},
	{`{"db":0,"KEY":"a","key":"b","type":"string","value":"1"}`, 0, "found 1 more"},
	{`{"db":0,"key":"a","type":"string","value":"1","ttl":5}`, 0, "found 1 more"},
	{`{"key":"a","type":"string","value":"1"}`, 0, "the member db"},
	{`{"db":0,"type":"string","value":"1"}`, 0, "key or keyBase64"},
	{`{"db":0,"key":"a","value":"1"}`, 0, "the member type"},
	{`{"db":0,"key":"a","type":"string"}`, 0, "found neither"},
	{`{"db":0,"key":"a","type":"zset","value":[{"member":"m"}]}`, 41, "the member score"},
	{`{"db":0,"key":"a","type":"zset","value":[{"member":"m","score":1,"Score":2}]}`, 41, "found 1 more"},
	// Two encodings of one member.
	{`{"db":0,"key":"a","keyBase64":"YQ==","type":"string","value":"1"}`, 0, "key or keyBase64"},
	{`{"db":0,"key":"a","type":"string","value":"1","valueBase64":"MQ=="}`, 0, "value or valueBase64"},
	// Strings.
	{`{"db":0,"key":"\ud800","type":"string","value":"1"}`, 15, "a lone surrogate"},
	{`{"db":0,"key":"\udc00x","type":"string","value":"1"}`, 15, "a lone surrogate"},
	{`{"db":0,"key":"\ud800\u0041","type":"string","value":"1"}`, 15, "a lone surrogate"},
	{`{"db":0,"key":"\ud800x","type":"string","value":"1"}`, 15, "a lone surrogate"},
	{"{\"db\":0,\"key\":\"\xff\",\"type\":\"string\",\"value\":\"1\"}", 15, "want UTF-8"},
	{"{\"db\":0,\"key\":\"\xed\xa0\x80\",\"type\":\"string\",\"value\":\"1\"}", 15, "want UTF-8"},
	{"{\"db\":0,\"key\":\"\xc0\x80\",\"type\":\"string\",\"value\":\"1\"}", 15, "want UTF-8"},
	{"{\"db\":0,\"key\":\"a\tb\",\"type\":\"string\",\"value\":\"1\"}", 16, "escaped"},
	{"{\"db\":0,\"key\":\"a\x00b\",\"type\":\"string\",\"value\":\"1\"}", 16, "escaped"},
	{`{"db":0,"key":"\x41","type":"string","value":"1"}`, 15, "want an escape"},
	{`{"db":0,"key":"\u00g1","type":"string","value":"1"}`, 15, "four hex digits"},
	{`{"db":0,"keyBase64":"/w=","type":"string","value":"1"}`, 0, "keyBase64 is not base64"},
	{`{"db":0,"keyBase64":"/x==","type":"string","value":"1"}`, 0, "keyBase64 is not base64"},
	{`{"db":0,"keyBase64":"/w\n==","type":"string","value":"1"}`, 0, "keyBase64 is not base64"},
	{`{"db":0,"key":"a","type":"list","valueBase64":["/w=="," YQ=="]}`, 0, "not base64"},
	// Values of another JSON kind.
	{`{"db":"0","key":"a","type":"string","value":"1"}`, 6, "want a number, found a string"},
	{`{"db":0,"key":1,"type":"string","value":"1"}`, 14, "want a string, found a number"},
	{`{"db":0,"key":"a","type":"string","value":1}`, 42, "want a string, found a number"},
	{`{"db":0,"key":"a","type":"string","value":true}`, 42, "want a string"},
	{`{"db":0,"key":"a","type":"list","value":"b"}`, 40, "want an array, found a string"},
	{`{"db":0,"key":"a","type":"list","value":{"b":"c"}}`, 40, "want an array, found an object"},
	{`{"db":0,"key":"a","type":"hash","value":["f","v"]}`, 40, "want an object, found an array"},
	{`{"db":0,"key":"a","type":"set","value":["m","m"]}`, 0, "found a duplicate"},
	{`{"db":0,"key":"a","type":"sting","value":"1"}`, 0, "unknown type"},
	{`{"db":0,"key":"a","type":"String","value":"1"}`, 0, "unknown type"},
	{`{"db":0,"key":"a","type":"zset","value":[{"member":"m","score":"1"}]}`, 63, "want a score"},
	{`{"db":0,"key":"a","type":"zset","value":[{"member":"m","score":"Infinity"}]}`, 63, "want a score"},
	{`{"db":0,"key":"a","type":"zset","value":[{"member":"m","score":1e999}]}`, 63, "want a score"},
	// Numbers.
	{`{"db":0.0,"key":"a","type":"string","value":"1"}`, 6, "want an integer"},
	{`{"db":1e0,"key":"a","type":"string","value":"1"}`, 6, "want an integer"},
	{`{"db":00,"key":"a","type":"string","value":"1"}`, 6, "want a number"},
	{`{"db":-1,"key":"a","type":"string","value":"1"}`, 0, "found -1"},
	{`{"db":2147483648,"key":"a","type":"string","value":"1"}`, 0, "found 2147483648"},
	{`{"db":9223372036854775808,"key":"a","type":"string","value":"1"}`, 6, "out of range"},
	{`{"db":0,"key":"a","type":"string","value":"1","expireAtMs":9223372036854775808}`, 59, "out of range"},
	{`{"db":0,"key":"a","type":"string","value":"1","expireAtMs":1.5}`, 59, "want an integer"},
	{`{"db":0,"key":"a","type":"string","value":"1","expireAtMs":0}`, 0, "expireAtMs"},
	{`{"db":0,"key":"a","type":"string","value":"1","expireAtMs":+5}`, 59, "want a value"},
	// Members of another type.
	{`{"db":0,"key":"a","type":"string","value":"1","fieldExpireAtMs":{"f":5}}`, 0, "fieldExpireAtMs"},
	{`{"db":0,"key":"a","type":"hash","value":{"f":"v"},"fieldExpireAtMs":{"g":5}}`, 0, "not in the hash"},
	{`{"db":0,"key":"a","type":"hash","value":{"f":"v"},"fieldExpireAtMs":{"f":-5}}`, 0, "out of range"},
	{`{"db":0,"key":"a","type":"hash","value":{"f":"v"},"valkey":true}`, 0, "valkey"},
	{`{"db":0,"key":"a","type":"string","value":"1","payloadBase64":"AA=="}`, 0, "found 1 more"},
	{`{"type":"extra","opcode":245,"payloadBase64":"AA==","key":"a"}`, 0, "found 1 more"},
	{`{"type":"extra","opcode":256,"payloadBase64":"AA=="}`, 0, "found 256"},
	{`{"type":"extra","opcode":245}`, 0, "payloadBase64"},
	// A value that differs from the DUMP payload next to it.
	{`{"db":0,"key":"k","type":"array","value":[{"at":1,"value":"a"}],"dumpBase64":"HAEAAAABYQ4AEk8MazmStqc="}`, 0, "differs from the value in dumpBase64"},
	{`{"db":0,"key":"k","type":"list","dumpBase64":"HAEAAAABYQ4AEk8MazmStqc="}`, 0, "differs from the value in dumpBase64"},
	// A stream.
	{`{"db":0,"key":"x","type":"stream","value":{"entries":[{"id":"1-1","fields":[["f"]]}],"length":1,"lastId":"1-1","firstId":"1-1","maxDeletedId":"0-0","entriesAdded":1,"groups":[]}}`, 76, "want an array of 2 elements"},
	{`{"db":0,"key":"x","type":"stream","value":{"entries":[],"length":-1,"lastId":"1-1","firstId":"1-1","maxDeletedId":"0-0","entriesAdded":1,"groups":[]}}`, 65, "want an integer"},
	{`{"db":0,"key":"x","type":"stream","value":{"entries":[],"length":0,"lastId":"+1-1","firstId":"1-1","maxDeletedId":"0-0","entriesAdded":1,"groups":[]}}`, 0, "an ID"},
}

// TestJSONLinesAreStrict puts each bad line after a good one, uncompressed and compressed. Check
// reports line and offset, and convert writes nothing.
func TestJSONLinesAreStrict(t *testing.T) {
	dir := t.TempDir()
	first := `{"db":0,"key":"first","type":"string","value":"1"}` + "\n"
	for i, c := range badLines {
		for _, end := range []string{"\n", "", "\n" + strings.Replace(first, "first", "third", 1)} {
			if c.line == "" && end == "" {
				continue
			}
			path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
			check(t, os.WriteFile(path, []byte(first+c.line+end), 0o600))
			place := fmt.Sprintf("offset %d: line 2: ", len(first)+c.offset)
			want(t, exitDamaged, "check", path).wants(t, place, c.what)
			made := filepath.Join(dir, "x.rdb")
			want(t, exitDamaged, "convert", path, made).wants(t, place)
			if _, err := os.Lstat(made); err == nil {
				t.Fatalf("convert of %s created %s, want no file", c.line, made)
			}
			want(t, exitDamaged, "dump", path).wants(t, place)
		}
	}
	path := filepath.Join(dir, "x.jsonl.zst")
	write := func(w *os.File) error {
		return zip(w, func(w2 io.Writer) error { _, err := w2.Write([]byte(first + badLines[0].line)); return err })
	}
	f, err := os.Create(path)
	check(t, err)
	check(t, write(f))
	check(t, f.Close())
	want(t, exitDamaged, "check", path).wants(t, "line 2: ")
	want(t, exitDamaged, "convert", path, filepath.Join(dir, "y.rdb")).wants(t, "line 2: ")
}

// TestJSONLinesAcceptOtherSpelling reads lines that are valid but spelled differently than perdure
// writes them.
func TestJSONLinesAcceptOtherSpelling(t *testing.T) {
	path := write(t, "x.jsonl", " { \"value\" : \"\\u00e9\\ud83d\\ude00\\/\" ,\t\"type\":\"string\", \"key\":\"a\\u0000\", \"db\" : 0 } \r\n"+
		`{"db":0,"keyBase64":"Yg==","type":"zset","value":[{"score":1.50e1,"member":"m"},{"member":"i","score":"-inf"}]}`)
	want(t, exitGood, "check", path)
	got := want(t, exitGood, "dump", path).stdout
	same := `{"db":0,"key":"a\u0000","type":"string","value":"é😀/"}` + "\n" +
		`{"db":0,"key":"b","type":"zset","value":[{"member":"i","score":"-inf"},{"member":"m","score":15}]}` + "\n"
	if got != same {
		t.Errorf("dump = %s, want %s", got, same)
	}
}
