package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderLen is the length of a PDU's header in octets (SMPP 3.4 §3.2).
const HeaderLen = 16

// DefaultMaxPDU bounds a PDU in octets: message_payload may hold 65,535 (SMPP 3.4 §5.3.2.32), the rest is small.
const DefaultMaxPDU = 68 * 1024

// PDU is one protocol data unit. Body points into the buffer it was read from.
type PDU struct {
	Command  Command
	Status   Status
	Sequence uint32
	Body     []byte
}

// ErrLength is returned for a command_length that no PDU has. The stream cannot be found again behind
// it: answer generic_nack with StatusInvCmdLen, then close (SMPP 3.4 §4.3.1, §5.1.3).
var ErrLength = errors.New("smpp: command_length out of bounds")

// ErrIncomplete is returned while the rest of a PDU has not come.
var ErrIncomplete = errors.New("smpp: PDU not complete")

// Frame cuts the first PDU off b and returns its length with header. max bounds command_length.
func Frame(b []byte, max int) (PDU, int, error) {
	if len(b) < 4 {
		return PDU{}, 0, ErrIncomplete
	}
	n := binary.BigEndian.Uint32(b)
	if n < HeaderLen || n > uint32(max) {
		return PDU{}, 0, ErrLength
	}
	if uint32(len(b)) < n {
		return PDU{}, int(n), ErrIncomplete
	}
	return PDU{
		Command:  Command(binary.BigEndian.Uint32(b[4:])),
		Status:   Status(binary.BigEndian.Uint32(b[8:])),
		Sequence: binary.BigEndian.Uint32(b[12:]),
		Body:     b[HeaderLen:n:n],
	}, int(n), nil
}

// Append appends the PDU with its header.
func (p PDU) Append(dst []byte) []byte {
	dst = appendHeader(dst, len(p.Body), p.Command, p.Status, p.Sequence)
	return append(dst, p.Body...)
}

func appendHeader(dst []byte, body int, c Command, s Status, seq uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(HeaderLen+body))
	dst = binary.BigEndian.AppendUint32(dst, uint32(c))
	dst = binary.BigEndian.AppendUint32(dst, uint32(s))
	return binary.BigEndian.AppendUint32(dst, seq)
}

// FieldError says which field of a PDU is wrong, and which status answers it.
type FieldError struct {
	Field  string
	Status Status
}

func (e *FieldError) Error() string { return fmt.Sprintf("smpp: bad %s (%s)", e.Field, e.Status) }

// Unwrap gives the Status, so that errors.As finds it.
func (e *FieldError) Unwrap() error { return e.Status }

// StatusOf is the status that answers a decoding error; StatusOK where there is none.
func StatusOf(err error) Status {
	var s Status
	if err == nil {
		return StatusOK
	}
	if errors.As(err, &s) {
		return s
	}
	return StatusSysErr
}

// field is a mandatory parameter and its two errors, made once: a decoder that fails on hostile input
// allocates nothing either. A string without its NUL within the octets allowed gets the parameter's own
// status; one that the body ends in makes command_length wrong (SMPP 3.4 §5.1.3).
type field struct{ long, cut FieldError }

func newField(name string, long Status) *field {
	return &field{long: FieldError{name, long}, cut: FieldError{name, StatusInvCmdLen}}
}

var (
	fieldServiceType  = newField("service_type", StatusInvSerTyp)
	fieldSource       = newField("source_addr", StatusInvSrcAdr)
	fieldDest         = newField("destination_addr", StatusInvDstAdr)
	fieldSchedule     = newField("schedule_delivery_time", StatusInvSched)
	fieldValidity     = newField("validity_period", StatusInvExpiry)
	fieldMessageID    = newField("message_id", StatusInvMsgID)
	fieldSystemID     = newField("system_id", StatusInvSysID)
	fieldPassword     = newField("password", StatusInvPaswd)
	fieldSystemType   = newField("system_type", StatusInvSysTyp)
	fieldAddressRange = newField("address_range", StatusBindFail)
	fieldFinalDate    = newField("final_date", StatusInvExpiry)
	fieldDLName       = newField("dl_name", StatusInvDLName)
	fieldESMEAddr     = newField("esme_addr", StatusInvDstAdr)

	errMandatory = &FieldError{"mandatory parameters", StatusInvCmdLen}
	errMessage   = &FieldError{"short_message", StatusInvMsgLen}
	errTLV       = &FieldError{"optional parameters", StatusInvOptParStream}
	errNumDests  = &FieldError{"number_of_dests", StatusInvNumDests}
	errDestFlag  = &FieldError{"dest_flag", StatusInvDestFlag}
)

// fields reads a body from front to back; after the first error nothing is left, and it gives zero values.
type fields struct {
	b   []byte
	err *FieldError
}

func (f *fields) fail(err *FieldError) {
	if f.err == nil {
		f.err = err
	}
	f.b = nil
}

// cstring reads a C-octet string of at most max octets, its NUL among them (SMPP 3.4 §3.1).
func (f *fields) cstring(max int, what *field) []byte {
	b := f.b
	n := min(len(b), max)
	for i := 0; i < n; i++ { // fields are short: a plain loop beats a call
		if b[i] == 0 {
			f.b = b[i+1:]
			return b[:i:i]
		}
	}
	if n < max {
		f.fail(&what.cut)
	} else {
		f.fail(&what.long)
	}
	return nil
}

func (f *fields) octet() byte {
	if len(f.b) == 0 {
		f.fail(errMandatory)
		return 0
	}
	c := f.b[0]
	f.b = f.b[1:]
	return c
}

func (f *fields) three() (a, b, c byte) {
	if len(f.b) < 3 {
		f.fail(errMandatory)
		return 0, 0, 0
	}
	a, b, c = f.b[0], f.b[1], f.b[2]
	f.b = f.b[3:]
	return a, b, c
}

func (f *fields) octets(n int, bad *FieldError) []byte {
	if len(f.b) < n {
		f.fail(bad)
		return nil
	}
	s := f.b[:n:n]
	f.b = f.b[n:]
	return s
}

func (f *fields) addr(max int, what *field) Addr {
	return Addr{f.octet(), f.octet(), f.cstring(max, what)}
}

// tlvs takes what is left as optional parameters and checks that they are whole.
func (f *fields) tlvs() TLVs {
	if !TLVs(f.b).valid() {
		f.fail(errTLV)
	}
	return TLVs(f.b)
}

func (f *fields) error() error {
	if f.err != nil {
		return f.err
	}
	return nil
}

// appendCString cuts a string off at a NUL of its own: it would shift every field behind it.
func appendCString(dst, s []byte) []byte {
	if i := bytes.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return append(append(dst, s...), 0)
}

// Addr is an address with its type of number and numbering plan (SMPP 3.4 §5.2.5, §5.2.6).
type Addr struct {
	TON, NPI byte
	Digits   []byte
}

func (a Addr) append(dst []byte) []byte {
	return appendCString(append(dst, a.TON, a.NPI), a.Digits)
}

// Types of number (SMPP 3.4 §5.2.5).
const (
	TONUnknown       = 0
	TONInternational = 1
	TONNational      = 2
	TONNetwork       = 3
	TONSubscriber    = 4
	TONAlphanumeric  = 5
	TONAbbreviated   = 6
)
