package simulate

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/message"
)

func TestStoryIsDeterministic(t *testing.T) {
	sum := func(seed uint64) uint64 {
		h := fnv.New64a()
		s := NewStory(seed, StoryConfig{})
		var it Item
		for range 3000 {
			s.Next(&it)
			fmt.Fprintf(h, "%s %s %s %s %s %s %s\n", it.At, it.Account, it.From, it.To, it.Text, it.Label, it.Campaign)
		}
		return h.Sum64()
	}
	if a, b := sum(3), sum(3); a != b {
		t.Errorf("the same seed gave %x and %x", a, b)
	}
	if sum(3) == sum(4) {
		t.Error("another seed gave the same story")
	}
}

// Who watches sees fraud within seconds, several kinds within two minutes, and hosts that change.
func TestStoryIsLively(t *testing.T) {
	accounts := make(map[string]message.Route)
	for _, a := range Accounts() {
		accounts[a.Name] = a.Route
	}
	for seed := range uint64(20) {
		s := NewStory(seed, StoryConfig{})
		var it Item
		var last time.Duration
		var firstBad time.Duration = -1
		campaigns, hosts, used := map[string]int{}, map[string]bool{}, map[string]bool{}
		honest, bad := 0, 0
		for it.At < 10*time.Minute {
			s.Next(&it)
			if it.At < last || it.At-last > 8*time.Second {
				t.Fatalf("seed %d: from %s to %s", seed, last, it.At)
			}
			last = it.At
			if it.From.IsZero() || it.To.IsZero() || len(it.Text) == 0 || accounts[it.Account] != it.Route {
				t.Fatalf("seed %d: %+v", seed, it)
			}
			used[it.Account] = true
			if it.Label == message.Ham {
				honest++
				continue
			}
			bad++
			if firstBad < 0 {
				firstBad = it.At
			}
			if it.At < 2*time.Minute {
				campaigns[it.Campaign]++
			}
			if _, u, ok := strings.Cut(string(it.Text), "://"); ok && it.Campaign == "parcel" {
				hosts[u[:12]] = true
			}
		}
		if firstBad > 2*time.Second || len(campaigns) < 3 || len(hosts) < 2 || len(used) != len(accounts) {
			t.Errorf("seed %d: first fraud after %s, campaigns %v, %d parcel hosts, accounts %v", seed, firstBad, campaigns, len(hosts), used)
		}
		if honest < 1200 || honest > 1800 || bad < 150 || bad > honest/2 {
			t.Errorf("seed %d: %d honest, %d not, in ten minutes", seed, honest, bad)
		}
	}
}

// Every line of texts.txt reads, and is reached.
func TestTexts(t *testing.T) {
	s := NewStory(1, StoryConfig{})
	if len(s.honest) < 100 || len(s.campaign) < 30 {
		t.Errorf("%d honest texts, %d of campaigns", len(s.honest), len(s.campaign))
	}
	for _, bad := range []string{"x", "list a | b"} {
		if _, err := parseWords(bad); err == nil {
			t.Errorf("%q was read as words", bad)
		}
	}
	for _, bad := range []string{"text", "@ ham", "@ ham p2p ja chat from=moon", "@ ham p2p ja chat wrong=1", "@ spam a2p ja x from=spoof", "& ja chat 1\n{x}", "@ ham p2p xx chat", "& ja chat 2"} {
		if _, _, err := parseTexts(bad); err == nil {
			t.Errorf("%q was read as texts", bad)
		}
	}
	w := words{"a": {{"x", ""}}}
	for _, bad := range []string{"{b}", "{a"} {
		if _, err := compile(w, &section{}, bad); err == nil {
			t.Errorf("%q was read as a template", bad)
		}
	}
}

func BenchmarkStoryNext(b *testing.B) {
	s := NewStory(1, StoryConfig{})
	var it Item
	b.ReportAllocs()
	for b.Loop() {
		s.Next(&it)
	}
}
