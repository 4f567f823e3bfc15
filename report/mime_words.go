package report

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// headerField is a field of a header as it stands there.
type headerField struct {
	name string // in lower case
	raw  []byte // with its folding
}

type header []headerField

const (
	maxHeader = 256 << 10 // octets of a header that are read
	maxValue  = 16 << 10  // octets of one field
)

// readHeader reads a header (RFC 5322 §2.2) and gives what is behind it. Lines that are no fields are passed over: one bad line hides no mail. over
// says that there were more fields, or octets, than are read.
func readHeader(b []byte, max int) (h header, body []byte, over bool) {
	begin := -1 // where the body of the last field begins, to which a folded line belongs; -1 where it is not kept
	for i := 0; i < len(b); {
		end, next := len(b), len(b)
		if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
			end, next = i+n, i+n+1
		}
		line := bytes.TrimSuffix(b[i:end], []byte{'\r'})
		switch {
		case len(line) == 0:
			return h, b[next:], over
		case line[0] == ' ' || line[0] == '\t':
			if begin >= 0 {
				h[len(h)-1].raw = b[begin:end]
			}
		default:
			begin = -1
			name, ok := fieldName(line)
			if !ok {
				break
			}
			if len(h) == max || i > maxHeader {
				over = true
				break
			}
			begin = i + bytes.IndexByte(line, ':') + 1
			h = append(h, headerField{name, b[begin:end]})
		}
		i = next
	}
	return h, nil, over
}

// fieldName is the name before the colon (RFC 5322 §3.6.8).
func fieldName(line []byte) (string, bool) {
	i := bytes.IndexByte(line, ':')
	if i < 1 || i > 128 {
		return "", false
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, c := range name {
		if c < 0x21 || c > 0x7e {
			return "", false
		}
	}
	return strings.ToLower(string(name)), true
}

// get is the first field of that name on one line, "" where there is none.
func (h header) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value()
		}
	}
	return ""
}

func (h header) count(name string) (n int) {
	for _, f := range h {
		if f.name == name {
			n++
		}
	}
	return n
}

// value is the field's body without its folding (RFC 5322 §2.2.3) and without control characters. It may be in any charset.
func (f headerField) value() string {
	raw := f.raw[:min(len(f.raw), maxValue)]
	plain := make([]byte, 0, len(raw))
	for _, c := range raw {
		if c >= 0x20 && c != 0x7f || c == '\t' || c == 0x1b { // ISO-2022-JP shifts by ESC
			plain = append(plain, c)
		}
	}
	return string(bytes.Trim(plain, " \t"))
}

// parseContentType reads a field like Content-Type (RFC 2045 §5.1): what is before the first semicolon, and the first of every parameter. It
// takes what mime.ParseMediaType refuses.
func parseContentType(s, otherwise string) (value string, params map[string]string) {
	value, rest, _ := strings.Cut(s, ";")
	value = strings.ToLower(strings.TrimSpace(value))
	if otherwise != "" && !strings.Contains(value, "/") {
		value = otherwise
	}
	for len(rest) > 0 && len(params) < maxParam {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		if i := strings.LastIndexByte(name, ';'); i >= 0 { // a parameter without a value
			name = name[i+1:]
		}
		name = strings.ToLower(strings.TrimSpace(name))
		after = strings.TrimLeft(after, " \t")
		var v string
		if strings.HasPrefix(after, `"`) {
			v, rest = quotedString(after)
			_, rest, _ = strings.Cut(rest, ";")
		} else {
			v, rest, _ = strings.Cut(after, ";")
			v = strings.TrimSpace(v)
		}
		if params == nil {
			params = make(map[string]string)
		}
		if _, ok := params[name]; !ok {
			params[name] = v
		}
	}
	return value, params
}

// quotedString is the string in quotes (RFC 5322 §3.2.4) at the start of s, and what is behind it.
func quotedString(s string) (v, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// splitParts calls part with every part between the boundaries (RFC 2046 §5.1.1) until it returns false.
func splitParts(body []byte, boundary string, part func([]byte) bool) {
	delimiter := []byte("--" + boundary)
	begin := -1 // of the part being read
	for i := 0; i < len(body); {
		end := bytes.IndexByte(body[i:], '\n')
		next := len(body)
		if end >= 0 {
			next = i + end + 1
		}
		if rest, ok := bytes.CutPrefix(body[i:next], delimiter); ok {
			rest, last := bytes.CutPrefix(rest, []byte("--"))
			if len(bytes.TrimSpace(rest)) == 0 {
				// The line end before a boundary belongs to it.
				if begin >= 0 && !part(bytes.TrimSuffix(bytes.TrimSuffix(body[begin:i], []byte{'\n'}), []byte{'\r'})) {
					return
				}
				if begin = next; last {
					return
				}
			}
		}
		i = next
	}
	if begin >= 0 {
		part(body[begin:]) // the last boundary is missing
	}
}

// base64Reader decodes base64 (RFC 2045 §6.8), passing over what is none. An = ends a group, not the text.
type base64Reader struct {
	src  []byte
	bits uint32
	n    uint // bits that wait
}

// Read decodes what there is room for.
func (r *base64Reader) Read(p []byte) (n int, err error) {
	for len(r.src) > 0 && n < len(p) {
		c := r.src[0]
		r.src = r.src[1:]
		v := base64Values[c]
		if v > 63 {
			if c == '=' {
				r.n = 0
			}
			continue
		}
		r.bits = r.bits<<6 | uint32(v)
		if r.n += 6; r.n >= 8 {
			r.n -= 8
			p[n] = byte(r.bits >> r.n)
			n++
		}
	}
	if n == 0 && len(r.src) == 0 {
		return 0, io.EOF
	}
	return n, nil
}

var base64Values = func() (t [256]uint8) {
	for i := range t {
		t[i] = 0xff
	}
	for _, alphabet := range []string{encodeStd, encodeStd[:62] + "-_"} {
		for i := range len(alphabet) {
			t[alphabet[i]] = uint8(i)
		}
	}
	return t
}()

const encodeStd = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// quotedReader decodes quoted-printable (RFC 2045 §6.7); an = that is none stays.
type quotedReader struct{ src []byte }

// Read decodes what there is room for.
func (r *quotedReader) Read(p []byte) (n int, err error) {
	for len(r.src) > 0 && n < len(p) {
		c, s := r.src[0], r.src[1:]
		if c == '=' {
			if soft := bytes.TrimLeft(s[:min(len(s), 80)], " \t"); bytes.HasPrefix(soft, []byte("\n")) || bytes.HasPrefix(soft, []byte("\r\n")) {
				r.src = s[bytes.IndexByte(s, '\n')+1:]
				continue
			}
			if hi, lo := hexAt(s, 0), hexAt(s, 1); hi < 16 && lo < 16 {
				c, s = hi<<4|lo, s[2:]
			}
		}
		p[n] = c
		n++
		r.src = s
	}
	if n == 0 && len(r.src) == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func hexAt[T string | []byte](s T, i int) byte {
	if i >= len(s) {
		return 16
	}
	switch c := s[i]; {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// charsets are names that mail programs of Japan and others write and no registry has.
var charsets = map[string]string{
	"cp932": "shift_jis", "x-cp932": "shift_jis", "ms932": "shift_jis", "sjis": "shift_jis", "x-shift_jis": "shift_jis",
	"cp51932": "euc-jp", "eucjp": "euc-jp", "x-euc-jp": "euc-jp", "eucjp-ms": "euc-jp",
	"cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "cp50222": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "iso-2022-jp-1": "iso-2022-jp",
	"cp936": "gb18030", "x-gbk": "gb18030", "gb2312": "gb18030", "gbk": "gb18030", "cp950": "big5", "cp949": "euc-kr", "ks_c_5601-1987": "euc-kr",
}

// decodeCharset makes UTF-8 of text in the charset of that name. What names none, or none that we know, is guessed.
func decodeCharset(name string, raw []byte) string {
	name = strings.ToLower(strings.Trim(name, " \t'\""))
	if other, ok := charsets[name]; ok {
		name = other
	}
	switch name {
	case "", "us-ascii", "ascii", "utf-8", "utf8":
		return guessCharset(raw)
	}
	if len(name) > 40 {
		return guessCharset(raw)
	}
	in, err := charset.Reader(name, bytes.NewReader(raw))
	if err != nil {
		return guessCharset(raw)
	}
	out, err := io.ReadAll(io.LimitReader(in, 4*int64(len(raw))+16))
	if err != nil {
		return guessCharset(raw)
	}
	return string(bytes.ToValidUTF8(out, []byte("\ufffd")))
}

// guessCharset reads text that does not say in what charset it is: UTF-8 or what Japanese mail is written in, by which of them makes the fewest
// errors.
func guessCharset(raw []byte) string {
	if bytes.Contains(raw, []byte("\x1b$")) {
		if s, bad := decodeIn(japanese.ISO2022JP, raw); bad*8 <= len(s) {
			return s
		}
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	best, fewest := string(bytes.ToValidUTF8(raw, []byte("\ufffd"))), 0
	fewest = strings.Count(best, "\ufffd")
	for _, e := range []encoding.Encoding{japanese.ShiftJIS, japanese.EUCJP, charmap.Windows1252} {
		if e == charmap.Windows1252 && fewest*4 < len(best) {
			break // it takes anything
		}
		if s, bad := decodeIn(e, raw); bad < fewest {
			best, fewest = s, bad
		}
	}
	return best
}

func decodeIn(e encoding.Encoding, raw []byte) (s string, bad int) {
	out, err := e.NewDecoder().Bytes(raw)
	if err != nil {
		return "", len(raw)
	}
	return string(out), bytes.Count(out, []byte("\ufffd"))
}

var encodedWord = regexp.MustCompile(`=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,35})?\?([bBqQ])\?([^?]*)\?=`)

// decodeWords decodes encoded words (RFC 2047). Neighbours in one charset are joined before they are decoded: mail programs cut
// letters in two.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return guessCharset([]byte(s))
	}
	var b strings.Builder
	var waiting []byte // in charset
	var in string
	flush := func() {
		if len(waiting) > 0 {
			b.WriteString(decodeCharset(in, waiting))
		}
		waiting = waiting[:0]
	}
	end := -1
	for _, m := range encodedWord.FindAllStringSubmatchIndex(s, 256) {
		between := s[max(end, 0):m[0]]
		name := strings.ToLower(s[m[2]:m[3]])
		if end < 0 || strings.TrimSpace(between) != "" {
			flush()
			b.WriteString(guessCharset([]byte(between)))
		} else if name != in {
			flush()
		}
		in, end = name, m[1]
		if word := []byte(s[m[6]:m[7]]); s[m[4]]|0x20 == 'b' {
			word, _ = io.ReadAll(&base64Reader{src: word})
			waiting = append(waiting, word...)
		} else {
			word, _ = io.ReadAll(&quotedReader{src: bytes.ReplaceAll(word, []byte("_"), []byte(" "))})
			waiting = append(waiting, word...)
		}
	}
	flush()
	b.WriteString(guessCharset([]byte(s[max(end, 0):])))
	return b.String()
}

// wordDecoder is for names before addresses, which nobody looks at; it only must not fail on a charset.
var wordDecoder = &mime.WordDecoder{CharsetReader: func(_ string, in io.Reader) (io.Reader, error) { return in, nil }}

// zones are those of RFC 5322 §4.3 and Japan's, whose names net/mail takes for UTC.
var zones = map[string]string{"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800",
	"PDT": "-0700", "JST": "+0900", "UT": "+0000", "UTC": "+0000", "GMT": "+0000", "Z": "+0000"}

// parseDate reads a date of RFC 5322 §3.3.
func parseDate(s string) (time.Time, bool) {
	if len(s) > 128 {
		return time.Time{}, false
	}
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		if z, ok := zones[strings.ToUpper(s[i+1:])]; ok {
			s = s[:i+1] + z
		}
	}
	t, err := mail.ParseDate(s)
	if err != nil || !plausible(t) {
		return time.Time{}, false
	}
	return t.UTC(), true
}
