package rpz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

// copied is the zone as a secondary keeps it.
type copied struct {
	serial  uint32
	records map[string]bool
}

// peerServer is a server that is not started, with one peer that signs.
func peerServer(t testing.TB, change func(*Config)) (*Server, *key) {
	t.Helper()
	file, _ := secret(t, 32)
	cfg := testConfig()
	cfg.Peers = []Peer{{Name: "p", Key: "k", Secret: file}}
	if change != nil {
		change(&cfg)
	}
	s, _ := newServer(t, cfg)
	return s, s.keys["k."]
}

// asked is a request, signed if there is a key.
func asked(name string, qtype uint16, serial uint32, k *key) []byte {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	if qtype == dns.TypeIXFR {
		m.SetIxfr(dns.Fqdn(name), serial, "localhost.", "root.localhost.")
	}
	if k != nil {
		m.SetTsig(k.name, k.algorithm, 300, time.Now().Unix())
		b, _, err := dns.TsigGenerateWithProvider(m, k, "", false)
		if err != nil {
			panic(err)
		}
		return b
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

var here = netip.MustParseAddr("127.0.0.1")

// fetched is what a request gets over TCP: the records of all messages, each of them checked for its signature.
func fetched(s *Server, raw []byte, k *key) (rr []dns.RR, rcode int, err error) {
	answer, q, tr := s.answer(raw, here, true, nil)
	messages := [][]byte{answer}
	if tr != nil {
		var b bytes.Buffer
		w := newStream(&b, q)
		if tr.diff != nil {
			w.differences(tr)
		} else {
			w.whole(tr)
		}
		if w.err != nil {
			return nil, 0, w.err
		}
		messages = nil
		for b.Len() > 0 {
			messages = append(messages, bytes.Clone(b.Next(int(binary.BigEndian.Uint16(b.Next(2))))))
		}
	}
	var r dns.Msg
	if err := r.Unpack(raw); err != nil {
		return nil, 0, err
	}
	prior := ""
	if k != nil {
		prior = r.IsTsig().MAC
	}
	for i, b := range messages {
		var m dns.Msg
		if err := m.Unpack(b); err != nil {
			return nil, 0, err
		}
		if m.Id != r.Id || !m.Response || !m.Authoritative && m.Rcode == 0 {
			return nil, 0, errors.New("it is no answer to this request")
		}
		if k != nil {
			if err := dns.TsigVerifyWithProvider(bytes.Clone(b), k, prior, i > 0); err != nil {
				return nil, 0, fmt.Errorf("message %d: %w", i, err)
			}
			prior = m.IsTsig().MAC
		}
		rr, rcode = append(rr, m.Answer...), m.Rcode
	}
	return rr, rcode, nil
}

// text is a record as one tells it from others.
func text(r dns.RR) string { return strings.ToLower(strings.Join(strings.Fields(r.String()), " ")) }

// take brings the copy to the newest version by what IXFR or AXFR gave, as strictly as RFC 1995 §4 and RFC 5936 §2.2 say.
func (c *copied) take(rr []dns.RR) error {
	first, ok := rr[0].(*dns.SOA)
	if !ok {
		return errors.New("no SOA first")
	}
	if len(rr) == 1 {
		if first.Serial != c.serial {
			return errors.New("one SOA of another version")
		}
		return nil
	}
	last, ok := rr[len(rr)-1].(*dns.SOA)
	if !ok || last.Serial != first.Serial {
		return errors.New("no SOA of the same version last")
	}
	second, parts := rr[1].(*dns.SOA)
	if !parts {
		c.records = map[string]bool{}
		for _, r := range rr[1 : len(rr)-1] {
			if c.records[text(r)] {
				return fmt.Errorf("twice: %v", r)
			}
			c.records[text(r)] = true
		}
		c.serial = first.Serial
		return nil
	}
	if second.Serial != c.serial {
		return errors.New("it does not begin where the copy stands")
	}
	adds := true
	for _, r := range rr[1 : len(rr)-1] {
		if soa, ok := r.(*dns.SOA); ok {
			if adds = !adds; adds {
				c.serial = soa.Serial
			} else if soa.Serial != c.serial {
				return errors.New("a difference from another version")
			}
			continue
		}
		if c.records[text(r)] == adds {
			return fmt.Errorf("adds %v, of %v", adds, r)
		}
		if adds {
			c.records[text(r)] = true
		} else {
			delete(c.records, text(r))
		}
	}
	if c.serial != first.Serial {
		return errors.New("it does not lead to the newest")
	}
	return nil
}

func (c *copied) clone() *copied { return &copied{c.serial, maps.Clone(c.records)} }

// follow takes the newest by IXFR.
func (c *copied) follow(s *Server, k *key) (whole bool, err error) {
	rr, rcode, err := fetched(s, asked(testZone, dns.TypeIXFR, c.serial, k), k)
	if err != nil || rcode != 0 || len(rr) == 0 {
		return false, fmt.Errorf("code %d: %v", rcode, err)
	}
	if len(rr) > 1 {
		_, parts := rr[1].(*dns.SOA)
		whole = !parts
	}
	return whole, c.take(rr)
}

func taken(t interface{ Fatal(...any) }, s *Server, k *key) *copied {
	rr, rcode, err := fetched(s, asked(testZone, dns.TypeAXFR, 0, k), k)
	if err != nil || rcode != 0 {
		t.Fatal(rcode, err)
	}
	c := &copied{}
	if err := c.take(rr); err != nil {
		t.Fatal(err)
	}
	return c
}

// told is the records that a set of indicators makes, by the rules of the package comment and no code of the package.
func told(s map[string]share.Item) map[string]bool {
	out := map[string]bool{}
	for _, i := range s {
		name := i.Value()
		if name == "8.8.4.4" {
			name = "32.4.4.8.8.rpz-ip"
		}
		out[name+"."+testZone+". 30 in cname ."] = true
		if i.Kind() == indicator.Domain {
			out["*."+name+"."+testZone+". 30 in cname ."] = true
		}
	}
	out[testZone+". 30 in ns localhost."] = true
	return out
}

// TestFollow: after any sequence of changes, who follows by IXFR from any version has what AXFR gives, which is what was told.
func TestFollow(t *testing.T) {
	var pool []share.Item
	for _, n := range []string{"a.example", "b.a.example", "a.example.net", "xn--80ak6aa92e.com", "_x-1.example"} {
		pool = append(pool, host(n), domain(n), item(indicator.URL, n))
	}
	pool = append(pool, host("8.8.4.4"))
	id := func(i share.Item) string { return i.Kind().String() + " " + i.Value() }
	rapid.Check(t, func(rt *rapid.T) {
		journal := rapid.SampledFrom([]int{1, 5, 20, 1000}).Draw(rt, "journal")
		s, k := peerServer(t, func(c *Config) { c.Journal = journal })
		now := rapid.Int64Range(1<<32-20, 1<<32+20).Draw(rt, "time") // serials wrap in 2106
		s.clock = time.Now
		model := map[string]share.Item{}
		all := func() []share.Item { return slices.Collect(maps.Values(model)) }
		some := rapid.SliceOfN(rapid.SampledFrom(pool), 0, 6)
		s.Set(items())
		s.zone.commit(uint32(now))
		copies := []*copied{taken(rt, s, k)}
		for range rapid.IntRange(1, 12).Draw(rt, "versions") {
			for range rapid.IntRange(1, 3).Draw(rt, "changes") {
				if rapid.IntRange(0, 5).Draw(rt, "how") == 0 {
					clear(model)
					for _, i := range some.Draw(rt, "set") {
						model[id(i)] = i
					}
					s.Set(items(all()...))
					continue
				}
				add, remove := some.Draw(rt, "add"), some.Draw(rt, "remove")
				s.Change(items(add...), items(remove...))
				for _, i := range remove {
					delete(model, id(i))
				}
				for _, i := range add {
					model[id(i)] = i
				}
			}
			now += rapid.Int64Range(-1, 3).Draw(rt, "seconds")
			before := s.Serial()
			if v, made := s.zone.commit(uint32(now)); made && !newer(v.serial, before) || !made && v.serial != before {
				rt.Fatal("the serial does not rise")
			}
			whole := taken(rt, s, k)
			if !maps.Equal(whole.records, told(model)) {
				rt.Fatalf("AXFR\n%v\nbut\n%v", whole.records, told(model))
			}
			if v := s.zone.now.Load(); v.records+1 != len(whole.records) || v.names != v.counted() {
				rt.Fatalf("counted %d records, %d names", v.records, v.names)
			}
			for _, c := range copies {
				c := c.clone()
				if _, err := c.follow(s, k); err != nil {
					rt.Fatal(err)
				}
				if c.serial != whole.serial || !maps.Equal(c.records, whole.records) {
					rt.Fatalf("IXFR\n%v\nbut AXFR\n%v", c.records, whole.records)
				}
			}
			copies = append(copies, whole)
		}
	})
}

func (v *version) counted() (n int) {
	for range v.all {
		n++
	}
	return n
}

// TestFollowMany: so many changes that edits are folded into a new arena several times.
func TestFollowMany(t *testing.T) {
	for _, action := range []Action{NXDOMAIN, Redirect} {
		s, k := peerServer(t, func(c *Config) {
			if c.Action = action; action == Redirect {
				c.Addresses = []string{"192.0.2.80", "2001:db8::80", "192.0.2.81"}
			}
		})
		dice := rand.New(rand.NewPCG(1, 2))
		s.Set(listed(5000))
		s.zone.commit(1)
		c := taken(t, s, k)
		if want := 10000*s.zone.width + 1; len(c.records) != want {
			t.Fatalf("%d records, not %d", len(c.records), want)
		}
		folded := 0
		for v := range uint32(12) {
			base := s.zone.now.Load().base
			var add, remove []share.Item
			for range 400 {
				n := fmt.Sprintf("n%d.example", dice.IntN(4000))
				i := domain(n)
				if dice.IntN(2) == 0 {
					i = host(n)
				}
				if dice.IntN(3) == 0 {
					remove = append(remove, i)
				} else {
					add = append(add, i)
				}
			}
			s.Change(items(add...), items(remove...))
			s.zone.commit(v + 2)
			if s.zone.now.Load().base != base {
				folded++
			}
			if whole, err := c.follow(s, k); err != nil || whole {
				t.Fatal(whole, err)
			}
			if got := taken(t, s, k); !maps.Equal(got.records, c.records) || got.serial != c.serial {
				t.Fatal("IXFR and AXFR differ")
			}
		}
		if folded < 2 {
			t.Errorf("folded %d times: the test is too small", folded)
		}
	}
}
