package clients_test

import (
	"testing"

	"github.com/valkey-io/valkey-go"
)

// TestValkeyGo uses valkey-go, which sends CLIENT TRACKING unless its cache is disabled.
func TestValkeyGo(t *testing.T) {
	c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{serve(t)}, Password: password, SelectDB: 1, DisableCache: true})
	if err != nil {
		t.Fatalf("NewClient = %v, want nil", err)
	}
	t.Cleanup(c.Close)
	ctx := t.Context()
	if err := c.Do(ctx, c.B().Set().Key("k").Value("v").Nx().Build()).Error(); err != nil {
		t.Fatalf("Set = %v, want nil", err)
	}
	if err := c.Do(ctx, c.B().Set().Key("k").Value("v").Nx().Build()).Error(); !valkey.IsValkeyNil(err) {
		t.Errorf("Set of an existing key = %v, want nil reply", err)
	}
	replies := c.DoMulti(ctx, c.B().Get().Key("k").Build(), c.B().Incr().Key("n").Build(), c.B().Incr().Key("k").Build())
	if v, err := replies[0].ToString(); err != nil || v != "v" {
		t.Errorf("Get = %q, %v, want v", v, err)
	}
	if n, err := replies[1].ToInt64(); err != nil || n != 1 {
		t.Errorf("Incr = %d, %v, want 1", n, err)
	}
	if replies[2].Error() == nil {
		t.Error("Incr of a text = nil, want an error")
	}
	dedicated, release := c.Dedicate()
	defer release()
	results := dedicated.DoMulti(ctx, c.B().Watch().Key("k").Build(), c.B().Multi().Build(), c.B().Incr().Key("n").Build(), c.B().Exec().Build())
	if all, err := results[3].ToArray(); err != nil || len(all) != 1 {
		t.Errorf("Exec = %v, %v, want one reply", all, err)
	}
	entry, err := c.Do(ctx, c.B().Scan().Cursor(0).Match("k*").Build()).AsScanEntry()
	if err != nil || len(entry.Elements) != 1 {
		t.Errorf("Scan = %v, %v, want k", entry, err)
	}
}
