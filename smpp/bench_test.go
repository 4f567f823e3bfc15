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
		body := m.Append(buf[:0])
		_ = body
	}
}
