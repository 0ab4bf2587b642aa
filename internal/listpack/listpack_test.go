package listpack_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure/internal/listpack"
)

// texts returns the texts of entries, read forwards.
func texts(p []byte) (all []string, err error) {
	for at := 0; at < len(p); {
		e, next, err := listpack.Read(p, at)
		if err != nil {
			return all, err
		}
		all = append(all, string(e.Append(nil)))
		at = next
	}
	return all, nil
}

// backwards returns the texts of entries, read from the end, in their order.
func backwards(t *testing.T, p []byte) (all []string) {
	t.Helper()
	for end := len(p); end > 0; {
		at, err := listpack.Before(p, end)
		if err != nil {
			t.Fatalf("Before(%d) = %v, want nil", end, err)
		}
		e, _, err := listpack.Read(p, at)
		if err != nil {
			t.Fatalf("Read(%d) = %v, want nil", at, err)
		}
		all = append(all, string(e.Append(nil)))
		end = at
	}
	slices.Reverse(all)
	return all
}

// offset returns the offset of element number i.
func offset(t *testing.T, p []byte, i int) int {
	t.Helper()
	at := 0
	for range i {
		_, next, err := listpack.Read(p, at)
		if err != nil {
			t.Fatalf("Read(%d) = %v, want nil", at, err)
		}
		at = next
	}
	return at
}

// TestEncodings compares listpacks with bytes that Redis 7.0 wrote.
func TestEncodings(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "\x80\x01",
		"a":                    "\x81a\x02",
		"1":                    "\x01\x01",
		"127":                  "\x7f\x01",
		"128":                  "\xc0\x80\x02",
		"-1":                   "\xdf\xff\x02",
		"-4096":                "\xd0\x00\x02",
		"4096":                 "\xf1\x00\x10\x03",
		"-32769":               "\xf2\xff\x7f\xff\x04",
		"8388608":              "\xf3\x00\x00\x80\x00\x05",
		"2147483648":           "\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09",
		"-9223372036854775808": "\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09",
		"-0":                   "\x82-0\x03",
		"01":                   "\x8201\x03",
		"+1":                   "\x82+1\x03",
		"9223372036854775808":  "\x939223372036854775808\x14",
	} {
		if got := string(listpack.Append(nil, listpack.Of([]byte(text)))); got != want {
			t.Errorf("entry of %q = %q, want %q", text, got, want)
		}
	}
	for n, width := range map[int]int{0: 1, 63: 1, 64: 1, 125: 1, 126: 2, 4095: 2, 16380: 3, 2097145: 3, 2097146: 4} {
		p := listpack.Append(nil, listpack.Of([]byte(strings.Repeat("x", n))))
		head := 1
		if n >= 64 {
			head = 2
		}
		if n >= 4096 {
			head = 5
		}
		if got := len(p) - n - head; got != width {
			t.Errorf("back-length of a string of %d bytes has %d bytes, want %d", n, got, width)
		}
	}
}

// randomText returns a text of one of the encodings.
func randomText(rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0:
		return strconv.FormatInt(rng.Int64()>>rng.IntN(64)*int64(1-2*rng.IntN(2)), 10)
	case 1:
		return strings.Repeat("y", rng.IntN(5000))
	}
	return strings.Repeat("z", rng.IntN(80))
}

// TestSpliceIsSlice compares random changes with those of a slice of strings.
func TestSpliceIsSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p, want := []byte(nil), []string(nil)
	for range 3000 {
		from := rng.IntN(len(want) + 1)
		to := min(from+rng.IntN(3)*rng.IntN(3), len(want))
		var added []string
		var elements []listpack.Element
		for range rng.IntN(3) {
			s := randomText(rng)
			added = append(added, s)
			elements = append(elements, listpack.Of([]byte(s)))
		}
		p = listpack.Splice(p, offset(t, p, from), offset(t, p, to), elements...)
		want = slices.Replace(want, from, to, added...)
		got, err := texts(p)
		if err != nil {
			t.Fatalf("listpack after Splice: %v, want nil", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("elements (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, backwards(t, p)); diff != "" {
			t.Fatalf("elements from the end (-want +got):\n%s", diff)
		}
		whole := listpack.AppendFrame([]byte("x"), p, len(want))[1:]
		if err := listpack.Check(whole); err != nil || len(whole) != listpack.Size(len(p)) {
			t.Fatalf("Check of %d bytes = %v, want nil for %d", len(whole), err, listpack.Size(len(p)))
		}
		if got := listpack.Count(whole); got != len(want) || !bytes.Equal(listpack.Entries(whole), p) {
			t.Fatalf("Count = %d, want %d, and the entries", got, len(want))
		}
	}
}

// TestManyEntries frames more entries than a header can count.
func TestManyEntries(t *testing.T) {
	for _, n := range []int{listpack.Unknown - 1, listpack.Unknown, listpack.Unknown + 1} {
		p := listpack.AppendFrame(nil, bytes.Repeat(listpack.Append(nil, listpack.Integer(1)), n), n)
		if got, want := listpack.Count(p), min(n, listpack.Unknown); got != want {
			t.Errorf("Count = %d, want %d", got, want)
		}
		if got, err := texts(listpack.Entries(p)); len(got) != n || err != nil {
			t.Errorf("%d elements, %v, want %d", len(got), err, n)
		}
	}
}

// TestIs compares elements that were read with texts.
func TestIs(t *testing.T) {
	for _, stored := range []string{"a", "", "12", "-0", "012"} {
		p := listpack.Append(nil, listpack.Of([]byte(stored)))
		e, _, err := listpack.Read(p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"a", "", "12", "-0", "012", "0"} {
			if got := e.Is(listpack.Of([]byte(text))); got != (text == stored) {
				t.Errorf("%q is %q: %v, want %v", stored, text, got, text == stored)
			}
		}
	}
}

// TestIntsetIsSlice compares random changes with those of a sorted slice.
func TestIntsetIsSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		s, want := listpack.Intset(listpack.EmptyIntset), []int64(nil)
		for step := range 60 {
			n := rng.Int64N(40) - 20
			if step > 40 && rng.IntN(3) == 0 {
				n = rng.Int64() >> rng.IntN(64)
			}
			at, found := slices.BinarySearch(want, n)
			i, ok := s.Find(n)
			switch {
			case i != at || ok != found:
				t.Fatalf("Find(%d) = %d, %v, want %d, %v", n, i, ok, at, found)
			case found:
				s, want = s.Delete(i), slices.Delete(want, at, at+1)
			default:
				s, want = s.Insert(i, n), slices.Insert(want, at, n)
			}
			got := make([]int64, 0, s.Len())
			opened, err := listpack.OpenIntset(s)
			if err != nil {
				t.Fatalf("OpenIntset = %v, want nil", err)
			}
			for i := range opened.Len() {
				got = append(got, opened.At(i))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("integers = %v, want %v", got, want)
			}
		}
	}
}

// FuzzRead reads arbitrary bytes as a listpack, an intset, and entries. It must return an Error
// with an offset in them, and not panic. Readable entries accept changes.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x0c\x00\x00\x00\x02\x00\x81a\x02\x01\x01\xff"))
	f.Add([]byte("\x81a\x02\x01\x01"))
	f.Add([]byte("\xf0\x02\x00\x00\x00ab\x07"))
	f.Add(listpack.Append(nil, listpack.Of(make([]byte, 5000)), listpack.Integer(-70000)))
	f.Add([]byte(listpack.Intset(listpack.EmptyIntset).Insert(0, 70000)))
	f.Fuzz(func(t *testing.T, p []byte) {
		if s, err := listpack.OpenIntset(p); err == nil {
			for i := range s.Len() {
				s.Find(s.At(i))
			}
		} else if wrong := new(listpack.Error); !errors.As(err, &wrong) || wrong.At > len(p) {
			t.Fatalf("OpenIntset = %v, want an Error within %d bytes", err, len(p))
		}
		if err := listpack.Check(p); err == nil {
			p = listpack.Entries(p)
		} else if wrong := new(listpack.Error); !errors.As(err, &wrong) || wrong.At > len(p) {
			t.Fatalf("Check = %v, want an Error within %d bytes", err, len(p))
		}
		for end := range min(len(p), 300) + 1 {
			_, _ = listpack.Before(p, end) // reads what the bytes before an offset may mean
		}
		all, err := texts(p)
		if wrong := new(listpack.Error); err != nil && (!errors.As(err, &wrong) || wrong.At > len(p)) {
			t.Fatalf("Read = %v, want an Error within %d bytes", err, len(p))
		}
		if err != nil {
			return
		}
		q := listpack.Append(slices.Clone(p), listpack.Of([]byte("more")))
		if got, err := texts(q); err != nil || !slices.Equal(got, append(all, "more")) {
			t.Fatalf("after Append: %q, %v, want one more than %q", got, err, all)
		}
	})
}
