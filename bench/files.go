package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// measureFiles measures the duration of a durable save, and of opening the files again. For perdure
// and Redis the file is the dump in mode none, and a log of plain commands in mode everysec.
func measureFiles(j *job) error {
	p, err := j.openFull()
	if err != nil {
		return err
	}
	closed := false
	defer func() {
		if !closed {
			p.Close()
		}
	}()
	if s, ok := p.(saver); ok {
		begin := time.Now()
		if err := s.Save(); err != nil {
			return err
		}
		j.add("save", "ns", float64(time.Since(begin)))
	}
	closed = true
	if err := p.Close(); err != nil {
		return err
	}
	size, err := sizeOf(j.dir)
	if err != nil {
		return err
	}
	j.add("on disk", "size", float64(size))
	collect() // the next measurement must not include earlier garbage
	begin := time.Now()
	p, err = j.open()
	if err != nil {
		return err
	}
	closed = false
	j.add("open", "ns", float64(time.Since(begin)))
	return verify(p, j.Keys)
}

// verify checks samples of the values that fill stored in p.
func verify(p peer, keys int) error {
	for i := 0; i < keys; i += max(1, keys/1000) {
		v, err := p.Get(nil, string(appendKey(nil, uint64(i))))
		if err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
		if !bytes.Equal(v, valueAt(i)) {
			return errors.New("read another value than was stored")
		}
	}
	return nil
}

// sizeOf returns the total size of the files below dir.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
