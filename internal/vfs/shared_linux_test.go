package vfs_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
)

// shareFile creates a file of zeros and maps it.
func shareFile(t testing.TB, size int) (string, vfs.Shared) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := vfs.OS().Share(name)
	if errors.Is(err, vfs.ErrNotShared) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name, s
}

func TestShareWritesToFile(t *testing.T) {
	name, s := shareFile(t, 8192)
	if err := s.Write([]byte("abc"), 5000); err != nil {
		t.Fatal(err)
	}
	if err := s.Store(8, 0x0102030405060708); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 8192)
	copy(want[5000:], "abc")
	copy(want[8:], []byte{8, 7, 6, 5, 4, 3, 2, 1})
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("ReadFile = %d other bytes, %v, want the stored bytes", len(got), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("ReadFile after Close = %d other bytes, %v, want the stored bytes", len(got), err)
	}
}

// TestShareOfTruncatedFile checks that a store past the end of the file, which is a SIGBUS, returns
// an error.
func TestShareOfTruncatedFile(t *testing.T) {
	name, s := shareFile(t, 8192)
	defer s.Close()
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Write([]byte("abc"), 5000); !errors.Is(err, vfs.ErrFault) {
		t.Errorf("Write past the end = %v, want ErrFault", err)
	}
	if err := s.Store(8, 1); !errors.Is(err, vfs.ErrFault) {
		t.Errorf("Store past the end = %v, want ErrFault", err)
	}
}

func BenchmarkShared(b *testing.B) {
	_, s := shareFile(b, 1<<20)
	p := make([]byte, 100)
	b.Run("Write", func(b *testing.B) {
		b.ReportAllocs()
		offset := int64(4096)
		for b.Loop() {
			if err := s.Write(p, offset); err != nil {
				b.Fatal(err)
			}
			offset = (offset+100)&(64<<10-1) + 4096
		}
	})
	b.Run("Store", func(b *testing.B) {
		for b.Loop() {
			if err := s.Store(8, 7); err != nil {
				b.Fatal(err)
			}
		}
	})
}
