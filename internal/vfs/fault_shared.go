package vfs

// faultShared is a mapped file of a Fault.
type faultShared struct {
	shared Shared
	fault  *faults
	name   string
}

func (s *faultShared) Write(p []byte, offset int64) error {
	if err := s.fault.ask("put", s.name, len(p)); err != nil {
		return err
	}
	return s.shared.Write(p, offset)
}

func (s *faultShared) Store(offset int64, value uint64) error {
	if err := s.fault.ask("store", s.name, 8); err != nil {
		return err
	}
	return s.shared.Store(offset, value)
}

func (s *faultShared) WriteStore(p []byte, offset int64, word int64, value uint64) error {
	if err := s.Write(p, offset); err != nil {
		return err
	}
	return s.Store(word, value)
}

func (s *faultShared) Close() error {
	return joined(s.fault.ask("unshare", s.name, 0), s.shared.Close())
}
