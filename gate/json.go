package gate

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// JSON says how verdicts are written. The object has these keys in this order, those in brackets only where
// they were asked for:
//
//	id          as the message has it; null where it has none
//	[to]        the recipient
//	class       ham, spam, phishing; null where the message was not judged
//	p_phishing  probability of fraud; null likewise
//	p_bad       probability of fraud or spam; null likewise
//	outcome     what was judged: deliver, label, hold, block; null where judging fell behind
//	[do]        what is to be done, within mode and bypass; null where the fail policy of who asked is to say
//	[mode]      observe, label, enforce
//	[skipped]   why it was not judged; null where it was
//	reasons     [{"rule","why","weight","about"[,"trial"]}], see AppendJSON
//	campaign    the text family, 16 hexadecimal digits; null where the text is too short to have one
//	links       [{"host","domain","url"}]
type JSON struct {
	Policy   *Policy // by which the verdict was judged: it may change weights
	Language inspect.Language
	To       bool // also for whom
	Told     bool // also what who asked is told to do: do, mode, skipped, and which reasons are in trial
}

// wording is the reason that the classifier is. It is no finding: what it weighs is different for each text.
var wording = [message.Classes]struct{ name, en, ja string }{
	message.Spam: {"wording", "The wording is like that of unwanted messages seen before.",
		"文面が、これまでに確認された迷惑メッセージと似ています。"},
	message.Phishing: {"wording", "The wording is like that of fraud seen before.",
		"文面が、これまでに確認された詐欺と似ています。"},
}

// Wording is the reason, by Language, that the classifier is where it makes a text spam or phishing; empty for ham.
func Wording(c message.Class) [2]string {
	return [2]string{wording[c%message.Classes].en, wording[c%message.Classes].ja}
}

// AppendJSON appends the verdict on m as one JSON object, without a newline, and returns the extended
// buffer. r is the report that came with it. It allocates nothing but room in dst.
//
// Of each reason, weight is the nats that it added to the log-odds of the class told, of phishing where that is
// ham, against ham: 0.7 doubles the odds. A rule in trial added 0. Rules that are off are left out. Where a text is
// held to be spam or phishing by its wording too, the last reason says so, with the rule "wording".
func (v *Verdict) AppendJSON(dst []byte, m *message.Message, r *inspect.Report, how JSON) []byte {
	judged := v.Skipped == Judged
	dst = appendID(append(dst, `{"id":`...), m.ID)
	if how.To {
		dst = appendString(append(dst, `,"to":`...), v.To.Bytes())
	}
	if judged {
		dst = appendName(append(dst, `,"class":`...), v.Class.String())
		dst = appendNumber(append(dst, `,"p_phishing":`...), v.PPhishing)
		dst = appendNumber(append(dst, `,"p_bad":`...), v.PBad)
	} else {
		dst = append(dst, `,"class":null,"p_phishing":null,"p_bad":null`...)
	}
	dst = appendOutcome(append(dst, `,"outcome":`...), v.Outcome)
	if how.Told {
		dst = appendOutcome(append(dst, `,"do":`...), v.Do)
		dst = appendName(append(dst, `,"mode":`...), v.Mode.String())
		dst = append(dst, `,"skipped":`...)
		if judged {
			dst = append(dst, "null"...)
		} else {
			dst = appendName(dst, v.Skipped.String())
		}
	}
	if !judged { // the report may be that of another message, or of what this recipient refused
		return append(dst, `,"reasons":[],"campaign":null,"links":[]}`...)
	}
	dst = v.appendReasons(append(dst, `,"reasons":[`...), r, how)
	dst = append(dst, `],"campaign":`...)
	if r.Folded.Family == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = append(appendHex(append(dst, '"'), r.Folded.Family), '"')
	}
	dst = append(dst, `,"links":[`...)
	for i := range r.Folded.Links {
		l := &r.Folded.Links[i]
		dst = appendString(append(dst, `{"host":`...), l.Host)
		dst = appendString(append(dst, `,"domain":`...), l.Domain)
		dst = appendString(append(dst, `,"url":`...), l.URL)
		dst = append(dst, `},`...)
	}
	return append(endList(dst), `]}`...)
}

func (v *Verdict) appendReasons(dst []byte, r *inspect.Report, how JSON) []byte {
	for i := range v.Reasons {
		f := &v.Reasons[i]
		set := how.Policy.setting(f.Rule)
		if set.Off {
			continue
		}
		weight := f.Rule.Phishing
		if set.Phishing != nil {
			weight = *set.Phishing
		}
		if v.Class == message.Spam {
			weight = f.Rule.Spam
			if set.Spam != nil {
				weight = *set.Spam
			}
		}
		if set.Trial {
			weight = 0
		}
		why := f.Rule.Why[inspect.English]
		if how.Language == inspect.Japanese {
			why = f.Rule.Why[inspect.Japanese]
		}
		dst = appendReason(dst, f.Rule.Name, why, weight, f.About)
		if how.Told && set.Trial {
			dst = append(dst, `,"trial":true`...)
		}
		dst = append(dst, `},`...)
	}
	weight := r.Phishing
	if v.Class == message.Spam {
		weight = r.Spam
	}
	if w := &wording[v.Class%message.Classes]; w.name != "" && weight > 0 {
		why := w.en
		if how.Language == inspect.Japanese {
			why = w.ja
		}
		dst = append(appendReason(dst, w.name, why, weight, nil), `},`...)
	}
	return endList(dst)
}

// appendReason leaves the object open.
func appendReason(dst []byte, rule, why string, weight float32, about []byte) []byte {
	dst = appendName(append(dst, `{"rule":`...), rule)
	dst = append(dst, `,"why":"`...)
	for {
		head, tail, found := strings.Cut(why, "%s")
		dst = appendEscaped(dst, head)
		if !found {
			break
		}
		dst = appendEscaped(dst, about)
		why = tail
	}
	dst = appendNumber(append(dst, `","weight":`...), weight)
	return appendString(append(dst, `,"about":`...), about)
}

// setting is what the policy says of a rule; nothing, where there is no policy.
func (p *Policy) setting(r *inspect.Rule) RuleSetting {
	if p == nil {
		return RuleSetting{}
	}
	return p.rules[r.Name]
}

// endList takes the comma behind the last of a list's members away.
func endList(dst []byte) []byte {
	if dst[len(dst)-1] == ',' {
		return dst[:len(dst)-1]
	}
	return dst
}

func appendID(dst []byte, id string) []byte {
	if id == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, id)
}

func appendOutcome(dst []byte, o message.Outcome) []byte {
	if o == message.OutcomeUnset {
		return append(dst, "null"...)
	}
	return appendName(dst, o.String())
}

// appendName writes one of our own names, which need no escapes.
func appendName(dst []byte, s string) []byte { return append(append(append(dst, '"'), s...), '"') }

// appendNumber writes at most six significant digits. JSON has no infinities and no NaN (RFC 8259 §6), which a
// policy may hold as weights.
func appendNumber(dst []byte, f float32) []byte {
	switch g := float64(f); {
	case math.IsNaN(g):
		return append(dst, '0')
	case math.IsInf(g, 0):
		return strconv.AppendFloat(dst, math.Copysign(math.MaxFloat32, g), 'g', 6, 64)
	default:
		return strconv.AppendFloat(dst, g, 'g', 6, 32)
	}
}

const hexDigits = "0123456789abcdef"

func appendHex(dst []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return dst
}

func appendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped writes what stands between the quotes of a JSON string. What comes from a message may be
// anything: octets that are no UTF-8 become U+FFFD.
func appendEscaped[S ~string | ~[]byte](dst []byte, s S) []byte {
	at := len(dst)
	dst = append(dst, s...)
	if unescaped(dst[at:]) {
		return dst
	}
	raw := bytes.Clone(dst[at:])
	dst = dst[:at]
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default: // RuneError among them
			dst = utf8.AppendRune(dst, r)
		}
		raw = raw[n:]
	}
	return dst
}

// unescaped reports whether octets stand in a JSON string as they are (RFC 8259 §7).
func unescaped(b []byte) bool {
	ascii := true
	for _, c := range b {
		if c < 0x20 || c == '"' || c == '\\' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(b)
}
