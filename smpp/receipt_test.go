package smpp

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

func ucs2(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return b
}

func TestReadReceipt(t *testing.T) {
	tlvs := func(id string, state byte) TLVs {
		return AppendTLV(AppendTLV(nil, TagReceiptedMessageID, []byte(id)), TagMessageState, []byte{state})
	}
	for _, c := range []struct {
		name string
		m    SM
		want string // id, submitted, done, state, err, text; nothing: no receipt
	}{
		{"Appendix B", SM{ShortMessage: []byte("id:0123456789 sub:001 dlvrd:001 submit date:2501020304 done date:2501020305 stat:DELIVRD err:000 text:Hello world 20 chars")},
			"0123456789|2501020304|2501020305|DELIVRD|000|Hello world 20 chars"},
		{"capital Text, seconds", SM{ShortMessage: []byte("id:c449ab9744f47b6af1879e49e75e4f40 sub:001 dlvrd:0 submit date:250102030405 done date:250102030406 stat:ACCEPTD err:0 Text:This is an Acti")},
			"c449ab9744f47b6af1879e49e75e4f40|250102030405|250102030406|ACCEPTD|0|This is an Acti"},
		{"all capitals", SM{ShortMessage: []byte("ID:99 SUB:001 DLVRD:000 SUBMIT DATE:2501020304 DONE DATE:2501020305 STAT:UNDELIV ERR:1E TEXT:")},
			"99|2501020304|2501020305|UNDELIV|1E|"},
		{"no text, other order", SM{ShortMessage: []byte("stat:EXPIRED err:034 id:7-8-9 done date:2501020305")},
			"7-8-9||2501020305|EXPIRED|034|"},
		{"words written out, blanks", SM{ShortMessage: []byte("id: 5  stat: Undeliverable  err:  err2:7")}, "5|||UNDELIV||"},
		{"delivered in full", SM{ShortMessage: []byte("id:5 stat:Delivered")}, "5|||DELIVRD||"},
		{"rejected in full", SM{ShortMessage: []byte("id:5 stat:rejected")}, "5|||REJECTD||"},
		{"failed", SM{ShortMessage: []byte("id:5 stat:FAILED err:012")}, "5|||UNDELIV|012|"},
		{"a state nobody knows", SM{ShortMessage: []byte("id:5 stat:BUFFRED err:000")}, "5|||state(0)|000|"},
		{"lines", SM{ShortMessage: []byte("id:5\r\nsubmit date:2501020304\r\nstat:DELETED\r\nerr:000\r\ntext:x")}, "5|2501020304||DELETED|000|x"},
		{"NUL at the end", SM{ShortMessage: []byte("id:5 stat:DELIVRD err:000\x00")}, "5|||DELIVRD|000|"},
		{"an id with colons", SM{ShortMessage: []byte("id:a:b:c stat:DELIVRD")}, "a:b:c|||DELIVRD||"},
		{"dates left out", SM{ShortMessage: []byte("id:5 submit date: done date: stat:DELIVRD")}, "5|||DELIVRD||"},
		{"the text cannot speak for the SMSC", SM{ShortMessage: []byte("id:5 sub:001 dlvrd:000 text:stat:DELIVRD err:777 done date:2501020305")}, "5|||state(0)||stat:DELIVRD err:777 done date:2501020305"},
		{"text before", SM{ShortMessage: []byte("sub:001 text:id:6 stat:DELIVRD"), TLVs: tlvs("5", 8)}, "5|||REJECTD||id:6 stat:DELIVRD"},
		{"no key inside a word", SM{ShortMessage: []byte("myid:6 id:5 xstat:EXPIRED stat:DELIVRD")}, "5|||DELIVRD||"},
		{"parameters win", SM{ShortMessage: []byte("id:6 stat:DELIVRD"), TLVs: tlvs("5\x00", 5)}, "5|||UNDELIV||"},
		{"parameters alone", SM{TLVs: tlvs("5", 2)}, "5|||DELIVRD||"},
		{"5.0 skipped", SM{TLVs: tlvs("5", 9)}, "5|||SKIPPED||"},
		{"a state out of range", SM{ShortMessage: []byte("id:5 stat:DELIVRD"), TLVs: tlvs("5", 77)}, "5|||DELIVRD||"},
		{"an empty parameter", SM{ShortMessage: []byte("id:5 stat:DELIVRD"), TLVs: tlvs("\x00", 2)}, "5|||DELIVRD||"},
		{"in message_payload", SM{TLVs: AppendTLV(nil, TagMessagePayload, []byte("id:5 stat:DELIVRD"))}, "5|||DELIVRD||"},
		{"behind a header", SM{ESMClass: ESMUDHI, ShortMessage: []byte("\x05\x00\x03\x01\x01\x01id:5 stat:DELIVRD")}, "5|||DELIVRD||"},
		{"a header that lies", SM{ESMClass: ESMUDHI, ShortMessage: []byte("\xFFid:5")}, ""},
		{"UCS-2", SM{DataCoding: 8, ShortMessage: ucs2("id:5 stat:DELIVRD err:000 text:関所")}, "5|||DELIVRD|000|"},
		{"ASCII that says UCS-2", SM{DataCoding: 8, ShortMessage: []byte("id:5 stat:DELIVRD")}, "5|||DELIVRD||"},
		{"no id", SM{ShortMessage: []byte("stat:DELIVRD")}, ""},
		{"an id too long", SM{ShortMessage: []byte("id:" + strings.Repeat("5", 65) + " stat:DELIVRD")}, ""},
		{"empty", SM{}, ""},
	} {
		c.m.ESMClass |= ESMReceipt
		var r Receipt
		ok := r.ReadReceipt(&c.m)
		got := strings.Join([]string{string(r.MessageID), string(r.Submitted), string(r.Done), r.State.String(), string(r.Err), string(r.Text)}, "|")
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestReadReceiptType(t *testing.T) {
	for esm, want := range map[byte]bool{0: false, ESMReceipt: true, ESMIntermediate: true, ESMDeliveryAck: false, ESMUserAck: false, ESMReceipt | ESMReplyPath: true} {
		var r Receipt
		if got := r.ReadReceipt(&SM{ESMClass: esm, ShortMessage: []byte("id:5 stat:DELIVRD")}); got != want {
			t.Errorf("esm_class %02X: %v", esm, got)
		}
	}
}

func TestReceiptAppend(t *testing.T) {
	at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	r := Receipt{MessageID: []byte("99"), State: StateDelivered, Text: []byte("Hello")}
	want := "id:99 sub:001 dlvrd:001 submit date:2501020304 done date:2501020306 stat:DELIVRD err:000 text:Hello"
	if got := r.Append(nil, at, at.Add(2*time.Minute)); string(got) != want {
		t.Errorf("%s", got)
	}
	for s := StateEnroute; s <= StateSkipped; s++ {
		r := Receipt{MessageID: []byte("99"), State: s, Err: []byte("034")}
		var back Receipt
		if !back.ReadReceipt(&SM{ESMClass: ESMReceipt, ShortMessage: r.Append(nil, at, at)}) || back.State != s || string(back.Err) != "034" {
			t.Errorf("%v: %+v", s, back)
		}
	}
	for s, want := range map[State]bool{StateNone: false, StateEnroute: false, StateDelivered: true, StateExpired: true, StateDeleted: true,
		StateUndeliverable: true, StateAccepted: false, StateUnknown: false, StateRejected: true, StateSkipped: true} {
		if s.Final() != want {
			t.Errorf("%v final: %v", s, !want)
		}
	}
}

func TestParseTime(t *testing.T) {
	tokyo := time.FixedZone("JST", 9*3600)
	now := time.Date(2025, 1, 31, 12, 0, 0, 0, tokyo)
	for _, c := range []struct{ s, want string }{
		{"", "0001-01-01T00:00:00Z"},
		{"250102030405600+", "2025-01-02T03:04:05.6Z"},
		{"250102120405036+", "2025-01-02T03:04:05Z"}, // Tokyo: 36 quarter hours ahead
		{"250101220405020-", "2025-01-02T03:04:05Z"}, // New York: 20 behind
		{"250102084905023+", "2025-01-02T03:04:05Z"}, // Kathmandu
		{"240229000000000+", "2024-02-29T00:00:00Z"},
		{"991231235959948-", "2100-01-01T11:59:59.9Z"},
		{"250102120405", "2025-01-02T03:04:05Z"}, // the SMSC's local time
		{"000001000000000R", "2025-02-01T03:00:00Z"},
		{"000000000500000R", "2025-01-31T03:05:00Z"},
		{"020610233429000R", "2027-08-11T02:34:29Z"}, // the example of §7.1.1.2
		{"000000000000949R", "2025-01-31T03:00:00Z"}, // tenths and quarter hours mean nothing
		{"000100000000000R", "2025-03-03T03:00:00Z"}, // 31 February
		{"999999999999000R", ""},
		{"250229000000000+", "bad"},
		{"250431000000", "bad"},
		{"251301000000000+", "bad"},
		{"250001000000000+", "bad"},
		{"250100000000000+", "bad"},
		{"250102240000000+", "bad"},
		{"250102006000000+", "bad"},
		{"250102000060000+", "bad"},
		{"250102000000049+", "bad"},
		{"250102000000000", "bad"},
		{"250102000000000Z", "bad"},
		{"250102000000000r", "bad"},
		{"2501020000000000+", "bad"},
		{"+50102000000000+", "bad"},
		{"25010200 000000+", "bad"},
		{"2501020000x0000+", "bad"},
		{"２５0102000000", "bad"},
		{"0", "bad"},
	} {
		got, err := ParseTime([]byte(c.s), now)
		switch {
		case c.want == "bad":
			if err != ErrTime {
				t.Errorf("%q: %v, %v", c.s, got, err)
			}
		case err != nil, c.want != "" && got.UTC().Format(time.RFC3339Nano) != c.want:
			t.Errorf("%q: %v, %v; want %s", c.s, got.UTC().Format(time.RFC3339Nano), err, c.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		_, _ = ParseTime([]byte("000001000000000R"), now)
		_, _ = ParseTime([]byte("2501020x00000000"), now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendTime(t *testing.T) {
	at := time.Date(2025, 1, 2, 12, 4, 5, 678e6, time.FixedZone("JST", 9*3600))
	if got := string(AppendTime(nil, at)); got != "250102030405600+" {
		t.Error(got)
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte("id:0123456789 sub:001 dlvrd:001 submit date:2501020304 done date:2501020305 stat:DELIVRD err:000 text:Hello"), byte(0), byte(0))
	f.Add(ucs2("id:5 stat:DELIVRD err:000 text:関所"), byte(0), byte(8))
	f.Add([]byte("\x05\x00\x03\x01\x01\x01id:5 stat: text:"), byte(ESMUDHI), byte(0))
	f.Add([]byte("id: \x00 stat:\n err: done date:"), byte(0), byte(0))
	at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte, esm, coding byte) {
		var r Receipt
		for _, m := range []SM{{ShortMessage: text}, {TLVs: AppendTLV(nil, TagReceiptedMessageID, text)}} {
			m.ESMClass, m.DataCoding = esm&^ESMTypeMask|ESMReceipt, coding
			if !r.ReadReceipt(&m) {
				continue
			}
			if len(r.MessageID) == 0 || len(r.MessageID) > 64 {
				t.Fatalf("id of %d octets", len(r.MessageID))
			}
			if bytes.ContainsFunc(r.MessageID, func(c rune) bool { return c <= ' ' }) {
				continue // not by way of a text
			}
			// What was read can be written so that it is read again.
			r.Text = nil
			var back Receipt
			m = SM{ESMClass: ESMReceipt, ShortMessage: r.Append(nil, at, at)}
			if !back.ReadReceipt(&m) || !bytes.Equal(back.MessageID, r.MessageID) {
				t.Fatalf("%q became %q", r.MessageID, back.MessageID)
			}
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"250102120405036+", "250101220405020-", "000001000000000R", "250102120405", "", "250229000000000+"} {
		f.Add([]byte(s))
	}
	now := time.Date(2025, 1, 31, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s []byte) {
		at, err := ParseTime(s, now)
		if err != nil {
			if !at.IsZero() {
				t.Fatalf("%q: %v with %v", s, at, err)
			}
			return
		}
		if len(s) == 16 && s[15] == 'R' && at.Before(now) {
			t.Fatalf("%q is %v, before now", s, at)
		}
		if y := at.UTC().Year(); len(s) == 0 || y < 2000 || y > 2099 {
			return // two digits cannot say it
		}
		back, err := ParseTime(AppendTime(nil, at), now)
		if err != nil || !back.Equal(at) {
			t.Fatalf("%q: %v came back as %v, %v", s, at, back, err)
		}
	})
}
