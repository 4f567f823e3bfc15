package smpp

import (
	"bytes"
	"testing"
)

func benchSM() SM {
	return SM{
		ServiceType: []byte("CMT"),
		Source:      Addr{TONAlphanumeric, 0, []byte("SEKISHO")},
		Dest:        Addr{TONInternational, 1, []byte("819012345678")},
		ESMClass:    ESMStoreAndForward, ValidityPeriod: []byte("000001000000000R"),
		RegisteredDelivery: RegisteredFinal,
		ShortMessage:       bytes.Repeat([]byte("Your parcel "), 8)[:95],
		TLVs:               AppendTLV(nil, TagUserMessageReference, []byte{0, 7}),
	}
}

func BenchmarkDecodeSubmitSM(b *testing.B) {
	sm := benchSM()
	pdu := PDU{Command: SubmitSM, Sequence: 7, Body: sm.Append(nil)}.Append(nil)
	var m SM
	b.ReportAllocs()
	for b.Loop() {
		p, _, err := Frame(pdu, DefaultMaxPDU)
		if err == nil {
			err = m.Decode(p.Body)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeSubmitSM(b *testing.B) {
	m := benchSM()
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		body := m.Append(buf[:HeaderLen])
		appendHeader(buf[:0], len(body)-HeaderLen, SubmitSM, StatusOK, 7)
	}
}

// A submit_sm is read, its text made UTF-8, and both written again.
func BenchmarkDecodeTextEncode(b *testing.B) {
	japanese := ucs2("関所は街道に設けられた。通る者は名を告げ、許された者は通り、怪しい者は留められ、あるいは返された。いまは電話番号の道に設ける。")
	for _, c := range []struct {
		name   string
		coding byte
		text   []byte
	}{
		{"GSM7/95", 0, benchSM().ShortMessage},
		{"UCS2/60", 8, japanese[:120]},
	} {
		b.Run(c.name, func(b *testing.B) {
			sm := benchSM()
			sm.DataCoding, sm.ShortMessage = c.coding, c.text
			pdu := PDU{Command: SubmitSM, Sequence: 7, Body: sm.Append(nil)}.Append(nil)
			var m SM
			text, user, out := make([]byte, 0, MaxText(255)), make([]byte, 0, 512), make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				p, _, err := Frame(pdu, DefaultMaxPDU)
				if err == nil {
					err = m.Decode(p.Body)
				}
				if err != nil {
					b.Fatal(err)
				}
				coding := ParseDataCoding(m.DataCoding, GSM7)
				text, _ = AppendText(text[:0], m.ShortMessage, coding.Alphabet, Shift{})
				var ok bool
				if user, ok = AppendEncoded(user[:0], text, coding.Alphabet, Shift{}); !ok {
					b.Fatal("not encoded")
				}
				m.ShortMessage = user
				out = m.Append(out[:HeaderLen])
				appendHeader(out[:0], len(out)-HeaderLen, SubmitSM, StatusOK, 7)
			}
			if len(out) != len(pdu) {
				b.Fatalf("%d octets became %d", len(pdu), len(out))
			}
		})
	}
}
