package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestKeys(t *testing.T) {
	var keys Keys
	if _, err := keys.Check("Bearer sk_"); !errors.Is(err, ErrKey) {
		t.Fatalf("without keys: %v", err)
	}
	text, k := NewKey("smsc", Judge|Metrics)
	old, gone := NewKey("gone", Judge)
	gone.Expires = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	if err := keys.Replace([]Key{k, gone}); err != nil {
		t.Fatal(err)
	}
	now := gone.Expires.Add(-time.Second)
	for _, c := range []struct {
		name, header string
		ok           bool
	}{
		{"right", "Bearer " + text, true},
		{"scheme in lower case", "bearer " + text, true},
		{"spaces", "Bearer  " + text + " ", true},
		{"no scheme", text, false},
		{"another scheme", "Basic " + text, false},
		{"nothing", "", false},
		{"scheme alone", "Bearer ", false},
		{"a letter short", "Bearer " + text[:len(text)-1], false},
		{"a letter long", "Bearer " + text + "0", false},
		{"upper case", "Bearer " + strings.ToUpper(text), false},
		{"another secret", "Bearer " + text[:13] + strings.Repeat("0", 32), false},
		{"unknown id", "Bearer sk_0000000000" + text[13:], false},
		{"id of another", "Bearer sk_" + gone.ID + text[13:], false},
		{"not yet expired", "Bearer " + old, true},
	} {
		client, err := keys.check(c.header, now)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && client.ID == k.ID && (client.Name != "smsc" || !client.Scopes.Has(Judge) || client.Scopes.Has(scopeEnd)) {
			t.Errorf("%s: %+v", c.name, client)
		}
	}
	if _, err := keys.check("Bearer "+old, gone.Expires); !errors.Is(err, ErrKey) {
		t.Errorf("expired: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { keys.Check("Bearer " + text) }); n > 1 { // the test's own string
		t.Errorf("%v allocations a check", n)
	}
}

func TestReplaceRefusesWhole(t *testing.T) {
	var keys Keys
	text, good := NewKey("a", Judge)
	if err := keys.Replace([]Key{good}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Key){
		"id":     func(k *Key) { k.ID = "short" },
		"letter": func(k *Key) { k.ID = "ilou000000" },
		"hash":   func(k *Key) { k.Hash = "ab" },
		"name":   func(k *Key) { k.Name = "" },
		"scopes": func(k *Key) { k.Scopes = 0 },
		"future": func(k *Key) { k.Scopes = 1 << 20 },
	} {
		bad := good
		change(&bad)
		if err := keys.Replace([]Key{bad}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := keys.Replace([]Key{good, good}); err == nil {
		t.Error("the same key twice: accepted")
	}
	if _, err := keys.Check("Bearer " + text); err != nil {
		t.Errorf("the keys before are not in force: %v", err)
	}
}

func TestParseScopes(t *testing.T) {
	s, err := ParseScopes([]string{"judge", "metrics"})
	if err != nil || s != Judge|Metrics || s.String() != "judge metrics" {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := ParseScopes([]string{"root"}); err == nil {
		t.Error("root: accepted")
	}
	if len(scopeNames) != 5 || scopeEnd != 1<<len(scopeNames) {
		t.Error("a scope without a name")
	}
}

func TestPasswords(t *testing.T) {
	ctx := context.Background()
	p := NewPasswords(2)
	hash, err := HashPassword("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hash, password string
		want           bool
	}{
		{hash, "s3cret", true},
		{hash, "s3cret", true}, // remembered
		{hash, "s3creT", false},
		{hash, "", false},
		{"", "", false},
		{"", "s3cret", false},
		{hash, strings.Repeat("x", 2000), false},
		// What the reference implementation prints for: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
		{"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password", true},
	} {
		if got, err := p.Check(ctx, c.hash, c.password); err != nil || got != c.want {
			t.Errorf("%.20s: %v, %v, want %v", c.hash, got, err, c.want)
		}
	}
	if len(p.right) != 2 {
		t.Errorf("%d remembered, want the 2 that were right", len(p.right))
	}
	p.now = func() time.Time { return time.Now().Add(cacheFor + time.Second) }
	if id := p.identity(hash, "s3cret"); p.remembered(id) {
		t.Error("remembered for ever")
	}
	if _, err := HashPassword(""); !errors.Is(err, ErrPassword) {
		t.Errorf("empty: %v", err)
	}
}

func TestPasswordsWaitTheirTurn(t *testing.T) {
	p := NewPasswords(1)
	p.turn <- struct{}{} // somebody is at it
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Check(ctx, "", "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestRememberedIsBounded(t *testing.T) {
	p := NewPasswords(1)
	for i := range 3 * cacheSize {
		p.remember([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if len(p.right) > cacheSize {
		t.Errorf("%d remembered", len(p.right))
	}
}

func TestParsePHC(t *testing.T) {
	const salt, sum = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, s := range []string{
		"",
		"plain",
		"$argon2i$v=19$m=65536,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=16$m=65536,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=65536,t=4000000000,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=65536,t=2,p=256$" + salt + "$" + sum,
		"$argon2id$v=19$m=65536,t=0,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$t=2,m=65536,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=065536,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=65536,t=2,p=1$" + salt,
		"$argon2id$v=19$m=65536,t=2,p=1$c29t$" + sum,
		"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + sum + "=",
		"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "\n$" + sum,
	} {
		if _, err := parsePHC(s); !errors.Is(err, ErrHash) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestAttempts(t *testing.T) {
	a := NewAttempts(1000)
	now := time.Unix(1_700_000_000, 0)
	a.now = func() time.Time { return now }
	home, thief := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")

	first, wait := a.Try(home, "bank")
	if wait != 0 {
		t.Fatal("the first attempt was refused")
	}
	a.Succeeded(first)
	for i := range burst {
		if _, wait := a.Try(thief, "bank"); wait != 0 {
			t.Fatalf("attempt %d: wait %v", i, wait)
		}
	}
	if _, wait := a.Try(thief, "bank"); wait != perAttempt {
		t.Errorf("a burst spent: wait %v", wait)
	}
	if _, wait := a.Try(netip.MustParseAddr("2001:db8::ffff"), "other"); wait == 0 {
		t.Error("another address of the same /64 may go on")
	}
	if _, wait := a.Try(netip.MustParseAddr("198.51.100.7"), "bank"); wait == 0 {
		t.Error("another address may go on with the name")
	}
	// The owner is not locked out, for as many binds as he has.
	for i := range 200 {
		at, wait := a.Try(home, "bank")
		if wait != 0 {
			t.Fatalf("bind %d of the owner: wait %v", i, wait)
		}
		a.Succeeded(at)
	}
	now = now.Add(perAttempt)
	if _, wait := a.Try(thief, "bank"); wait != 0 {
		t.Errorf("after the wait: %v more", wait)
	}
	if _, wait := a.Try(thief, "bank"); wait == 0 {
		t.Error("one more was free")
	}
}

// The worst guesser is kept while thousands of others come by.
func TestAttemptsUnderFlood(t *testing.T) {
	a := NewAttempts(1024)
	thief := netip.MustParseAddr("192.0.2.1")
	for range burst {
		a.Try(thief, "bank")
	}
	for i := range 50_000 {
		a.Try(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), fmt.Sprint("n", i))
	}
	if _, wait := a.Try(thief, "other"); wait == 0 {
		t.Error("forgotten")
	}
	var none netip.Addr
	a.Try(none, "") // no panic
}

func TestLimiter(t *testing.T) {
	l := NewLimiter(10, 5)
	now := int64(time.Hour)
	pass := func(n int) (passed int) {
		for range n {
			if l.allow(now, 1) {
				passed++
			}
		}
		return passed
	}
	if got := pass(20); got != 5 {
		t.Errorf("burst: %d", got)
	}
	now += int64(time.Second)
	if got := pass(20); got != 5 {
		t.Errorf("a second later: %d, want the burst", got)
	}
	now += int64(200 * time.Millisecond)
	if got := pass(20); got != 2 {
		t.Errorf("200 ms later: %d", got)
	}
	now += int64(time.Second)
	if l.allow(now, 6) || !l.allow(now, 5) || l.allow(now, 1) {
		t.Error("together")
	}
	l.Set(0, 0)
	if got := pass(20); got != 20 {
		t.Errorf("no limit: %d", got)
	}
	var zero Limiter
	if !zero.Allow() {
		t.Error("zero value refuses")
	}
	for _, extreme := range []float64{1e-300, 1e300, 1e9} {
		NewLimiter(extreme, 1<<62).Allow()
	}
}

func TestLimiterAtOnce(t *testing.T) {
	l := NewLimiter(1e-3, 1000)
	var passed sync.Map
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			n := 0
			for range 1000 {
				if l.Allow() {
					n++
				}
			}
			passed.Store(g, n)
		})
	}
	wg.Wait()
	sum := 0
	passed.Range(func(_, n any) bool { sum += n.(int); return true })
	if sum != 1000 {
		t.Errorf("%d passed, want 1000", sum)
	}
}

func FuzzCheckKey(f *testing.F) {
	var keys Keys
	text, k := NewKey("a", Judge)
	if err := keys.Replace([]Key{k}); err != nil {
		f.Fatal(err)
	}
	f.Add("Bearer " + text[:44])
	f.Add("Bearer sk_0123456789")
	f.Fuzz(func(t *testing.T, header string) {
		if _, err := keys.Check(header); err == nil {
			t.Error("let in")
		}
	})
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err == nil && h.String() != s {
			t.Errorf("%q is read as %q", s, h)
		}
	})
}

func BenchmarkKeysCheck(b *testing.B) {
	var keys Keys
	text, k := NewKey("a", Judge)
	keys.Replace([]Key{k})
	header := "Bearer " + text
	b.ReportAllocs()
	for b.Loop() {
		keys.Check(header)
	}
}

func BenchmarkPasswordFirst(b *testing.B) {
	p := NewPasswords(1)
	hash, _ := HashPassword("s3cret")
	b.ReportAllocs()
	for b.Loop() {
		p.Check(context.Background(), hash, "wrong")
	}
}

func BenchmarkPasswordAgain(b *testing.B) {
	p := NewPasswords(1)
	hash, _ := HashPassword("s3cret")
	p.Check(context.Background(), hash, "s3cret")
	b.ReportAllocs()
	for b.Loop() {
		p.Check(context.Background(), hash, "s3cret")
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := NewLimiter(1e6, 1000)
	b.ReportAllocs()
	for b.Loop() {
		l.Allow()
	}
}

func BenchmarkAttempts(b *testing.B) {
	a := NewAttempts(1 << 16)
	addr := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		t, _ := a.Try(addr, "bank")
		a.Succeeded(t)
	}
}
