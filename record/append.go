package record

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/sekisho/sekisho/subject"
)

// The written form. A batch is records one behind the other; all integers are little-endian:
//
//	record   length of what follows (2), kind (1), body
//	verdict  flags (1) route class outcome done mode parts (1 each) time (8) from (9) to (9) pPhishing pBad (4 each)
//	         family (8) delay (4) status (4) door account id (text each) [from] [to] rules trial about (list each)
//	evidence kind flags (1 each) day (4) weight (4) time (8) who (16) campaign domain link party (8 each)
//	receipt  state (1) time (8) to (9) account id (text each) [to] err (text)
//	address  how (1), number or pseudonym (8); a plain address is a text further behind
//	text     length (1), UTF-8 without control characters
//	list     count (1), texts
//
// A new form gets a new kind; old kinds are read for ever, since they wait in streams and rest in files.
const (
	kindVerdict  byte = 1
	kindReceipt  byte = 2
	kindEvidence byte = 3
)

const (
	headLen     = 3 // length and kind
	verdictTime = headLen + 7
	verdictFrom = verdictTime + 8
	verdictTo   = verdictFrom + 9
	receiptTo   = headLen + 9
	verdictLen  = verdictTo + 9 + 24 // of the fixed part
	receiptLen  = receiptTo + 9
)

// How an address is written.
const (
	addrNone   byte = iota
	addrNumber      // a number in full: in memory only
	addrKeyed       // its pseudonym
	addrPlain       // a short code or sender ID
	addrDaily       // a number in full, to get a pseudonym for its day alone: in memory only
)

// What is cut to.
const (
	MaxID     = 65 // SMPP 3.4 §4.4.2: message_id, less its NUL
	MaxRules  = 32
	MaxAbout  = 16
	maxName   = 64
	maxAbout  = 255
	maxErr    = 16
	flagOpted = 1
	// MaxLen is the length that no record exceeds.
	MaxLen = verdictLen + 5*(255+1) + 2*(1+MaxRules*(maxName+1)) + 1 + MaxAbout*(maxAbout+1)
)

// numberDigits is how many digits make an address a number that must not be written. The shortest
// numbers of the plan have more; service numbers and short codes have fewer.
const numberDigits = 7

// Append writes the verdict at the end of dst, its numbers still in full, and returns the extended buffer.
func (v *Verdict) Append(dst []byte) []byte {
	at := len(dst)
	var flags byte
	if v.OptedOut {
		flags |= flagOpted
	}
	dst = append(dst, 0, 0, kindVerdict, flags, byte(v.Route), byte(v.Class), byte(v.Outcome), byte(v.Done), byte(v.Mode), v.Parts)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Time))
	how := len(dst)
	dst, fromPlain := appendAddress(dst, &v.From)
	if v.Daily && dst[how] == addrNumber {
		dst[how] = addrDaily
	}
	dst, toPlain := appendAddress(dst, &v.To)
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.PPhishing))
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.PBad))
	dst = binary.LittleEndian.AppendUint64(dst, v.Family)
	dst = binary.LittleEndian.AppendUint32(dst, v.Delay)
	dst = binary.LittleEndian.AppendUint32(dst, v.Status)
	dst = appendText(dst, v.Door, maxName)
	dst = appendText(dst, v.Account, maxName)
	dst = appendText(dst, v.ID, MaxID)
	if fromPlain {
		dst = appendText(dst, v.From.Bytes(), maxName)
	}
	if toPlain {
		dst = appendText(dst, v.To.Bytes(), maxName)
	}
	dst = appendNames(dst, v.Rules)
	dst = appendNames(dst, v.Trial)
	if v.Stopped() {
		n := min(len(v.About), MaxAbout)
		dst = append(dst, byte(n))
		for _, a := range v.About[:n] {
			from := len(dst) + 1
			dst = appendText(dst, a, maxAbout)
			maskNumber(dst[from:])
		}
	} else {
		dst = append(dst, 0)
	}
	binary.LittleEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	return dst
}

// Append writes the receipt at the end of dst, its number still in full, and returns the extended buffer.
func (r *Receipt) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, kindReceipt, byte(r.State))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	dst, plain := appendAddress(dst, &r.To)
	dst = appendText(dst, r.Account, maxName)
	dst = appendText(dst, r.ID, MaxID)
	if plain {
		dst = appendText(dst, r.To.Bytes(), maxName)
	}
	dst = appendText(dst, r.Err, maxErr)
	binary.LittleEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	return dst
}

// appendAddress writes the fixed part of an address and reports whether its text has to follow.
func appendAddress(dst []byte, a *subject.Address) ([]byte, bool) {
	if a.IsZero() {
		return append(dst, addrNone, 0, 0, 0, 0, 0, 0, 0, 0), false
	}
	if n, ok := number(a.Bytes()); ok {
		return binary.LittleEndian.AppendUint64(append(dst, addrNumber), n), false
	}
	return append(dst, addrPlain, 0, 0, 0, 0, 0, 0, 0, 0), true
}

// number reads the digits of an address, whatever stands between them, and reports whether there are enough of
// them for a number. +81 90 1234 5678 and 819012345678, which some SMSCs write without saying that it is
// international, are the same number, so that looking for it finds both.
func number(b []byte) (uint64, bool) {
	var n uint64
	digits := 0
	for _, c := range b {
		if c >= '0' && c <= '9' {
			n = n*10 + uint64(c-'0') // 20 digits may overflow; it is a name to be hashed, not a quantity
			digits++
		}
	}
	return n, digits >= numberDigits
}

func appendNames(dst []byte, names []string) []byte {
	n := min(len(names), MaxRules)
	dst = append(dst, byte(n))
	for _, s := range names[:n] {
		dst = appendText(dst, s, maxName)
	}
	return dst
}

// appendText writes at most limit octets of s. What is no character, and control characters, become question
// marks: ids and sender IDs come from outside, and one NUL in them would keep a whole batch out of PostgreSQL.
func appendText[S ~string | ~[]byte](dst []byte, s S, limit int) []byte {
	at := len(dst)
	dst = append(dst, 0)
	clean := len(s) <= limit
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] >= 0x20 && s[i] < 0x7f
	}
	if clean {
		dst = append(dst, s...)
	} else {
		dst = appendCleaned(dst, []byte(s), limit)
	}
	dst[at] = byte(len(dst) - at - 1)
	return dst
}

func appendCleaned(dst, s []byte, limit int) []byte {
	end := len(dst) + limit
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 || r < 0x20 || r >= 0x7f && r < 0xa0 {
			r = '?'
		}
		if len(dst)+utf8.RuneLen(r) > end {
			break
		}
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}

// CleanID is a message id as records hold it: what to look for where somebody asks by message id.
func CleanID(id string) string { return string(appendText(nil, id, MaxID)[1:]) }

// maskNumber hides the middle of what is nothing but a number, in place.
func maskNumber(b []byte) {
	digits := 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != '+' && c != '-' && c != ' ' && c != '(' && c != ')':
			return
		}
	}
	if digits < numberDigits {
		return
	}
	for i := 3; i < len(b)-3; i++ {
		if b[i] >= '0' && b[i] <= '9' {
			b[i] = '*'
		}
	}
}
