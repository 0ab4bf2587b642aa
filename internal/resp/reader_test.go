package resp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/resp"
)

// read returns each token as "offset: args". The last line is the error.
func read(r *resp.Reader) string {
	var b strings.Builder
	for {
		token, err := r.Next()
		if err != nil {
			var damage *corrupt.Error
			if errors.As(err, &damage) {
				fmt.Fprintf(&b, "torn %v at %d, token at %d", damage.Torn, damage.Offset, r.Offset())
			} else {
				fmt.Fprintf(&b, "%v at %d", err, r.Offset())
			}
			if _, again := r.Next(); again != err {
				return "the error changes"
			}
			return b.String()
		}
		if token.Line != nil {
			fmt.Fprintf(&b, "%d: %q\n", token.Offset, token.Line)
		} else {
			fmt.Fprintf(&b, "%d: %q\n", token.Offset, token.Args)
		}
	}
}

func TestReader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "EOF at 100"},
		{"*1\r\n$4\r\nPING\r\n", "100: [\"PING\"]\nEOF at 114"},
		{"*2\r\n$3\r\nGET\r\n$0\r\n\r\n#x\n", "100: [\"GET\" \"\"]\n119: \"#x\\n\"\nEOF at 122"},
		{"#a\x00b\r\n#\n", "100: \"#a\\x00b\\r\\n\"\n106: \"#\\n\"\nEOF at 108"},
		{"*", "torn true at 100, token at 100"},
		{"*3\r", "torn true at 100, token at 100"},
		{"*1\r\n$4\r\nPIN", "torn true at 100, token at 100"},
		{"*1\r\n$4\r\nPING", "torn true at 100, token at 100"},
		{"*1\r\n$4\r\nPING\r", "torn true at 100, token at 100"},
		{"*1\r\n$4\r\nPING\r\n*1\r\n", "100: [\"PING\"]\ntorn true at 114, token at 114"},
		{"#abc", "torn true at 100, token at 100"},
		{"\r\n", "torn false at 100, token at 100"},
		{"!!!", "torn false at 100, token at 100"},
		{"*0\r\n", "torn false at 100, token at 100"},
		{"*1\n$4\nPING\n", "torn false at 102, token at 100"},
		{"*\r\n$4\r\nPING\r\n", "torn false at 101, token at 100"},
		{"*1\r\n$/\r\nPING\r\n", "torn false at 105, token at 100"},
		{"*1\r\n$4:\r\nPING\r\n", "torn false at 106, token at 100"},
		{"*1\r\n$1000\r\nPING\r\n", "torn true at 100, token at 100"},
		{"*1\r\n$04\r\nPING\r\n", "torn false at 105, token at 100"},
		{"*1\r\n$+4\r\nPING\r\n", "torn false at 105, token at 100"},
		{"*1\r\n$-1\r\n", "torn false at 105, token at 100"},
		{"*1\r\n$4\r\nPINGXX", "torn false at 112, token at 100"},
		{"*1\r\n:4\r\n", "torn false at 104, token at 100"},
		{"*1\r\n$536870913\r\n", "torn false at 104, token at 100"},
		{"*1\r\n$536870912\r\nx", "torn true at 100, token at 100"},
		{"*1048577\r\n", "torn false at 100, token at 100"},
		{"*99999999999999999999999\r\n", "torn false at 100, token at 100"},
		{"*000000000000000000000001\r\n", "torn false at 121, token at 100"},
		{"#" + strings.Repeat("x", 1021) + "\n", fmt.Sprintf("100: %q\nEOF at 1123", "#"+strings.Repeat("x", 1021)+"\n")},
		{"#" + strings.Repeat("x", 1022) + "\n", "torn false at 100, token at 100"},
		{"#" + strings.Repeat("x", 1030), "torn false at 100, token at 100"},
	} {
		for name, src := range map[string]io.Reader{
			"whole":     strings.NewReader(c.in),
			"bytes":     iotest.OneByteReader(strings.NewReader(c.in)),
			"data, EOF": iotest.DataErrReader(strings.NewReader(c.in)),
		} {
			if got := read(resp.NewReader(src, 100)); got != c.want {
				t.Errorf("tokens of %.50q, %s =\n%.200s, want\n%.200s", c.in, name, got, c.want)
			}
		}
	}
	boom := errors.New("boom")
	r := resp.NewReader(io.MultiReader(strings.NewReader("*1\r\n$4"), iotest.ErrReader(boom)), 0)
	if _, err := r.Next(); err != boom {
		t.Error(err)
	}
}

// TestHold reads commands of all sizes, and holds some of them while it reads others.
func TestHold(t *testing.T) {
	var data []byte
	var sizes []int
	for i := range 400 {
		n := i * i * 7 % 5000
		if i%97 == 5 {
			n = 3 << 20
		}
		sizes = append(sizes, n)
		data = resp.AppendCommand(data, "SET", fmt.Sprint(i), strings.Repeat(string(rune('a'+i%26)), n))
	}
	r := resp.NewReader(bytes.NewReader(data), 0)
	var held []resp.Token
	var from int
	check := func() {
		for k, token := range held {
			i := from + k
			if string(token.Args[1]) != fmt.Sprint(i) || len(token.Args[2]) != sizes[i] ||
				strings.Trim(string(token.Args[2]), string(rune('a'+i%26))) != "" ||
				!bytes.Equal(token.Raw, data[token.Offset:token.End()]) {
				t.Fatalf("held command %d changed, want it unchanged", i)
			}
		}
		held = held[:0]
	}
	for i := range 400 {
		if i%40 == 0 {
			r.Hold()
		}
		if i%40 == 30 {
			check()
			r.Release()
		}
		if len(held) == 0 {
			from = i
		}
		token, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, token)
		if i%40 >= 30 {
			check()
		}
	}
	check()
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
}

// TestMemory checks that a length field alone does not lead to an allocation.
func TestMemory(t *testing.T) {
	in := "*1048576\r\n$536870912\r\nx"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read(resp.NewReader(struct{ io.Reader }{strings.NewReader(in)}, 0))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
		t.Errorf("allocated %d bytes for %d of input, want less", n, len(in))
	}
}

func FuzzRESP(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n#TS:1\r\n*1\r\n$4\r\nPING\r\n"))
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nv"))
	f.Add([]byte("#p1\r\n*1\r\n$0\r\n\r\n!"))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := read(resp.NewReader(bytes.NewReader(data), 0))
		byByte := read(resp.NewReader(iotest.OneByteReader(bytes.NewReader(data)), 0))
		if whole != byByte {
			t.Fatalf("tokens read at once =\n%s, byte by byte =\n%s, want equal ones", whole, byByte)
		}
		r := resp.NewReader(bytes.NewReader(data), 0)
		end := int64(0)
		for {
			token, err := r.Next()
			if err != nil {
				var damage *corrupt.Error
				switch {
				case err == io.EOF && end == int64(len(data)):
				case errors.As(err, &damage) && r.Offset() == end && damage.Offset >= end && damage.Offset <= int64(len(data)):
				default:
					t.Fatalf("Next = %v at offset %d of %d, want a CorruptError there, or io.EOF",
						err, end, len(data))
				}
				return
			}
			if token.Offset != end || !bytes.Equal(token.Raw, data[end:token.End()]) {
				t.Fatalf("token offset = %d, want %d", token.Offset, end)
			}
			if token.Line == nil {
				out := resp.AppendHeader(nil, len(token.Args))
				for _, a := range token.Args {
					out = resp.AppendBulk(out, a)
				}
				if !bytes.Equal(out, token.Raw) {
					t.Fatalf("token was encoded as %q, want %q", out, token.Raw)
				}
			}
			end = token.End()
		}
	})
}

func BenchmarkReader(b *testing.B) {
	one := resp.AppendCommand(nil, "SET", "key:00000000000", strings.Repeat("v", 64))
	data := bytes.Repeat(one, 10000)
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	r := resp.NewReader(bytes.NewReader(data), 0)
	for b.Loop() {
		if _, err := r.Next(); err == io.EOF {
			r = resp.NewReader(bytes.NewReader(data), 0)
		}
	}
}
