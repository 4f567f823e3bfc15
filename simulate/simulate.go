// Package simulate makes texts and traffic: Mix, the fixed traffic that measurements use (docs/mix.md), and
// Story, the lively one of "sekisho try". The same seed gives the same bytes, on every machine.
//
// Nobody is meant by any of it. Texts are our own words, put together by chance from words.txt and texts.txt.
// Numbers stand where the numbering plans assign none: Japanese mobile and IP numbers with a zero behind 070,
// 090 and 050, and what Ofcom and the North American plan keep for fiction. Links of fraud are labels drawn at
// random; what looks like an existing one is chance. Names of couriers, banks and operators stand where fraud
// pretends to be them, since that is what it does, and never with a domain of theirs.
package simulate

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Item is one message. It may be reused: Text is written into the same buffer again.
type Item struct {
	At       time.Duration // when it is sent, from the start of a Story; 0 in a Mix
	Route    message.Route
	Account  string // who hands it in, one of Accounts
	From, To subject.Address
	Text     []byte        // UTF-8; holds until the Item is filled again
	Label    message.Class // what it is in truth
	Campaign string        // what a spammer's or fraudster's campaign is called here; "" for honest texts
	Script   Script
	Parts    uint8 // how many parts it is sent in
}

// Script says in what letters a text is written, which decides its coding.
type Script uint8

const (
	GSM7     Script = iota // ASCII that the GSM 7-bit alphabet holds without its extension: 160 letters, 153 a part
	Japanese               // UCS-2: 70 UTF-16 units, 67 a part
	Emoji                  // Japanese with characters beyond the basic plane, UCS-2 with surrogates
	Other                  // Chinese, Vietnamese, Portuguese: UCS-2
	scripts
)

var scriptNames = [scripts]string{"gsm7", "ja", "emoji", "other"}

func (s Script) String() string {
	if s < scripts {
		return scriptNames[s]
	}
	return fmt.Sprintf("script(%d)", uint8(s))
}

// room is the number of units (septets or UTF-16 units) that at most fit into so many parts.
// 3GPP TS 23.040 §9.2.3.24.1: a part of a long message gives six octets to its header.
func (s Script) room(parts int) int {
	one, each := 70, 67
	if s == GSM7 {
		one, each = 160, 153
	}
	if parts <= 1 {
		return one * parts
	}
	return each * parts
}

// Account is one that hands messages in.
type Account struct {
	Name  string
	Route message.Route
	About string // who that is, in English, for people
}

// Accounts are those that Mix and Story send by.
func Accounts() []Account {
	return []Account{
		{"tsubame", message.A2P, "an aggregator of banks, couriers, schools and sign-in codes"},
		{"hibari", message.A2P, "an aggregator of shops, clinics and restaurants"},
		{"mejiro", message.A2P, "an aggregator that takes whoever pays"},
		{"suzume", message.P2P, "subscribers' own texts, handed over by the SMSC"},
		{"umi", message.Intl, "the international gateway"},
	}
}

// mix64 scatters a number (the finalizer of SplitMix64): a bijection, so that different numbers stay different.
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// stride is a step that visits each of n places once before any of them again, far from the last one.
func stride(n, seed uint64) uint64 {
	if n < 3 {
		return 1
	}
	s := n/2 + n/8 + mix64(seed)%(n/8+1)
	for gcd(s, n) != 1 {
		s++
	}
	return s
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// mulMod is a*b modulo n, for a and b below n.
func mulMod(a, b, n uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return bits.Rem64(hi, lo, n)
}
