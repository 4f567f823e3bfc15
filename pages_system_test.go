package main

import (
	"strings"
	"testing"

	"github.com/sekisho/sekisho/door/smppdoor"
)

func TestMaskedConfig(t *testing.T) {
	cfg := defaultConfig()
	cfg.Store.DSN = "postgres://sekisho:hunter2@db/sekisho"
	cfg.Stream.URL = "nats://user:hunter2@nats.example:4222/x?token=hunter2"
	cfg.Audit.URL = "https://witness.example/in/hunter2"
	cfg.SMPP.Upstreams = []smppdoor.Upstream{{Name: "smsc", Address: "smsc.example:2775", Password: "hunter2"}}
	cfg.SMPP.Accounts = []smppdoor.Account{{SystemID: "tsubame", Password: "hunter2"}}
	got, err := maskedConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got, "hunter2"); n != 1 { // a path may be what it is
		t.Errorf("%d secrets are shown:\n%s", n, got)
	}
	for _, want := range []string{"smsc.example:2775", "tsubame", "@nats.example:4222", "witness.example"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not shown", want)
		}
	}
}
