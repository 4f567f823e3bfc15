package smppdoor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// FuzzSubmission throws bodies at what reads a submit: it must not panic, its text is UTF-8, and what it writes anew
// with another text can be read again.
func FuzzSubmission(f *testing.F) {
	f.Add(text("hello").Append(nil), false)
	f.Add(text("こんにちは").Append(nil), false)
	m := text("x")
	m.ESMClass, m.ShortMessage = smpp.ESMUDHI, []byte{5, 0, 3, 7, 2, 1, 'h', 'i'}
	f.Add(m.Append(nil), false)
	m = text("")
	m.TLVs = smpp.AppendTLV(smpp.AppendTLV(smpp.AppendTLV(smpp.AppendTLV(nil, smpp.TagSarMsgRefNum, []byte{0, 1}),
		smpp.TagSarTotalSegments, []byte{3}), smpp.TagSarSegmentSeqnum, []byte{2}), smpp.TagMessagePayload, []byte("payload"))
	f.Add(m.Append(nil), false)
	d := smpp.DataBody{Source: m.Source, Dest: m.Dest, TLVs: m.TLVs}
	f.Add(d.Append(nil), true)
	f.Fuzz(func(t *testing.T, body []byte, data bool) {
		c := smpp.SubmitSM
		if data {
			c = smpp.DataSM
		}
		var b submission
		if b.read(c, body, smpp.GSM7) != nil {
			return
		}
		if !utf8.Valid(b.text) {
			t.Errorf("text %q", b.text)
		}
		if b.long() && (b.concat.Seq == 0 || b.concat.Seq > b.concat.Total) {
			t.Errorf("part %d of %d", b.concat.Seq, b.concat.Total)
		}
		user, _ := b.sm.UserData()
		if len(b.header) > len(user) {
			t.Fatalf("a header of %d octets in %d", len(b.header), len(user))
		}
		var again submission
		if err := again.read(c, b.withText(nil, bytes.Clone(user)), smpp.GSM7); err != nil {
			t.Errorf("written anew: %v", err)
		} else if !bytes.Equal(again.text, b.text) {
			t.Errorf("written anew: %q, was %q", again.text, b.text)
		}
	})
}

func certificate(t *testing.T, dir, name string, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: priv}} {
		if err := writeFile(path, string(pem.EncodeToMemory(block))); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSAndNewCertificate(t *testing.T) {
	dir := t.TempDir()
	var cfg Config
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) {
		c.Certificate, c.Key = certificate(t, dir, "localhost", 1)
		cfg = *c
	})
	cfg.Upstreams = []Upstream{*r.door.upstream("smsc").cfg.Load()}
	serial := func() int64 {
		conn, err := tls.Dial("tcp", r.door.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	conn, err := tls.Dial("tcp", r.door.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e := &smpptest.ESME{}
	s, err := smpp.Dial(ctx, conn, smpp.BindTransceiver, smpp.Bind{SystemID: []byte("esme"), Password: []byte("secret")}, smpp.Config{}, tolerant{e})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if serial() != 1 {
		t.Error("another certificate")
	}
	certificate(t, dir, "localhost", 2)
	if err := r.door.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if serial() != 2 {
		t.Error("the new certificate is not in force")
	}
	if p, err := s.Call(ctx, smpp.SubmitSM, text("still bound").Append(nil)); err != nil || p.Status != smpp.StatusOK {
		t.Errorf("the session of before: %v %v", p.Status, err)
	}
	if err := writeFile(filepath.Join(dir, "cert.pem"), "no certificate"); err != nil {
		t.Fatal(err)
	}
	if err := r.door.Reload(cfg); err == nil || serial() != 2 {
		t.Errorf("a broken certificate was taken: %v", err)
	}
}

// tolerant is an ESME that does not mind how its session ends.
type tolerant struct{ *smpptest.ESME }

func (tolerant) Closed(*smpp.Session, error) {}

func TestConfigErrorsNameThePlace(t *testing.T) {
	for _, x := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Accounts[0].Sources = nil }, `smpp.account "a": sources`},
		{func(c *Config) { c.Accounts[0].Password = "" }, `smpp.account "a": password`},
		{func(c *Config) { c.Accounts[0].Upstream = "x" }, `smpp.account "a": upstream: there is none named "x"`},
		{func(c *Config) { c.Accounts[0].Permit = []string{"all"} }, `permit: "all" is none of binary`},
		{func(c *Config) { c.Accounts[0].Addresses = []string{"home"} }, `addresses: "home" is no network`},
		{func(c *Config) { c.Accounts = append(c.Accounts, c.Accounts[0]) }, "two of this system_id"},
		{func(c *Config) { c.Accounts[0].SystemID = strings.Repeat("x", 16) }, "1 to 15 octets"},
		{func(c *Config) { c.Upstreams[0].Address = "nowhere" }, `smpp.upstream "u": address`},
		{func(c *Config) { c.Upstreams[0].Bind = "both" }, `bind: "both"`},
		{func(c *Config) { c.Upstreams[0].Loop = &Loop{Via: "u"} }, "loop.via"},
		{func(c *Config) {
			c.Upstreams[0].Loop = &Loop{Via: "v", Answer: smpp.StatusRxTAppn}
			c.Upstreams = append(c.Upstreams, Upstream{Name: "v", Address: "127.0.0.1:1"})
		}, "only ESME_ROK or ESME_RX_R_APPN"},
		{func(c *Config) { c.Stopped.Status = smpp.StatusOK }, "smpp.stopped.status"},
		{func(c *Config) { c.Stopped.Block = "drop" }, "smpp.stopped.block"},
		{func(c *Config) { c.Certificate = "x" }, "certificate and key go together"},
		{func(c *Config) { c.Listen = "2775" }, `smpp.listen: "2775" is no host:port`},
	} {
		c := Default()
		c.Accounts = []Account{{SystemID: "a", Password: "h", Sources: []string{"*"}}}
		c.Upstreams = []Upstream{{Name: "u", Address: "127.0.0.1:1"}}
		x.change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v; want %q", err, x.want)
		}
	}
}

// TestLongMessagesAreBounded sends first parts for ever: the oldest makes room.
func TestLongMessagesAreBounded(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Long.Max, c.Long.Expiry.Duration = 50, time.Minute })
	c := r.bind(smpp.BindTransceiver, 100)
	for ref := range uint16(300) {
		m := parts(t, strings.Repeat("き", 100), ref%256)[0]
		m.Dest.Digits = []byte("8190123456" + string(rune('0'+ref/256)) + "8")
		if st, _ := c.submit(m); st != smpp.StatusOK {
			t.Fatal(st)
		}
	}
	if n := r.door.longs.len(); n > 50 {
		t.Errorf("%d long messages are remembered", n)
	}
	if n := len(r.door.longs.age); n > 60 {
		t.Errorf("%d places for 50 messages", n)
	}
}

func TestLongMessageExpires(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Long.Expiry.Duration = 50 * time.Millisecond })
	c := r.bind(smpp.BindTransceiver, 10)
	all := parts(t, strings.Repeat("く", 65)+"BLO"+"CK"+strings.Repeat("け", 80), 3)
	c.submit(all[0])
	r.eventually("the first part is forgotten", func() bool { return r.door.longs.len() == 0 })
	// What remains has no meaning of its own any more, and is judged for what it is.
	if st, _ := c.submit(all[1]); st != smpp.StatusOK {
		t.Error(st)
	}
}

// TestCharacterCutInTwo sends a surrogate pair in two parts, as careless senders do: it is read, and nothing is odd.
func TestCharacterCutInTwo(t *testing.T) {
	data, _ := smpp.AppendEncoded(nil, []byte("BLO😀CK 😀 と言う"), smpp.UCS2, smpp.Shift{})
	cut := 8 // between the halves of the first emoji
	l := newLongs(10)
	var w *long
	var m message.Message
	for i, octets := range [][]byte{data[:cut], data[cut:]} {
		sm := text("あ")
		sm.ESMClass = smpp.ESMUDHI
		sm.ShortMessage = append(smpp.AppendUDHConcat(nil, smpp.Concat{Present: true, Ref: 1, Total: 2, Seq: uint8(i + 1)}), octets...)
		var b submission
		if err := b.read(smpp.SubmitSM, sm.Append(nil), smpp.GSM7); err != nil {
			t.Fatal(err)
		}
		b.fill(&m, 81)
		w = l.take(&m, &b)
		w.text(nil, &m)
		if m.Decoding != message.Readable {
			t.Errorf("part %d is %v", i+1, m.Decoding)
		}
	}
	if string(m.Text) != "BLO😀CK 😀 と言う" {
		t.Errorf("read as %q", m.Text)
	}
}

func TestContradictionsAreAmbiguous(t *testing.T) {
	m := text("x")
	m.ESMClass, m.ShortMessage = smpp.ESMUDHI, []byte{5, 0, 3, 7, 2, 1, 'h', 'i'}
	m.TLVs = smpp.AppendTLV(smpp.AppendTLV(smpp.AppendTLV(nil, smpp.TagSarMsgRefNum, []byte{0, 1}),
		smpp.TagSarTotalSegments, []byte{3}), smpp.TagSarSegmentSeqnum, []byte{2})
	var b submission
	if err := b.read(smpp.SubmitSM, m.Append(nil), smpp.GSM7); err != nil || !b.oddHead || b.concat.Total != 2 {
		t.Errorf("header and sar_* that differ: %v, odd %v, %+v", err, b.oddHead, b.concat)
	}
	m = text("short")
	m.TLVs = smpp.AppendTLV(nil, smpp.TagMessagePayload, []byte("payload"))
	if err := b.read(smpp.SubmitSM, m.Append(nil), smpp.GSM7); err != nil || !b.oddHead {
		t.Errorf("short_message and message_payload: %v, odd %v", err, b.oddHead)
	}
	m = text("x")
	m.ESMClass, m.ShortMessage = smpp.ESMUDHI, []byte{200, 1, 2}
	if err := b.read(smpp.SubmitSM, m.Append(nil), smpp.GSM7); err != nil || !b.oddHead {
		t.Errorf("a header longer than the text: %v, odd %v", err, b.oddHead)
	}
}
