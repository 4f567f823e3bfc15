// Package smpp speaks SMPP 3.4 (Short Message Peer to Peer Protocol Specification v3.4, issue 1.2)
// from either side, and tolerates what version 5.0 adds. It knows nothing of who uses it.
//
// Three layers, each usable alone:
//
//   - PDUs: Frame cuts them out of a stream; SM, Bind, DataSM and the other bodies are decoded
//     without copying and encoded without allocating. TLVs that are not known stay as they came.
//   - Text: what data_coding, the user-data header and the octets of a short message mean.
//   - Session: one connection with its windows, timers and link checks, for an ESME or an SMSC.
//
// A PDU and its fields point into the buffer they were read from: they hold until the handler returns.
package smpp
