package message

import "github.com/sekisho/sekisho/subject"

// Folded is a text as a reader sees it, whatever it was written with, and what stands in it. It is
// filled by Fold and may be used again and again: its buffers stay, so that folding allocates nothing.
// All byte slices point into it and hold until the next Fold.
type Folded struct {
	Text    []byte   // folded UTF-8: lower case, widths and look-alikes undone, invisible letters gone
	Origin  []uint32 // for every octet of Text the offset in the written text that it comes from
	Links   []Link
	Numbers []Number
	Tricks  Tricks
	Letters Letters
	Cut     bool   // the text is longer than MaxText octets, and the rest of it was not looked at
	Family  uint64 // signature of the text without its links, numbers and digits: equal for equal wording; 0 for too little text

	scratch scratch
}

// Link is a place that a text points to, however it was written.
type Link struct {
	Span   Span   // in the text as written
	URL    []byte // host, port if one stands there, path and query; lower-case host, no scheme
	Host   []byte // lower case; IDN in its xn-- form; an address in dotted decimal or [v6]
	Domain []byte // the registrable domain by the public suffix list, a tail of Host; Host itself for an address
	Path   []byte // from the slash on, as written; may be empty
	Flags  LinkFlags
}

// LinkFlags say how a link is written.
type LinkFlags uint16

const (
	LinkScheme    LinkFlags = 1 << iota // with http:// or https://
	LinkHTTPS                           // with https://
	LinkAddress                         // the host is an IP address, in any base
	LinkIDN                             // the host has letters beyond ASCII, or is written in xn--
	LinkMixed                           // a label of the host mixes scripts
	LinkUserinfo                        // something@ stands before the host
	LinkPort                            // a port stands there
	LinkDisguised                       // hxxp, [.], 。 as a dot, spaces or invisible letters within
	LinkRedirect                        // another host stands in its parameters or path
)

// Number is a telephone number that stands in a text.
type Number struct {
	Span Span
	Line subject.Line // E.164; national numbers are read as those of the home country; 0 for a short or service number
	Raw  []byte       // its digits
}

// Tricks counts what honest writers hardly ever do.
type Tricks struct {
	MixedWords   uint16 // words with letters of two scripts that look alike (Latin with Cyrillic, Greek...)
	Invisible    uint16 // invisible letters within a word
	LookAlikes   uint16 // letters that stand for others (口座 written ロ座, 三井 written 三丼)
	Marks        uint16 // combining marks that stand on no letter of a language that uses them
	SpacedLetter uint16 // single letters spaced out in a row, p a y
	Styled       uint16 // letters of styled alphabets (mathematical bold, circled...)
}

// Letters counts the letters of a text by script, as written.
type Letters struct {
	Latin, Kana, Han, Hangul, Cyrillic, Arabic, Thai, Devanagari, Other, Digits uint16
}
