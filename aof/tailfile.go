package aof

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/vfs"
)

// The tail file contains, while a log in Ring mode is open, the records that were appended and are
// not in an incremental file yet. It is mapped into memory, so that it outlives a killed process.
// Numbers are little endian.
//
//	0     8   "PERDTAIL"
//	8     4   version, 1
//	12    4   regions
//	16    8   bytes of each
//	24    8   id of the file, which the commit markers report while it is in use; 0 if none
//	32    64  id of the boot (Linux: boot ID), padded with NUL
//	96    4   CRC-32C of the 96 bytes before
//	512       header of the first region; that of the next one 512 bytes later, and so on
//	4096      the regions
//
// The first 512 bytes are durable before the file gets its name, and never change. The header of a
// region consists of words of 8 bytes, each stored separately. All words except the second hold a
// number in their lower 40 bits, and 24 bits of its CRC-32C in the upper 24:
//
//	0   generation: a region that is reused has a higher one
//	8   length in the lower 32 bits; in the upper 32 bits the CRC-32C, seeded with the generation,
//	    of that many bytes of the region; emptyState if the region is empty
//	16  number of the incremental file that the region continues; 0 means the one in which the
//	    generation before ends
//	24  offset in that file at which the region's first byte belongs
//	32  number of the incremental file that it begins, if the manifest lists that; else 0
const (
	tailMagic       = "PERDTAIL"
	tailVersion     = 1
	tailStep        = 512
	tailHead        = 4096
	tailBoot        = 64
	tailID          = 24
	tailMaxRegions  = tailHead/tailStep - 1
	tailMaxSize     = 1 << 30
	tailSuffix      = ".tail"
	wordGeneration  = 0
	wordState       = 8
	wordSeq         = 16
	wordOffset      = 24
	wordNext        = 32
	wordsEnd        = 40
	tailReadsTorn   = 3 // attempts to read a region that changes during the read
	tailHeadChecked = 96
)

// emptyState is the state of an empty region. It is not 0, because a block that lost its contents
// reads as 0.
const emptyState = 0x74706d65 << 32

const sealMask = 1<<40 - 1

// sealWord returns the checksummed word for a number of 40 bits.
func sealWord(v uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v&sealMask)
	return v&sealMask | uint64(crc32.Checksum(b[:], wire.Castagnoli)>>8)<<40
}

// appendRegionWords appends the header of an empty region, padded to tailStep bytes.
func appendRegionWords(dst []byte) []byte {
	block := make([]byte, tailStep)
	for _, at := range [...]int{wordGeneration, wordSeq, wordOffset, wordNext} {
		binary.LittleEndian.PutUint64(block[at:], sealWord(0))
	}
	binary.LittleEndian.PutUint64(block[wordState:], emptyState)
	return append(dst, block...)
}

func tailName(filename string) string { return filename + tailSuffix }

// tailFile is the decoded contents of a tail file.
type tailFile struct {
	path string
	// elapsed is set if the machine has rebooted since the file was written; its contents can't be
	// trusted.
	elapsed bool
	id      uint64
	regions []tailRegion // the regions that are not empty, oldest first
	newest  tailRegion   // the region that was used last, even if it is empty
}

// checkID compares the file's id with the one that the log's commit markers report last. It reports
// whether the log's own tail file is missing. t is nil if there is no tail file. If the markers
// report no id, another program or an earlier version of perdure has written the log since.
func (t *tailFile) checkID(want uint64) (missing bool, err error) {
	switch {
	case want == 0 || t != nil && t.id == want:
		return false, nil
	case t == nil || t.elapsed || len(t.regions) == 0:
		return true, nil
	}
	return true, &corrupt.Error{File: t.path, Offset: tailID,
		What: fmt.Sprintf("tail file is not the one that the log used: its id is %s, want %s", wire.FormatID(t.id), wire.FormatID(want))}
}

// tailRegion is a region that is not empty.
type tailRegion struct {
	generation uint64
	seq        int64 // incremental file that it continues; 0 means that of the region before
	offset     int64
	next       int64 // number of the incremental file that it begins, if that is listed; else 0
	at         int64 // offset of its bytes in the tail file
	data       []byte
}

// appendTailHead appends the first 512 bytes of a tail file.
func appendTailHead(dst []byte, regions int, size int64, id uint64, boot string) []byte {
	head := make([]byte, tailStep)
	copy(head, tailMagic)
	binary.LittleEndian.PutUint32(head[8:], tailVersion)
	binary.LittleEndian.PutUint32(head[12:], uint32(regions))
	binary.LittleEndian.PutUint64(head[16:], uint64(size))
	binary.LittleEndian.PutUint64(head[tailID:], id)
	copy(head[32:32+tailBoot], boot)
	binary.LittleEndian.PutUint32(head[tailHeadChecked:], crc32.Checksum(head[:tailHeadChecked], wire.Castagnoli))
	return append(dst, head...)
}

// readTail reads a tail file. It returns nil if the file does not exist. It returns a
// *corrupt.Error if the file is damaged, because no crash explains that.
func readTail(fsys vfs.FS, path string) (t *tailFile, err error) {
	file, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	boot, err := fsys.Boot()
	if err != nil && !errors.Is(err, vfs.ErrNotShared) { // then the file is from another machine
		return nil, fmt.Errorf("%s: is it of this run of the machine? %w", path, err)
	}
	t, err = decodeTail(file, size, boot)
	if err != nil {
		return nil, corrupt.InFile(err, path)
	}
	t.path = path
	return t, nil
}

// decodeTail decodes a tail file of the given size. boot is the id of the current boot.
func decodeTail(file io.ReaderAt, size int64, boot string) (*tailFile, error) {
	head := make([]byte, min(size, tailHead))
	if err := readAll(file, head, 0); err != nil {
		return nil, err
	}
	switch {
	case size < tailHead || string(head[:8]) != tailMagic:
		return nil, corrupt.New(0, "not a tail file")
	case crc32.Checksum(head[:tailHeadChecked], wire.Castagnoli) != binary.LittleEndian.Uint32(head[tailHeadChecked:]):
		return nil, corrupt.New(0, "checksum of the tail file's head does not match")
	case binary.LittleEndian.Uint32(head[8:]) != tailVersion:
		return nil, corrupt.New(8, "tail file of version %d, this program knows %d",
			binary.LittleEndian.Uint32(head[8:]), tailVersion)
	}
	regions, each := binary.LittleEndian.Uint32(head[12:]), binary.LittleEndian.Uint64(head[16:])
	if regions == 0 || regions > tailMaxRegions || each > tailMaxSize ||
		size != tailHead+int64(regions)*int64(each) {
		return nil, corrupt.New(12, "tail file of %d bytes with %d regions of %d", size, regions, each)
	}
	t := &tailFile{id: binary.LittleEndian.Uint64(head[tailID:])}
	if was := string(bytes.TrimRight(head[32:32+tailBoot], "\x00")); was == "" || was != boot {
		t.elapsed = true
		return t, nil
	}
	for i := range int64(regions) {
		if err := t.readRegion(file, i, int64(each)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(t.regions, func(a, b tailRegion) int { return cmp.Compare(a.generation, b.generation) })
	for i := range t.regions[:max(0, len(t.regions)-1)] {
		if t.regions[i].generation == t.regions[i+1].generation {
			return nil, corrupt.New(t.regions[i].at, "two regions of generation %d", t.regions[i].generation)
		}
	}
	return t, nil
}

// readRegion reads region i. If the log is open in another process, the region may be written out
// and reused during the read, so a mismatch is retried.
func (t *tailFile) readRegion(file io.ReaderAt, i, each int64) error {
	var words [wordsEnd]byte
	for try := 1; ; try++ {
		if err := readAll(file, words[:], tailStep*(1+i)); err != nil {
			return err
		}
		var numbers [4]uint64
		for n, at := range [...]int64{wordGeneration, wordSeq, wordOffset, wordNext} {
			w := binary.LittleEndian.Uint64(words[at:])
			if w != sealWord(w) {
				return corrupt.New(tailStep*(1+i)+at, "checksum of a region's word does not match")
			}
			numbers[n] = w & sealMask
		}
		r := tailRegion{
			generation: numbers[0], seq: int64(numbers[1]), offset: int64(numbers[2]), next: int64(numbers[3]),
			at: tailHead + i*each,
		}
		state := binary.LittleEndian.Uint64(words[wordState:])
		if r.generation > t.newest.generation {
			t.newest = r
		}
		if state == emptyState {
			return nil
		}
		length := int64(uint32(state))
		if length == 0 || length > each {
			return corrupt.New(tailStep*(1+i)+wordState, "region of %d bytes holds %d", each, length)
		}
		r.data = make([]byte, length)
		if err := readAll(file, r.data, r.at); err != nil {
			return err
		}
		if wire.Sum(wire.NewSeed(int64(r.generation)).Group(0), r.data) == uint32(state>>32) {
			t.regions = append(t.regions, r)
			return nil
		}
		if try == tailReadsTorn {
			return corrupt.New(r.at, "checksum of the %d bytes of a region does not match", length)
		}
	}
}

// readAll fills p from an offset of the file.
func readAll(file io.ReaderAt, p []byte, offset int64) error {
	n, err := file.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return corrupt.New(offset+int64(n), "file ends inside of the tail file's head or of a region")
	}
	return err
}
