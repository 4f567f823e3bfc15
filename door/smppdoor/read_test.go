package smppdoor

import (
	"testing"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
)

// GSM 03.38 under data_coding 1 is read as most SMSCs read it, and said to be ambiguous.
func TestGSMUnderDataCodingOne(t *testing.T) {
	for _, x := range []struct {
		octets, want string
		decoding     message.Decoding
		alphabet     smpp.Alphabet
	}{
		{"plain [ASCII]\r\n", "plain [ASCII]\r\n", message.Readable, smpp.ASCII},
		{"ken\x11ito\x00mail 3 \x1Be", "ken_ito@mail 3 €", message.Ambiguous, smpp.GSM7},
		{"not ASCII \xC3", "not ASCII \uFFFD", message.Undecodable, smpp.ASCII},
	} {
		m := smpp.SM{Source: smpp.Addr{TON: 5, Digits: []byte("SHOP")}, Dest: smpp.Addr{Digits: []byte("819012345678")}, DataCoding: 1,
			ShortMessage: []byte(x.octets)}
		var b submission
		if err := b.read(smpp.SubmitSM, m.Append(nil), smpp.GSM7); err != nil {
			t.Fatal(err)
		}
		if string(b.text) != x.want || b.decoding() != x.decoding || b.alphabet != x.alphabet {
			t.Errorf("%q: %q %v %v", x.octets, b.text, b.decoding(), b.alphabet)
		}
	}
}
