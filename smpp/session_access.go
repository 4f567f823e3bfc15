package smpp

// SetPeerWindow changes how many of the peer's requests may be unanswered. It is for the handler, in Request.
func (s *Session) SetPeerWindow(n int) { s.cfg.PeerWindow = n }

// Clone is an address that does not point into the PDU it was read from.
func (a Addr) Clone() Addr {
	a.Digits = append([]byte(nil), a.Digits...)
	return a
}
