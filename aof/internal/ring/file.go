package ring

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
//	16  number of the incremental file that the region continues; 0 means the one where the
//	    generation before ends
//	24  offset of the region's first byte in that file
//	32  number of the incremental file that it begins, if the manifest lists that; else 0
const (
	magic          = "PERDTAIL"
	version        = 1
	headerSize     = 512
	headSize       = 4096
	bootSize       = 64
	idOffset       = 24
	maxRegions     = headSize/headerSize - 1
	maxRegionSize  = 1 << 30
	suffix         = ".tail"
	wordGeneration = 0
	wordState      = 8
	wordSeq        = 16
	wordOffset     = 24
	wordNext       = 32
	headerLen      = 40
	maxReads       = 3 // attempts to read a region that changes during the read
	checkedSize    = 96
)

// emptyState is the state of an empty region. It is not 0, because a block that lost its contents
// reads as 0.
const emptyState = 0x74706d65 << 32

const wordMask = 1<<40 - 1

// checkedWord returns the checksummed word for a number of 40 bits. The checksum is the CRC-32C of
// its 8 bytes. crc32.Checksum would move them to the heap.
func checkedWord(v uint64) uint64 {
	v &= wordMask
	crc := ^uint32(0)
	for shift := 0; shift < 64; shift += 8 {
		crc = wire.Castagnoli[byte(crc)^byte(v>>shift)] ^ crc>>8
	}
	return v | uint64(^crc>>8)<<40
}

// appendHeader appends the header of an empty region, padded to headerSize bytes.
func appendHeader(dst []byte) []byte {
	block := make([]byte, headerSize)
	for _, at := range [...]int{wordGeneration, wordSeq, wordOffset, wordNext} {
		binary.LittleEndian.PutUint64(block[at:], checkedWord(0))
	}
	binary.LittleEndian.PutUint64(block[wordState:], emptyState)
	return append(dst, block...)
}

// FileName returns the name of the tail file of the log called filename.
func FileName(filename string) string { return filename + suffix }

// File is the decoded contents of a tail file.
type File struct {
	path string
	// Elapsed is set if the machine has rebooted since the file was written; its contents can't be
	// trusted.
	Elapsed bool
	ID      uint64
	Regions []stored // the regions that are not empty, oldest first
	newest  stored   // the region that was used last, even if it is empty
}

// CheckID compares the file's id with the one that the log's commit markers report last. It reports
// whether the log's own tail file is missing. t is nil without a tail file. If the markers report
// no id, another program or an earlier version of perdure has written the log since.
func (t *File) CheckID(want uint64) (missing bool, err error) {
	switch {
	case want == 0 || t != nil && t.ID == want:
		return false, nil
	case t == nil || t.Elapsed || len(t.Regions) == 0:
		return true, nil
	}
	return true, &corrupt.Error{File: t.path, Offset: idOffset,
		What: fmt.Sprintf("tail file is not the one that the log used: its id is %s, want %s", wire.FormatID(t.ID), wire.FormatID(want))}
}

// stored is a region that is not empty.
type stored struct {
	generation uint64
	seq        int64 // incremental file that it continues; 0 means that of the region before
	offset     int64
	next       int64 // number of the incremental file that it begins, if that is listed; else 0
	at         int64 // offset of its bytes in the tail file
	data       []byte
}

// appendHead appends the first 512 bytes of a tail file.
func appendHead(dst []byte, regions int, size int64, id uint64, boot string) []byte {
	head := make([]byte, headerSize)
	copy(head, magic)
	binary.LittleEndian.PutUint32(head[8:], version)
	binary.LittleEndian.PutUint32(head[12:], uint32(regions))
	binary.LittleEndian.PutUint64(head[16:], uint64(size))
	binary.LittleEndian.PutUint64(head[idOffset:], id)
	copy(head[32:32+bootSize], boot)
	binary.LittleEndian.PutUint32(head[checkedSize:], crc32.Checksum(head[:checkedSize], wire.Castagnoli))
	return append(dst, head...)
}

// Read reads a tail file. It returns nil if the file does not exist. It returns a
// *corrupt.Error if the file is damaged, because no crash explains that.
func Read(fsys vfs.FS, path string) (t *File, err error) {
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
		return nil, fmt.Errorf("%s: read boot ID: %w", path, err)
	}
	t, err = decode(file, size, boot)
	if err != nil {
		return nil, corrupt.InFile(err, path)
	}
	t.path = path
	return t, nil
}

// decode decodes a tail file of the given size. boot is the id of the current boot.
func decode(file io.ReaderAt, size int64, boot string) (*File, error) {
	head := make([]byte, min(size, headSize))
	if err := readAll(file, head, 0); err != nil {
		return nil, err
	}
	switch {
	case size < headSize || string(head[:8]) != magic:
		return nil, corrupt.New(0, "not a tail file")
	case crc32.Checksum(head[:checkedSize], wire.Castagnoli) != binary.LittleEndian.Uint32(head[checkedSize:]):
		return nil, corrupt.New(0, "checksum of the tail file's head does not match")
	case binary.LittleEndian.Uint32(head[8:]) != version:
		return nil, corrupt.New(8, "tail file of version %d, this program knows %d",
			binary.LittleEndian.Uint32(head[8:]), version)
	}
	regions, each := binary.LittleEndian.Uint32(head[12:]), binary.LittleEndian.Uint64(head[16:])
	if regions == 0 || regions > maxRegions || each > maxRegionSize ||
		size != headSize+int64(regions)*int64(each) {
		return nil, corrupt.New(12, "tail file of %d bytes with %d regions of %d", size, regions, each)
	}
	t := &File{ID: binary.LittleEndian.Uint64(head[idOffset:])}
	if was := string(bytes.TrimRight(head[32:32+bootSize], "\x00")); was == "" || was != boot {
		t.Elapsed = true
		return t, nil
	}
	for i := range int64(regions) {
		if err := t.readRegion(file, i, int64(each)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(t.Regions, func(a, b stored) int { return cmp.Compare(a.generation, b.generation) })
	for i := range t.Regions[:max(0, len(t.Regions)-1)] {
		if t.Regions[i].generation == t.Regions[i+1].generation {
			return nil, corrupt.New(t.Regions[i].at, "two regions of generation %d", t.Regions[i].generation)
		}
	}
	return t, nil
}

// readRegion reads region i. If the log is open in another process, the region may be written out
// and reused during the read, so a mismatch is retried.
func (t *File) readRegion(file io.ReaderAt, i, each int64) error {
	var words [headerLen]byte
	for try := 1; ; try++ {
		if err := readAll(file, words[:], headerSize*(1+i)); err != nil {
			return err
		}
		var numbers [4]uint64
		for n, at := range [...]int64{wordGeneration, wordSeq, wordOffset, wordNext} {
			w := binary.LittleEndian.Uint64(words[at:])
			if w != checkedWord(w) {
				return corrupt.New(headerSize*(1+i)+at, "checksum of a region's word does not match")
			}
			numbers[n] = w & wordMask
		}
		r := stored{
			generation: numbers[0], seq: int64(numbers[1]), offset: int64(numbers[2]), next: int64(numbers[3]),
			at: headSize + i*each,
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
			return corrupt.New(headerSize*(1+i)+wordState, "region of %d bytes holds %d", each, length)
		}
		r.data = make([]byte, length)
		if err := readAll(file, r.data, r.at); err != nil {
			return err
		}
		if wire.Sum(wire.NewSeed(int64(r.generation)).Group(0), r.data) == uint32(state>>32) {
			t.Regions = append(t.Regions, r)
			return nil
		}
		if try == maxReads {
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
		return corrupt.New(offset+int64(n), "file ends in the head of the tail file or in a region")
	}
	return err
}
