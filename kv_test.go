package perdure_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/perduredb/perdure"
)

// TestUnimplementedKVReturnsErrUnsupported calls every method of the interface.
func TestUnimplementedKVReturnsErrUnsupported(t *testing.T) {
	kv := reflect.ValueOf(perdure.UnimplementedKV{})
	methods := reflect.TypeFor[perdure.KV]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		var args []reflect.Value
		for j := range m.Type.NumIn() {
			if !m.Type.IsVariadic() || j < m.Type.NumIn()-1 {
				args = append(args, reflect.Zero(m.Type.In(j)))
			}
		}
		results := kv.MethodByName(m.Name).Call(args)
		err, _ := results[len(results)-1].Interface().(error)
		if want := "perdure: not supported: " + m.Name; !errors.Is(err, perdure.ErrUnsupported) || err.Error() != want {
			t.Errorf("%s = %v, want %q", m.Name, err, want)
		}
	}
}

func TestSetOptionReportsArguments(t *testing.T) {
	at := time.Unix(2e9, 5)
	for _, c := range []struct {
		option    perdure.SetOption
		ttl       time.Duration
		hasTTL    bool
		at        time.Time
		hasExpiry bool
		keep      bool
	}{
		{option: perdure.SetOption{}},
		{option: perdure.TTL(time.Second), ttl: time.Second, hasTTL: true},
		{option: perdure.TTL(-1), ttl: -1, hasTTL: true},
		{option: perdure.ExpireAt(at), at: at, hasExpiry: true},
		{option: perdure.KeepTTL(), keep: true},
	} {
		ttl, hasTTL := c.option.TTL()
		at, hasExpiry := c.option.ExpireAt()
		if ttl != c.ttl || hasTTL != c.hasTTL || !at.Equal(c.at) || hasExpiry != c.hasExpiry || c.option.KeepTTL() != c.keep {
			t.Errorf("TTL, ExpireAt, KeepTTL = %v, %v, %v, %v, %v, want %+v", ttl, hasTTL, at, hasExpiry, c.option.KeepTTL(), c)
		}
	}
}
