package op

// Bit 0 of a string is the highest bit of its first byte.

// maxBits is the limit of the offset of a bit, which limits the length of the string.
const maxBits = int64(MaxSize) * 8

var (
	errBitOffset = clientError("bit offset is not an integer or out of range")
	errBit       = clientError("bit is not an integer or out of range")

	errBitArgument = clientError("The bit argument must be 1 or 0.")
)

// bitOffset parses the offset of a bit.
func (x *Exec) bitOffset(arg []byte) (int64, error) {
	offset, err := x.integer(arg)
	if err != nil || offset < 0 || offset >= maxBits {
		return 0, errBitOffset
	}
	return offset, nil
}

func setBit(x *Exec, p Place, args [][]byte) error {
	offset, err := x.bitOffset(args[0])
	if err != nil {
		return err
	}
	bit := string(args[1])
	if bit != "0" && bit != "1" {
		return errBit
	}
	var old uint64
	changed, err := x.editBits(p, int(offset/8)+1, func(value []byte) bool {
		old = bits(value, offset, 1)
		putBits(value, offset, 1, uint64(bit[0]-'0'))
		return old != uint64(bit[0]-'0')
	})
	if err != nil {
		return err
	}
	if changed {
		x.commandOn(p, "SETBIT", args)
	}
	x.Reply.Int(int64(old))
	return nil
}

// editBits is edit for a function that reports whether it has changed a bit. A string that has not
// changed and is no longer than before does not count as changed.
func (x *Exec) editBits(p Place, size int, f func(value []byte) bool) (changed bool, err error) {
	it, ok := x.Find(p)
	grows := !ok || it.ValueLen() < size
	if err := x.edit(p, size, func(value []byte) { changed = f(value) }); err != nil {
		return false, err
	}
	if !changed && !grows {
		x.Dirty--
	}
	return changed || grows, nil
}

func getBit(x *Exec, p Place, args [][]byte) error {
	offset, err := x.bitOffset(args[0])
	if err != nil {
		return err
	}
	value, err := x.look(p)
	if err != nil {
		return err
	}
	x.Reply.Int(int64(bits(value, offset, 1)))
	return nil
}

// bits returns n bits, at most 64. Bits after the end of p are zero.
func bits(p []byte, offset int64, n int) (v uint64) {
	for i := offset; i < offset+int64(n); i++ {
		v <<= 1
		if i/8 < int64(len(p)) {
			v |= uint64(p[i/8]>>(7-i%8)) & 1
		}
	}
	return v
}

// putBits writes the lowest n bits of v. p must be long enough.
func putBits(p []byte, offset int64, n int, v uint64) {
	for i := offset + int64(n) - 1; i >= offset; i-- {
		mask := byte(1) << (7 - i%8)
		p[i/8] &^= mask
		if v&1 != 0 {
			p[i/8] |= mask
		}
		v >>= 1
	}
}
