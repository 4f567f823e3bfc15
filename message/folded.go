package message

import "github.com/sekisho/sekisho/subject"

// Folded is a text as a reader sees it, whatever it was written with, and what stands in it. It is
// filled by Fold and may be used again and again, by one goroutine at a time: its buffers stay, so that
// folding allocates nothing. All byte slices point into it and hold until the next Fold.
//
// Text is lower case, NFKC but for symbols (UAX #15), with digits of all scripts as 0 to 9, one space
// for white space of any length, and '\n' where it has the end of a line in it. Hyphens and quotation
// marks are those of ASCII. Katakana stays Katakana. Letters that stand for others are read as those;
// honest Russian or Greek stays as it is, and so do digits that are no letters (mp3, b2b, A4B7).
// Folding Text again changes nothing.
//
// Links are found before look-alikes are undone (аpple.com is not apple.com), in the order of the text,
// MaxLinks at most; addresses of mail are none. A name without a scheme is a link where its top level
// domain is known, and no word of the next sentence ("ok.so").
type Folded struct {
	Text    []byte   // folded UTF-8
	Origin  []uint32 // for every octet of Text the offset in the written text of the rune it comes from; never falls
	Links   []Link
	Numbers []Number // MaxNumbers at most, none of them within a link
	Tricks  Tricks
	Letters Letters
	Digits  uint16 // digits read as letters within words (p4ypal); honest writers have them too (only1more), so that they are no trick
	Cut     bool   // the text is longer than MaxText octets, and the rest of it was not looked at
	Family  uint64 // signature of the text without its links, numbers and digits: equal for equal wording; 0 for too little text

	scratch scratch
}

// Link is a place that a text points to, however it was written.
type Link struct {
	Span   Span   // in the text as written
	URL    []byte // Host, port if one stands there, and Path; no scheme, no user-info
	Host   []byte // lower case; IDN in its xn-- form; an address in dotted decimal or [v6]
	Domain []byte // the registrable domain by the public suffix list, private section included, a tail of Host; Host itself for an address or a public suffix
	Path   []byte // path, query and fragment from the slash on in the case in which they are written; may be empty. ASCII: other letters end it
	Flags  LinkFlags
	Target []byte // with LinkRedirect: the host that it leads on to, the innermost one in its parameters or path, in the form of Host; empty where none can be read
	// TargetDomain is its registrable domain, a tail of Target.
	TargetDomain []byte
}

// LinkFlags say how a link is written.
type LinkFlags uint16

const (
	LinkScheme    LinkFlags = 1 << iota // with http:// or https://
	LinkHTTPS                           // with https://
	LinkAddress                         // the host is an IP address, in any base
	LinkIDN                             // the host has letters beyond ASCII, or is written in xn--
	LinkMixed                           // a label of the host has letters of two alphabets
	LinkUserinfo                        // something@ stands before the host
	LinkPort                            // a port stands there
	LinkDisguised                       // hxxp, [.], 。 as a dot, spaces, invisible or styled letters within; an address not in dotted decimal
	LinkRedirect                        // another host stands in its parameters or path
)

// Number is a telephone number that stands in a text.
type Number struct {
	Span Span
	Line subject.Line // E.164, never 0; national numbers, free and service ones too (0120, 0570), are read as those of the home country
	Raw  []byte       // its digits, without a plus sign or an international prefix
}

// Tricks counts what honest writers hardly ever do.
type Tricks struct {
	MixedWords   uint16 // words of Latin and Cyrillic, Greek, Armenian, phonetic... letters; not 5μm, nor VIPов in a Russian text
	Invisible    uint16 // invisible letters within a word whose script has no use for them, and overrides of direction
	LookAlikes   uint16 // letters that stand for others (口座 written ロ座, 三井 written 三丼)
	Marks        uint16 // combining marks that stand on no letter of a language that uses them
	SpacedLetter uint16 // single letters spaced out in a row, p a y p a l; not お　知　ら　せ
	Styled       uint16 // letters of styled alphabets (mathematical bold, circled...)
	Simplified   uint16 // Kanji in forms that only Chinese has in a sentence with Hiragana (银行 for 銀行)
}

// any reports whether there is one of any kind.
func (t *Tricks) any() bool { return *t != Tricks{} }

// Letters counts the letters of a text by script, as written. Greek, Hebrew and the like are Other.
type Letters struct {
	Latin, Kana, Han, Hangul, Cyrillic, Arabic, Thai, Devanagari, Other, Digits uint16
}
