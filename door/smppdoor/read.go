package smppdoor

import (
	"bytes"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// submission is one submit_sm, data_sm or deliver_sm, read. It is used again for each PDU of a session.
type submission struct {
	command  smpp.Command
	sm       smpp.SM       // submit_sm, deliver_sm; of data_sm the fields that both have
	data     smpp.DataBody // data_sm
	body     []byte        // as it came
	concat   smpp.Concat   // where it is a part of a long message
	kind     permits       // what it is besides a text; 0: a text
	alphabet smpp.Alphabet
	shift    smpp.Shift
	header   []byte // the user-data header, with its length octet
	user     []byte // the text's octets, without the header
	text     []byte // UTF-8 of this part, in textBuf
	issues   smpp.Issues
	oddHead  bool // the header contradicts itself or esm_class
	payload  bool // the text is in message_payload
	textBuf  []byte
}

// read decodes a body and what is written in it. An error is one of package smpp, with the status to answer.
func (b *submission) read(c smpp.Command, body []byte, dflt smpp.Alphabet) error {
	b.command, b.body = c, body
	b.concat, b.kind, b.header, b.oddHead, b.issues = smpp.Concat{}, 0, nil, false, 0
	if c == smpp.DataSM {
		if err := b.data.Decode(body); err != nil {
			return err
		}
		d := &b.data
		b.sm = smpp.SM{ServiceType: d.ServiceType, Source: d.Source, Dest: d.Dest, ESMClass: d.ESMClass,
			RegisteredDelivery: d.RegisteredDelivery, DataCoding: d.DataCoding, TLVs: d.TLVs}
	} else if err := b.sm.Decode(body); err != nil {
		return err
	}
	b.readText(dflt)
	return nil
}

func (b *submission) readText(dflt smpp.Alphabet) {
	m := &b.sm
	user, both := m.UserData()
	b.payload = b.command == smpp.DataSM || len(m.ShortMessage) == 0 && len(user) > 0
	b.oddHead = both
	coding := smpp.ParseDataCoding(m.DataCoding, dflt)
	b.alphabet, b.shift = coding.Alphabet, smpp.Shift{}
	if m.ESMClass&smpp.ESMUDHI != 0 {
		h, rest, err := smpp.ParseUDH(user)
		if err != nil {
			b.oddHead = true
		} else {
			b.header, user, b.shift = user[:len(user)-len(rest)], rest, h.Shift
			b.concat = h.Concat
			if h.Ports.Present {
				b.kind |= portKind(h.Ports.Dst)
			}
		}
	}
	b.readTLVs()
	// 3GPP TS 23.040 §9.2.3.9: 0x7F is (U)SIM data download; 23.038 §4: class 2 is for the SIM.
	if m.ProtocolID == 0x7F || coding.Class == 2 {
		b.kind |= permitOTA
	}
	if coding.Compressed || b.alphabet == smpp.Binary {
		b.kind |= permitBinary
	}
	b.user, b.text = user, b.textBuf[:0]
	if b.kind == 0 {
		gsm := b.alphabet == smpp.ASCII && bytes.ContainsFunc(user, noASCIIText)
		if gsm {
			b.alphabet = smpp.GSM7
		}
		b.text, b.issues = smpp.AppendText(b.text, user, b.alphabet, b.shift)
		if gsm {
			b.issues |= smpp.Ambiguous
		}
		b.textBuf = b.text[:0]
	}
}

// noASCIIText reports control characters that no text in IA5 has. Clients that write GSM 03.38 under data_coding 1, as the
// smpp package of npm does by default, put @, _, € and more there, and most SMSCs read it as it was meant.
func noASCIIText(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }

// readTLVs takes parts and ports from optional parameters (SMPP 3.4 §5.3.2.22 to .24, §5.3.2.20, .21).
func (b *submission) readTLVs() {
	var ref, total, seq uint32
	var hasRef bool
	for t := b.sm.TLVs; len(t) > 0; {
		tag, v, rest, ok := t.Next()
		if !ok {
			return
		}
		t = rest
		switch tag {
		case smpp.TagSarMsgRefNum:
			if len(v) == 2 {
				ref, hasRef = uint32(v[0])<<8|uint32(v[1]), true
			}
		case smpp.TagSarTotalSegments:
			if len(v) == 1 {
				total = uint32(v[0])
			}
		case smpp.TagSarSegmentSeqnum:
			if len(v) == 1 {
				seq = uint32(v[0])
			}
		case smpp.TagDestinationPort:
			if len(v) == 2 {
				b.kind |= portKind(uint16(v[0])<<8 | uint16(v[1]))
			}
		}
	}
	if !hasRef || total < 2 {
		return
	}
	if seq == 0 || seq > total {
		b.oddHead = true
		return
	}
	sar := smpp.Concat{Present: true, Ref: uint16(ref), Total: uint8(total), Seq: uint8(seq), Wide: true}
	if b.concat.Present && (b.concat.Total != sar.Total || b.concat.Seq != sar.Seq) {
		b.oddHead = true // header and parameters tell two stories: the handset obeys the header
		return
	}
	if !b.concat.Present {
		b.concat = sar
	}
}

// wapPush is the port of WAP push, by which MMS notifications come (WAP-259-WDP §A).
const wapPush = 2948

func portKind(port uint16) permits {
	if port == wapPush {
		return permitMMS
	}
	return permitPort
}

// long reports whether this is a part of a long message.
func (b *submission) long() bool { return b.concat.Present && b.concat.Total > 1 }

func (b *submission) decoding() message.Decoding {
	if b.kind != 0 {
		return message.Binary
	}
	return decodingOf(b.issues, b.oddHead)
}

func decodingOf(issues smpp.Issues, odd bool) message.Decoding {
	switch {
	case issues&smpp.Undecodable != 0 || issues&smpp.NotText != 0:
		return message.Undecodable
	case issues != 0 || odd:
		return message.Ambiguous
	}
	return message.Readable
}

// address reads an address by its type of number. What cannot be read stays no address: SMSCs route by
// what is written, we only look.
func address(a smpp.Addr, home int) subject.Address {
	var r subject.Address
	var err error
	switch a.TON {
	case smpp.TONInternational:
		r, err = subject.International(a.Digits, home)
		if err != nil { // 010..., 00... and 090... with the wrong type
			r, err = subject.ParseAddress(a.Digits, home)
		}
	case smpp.TONNational:
		r, err = subject.National(a.Digits, home)
	case smpp.TONAlphanumeric:
		r, err = subject.Alphanumeric(bytes.TrimRight(a.Digits, " "))
	default:
		r, err = subject.ParseAddress(a.Digits, home)
	}
	if err != nil {
		return subject.Address{}
	}
	return r
}

// fill makes the message that the gate judges. Its text is this part's; a long message gets all parts later.
func (b *submission) fill(m *message.Message, home int) {
	m.From = address(b.sm.Source, home)
	m.To = append(m.To[:0], address(b.sm.Dest, home))
	m.Text = b.text
	m.Parts, m.Arrived = 0, 0
	m.Decoding = b.decoding()
}
