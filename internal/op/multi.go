package op

// Pairs returns pair number i of an MSet.
type Pairs = func(i int) (key string, value []byte)

// MGet appends the values of keys to dst, and returns for each key the part of dst that holds its
// value, or nil if the key is missing or not a string. Only the lengths are final while dst grows.
func (x *Exec) MGet(dst []byte, values [][]byte, db int, keys []string) []byte {
	for i, key := range keys {
		x.Number = i
		before := len(dst)
		var err error
		if dst, err = x.get(dst, x.At(db, i, key)); err == nil {
			values[i] = dst[before:]
		}
	}
	return dst
}

// MSet stores n pairs, or none on error, and removes the expiries of the keys. It must be the only
// operation of x, because it reverts everything on error.
func (x *Exec) MSet(db, n int, pair Pairs) error {
	for i := range n {
		if key, value := pair(i); len(key) > MaxSize || len(value) > MaxSize {
			return ErrTooLarge
		}
	}
	x.large.kept = x.large.kept[:0]
	plain := 0 // pairs before the first that is not a change in place
	if x.Log != nil && n > 0 {
		x.Record.begin(x.Log, db, 1+2*n)
		x.Record.str("MSET")
	}
	for i := range n {
		key, value := pair(i)
		p := x.At(db, i, key)
		x.Number = i
		swapped := false
		if plain == i && len(value) <= PlainSize {
			if x.large.kept, swapped = p.Shard.SwapString(x.large.kept, db, p.Hash, key, value); swapped {
				plain++
			}
		}
		if !swapped {
			x.Atomic = true
			if err := x.store(p, value, 0); err != nil {
				x.Rollback()
				x.swapBack(db, plain, pair)
				return err
			}
		}
		x.Dirty++
		x.changed(db, key)
		if x.Log != nil {
			x.Record.str(key)
			x.value(value)
		}
	}
	return nil
}

// swapBack restores the old values of the first n pairs, which were recorded in kept and have the
// same lengths.
func (x *Exec) swapBack(db, n int, pair Pairs) {
	for i := n - 1; i >= 0; i-- {
		key, value := pair(i)
		p := x.Locate(db, key)
		from := len(x.large.kept) - len(value)
		p.Shard.SetString(db, p.Hash, key, x.large.kept[from:])
		x.large.kept = x.large.kept[:from]
	}
}

// PlainSize is the size of a key or value above which changes in place make no difference.
const PlainSize = 4 << 10
