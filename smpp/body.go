package smpp

import "encoding/binary"

// Bodies of the operations. Decode reads a body without copying: fields point into it. Append writes
// one; its strings hold no NUL. Lengths are those of SMPP 3.4 §4, their NUL among them.

// Bind is the body of bind_receiver, bind_transmitter and bind_transceiver (SMPP 3.4 §4.1).
type Bind struct {
	SystemID, Password, SystemType []byte
	InterfaceVersion               byte // 0x34; 0x33 and below knows no TLVs
	AddrTON, AddrNPI               byte
	AddressRange                   []byte
}

// Decode reads the body.
func (b *Bind) Decode(body []byte) error {
	f := fields{b: body}
	b.SystemID = f.cstring(16, fieldSystemID)
	b.Password = f.cstring(9, fieldPassword)
	b.SystemType = f.cstring(13, fieldSystemType)
	b.InterfaceVersion = f.octet()
	b.AddrTON = f.octet()
	b.AddrNPI = f.octet()
	b.AddressRange = f.cstring(41, fieldAddressRange)
	return f.error()
}

// Append appends the body.
func (b *Bind) Append(dst []byte) []byte {
	dst = appendCString(dst, b.SystemID)
	dst = appendCString(dst, b.Password)
	dst = appendCString(dst, b.SystemType)
	dst = append(dst, b.InterfaceVersion, b.AddrTON, b.AddrNPI)
	return appendCString(dst, b.AddressRange)
}

// BindResp is the body that answers a bind; it may be missing where the status is an error.
type BindResp struct {
	SystemID []byte
	TLVs     TLVs
}

// Decode reads the body.
func (b *BindResp) Decode(body []byte) error {
	*b = BindResp{}
	if len(body) == 0 {
		return nil
	}
	f := fields{b: body}
	b.SystemID = f.cstring(16, fieldSystemID)
	b.TLVs = f.tlvs()
	return f.error()
}

// Append appends the body.
func (b *BindResp) Append(dst []byte) []byte {
	return append(appendCString(dst, b.SystemID), b.TLVs...)
}

// OutbindBody is the body of outbind (SMPP 3.4 §4.1.7).
type OutbindBody struct{ SystemID, Password []byte }

// Decode reads the body.
func (o *OutbindBody) Decode(body []byte) error {
	f := fields{b: body}
	o.SystemID, o.Password = f.cstring(16, fieldSystemID), f.cstring(9, fieldPassword)
	return f.error()
}

// Append appends the body.
func (o *OutbindBody) Append(dst []byte) []byte {
	return appendCString(appendCString(dst, o.SystemID), o.Password)
}

// SM is the body of submit_sm and of deliver_sm, which have one layout (SMPP 3.4 §4.4.1, §4.6.1).
type SM struct {
	ServiceType          []byte
	Source, Dest         Addr
	ESMClass             byte // §5.2.12
	ProtocolID           byte
	Priority             byte
	ScheduleDeliveryTime []byte // §7.1.1; empty: at once
	ValidityPeriod       []byte // §7.1.1; empty: the SMSC's own
	RegisteredDelivery   byte   // §5.2.17
	ReplaceIfPresent     byte
	DataCoding           byte // §5.2.19
	DefaultMsgID         byte
	ShortMessage         []byte // at most 254 octets, 255 in 5.0; empty where message_payload is there
	TLVs                 TLVs
}

// Decode reads the body. After an error the fields behind the bad one are empty.
func (m *SM) Decode(body []byte) error {
	f := fields{b: body}
	m.ServiceType = f.cstring(6, fieldServiceType)
	m.Source = f.addr(21, fieldSource)
	m.Dest = f.addr(21, fieldDest)
	m.decodeTail(&f)
	return f.error()
}

// decodeTail reads what submit_sm, deliver_sm and submit_multi have behind their addresses.
func (m *SM) decodeTail(f *fields) {
	m.ESMClass, m.ProtocolID, m.Priority = f.three()
	m.ScheduleDeliveryTime = f.cstring(17, fieldSchedule)
	m.ValidityPeriod = f.cstring(17, fieldValidity)
	m.RegisteredDelivery, m.ReplaceIfPresent, m.DataCoding = f.three()
	m.DefaultMsgID = f.octet()
	m.ShortMessage = f.octets(int(f.octet()), errMessage)
	m.TLVs = f.tlvs()
}

// Append appends the body. A ShortMessage of more than 255 octets goes out as message_payload, the only
// place that can hold it (SMPP 3.4 §3.2.3).
func (m *SM) Append(dst []byte) []byte {
	dst = appendCString(dst, m.ServiceType)
	dst = m.Source.append(dst)
	dst = m.Dest.append(dst)
	return m.appendTail(dst)
}

func (m *SM) appendTail(dst []byte) []byte {
	dst = append(dst, m.ESMClass, m.ProtocolID, m.Priority)
	dst = appendCString(dst, m.ScheduleDeliveryTime)
	dst = appendCString(dst, m.ValidityPeriod)
	dst = append(dst, m.RegisteredDelivery, m.ReplaceIfPresent, m.DataCoding, m.DefaultMsgID)
	return appendMessage(dst, m.ShortMessage, m.TLVs)
}

// appendMessage appends sm_length, short_message and the optional parameters.
func appendMessage(dst, message []byte, tlvs TLVs) []byte {
	if len(message) > 255 { // the octet that counts them would lie, and text would be read as parameters
		dst = AppendTLV(append(dst, 0), TagMessagePayload, message)
	} else {
		dst = append(append(dst, byte(len(message))), message...)
	}
	return append(dst, tlvs...)
}

// UserData is the text with its header if it has one: message_payload where short_message is empty
// (SMPP 3.4 §3.2.3), and whether both are there, which contradicts the specification.
func (m *SM) UserData() (data []byte, both bool) {
	if p, ok := m.TLVs.Get(TagMessagePayload); ok {
		if len(m.ShortMessage) == 0 {
			return p, false
		}
		return m.ShortMessage, true
	}
	return m.ShortMessage, false
}

// Bits of esm_class (SMPP 3.4 §5.2.12).
const (
	ESMStoreAndForward = 0x03
	ESMTypeMask        = 0x3C
	ESMReceipt         = 0x04 // SMSC delivery receipt
	ESMDeliveryAck     = 0x08 // acknowledgement by the handset
	ESMUserAck         = 0x10 // manual or user acknowledgement
	ESMIntermediate    = 0x20 // intermediate delivery notification (deliver_sm)
	ESMUDHI            = 0x40 // the text starts with a user-data header
	ESMReplyPath       = 0x80
)

// Bits of registered_delivery (SMPP 3.4 §5.2.17).
const (
	RegisteredFinal        = 0x01 // receipt for success and failure
	RegisteredFailure      = 0x02 // receipt for failure only
	RegisteredReceipt      = 0x03 // mask of the two above
	RegisteredIntermediate = 0x10
)

// DataBody is the body of data_sm (SMPP 3.4 §4.7.1); its text is in message_payload.
type DataBody struct {
	ServiceType        []byte
	Source, Dest       Addr
	ESMClass           byte
	RegisteredDelivery byte
	DataCoding         byte
	TLVs               TLVs
}

// Decode reads the body. Addresses may have 65 octets here.
func (d *DataBody) Decode(body []byte) error {
	f := fields{b: body}
	d.ServiceType = f.cstring(6, fieldServiceType)
	d.Source = f.addr(65, fieldSource)
	d.Dest = f.addr(65, fieldDest)
	d.ESMClass, d.RegisteredDelivery, d.DataCoding = f.octet(), f.octet(), f.octet()
	d.TLVs = f.tlvs()
	return f.error()
}

// Append appends the body.
func (d *DataBody) Append(dst []byte) []byte {
	dst = appendCString(dst, d.ServiceType)
	dst = d.Source.append(dst)
	dst = d.Dest.append(dst)
	dst = append(dst, d.ESMClass, d.RegisteredDelivery, d.DataCoding)
	return append(dst, d.TLVs...)
}

// MessageIDBody is the body that answers submit_sm, deliver_sm, data_sm: the message_id, and TLVs
// with data_sm and from 5.0 on (SMPP 3.4 §4.4.2, §4.6.2, §4.7.2). It may be missing with an error.
type MessageIDBody struct {
	MessageID []byte // at most 64 octets
	TLVs      TLVs
}

// Decode reads the body.
func (r *MessageIDBody) Decode(body []byte) error {
	*r = MessageIDBody{}
	if len(body) == 0 {
		return nil
	}
	f := fields{b: body}
	r.MessageID = f.cstring(65, fieldMessageID)
	r.TLVs = f.tlvs()
	return f.error()
}

// Append appends the body.
func (r *MessageIDBody) Append(dst []byte) []byte {
	return append(appendCString(dst, r.MessageID), r.TLVs...)
}

// QueryBody is the body of query_sm (SMPP 3.4 §4.8.1).
type QueryBody struct {
	MessageID []byte
	Source    Addr
}

// Decode reads the body.
func (q *QueryBody) Decode(body []byte) error {
	f := fields{b: body}
	q.MessageID = f.cstring(65, fieldMessageID)
	q.Source = f.addr(21, fieldSource)
	return f.error()
}

// Append appends the body.
func (q *QueryBody) Append(dst []byte) []byte {
	return q.Source.append(appendCString(dst, q.MessageID))
}

// QueryResp is the body of query_sm_resp (SMPP 3.4 §4.8.2).
type QueryResp struct {
	MessageID []byte
	FinalDate []byte // §7.1.1; empty while there is no final state
	State     State
	ErrorCode byte
}

// Decode reads the body, which is missing where the query failed.
func (q *QueryResp) Decode(body []byte) error {
	*q = QueryResp{}
	if len(body) == 0 {
		return nil
	}
	f := fields{b: body}
	q.MessageID = f.cstring(65, fieldMessageID)
	q.FinalDate = f.cstring(17, fieldFinalDate)
	q.State, q.ErrorCode = State(f.octet()), f.octet()
	return f.error()
}

// Append appends the body.
func (q *QueryResp) Append(dst []byte) []byte {
	return append(appendCString(appendCString(dst, q.MessageID), q.FinalDate), byte(q.State), q.ErrorCode)
}

// CancelBody is the body of cancel_sm (SMPP 3.4 §4.9.1). An empty MessageID cancels all of Source to Dest.
type CancelBody struct {
	ServiceType  []byte
	MessageID    []byte
	Source, Dest Addr
}

// Decode reads the body.
func (c *CancelBody) Decode(body []byte) error {
	f := fields{b: body}
	c.ServiceType = f.cstring(6, fieldServiceType)
	c.MessageID = f.cstring(65, fieldMessageID)
	c.Source = f.addr(21, fieldSource)
	c.Dest = f.addr(21, fieldDest)
	return f.error()
}

// Append appends the body.
func (c *CancelBody) Append(dst []byte) []byte {
	dst = appendCString(appendCString(dst, c.ServiceType), c.MessageID)
	return c.Dest.append(c.Source.append(dst))
}

// ReplaceBody is the body of replace_sm (SMPP 3.4 §4.10.1; TLVs from 5.0 on).
type ReplaceBody struct {
	MessageID            []byte
	Source               Addr
	ScheduleDeliveryTime []byte
	ValidityPeriod       []byte
	RegisteredDelivery   byte
	DefaultMsgID         byte
	ShortMessage         []byte
	TLVs                 TLVs
}

// Decode reads the body.
func (r *ReplaceBody) Decode(body []byte) error {
	f := fields{b: body}
	r.MessageID = f.cstring(65, fieldMessageID)
	r.Source = f.addr(21, fieldSource)
	r.ScheduleDeliveryTime = f.cstring(17, fieldSchedule)
	r.ValidityPeriod = f.cstring(17, fieldValidity)
	r.RegisteredDelivery, r.DefaultMsgID = f.octet(), f.octet()
	r.ShortMessage = f.octets(int(f.octet()), errMessage)
	r.TLVs = f.tlvs()
	return f.error()
}

// Append appends the body.
func (r *ReplaceBody) Append(dst []byte) []byte {
	dst = r.Source.append(appendCString(dst, r.MessageID))
	dst = appendCString(appendCString(dst, r.ScheduleDeliveryTime), r.ValidityPeriod)
	return appendMessage(append(dst, r.RegisteredDelivery, r.DefaultMsgID), r.ShortMessage, r.TLVs)
}

// AlertBody is the body of alert_notification (SMPP 3.4 §4.12.1).
type AlertBody struct {
	Source, ESME Addr
	TLVs         TLVs
}

// Decode reads the body.
func (a *AlertBody) Decode(body []byte) error {
	f := fields{b: body}
	a.Source = f.addr(65, fieldSource)
	a.ESME = f.addr(65, fieldESMEAddr)
	a.TLVs = f.tlvs()
	return f.error()
}

// Append appends the body.
func (a *AlertBody) Append(dst []byte) []byte {
	return append(a.ESME.append(a.Source.append(dst)), a.TLVs...)
}

// MultiBody is the body of submit_multi (SMPP 3.4 §4.5.1): a submit_sm with many destinations.
type MultiBody struct {
	SM                  // Dest is unused
	Destinations []byte // as they stand in the PDU; Each reads them
	Count        int    // 1 to 254
}

// MultiMax is the greatest number of destinations (SMPP 3.4 §5.2.24).
const MultiMax = 254

// Decode reads the body.
func (m *MultiBody) Decode(body []byte) error {
	f := fields{b: body}
	m.Dest = Addr{}
	m.ServiceType = f.cstring(6, fieldServiceType)
	m.Source = f.addr(21, fieldSource)
	m.Count = int(f.octet())
	if f.err == nil && (m.Count == 0 || m.Count > MultiMax) {
		f.fail(errNumDests)
	}
	start := f.b
	for i := 0; i < m.Count && f.err == nil; i++ {
		f.destination()
	}
	if f.err != nil {
		start, m.Count = nil, 0
	}
	m.Destinations = start[: len(start)-len(f.b) : len(start)-len(f.b)]
	m.decodeTail(&f)
	return f.error()
}

func (f *fields) destination() (a Addr, list []byte) {
	switch f.octet() {
	case 1: // SME address (§5.2.25)
		a = f.addr(21, fieldDest)
	case 2: // distribution list
		list = f.cstring(21, fieldDLName)
	default:
		f.fail(errDestFlag)
	}
	return a, list
}

// Each calls f for every destination: an address, or the name of a distribution list.
func (m *MultiBody) Each(f func(a Addr, list []byte)) {
	d := fields{b: m.Destinations}
	for range m.Count {
		a, list := d.destination()
		if d.err != nil {
			return
		}
		f(a, list)
	}
}

// AppendDestination appends one destination in the form that Destinations holds.
func AppendDestination(dst []byte, a Addr) []byte { return a.append(append(dst, 1)) }

// Append appends the body.
func (m *MultiBody) Append(dst []byte) []byte {
	dst = m.Source.append(appendCString(dst, m.ServiceType))
	dst = append(append(dst, byte(m.Count)), m.Destinations...)
	return m.appendTail(dst)
}

// Unsuccess is one destination that a submit_multi failed for (SMPP 3.4 §4.5.3).
type Unsuccess struct {
	Dest   Addr
	Status Status
}

// MultiResp is the body of submit_multi_resp.
type MultiResp struct {
	MessageID []byte
	Failed    []Unsuccess // at most 255
	TLVs      TLVs        // 5.0
}

// Decode reads the body.
func (m *MultiResp) Decode(body []byte) error {
	*m = MultiResp{Failed: m.Failed[:0]}
	if len(body) == 0 {
		return nil
	}
	f := fields{b: body}
	m.MessageID = f.cstring(65, fieldMessageID)
	for n := f.octet(); n > 0 && f.err == nil; n-- {
		u := Unsuccess{Dest: f.addr(21, fieldDest)}
		if s := f.octets(4, errMandatory); s != nil {
			u.Status = Status(binary.BigEndian.Uint32(s))
		}
		m.Failed = append(m.Failed, u)
	}
	m.TLVs = f.tlvs()
	return f.error()
}

// Append appends the body.
func (m *MultiResp) Append(dst []byte) []byte {
	failed := m.Failed[:min(len(m.Failed), 255)] // one octet counts them
	dst = append(appendCString(dst, m.MessageID), byte(len(failed)))
	for _, u := range failed {
		dst = binary.BigEndian.AppendUint32(u.Dest.append(dst), uint32(u.Status))
	}
	return append(dst, m.TLVs...)
}
