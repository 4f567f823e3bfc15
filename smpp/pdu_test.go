package smpp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// unhex reads octets written in hexadecimal, with blanks where they help the eye.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFrame(t *testing.T) {
	// enquire_link, sequence_number 9, and the first octets of what comes behind it.
	b := unhex(t, "00000010 00000015 00000000 00000009 0000")
	p, n, err := Frame(b, DefaultMaxPDU)
	if err != nil || n != 16 || p.Command != EnquireLink || p.Status != 0 || p.Sequence != 9 || len(p.Body) != 0 {
		t.Fatalf("got %+v, %d, %v", p, n, err)
	}
	if got := p.Append(nil); !bytes.Equal(got, b[:16]) {
		t.Fatalf("appended %x", got)
	}
	for i := range 16 {
		if _, _, err := Frame(b[:i], DefaultMaxPDU); err != ErrIncomplete {
			t.Errorf("%d octets: %v", i, err)
		}
	}
	// The body cannot be appended into what comes behind it.
	if cap(p.Body) != 0 {
		t.Error("the body has room in the next PDU")
	}
}

func TestFrameLength(t *testing.T) {
	for _, c := range []struct {
		b    string
		max  int
		n    int
		want error
	}{
		{"00000000", 100, 0, ErrLength},
		{"0000000F 00000015 00000000 00000009", 100, 0, ErrLength},
		{"00000065", 100, 0, ErrLength},
		{"00000064", 100, 100, ErrIncomplete},
		{"FFFFFFFF 00000015", 1 << 20, 0, ErrLength},
		{"80000010", 1 << 20, 0, ErrLength},
	} {
		if _, n, err := Frame(unhex(t, c.b), c.max); err != c.want || n != c.n {
			t.Errorf("%s: %d, %v", c.b, n, err)
		}
	}
}

func TestTLV(t *testing.T) {
	tags := []Tag{
		TagDestAddrSubunit, TagDestNetworkType, TagDestBearerType, TagDestTelematicsID, TagSourceAddrSubunit,
		TagSourceNetworkType, TagSourceBearerType, TagSourceTelematicsID, TagQosTimeToLive, TagPayloadType,
		TagAdditionalStatusInfoText, TagReceiptedMessageID, TagMsMsgWaitFacilities, TagPrivacyIndicator,
		TagSourceSubaddress, TagDestSubaddress, TagUserMessageReference, TagUserResponseCode, TagSourcePort,
		TagDestinationPort, TagSarMsgRefNum, TagLanguageIndicator, TagSarTotalSegments, TagSarSegmentSeqnum,
		TagScInterfaceVersion, TagCallbackNumPresInd, TagCallbackNumAtag, TagNumberOfMessages, TagCallbackNum,
		TagDpfResult, TagSetDpf, TagMsAvailabilityStatus, TagNetworkErrorCode, TagMessagePayload,
		TagDeliveryFailureReason, TagMoreMessagesToSend, TagMessageState, TagCongestionState, TagUssdServiceOp,
		TagBillingIdentification, TagSourceNetworkID, TagDestNetworkID, TagSourceNodeID, TagDestNodeID,
		TagDisplayTime, TagSmsSignal, TagMsValidity, TagAlertOnMessageDelivery, TagItsReplyType, TagItsSessionInfo,
		0x1500, 0x3FFF, 0xFFFF, 0x0000, // a vendor's own (§5.3.1), and reserved ones
	}
	var all TLVs
	seen := map[Tag]bool{}
	for i, tag := range tags {
		if seen[tag] {
			t.Errorf("tag %04X twice", uint16(tag))
		}
		seen[tag] = true
		all = AppendTLV(all, tag, bytes.Repeat([]byte{byte(i)}, i))
	}
	m := SM{TLVs: all}
	var back SM
	if err := back.Decode(m.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.TLVs, all) {
		t.Fatal("parameters changed on their way")
	}
	for i, tag := range tags {
		if v, ok := back.TLVs.Get(tag); !ok || !bytes.Equal(v, bytes.Repeat([]byte{byte(i)}, i)) {
			t.Errorf("tag %04X: %x %v", uint16(tag), v, ok)
		}
		left := back.TLVs.AppendWithout(nil, tag)
		if _, ok := TLVs(left).Get(tag); ok || len(left) != len(all)-4-i || !TLVs(left).valid() {
			t.Errorf("tag %04X not taken out", uint16(tag))
		}
	}
	if _, ok := back.TLVs.Get(0x7777); ok {
		t.Error("found what is not there")
	}
	if got := back.TLVs.AppendWithout(nil, tags...); len(got) != 0 {
		t.Errorf("%x left", got)
	}
}

func TestTLVUint(t *testing.T) {
	list := TLVs(unhex(t, "0427 0001 02   0204 0002 0102   0017 0004 00000E10   1383 0003 010203   0425 0000"))
	for tag, want := range map[Tag]uint32{TagMessageState: 2, TagUserMessageReference: 0x102, TagQosTimeToLive: 3600} {
		if v, ok := list.Uint(tag); !ok || v != want {
			t.Errorf("%04X: %d %v", uint16(tag), v, ok)
		}
	}
	for _, tag := range []Tag{TagItsSessionInfo, TagDeliveryFailureReason, TagSourcePort} {
		if v, ok := list.Uint(tag); ok {
			t.Errorf("%04X is no number, got %d", uint16(tag), v)
		}
	}
	if got := AppendTLV(nil, TagMessagePayload, make([]byte, 70_000)); len(got) != 4+0xFFFF || !TLVs(got).valid() {
		t.Errorf("%d octets", len(got))
	}
	// A list that breaks off gives what is whole before the break.
	broken := TLVs(unhex(t, "0427 0001 02  0204 0002 01"))
	if _, ok := broken.Get(TagMessageState); !ok || broken.valid() {
		t.Error("what is whole must be found, and the list not be valid")
	}
	if _, ok := broken.Get(TagUserMessageReference); ok {
		t.Error("half a parameter was found")
	}
}

func TestFieldError(t *testing.T) {
	err := new(SM).Decode(unhex(t, "434D5457415000 00"))
	var f *FieldError
	if !errors.As(err, &f) || f.Field != "service_type" || StatusOf(err) != StatusInvSerTyp {
		t.Fatalf("%v", err)
	}
	if got := err.Error(); got != "smpp: bad service_type (ESME_RINVSERTYP)" {
		t.Error(got)
	}
	if StatusOf(nil) != StatusOK || StatusOf(errors.New("another")) != StatusSysErr {
		t.Error("StatusOf of nil or of a strange error")
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	sm := benchSM()
	good := sm.Append(nil)
	bad := append(good[:len(good):len(good)], 0, 1, 2)
	var m SM
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		_ = m.Decode(good)
		buf = m.Append(buf[:0])
		_ = m.Decode(bad)
		_ = m.Decode(good[:20])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A hostile string must not move the fields behind it.
func TestAppendStringWithNUL(t *testing.T) {
	m := SM{Source: Addr{1, 1, []byte("81\x0090")}, ShortMessage: []byte("x")}
	var back SM
	if err := back.Decode(m.Append(nil)); err != nil || string(back.Source.Digits) != "81" || string(back.ShortMessage) != "x" {
		t.Fatalf("%+v %v", back, err)
	}
}

func TestStatusNames(t *testing.T) {
	for s, name := range statusNames {
		var back Status
		text, _ := s.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != s || string(text) != name {
			t.Errorf("%v: %v %v", name, back, err)
		}
	}
	if _, err := ParseStatus("ESME_NO"); err == nil {
		t.Error("a status nobody knows")
	}
	if got := Command(0x80000004).String() + Command(0x80000000).String() + Command(0x777).String(); got != "submit_sm_respgeneric_nackcommand_id 0x00000777" {
		t.Error(got)
	}
}

func TestFrameRapid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := PDU{
			Command:  Command(rapid.Uint32().Draw(t, "command")),
			Status:   Status(rapid.Uint32().Draw(t, "status")),
			Sequence: rapid.Uint32().Draw(t, "sequence"),
			Body:     rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
		}
		rest := rapid.SliceOf(rapid.Byte()).Draw(t, "rest")
		b := append(p.Append(nil), rest...)
		q, n, err := Frame(b, DefaultMaxPDU)
		if err != nil || n != HeaderLen+len(p.Body) || !bytes.Equal(q.Append(nil), p.Append(nil)) {
			t.Fatalf("%+v, %d, %v", q, n, err)
		}
	})
}
