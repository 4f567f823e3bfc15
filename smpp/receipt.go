package smpp

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// State is a message_state (SMPP 3.4 §5.2.28).
type State byte

const (
	StateNone          State = 0
	StateEnroute       State = 1
	StateDelivered     State = 2
	StateExpired       State = 3
	StateDeleted       State = 4
	StateUndeliverable State = 5
	StateAccepted      State = 6
	StateUnknown       State = 7
	StateRejected      State = 8
	StateSkipped       State = 9 // 5.0
)

// The seven letters that stand for each state in a receipt (SMPP 3.4 Appendix B).
var stateWords = [...]string{
	"", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED",
}

// String is the state as a receipt's text writes it, such as DELIVRD.
func (s State) String() string {
	if s > 0 && int(s) < len(stateWords) {
		return stateWords[s]
	}
	return fmt.Sprintf("state(%d)", byte(s))
}

// parseState reads a state's word in any case. Some SMSCs write it out, and not as Appendix B shortens it.
func parseState(word []byte) State {
	for s, w := range stateWords {
		if s > 0 && len(word) >= len(w) && equalFold(word[:len(w)], w) {
			return State(s) // UNDELIV and UNDELIVERABLE
		}
	}
	for _, long := range longStates {
		if len(word) == len(long.word) && equalFold(word, long.word) {
			return long.state
		}
	}
	return StateNone
}

var longStates = [...]struct {
	word  string
	state State
}{
	{"DELIVERED", StateDelivered}, {"ACCEPTED", StateAccepted}, {"REJECTED", StateRejected}, {"FAILED", StateUndeliverable},
}

// Final reports whether nothing more will happen to the message.
func (s State) Final() bool {
	switch s {
	case StateDelivered, StateExpired, StateDeleted, StateUndeliverable, StateRejected, StateSkipped:
		return true
	}
	return false
}

// Receipt is what an SMSC delivery receipt says (SMPP 3.4 Appendix B and §4.6.1 TLVs).
type Receipt struct {
	MessageID []byte
	Submitted []byte // as written: YYMMDDhhmm, with seconds at some SMSCs
	Done      []byte
	State     State
	Err       []byte // as written, at most three octets
	Text      []byte // the first 20 characters, at most
}

// ReadReceipt reads a deliver_sm that is a receipt. TLVs win over the text, since only they are
// specified; the text is a habit that vendors vary. ok is false where it is no receipt or names no message.
func (r *Receipt) ReadReceipt(m *SM) (ok bool) {
	*r = Receipt{}
	if t := m.ESMClass & ESMTypeMask; t != ESMReceipt && t != ESMIntermediate {
		return false
	}
	head := receiptText(m)
	// text: quotes the message, whose sender could write "stat:" into it: no field is read behind it.
	if i := indexKey(head, "TEXT:"); i >= 0 {
		head, r.Text = head[:i], head[i+len("TEXT:"):]
	}
	r.MessageID = word(head, "ID:")
	r.Submitted = digits(word(head, "SUBMIT DATE:"))
	r.Done = digits(word(head, "DONE DATE:"))
	r.Err = word(head, "ERR:")
	r.State = parseState(word(head, "STAT:"))
	if id, has := m.TLVs.Get(TagReceiptedMessageID); has {
		if i := bytes.IndexByte(id, 0); i >= 0 {
			id = id[:i]
		}
		if len(id) > 0 && len(id) <= 64 {
			r.MessageID = id
		}
	}
	if s, has := m.TLVs.Uint(TagMessageState); has && s < uint32(len(stateWords)) && s > 0 {
		r.State = State(s)
	}
	return len(r.MessageID) > 0 && len(r.MessageID) <= 64
}

// receiptText is the user data behind a user-data header; UCS-2 is made ASCII as far as it goes.
func receiptText(m *SM) []byte {
	text, _ := m.UserData()
	if m.ESMClass&ESMUDHI != 0 && len(text) > 0 && len(text) > int(text[0]) {
		text = text[1+int(text[0]):]
	}
	if m.DataCoding == 8 && len(text) > 1 && text[0] == 0 {
		var narrow []byte
		for ; len(text) > 1 && text[0] == 0; text = text[2:] {
			narrow = append(narrow, text[1])
		}
		return narrow
	}
	return text
}

// word finds what stands behind a key, up to the next blank. Some SMSCs write a blank before it too.
func word(text []byte, key string) []byte {
	i := indexKey(text, key)
	if i < 0 {
		return nil
	}
	after := text[i+len(key):]
	v := bytes.TrimLeft(after, " ")
	for j, c := range v {
		if c <= ' ' {
			v = v[:j]
			break
		}
	}
	if len(v) > 0 && &v[0] != &after[0] && bytes.IndexByte(v, ':') >= 0 {
		return nil // the next key: nothing stands behind this one
	}
	return v
}

// digits is b if it starts like a date.
func digits(b []byte) []byte {
	if len(b) == 0 || b[0] < '0' || b[0] > '9' {
		return nil
	}
	return b
}

// indexKey finds a key, given in capitals, in either case at the start or behind a blank.
func indexKey(text []byte, key string) int {
	for i := 0; i+len(key) <= len(text) && i < 256; i++ {
		if (i == 0 || text[i-1] <= ' ') && equalFold(text[i:i+len(key)], key) {
			return i
		}
	}
	return -1
}

// equalFold compares ASCII, b in either case with capitals of the same length.
func equalFold(b []byte, capitals string) bool {
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != capitals[i] {
			return false
		}
	}
	return true
}

// Append appends the receipt's text as Appendix B writes it.
func (r *Receipt) Append(dst []byte, submitted, done time.Time) []byte {
	delivered := "000"
	if r.State == StateDelivered {
		delivered = "001"
	}
	dst = append(append(dst, "id:"...), r.MessageID...)
	dst = append(append(dst, " sub:001 dlvrd:"...), delivered...)
	dst = submitted.AppendFormat(append(dst, " submit date:"...), "0601021504")
	dst = done.AppendFormat(append(dst, " done date:"...), "0601021504")
	dst = append(append(dst, " stat:"...), r.State.String()...)
	dst = append(dst, " err:"...)
	if len(r.Err) == 0 {
		dst = append(dst, "000"...)
	} else {
		dst = append(dst, r.Err...)
	}
	return append(append(dst, " text:"...), r.Text...)
}

// ErrTime is returned for what is no time of SMPP 3.4 §7.1.1.
var ErrTime = errors.New("smpp: not a time of SMPP 3.4 §7.1.1 (YYMMDDhhmmsstnnp)")

// ParseTime reads an absolute time, or one relative to now, as validity_period and
// schedule_delivery_time have it, or the twelve digits of the SMSC's local time as final_date has it, taken
// in now's zone (SMPP 3.4 §7.1.1). Empty gives the zero time.
func ParseTime(s []byte, now time.Time) (time.Time, error) {
	if len(s) == 0 {
		return time.Time{}, nil
	}
	if len(s) != 16 && len(s) != 12 {
		return time.Time{}, ErrTime
	}
	for _, c := range s[:min(len(s), 15)] {
		if c < '0' || c > '9' {
			return time.Time{}, ErrTime
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day, hour, minute, second := two(0), two(2), two(4), two(6), two(8), two(10)
	if len(s) == 16 && s[15] == 'R' { // tenths and quarter hours mean nothing here (§7.1.1.2)
		return now.AddDate(year, month, day).Add(time.Duration(hour)*time.Hour +
			time.Duration(minute)*time.Minute + time.Duration(second)*time.Second), nil
	}
	if month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, ErrTime
	}
	zone, ahead, tenths := now.Location(), time.Duration(0), 0
	if len(s) == 16 {
		zone, ahead, tenths = time.UTC, time.Duration(two(13))*15*time.Minute, int(s[12]-'0')
		if ahead > 12*time.Hour || s[15] != '+' && s[15] != '-' {
			return time.Time{}, ErrTime
		}
		if s[15] == '-' {
			ahead = -ahead
		}
	}
	// The length of the month is checked where no summer time can move the day.
	if d := time.Date(2000+year, time.Month(month), day, 0, 0, 0, 0, time.UTC); d.Day() != day {
		return time.Time{}, ErrTime
	}
	return time.Date(2000+year, time.Month(month), day, hour, minute, second, tenths*1e8, zone).Add(-ahead), nil
}

// AppendTime appends an absolute time in UTC in the form of SMPP 3.4 §7.1.1.1.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = t.AppendFormat(dst, "060102150405")
	return append(append(dst, byte('0'+t.Nanosecond()/1e8)), "00+"...)
}
