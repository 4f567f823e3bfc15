package smpp

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type body interface {
	Decode([]byte) error
	Append([]byte) []byte
}

// vector is one body as SMPP 3.4 §4 lays it out.
type vector struct {
	mandatory string   // octets up to the short_message; cut off anywhere, command_length is wrong
	message   string   // the short_message
	tlvs      []string // between two of them the body may end
	maybe     bool     // the whole body may be missing
	want      body
}

func digits1(s string) Addr { return Addr{1, 1, []byte(s)} }

var vectors = map[string]vector{
	"bind_transceiver": { // §4.1.5
		mandatory: "534D50503354455354 00  736563726574303800  5355424D49543100  34 01 01  383100",
		want: &Bind{SystemID: []byte("SMPP3TEST"), Password: []byte("secret08"), SystemType: []byte("SUBMIT1"),
			InterfaceVersion: 0x34, AddrTON: 1, AddrNPI: 1, AddressRange: []byte("81")},
	},
	"bind_resp": { // §4.1.2, sc_interface_version
		mandatory: "534D534300", tlvs: []string{"0210 0001 34"}, maybe: true,
		want: &BindResp{SystemID: []byte("SMSC"), TLVs: TLVs("\x02\x10\x00\x01\x34")},
	},
	"outbind": { // §4.1.7.1
		mandatory: "534D534300 707700",
		want:      &OutbindBody{SystemID: []byte("SMSC"), Password: []byte("pw")},
	},
	"submit_sm": { // §4.4.1
		mandatory: `434D5400  05 00 53454B4953484F00  01 01 38313930313233343536373800  03 7F 01
			3235303130323033303430353033362B00  30303030303130303030303030303052 00  01 00 08 00 04`,
		message: "95A26240",
		tlvs:    []string{"0204 0002 0007", "1500 0003 AABBCC", "0425 0000"},
		want: &SM{ServiceType: []byte("CMT"), Source: Addr{5, 0, []byte("SEKISHO")}, Dest: digits1("819012345678"),
			ESMClass: 3, ProtocolID: 0x7F, Priority: 1, ScheduleDeliveryTime: []byte("250102030405036+"),
			ValidityPeriod: []byte("000001000000000R"), RegisteredDelivery: 1, DataCoding: 8,
			ShortMessage: []byte("\x95\xA2\x62\x40"),
			TLVs:         TLVs("\x02\x04\x00\x02\x00\x07\x15\x00\x00\x03\xAA\xBB\xCC\x04\x25\x00\x00")},
	},
	"deliver_sm": { // §4.6.1, no text but message_payload
		mandatory: "00 01 01 383100 01 01 383200 04 00 00 00 00 00 00 00 00 00",
		tlvs:      []string{"0424 0003 616263", "0427 0001 02"},
		want: &SM{Source: digits1("81"), Dest: digits1("82"), ESMClass: ESMReceipt,
			TLVs: TLVs("\x04\x24\x00\x03abc\x04\x27\x00\x01\x02")},
	},
	"data_sm": { // §4.7.1
		mandatory: "00 01 01 383100 01 01 383200 00 01 08", tlvs: []string{"0424 0002 3042"},
		want: &DataBody{Source: digits1("81"), Dest: digits1("82"), RegisteredDelivery: 1, DataCoding: 8,
			TLVs: TLVs("\x04\x24\x00\x020B")},
	},
	"submit_sm_resp": { // §4.4.2
		mandatory: "4142433132 00", maybe: true,
		want: &MessageIDBody{MessageID: []byte("ABC12")},
	},
	"data_sm_resp": { // §4.7.2
		mandatory: "4142433132 00", tlvs: []string{"0420 0001 01", "001D 0003 6E6F00"}, maybe: true,
		want: &MessageIDBody{MessageID: []byte("ABC12"), TLVs: TLVs("\x04\x20\x00\x01\x01\x00\x1D\x00\x03no\x00")},
	},
	"query_sm": { // §4.8.1
		mandatory: "3939 00 01 01 383100",
		want:      &QueryBody{MessageID: []byte("99"), Source: digits1("81")},
	},
	"query_sm_resp": { // §4.8.2; the date is the SMSC's local time (§7.1.1)
		mandatory: "3939 00 323530313032303330343035 00 02 00", maybe: true,
		want: &QueryResp{MessageID: []byte("99"), FinalDate: []byte("250102030405"), State: StateDelivered},
	},
	"cancel_sm": { // §4.9.1
		mandatory: "434D5400 3939 00 01 01 383100 01 01 383200",
		want:      &CancelBody{ServiceType: []byte("CMT"), MessageID: []byte("99"), Source: digits1("81"), Dest: digits1("82")},
	},
	"replace_sm": { // §4.10.1
		mandatory: "3939 00 01 01 383100 00 00 01 00 03", message: "616263", tlvs: []string{"1500 0001 AA"},
		want: &ReplaceBody{MessageID: []byte("99"), Source: digits1("81"), RegisteredDelivery: 1,
			ShortMessage: []byte("abc"), TLVs: TLVs("\x15\x00\x00\x01\xAA")},
	},
	"alert_notification": { // §4.12.1
		mandatory: "01 01 383100 01 01 383200", tlvs: []string{"0422 0001 00"},
		want: &AlertBody{Source: digits1("81"), ESME: digits1("82"), TLVs: TLVs("\x04\x22\x00\x01\x00")},
	},
	"submit_multi": { // §4.5.1: an address and a distribution list
		mandatory: "00 01 01 383100 02  01 01 01 383200  02 4C49535400  00 00 00 00 00 00 00 00 00 02",
		message:   "6869", tlvs: []string{"1500 0000"},
		want: &MultiBody{SM: SM{Source: digits1("81"), ShortMessage: []byte("hi"), TLVs: TLVs("\x15\x00\x00\x00")},
			Destinations: []byte("\x01\x01\x0182\x00\x02LIST\x00"), Count: 2},
	},
	"submit_multi_resp": { // §4.5.2
		mandatory: "3939 00 02  01 01 383200 0000000B  01 01 383300 00000058", tlvs: []string{"001D 0001 00"}, maybe: true,
		want: &MultiResp{MessageID: []byte("99"), Failed: []Unsuccess{
			{digits1("82"), StatusInvDstAdr}, {digits1("83"), StatusThrottled}}, TLVs: TLVs("\x00\x1D\x00\x01\x00")},
	},
}

func blank(b body) body { return reflect.New(reflect.TypeOf(b).Elem()).Interface().(body) }

// same compares bodies; a string that is missing is the same as an empty one.
func same(a, b body) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

func TestBodies(t *testing.T) {
	for name, v := range vectors {
		t.Run(name, func(t *testing.T) {
			whole := unhex(t, v.mandatory+v.message+strings.Join(v.tlvs, ""))
			got := blank(v.want)
			if err := got.Decode(whole); err != nil {
				t.Fatal(err)
			}
			if !same(got, v.want) {
				t.Errorf("got  %+v\nwant %+v", got, v.want)
			}
			if b := v.want.Append([]byte("x")); !bytes.Equal(b[1:], whole) || b[0] != 'x' {
				t.Errorf("appended %x\nwant     %x", b[1:], whole)
			}
			// Decoded again into a value that was used before, nothing of it stays.
			for other := range vectors {
				if u := vectors[other]; reflect.TypeOf(u.want) == reflect.TypeOf(v.want) {
					used := blank(v.want)
					_ = used.Decode(unhex(t, u.mandatory+u.message+strings.Join(u.tlvs, "")))
					if err := used.Decode(whole); err != nil || !same(used, v.want) {
						t.Errorf("after %s: %+v, %v", other, used, err)
					}
				}
			}
		})
	}
}

// A body that breaks off gets the status that says where.
func TestBodiesCutOff(t *testing.T) {
	for name, v := range vectors {
		t.Run(name, func(t *testing.T) {
			whole := unhex(t, v.mandatory+v.message+strings.Join(v.tlvs, ""))
			mandatory, message := len(unhex(t, v.mandatory)), len(unhex(t, v.message))
			ends := map[int]bool{mandatory + message: true}
			at := mandatory + message
			for _, p := range v.tlvs {
				at += len(unhex(t, p))
				ends[at] = true
			}
			for n := range whole {
				want := StatusInvOptParStream
				switch {
				case n == 0 && v.maybe, ends[n]:
					want = StatusOK
				case n < mandatory:
					want = StatusInvCmdLen
				case n < mandatory+message:
					want = StatusInvMsgLen
				}
				used := blank(v.want)
				_ = used.Decode(whole)
				err := used.Decode(whole[:n:n])
				if StatusOf(err) != want {
					t.Errorf("%d of %d octets: %v, want %v", n, len(whole), err, want)
				}
				for _, field := range []string{"ShortMessage", "TLVs"} {
					if f := reflect.ValueOf(used).Elem().FieldByName(field); err != nil && n < mandatory && f.IsValid() && f.Len() > 0 {
						t.Errorf("%d octets: %s of the PDU before: %+v", n, field, used)
					}
				}
			}
		})
	}
}

// Every string may have as many octets as SMPP 3.4 §4 gives it, its NUL among them, and no more.
func TestBodiesLongStrings(t *testing.T) {
	a := func(digits []byte) Addr { return Addr{1, 1, digits} }
	for _, c := range []struct {
		name   string
		max    int
		status Status
		make   func(s []byte) body
	}{
		{"bind system_id", 16, StatusInvSysID, func(s []byte) body { return &Bind{SystemID: s} }},
		{"bind password", 9, StatusInvPaswd, func(s []byte) body { return &Bind{Password: s} }},
		{"bind system_type", 13, StatusInvSysTyp, func(s []byte) body { return &Bind{SystemType: s} }},
		{"bind address_range", 41, StatusBindFail, func(s []byte) body { return &Bind{AddressRange: s} }},
		{"bind_resp system_id", 16, StatusInvSysID, func(s []byte) body { return &BindResp{SystemID: s} }},
		{"outbind system_id", 16, StatusInvSysID, func(s []byte) body { return &OutbindBody{SystemID: s} }},
		{"outbind password", 9, StatusInvPaswd, func(s []byte) body { return &OutbindBody{Password: s} }},
		{"sm service_type", 6, StatusInvSerTyp, func(s []byte) body { return &SM{ServiceType: s} }},
		{"sm source", 21, StatusInvSrcAdr, func(s []byte) body { return &SM{Source: a(s)} }},
		{"sm dest", 21, StatusInvDstAdr, func(s []byte) body { return &SM{Dest: a(s)} }},
		{"sm schedule", 17, StatusInvSched, func(s []byte) body { return &SM{ScheduleDeliveryTime: s} }},
		{"sm validity", 17, StatusInvExpiry, func(s []byte) body { return &SM{ValidityPeriod: s} }},
		{"data_sm source", 65, StatusInvSrcAdr, func(s []byte) body { return &DataBody{Source: a(s)} }},
		{"data_sm dest", 65, StatusInvDstAdr, func(s []byte) body { return &DataBody{Dest: a(s)} }},
		{"message_id", 65, StatusInvMsgID, func(s []byte) body { return &MessageIDBody{MessageID: s} }},
		{"query_sm message_id", 65, StatusInvMsgID, func(s []byte) body { return &QueryBody{MessageID: s} }},
		{"query_sm source", 21, StatusInvSrcAdr, func(s []byte) body { return &QueryBody{Source: a(s)} }},
		{"query_sm_resp final_date", 17, StatusInvExpiry, func(s []byte) body { return &QueryResp{FinalDate: s} }},
		{"cancel_sm message_id", 65, StatusInvMsgID, func(s []byte) body { return &CancelBody{MessageID: s} }},
		{"cancel_sm dest", 21, StatusInvDstAdr, func(s []byte) body { return &CancelBody{Dest: a(s)} }},
		{"replace_sm message_id", 65, StatusInvMsgID, func(s []byte) body { return &ReplaceBody{MessageID: s} }},
		{"alert source", 65, StatusInvSrcAdr, func(s []byte) body { return &AlertBody{Source: a(s)} }},
		{"alert esme", 65, StatusInvDstAdr, func(s []byte) body { return &AlertBody{ESME: a(s)} }},
		{"submit_multi dest", 21, StatusInvDstAdr, func(s []byte) body {
			return &MultiBody{Count: 1, Destinations: AppendDestination(nil, a(s))}
		}},
		{"submit_multi list", 21, StatusInvDLName, func(s []byte) body {
			return &MultiBody{Count: 1, Destinations: appendCString([]byte{2}, s)}
		}},
		{"submit_multi_resp dest", 21, StatusInvDstAdr, func(s []byte) body {
			return &MultiResp{Failed: []Unsuccess{{a(s), StatusSysErr}}}
		}},
	} {
		for _, n := range []int{c.max - 1, c.max, c.max + 100} {
			// Behind the PDU stands nothing, but inside it there is plenty that could be taken for the string.
			b := append(c.make(bytes.Repeat([]byte("7"), n)).Append(nil), bytes.Repeat([]byte("7"), 200)...)
			if n == c.max-1 {
				b = b[:len(b)-200]
			}
			want := c.status
			if n < c.max {
				want = StatusOK
			}
			if err := blank(c.make(nil)).Decode(b); StatusOf(err) != want {
				t.Errorf("%s of %d octets: %v, want %v", c.name, n, err, want)
			}
		}
	}
}

func TestMultiBody(t *testing.T) {
	head := "00 01 01 383100"
	tail := "00 00 00 00 00 00 00 00 00 00"
	dest := "01 01 01 383200"
	for _, c := range []struct {
		b    string
		want Status
	}{
		{head + "00" + tail, StatusInvNumDests},
		{head + "FF" + strings.Repeat(dest, 255) + tail, StatusInvNumDests},
		{head + "FE" + strings.Repeat(dest, 254) + tail, StatusOK},
		{head + "01 03 01 01 383200" + tail, StatusInvDestFlag},
		{head + "02" + dest + tail, StatusInvDestFlag}, // one fewer than said
	} {
		var m MultiBody
		if err := m.Decode(unhex(t, c.b)); StatusOf(err) != c.want {
			t.Errorf("%.40s: %v, want %v", c.b, err, c.want)
		}
		n := 0
		m.Each(func(a Addr, list []byte) { n++ })
		if want := map[bool]int{true: 254}[c.want == StatusOK]; n != want {
			t.Errorf("%.40s: %d destinations", c.b, n)
		}
	}
	var m MultiBody
	v := vectors["submit_multi"]
	if err := m.Decode(unhex(t, v.mandatory+v.message)); err != nil {
		t.Fatal(err)
	}
	var got []string
	m.Each(func(a Addr, list []byte) { got = append(got, string(a.Digits)+"/"+string(list)) })
	if fmt.Sprint(got) != "[82/ /LIST]" {
		t.Error(got)
	}
	// More failures than one octet counts must not make a body that lies.
	r := MultiResp{Failed: make([]Unsuccess, 300)}
	if err := new(MultiResp).Decode(r.Append(nil)); err != nil {
		t.Error(err)
	}
}

// A text that one octet cannot count goes out as message_payload, and is found there.
func TestLongShortMessage(t *testing.T) {
	for _, n := range []int{0, 254, 255, 256, 300, 65_535} {
		text := bytes.Repeat([]byte("x"), n)
		m := SM{Dest: digits1("81"), ShortMessage: text, TLVs: TLVs("\x15\x00\x00\x00")}
		var back SM
		if err := back.Decode(m.Append(nil)); err != nil {
			t.Fatal(n, err)
		}
		got, both := back.UserData()
		if _, ok := back.TLVs.Get(0x1500); !bytes.Equal(got, text) || both || !ok {
			t.Errorf("%d octets: got %d, both %v, the other parameter %v", n, len(got), both, ok)
		}
	}
	r := ReplaceBody{ShortMessage: make([]byte, 300)}
	var back ReplaceBody
	if err := back.Decode(r.Append(nil)); err != nil || len(back.TLVs) != 304 {
		t.Error(len(back.TLVs), err)
	}
	m := SM{ShortMessage: []byte("a"), TLVs: AppendTLV(nil, TagMessagePayload, []byte("b"))}
	if got, both := m.UserData(); string(got) != "a" || !both {
		t.Errorf("%s %v", got, both)
	}
}

func cstringGen(max int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.ByteRange(1, 255), 0, max-1)
}

func addrGen(max int) *rapid.Generator[Addr] {
	return rapid.Custom(func(t *rapid.T) Addr {
		return Addr{rapid.Byte().Draw(t, "ton"), rapid.Byte().Draw(t, "npi"), cstringGen(max).Draw(t, "digits")}
	})
}

var tlvGen = rapid.Custom(func(t *rapid.T) TLVs {
	var all TLVs
	for range rapid.IntRange(0, 4).Draw(t, "tlvs") {
		all = AppendTLV(all, Tag(rapid.Uint16().Draw(t, "tag")), rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value"))
	}
	return all
})

func smGen(t *rapid.T) SM {
	c := func(name string, max int) []byte { return cstringGen(max).Draw(t, name) }
	o := func(name string) byte { return rapid.Byte().Draw(t, name) }
	return SM{
		ServiceType: c("service_type", 6), Source: addrGen(21).Draw(t, "source"), Dest: addrGen(21).Draw(t, "dest"),
		ESMClass: o("esm_class"), ProtocolID: o("protocol_id"), Priority: o("priority"),
		ScheduleDeliveryTime: c("schedule", 17), ValidityPeriod: c("validity", 17),
		RegisteredDelivery: o("registered"), ReplaceIfPresent: o("replace"), DataCoding: o("data_coding"), DefaultMsgID: o("default"),
		ShortMessage: rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "text"), TLVs: tlvGen.Draw(t, "parameters"),
	}
}

// Every body that can be made comes back as it was.
func TestBodiesRapid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := func(name string, max int) []byte { return cstringGen(max).Draw(t, name) }
		o := func(name string) byte { return rapid.Byte().Draw(t, name) }
		a := func(name string, max int) Addr { return addrGen(max).Draw(t, name) }
		tlvs := tlvGen.Draw(t, "parameters")
		sm := smGen(t)
		multi := MultiBody{SM: sm, Count: rapid.IntRange(1, 5).Draw(t, "count")}
		multi.Dest = Addr{}
		for range multi.Count {
			if rapid.Bool().Draw(t, "list") {
				multi.Destinations = appendCString(append(multi.Destinations, 2), c("list", 21))
			} else {
				multi.Destinations = AppendDestination(multi.Destinations, a("dest", 21))
			}
		}
		resp := MultiResp{MessageID: c("message_id", 65), TLVs: tlvs}
		for range rapid.IntRange(0, 3).Draw(t, "failed") {
			resp.Failed = append(resp.Failed, Unsuccess{a("failed", 21), Status(rapid.Uint32().Draw(t, "status"))})
		}
		for _, b := range []body{
			&Bind{c("system_id", 16), c("password", 9), c("system_type", 13), o("version"), o("ton"), o("npi"), c("range", 41)},
			&BindResp{c("system_id", 16), tlvs},
			&OutbindBody{c("system_id", 16), c("password", 9)},
			&sm, &multi, &resp,
			&DataBody{c("service_type", 6), a("source", 65), a("dest", 65), o("esm_class"), o("registered"), o("coding"), tlvs},
			&MessageIDBody{c("message_id", 65), tlvs},
			&QueryBody{c("message_id", 65), a("source", 21)},
			&QueryResp{c("message_id", 65), c("final_date", 17), State(o("state")), o("error")},
			&CancelBody{c("service_type", 6), c("message_id", 65), a("source", 21), a("dest", 21)},
			&ReplaceBody{c("message_id", 65), a("source", 21), c("schedule", 17), c("validity", 17), o("registered"), o("default"), sm.ShortMessage, tlvs},
			&AlertBody{a("source", 65), a("esme", 65), tlvs},
		} {
			back := blank(b)
			if err := back.Decode(b.Append(nil)); err != nil || !same(b, back) {
				t.Fatalf("%T: %v\nmade %+v\ngot  %+v", b, err, b, back)
			}
		}
	})
}

// FuzzPDU reads hostile octets as every body. What can be read is written again octet for octet.
func FuzzPDU(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.mandatory+v.message+strings.Join(v.tlvs, "")))
		f.Add(PDU{Command: SubmitSM, Sequence: 1, Body: unhex(f, v.mandatory)}.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, n, err := Frame(b, DefaultMaxPDU); err == nil {
			if !bytes.Equal(p.Append(nil), b[:n]) {
				t.Fatalf("frame changed: %x", b[:n])
			}
			b = p.Body
		}
		for _, v := range vectors {
			x, y := blank(v.want), blank(v.want)
			if err := x.Decode(b); err != nil {
				if StatusOf(err) == StatusOK || StatusOf(err) == StatusSysErr {
					t.Fatalf("%T: no status for %v", x, err)
				}
				x.Append(nil)
				continue
			}
			again := x.Append(nil)
			if reflect.ValueOf(x).Elem().FieldByName("TLVs").IsValid() {
				if len(b) > 0 && !bytes.Equal(again, b) {
					t.Fatalf("%T changed:\n%x\n%x", x, b, again)
				}
			} else if len(b) > 0 && !bytes.HasPrefix(b, again) {
				t.Fatalf("%T changed:\n%x\n%x", x, b, again)
			}
			if err := y.Decode(again); err != nil || !same(x, y) {
				t.Fatalf("%T: %v\n%+v\n%+v", x, err, x, y)
			}
			if sm, ok := x.(*SM); ok {
				sm.UserData()
				new(Receipt).ReadReceipt(sm)
			}
			if m, ok := x.(*MultiBody); ok {
				n := 0
				m.Each(func(Addr, []byte) { n++ })
				if n != m.Count {
					t.Fatalf("%d of %d destinations", n, m.Count)
				}
			}
		}
	})
}
