package smpp

import "time"

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
