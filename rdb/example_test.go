package rdb_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// printer is a Loader that prints the entries.
type printer struct{ discard }

func (printer) Load(e snapshot.Entry) error {
	fmt.Printf("%d %s %s = %q\n", e.DB, rdb.TypeName(e.Type), e.Key, e.Value)
	return nil
}

func ExampleDecode() {
	dump := unhex(goldenThree)
	var head rdb.Header
	_, err := rdb.Decode(context.Background(), bytes.NewReader(dump), int64(len(dump)), printer{}, rdb.HeaderTo(&head))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(head.Version)
	// Output:
	// 0 string foo = "bar"
	// 0 string n = "10"
	// 0 string z = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	// RDB 9
}

func ExampleEncode() {
	view := &data{entries: []snapshot.Entry{{Key: []byte("foo"), Value: []byte("bar")}}}
	var dump bytes.Buffer
	info, err := rdb.Encode(context.Background(), &dump, view)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %d key, begins with %s\n", info.Version, info.Keys, dump.Next(9))
	// Output: RDB 9, 1 key, begins with REDIS0009
}

func ExampleCheck() {
	dump := unhex(goldenThree)
	report, err := rdb.Check(context.Background(), bytes.NewReader(dump), int64(len(dump)))
	fmt.Println(report.Keys, "keys,", report.Expires, "with expiry,", err)
	dump[20] ^= 1
	_, err = rdb.Check(context.Background(), bytes.NewReader(dump), int64(len(dump)))
	fmt.Println(err)
	// Output:
	// 3 keys, 1 with expiry, <nil>
	// perdure: input: offset 50: want checksum 769648990a6cc04f, found c2e2697e59ed5903
}

func ExampleAppendDump() {
	payload := rdb.AppendDump(nil, snapshot.String, []byte("10"))
	fmt.Printf("%x\n", payload)
	kind, value, err := rdb.ParseDump(payload)
	fmt.Println(rdb.TypeName(kind), string(value), err)
	// Output:
	// 00c00a0900be6d06895a28000a
	// string 10 <nil>
}

func ExampleDecodeValue() {
	// A hash as in a dump: a listpack, type 16.
	payload := plainString(listpackOf("name", "perdure", "visits", "42"))
	value, err := rdb.DecodeValue(16, payload)
	if err != nil {
		log.Fatal(err)
	}
	switch v := value.(type) {
	case *rdb.Hash:
		for f := range v.All() {
			fmt.Printf("%s = %s\n", f.Name, f.Value)
		}
	case *rdb.List:
		for p := range v.All() {
			fmt.Printf("%s\n", p)
		}
	}
	// A duplicate field is refused.
	_, err = rdb.DecodeValue(16, plainString(listpackOf("name", "a", "name", "b")))
	fmt.Println(err)
	// Output:
	// name = perdure
	// visits = 42
	// perdure: input: offset 16: want unique fields, found a duplicate
}

// A Reader yields one entry after another, and skips those that the filters exclude.
func ExampleReader() {
	dump := unhex(goldenThree)
	r, err := rdb.NewReader(bytes.NewReader(dump), int64(len(dump)), rdb.Keys("[a-n]*"), rdb.Types("string"))
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range r.Entries(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("offset %d: %s = %s, expires at %d\n", e.Offset, e.Key, e.Value, e.ExpireAtMs)
	}
	// Output:
	// offset 14: foo = bar, expires at 0
	// offset 23: n = 10, expires at 4102444800000
}

// Decode decodes a value that is not a string.
func ExampleEntry_Decode() {
	dump := file("REDIS0009", "01 0171 03 0161 0162 0163")
	r, err := rdb.NewReader(bytes.NewReader(dump), int64(len(dump)))
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range r.Entries(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		value, err := e.Decode()
		if err != nil {
			log.Fatal(err)
		}
		if list, ok := value.(*rdb.List); ok {
			fmt.Println(rdb.TypeName(e.Type), string(e.Key), "has", list.Len(), "elements")
		}
	}
	// Output: list q has 3 elements
}

// Records also yields the records that belong to no key.
func ExampleReader_Records() {
	dump := file("REDIS0010", "fa 09 72656469732d766572 06 372e302e3135", "f5 07 23216c75610a2e", "fe00 fb0100", "00 016b 0176")
	r, err := rdb.NewReader(bytes.NewReader(dump), -1)
	if err != nil {
		log.Fatal(err)
	}
	for rec, err := range r.Records(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		switch rec := rec.(type) {
		case *rdb.Aux:
			fmt.Println(rec.Name, rec.Value)
		case *rdb.Extra:
			source, _ := rec.Function()
			fmt.Printf("library %q\n", source)
		case *rdb.Sizes:
			fmt.Println("database", rec.DB, "has", rec.Keys, "keys")
		case *rdb.Entry:
			fmt.Printf("%s = %s\n", rec.Key, rec.Value)
		}
	}
	// Output:
	// redis-ver 7.0.15
	// library "#!lua\n."
	// database 0 has 1 keys
	// k = v
}

// A Writer copies the records of a Reader, here with a filter.
func ExampleWriter() {
	dump := unhex(goldenThree)
	r, err := rdb.NewReader(bytes.NewReader(dump), int64(len(dump)), rdb.Keys("[fn]*"))
	if err != nil {
		log.Fatal(err)
	}
	var copied bytes.Buffer
	w, err := rdb.NewWriter(&copied)
	if err != nil {
		log.Fatal(err)
	}
	for rec, err := range r.Records(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if err := w.Write(rec); err != nil {
			log.Fatal(err)
		}
	}
	info, err := w.Close()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d keys, %d bytes, %s\n", info.Keys, info.Size, info.Version)
	// Output: 2 keys, 46 bytes, RDB 9
}

// WriteValue encodes a value in a type that the version has.
func ExampleWriter_WriteValue() {
	var dump bytes.Buffer
	w, err := rdb.NewWriter(&dump, rdb.Version(10))
	if err != nil {
		log.Fatal(err)
	}
	visits, err := rdb.NewSortedSet(rdb.ScoredMember{Member: []byte("/"), Score: 9}, rdb.ScoredMember{Member: []byte("/docs"), Score: 2})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.WriteValue(&rdb.Entry{Entry: snapshot.Entry{Key: []byte("visits")}}, visits); err != nil {
		log.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", dump.Next(24))
	// Output: "REDIS0010\xfe\x00\x05\x06visits\x02\x01/\x00\x00"
}
