package smpp

import (
	"bytes"
	"time"
)

// SetPeerWindow changes how many of the peer's requests may be unanswered. It is for the handler, in Request.
func (s *Session) SetPeerWindow(n int) { s.cfg.PeerWindow = n }

// ReadTime is when the octets came that are being worked through: a request waited since then. It is for the handler.
func (s *Session) ReadTime() time.Time {
	return s.start.Add(time.Duration(s.lastRead.Load()))
}

// Clone is an address that does not point into the PDU it was read from.
func (a Addr) Clone() Addr {
	a.Digits = append([]byte(nil), a.Digits...)
	return a
}

// Clone is a body that does not point into the PDU it was read from.
func (m SM) Clone() SM {
	m.ServiceType = bytes.Clone(m.ServiceType)
	m.Source, m.Dest = m.Source.Clone(), m.Dest.Clone()
	m.ScheduleDeliveryTime, m.ValidityPeriod = bytes.Clone(m.ScheduleDeliveryTime), bytes.Clone(m.ValidityPeriod)
	m.ShortMessage, m.TLVs = bytes.Clone(m.ShortMessage), bytes.Clone(m.TLVs)
	return m
}
