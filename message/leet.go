package message

import "unicode/utf8"

// leet reads digits within words as the letters they stand for: p4ypal, acc0unt. It goes by Text alone, so
// that folding again changes nothing, and looks only where a run of digits stands between letters.
//
// A word of four letters and digits or more is undone where every run of digits has letters on both sides and
// can be letters, digits are two in five at most, and what comes out can be spoken. A digit at its
// beginning is undone with another one within (4maz0n, but not 4ever), one at its end never is (some1, A4B7).
// What stands in a link or an address is left alone, and so are names with a version in them (mp3player).
// Codes that could be words (k3lam) are undone as well, and some of what people write in haste: only1more. One
// text in 250 of young people has such a word, which is why digits are no trick by themselves.
func (f *Folded) leet() {
	if f.scratch.inner {
		f.mark()
	}
	text := f.Text
	done := 0
	for _, run := range f.scratch.runs {
		at := int(run)
		if at < done || at == 0 || at+1 >= len(text) || !isASCIILetter(text[at-1]) {
			continue
		}
		if c := text[at+1]; !isASCIILetter(c) && !isDigit(c) {
			continue
		}
		done = f.leetWord(max(done, at-maxLeet), at)
	}
}

// maxLeet bounds how far before its first digit a word is looked at, and how long it may be.
const maxLeet = 24

func isASCIILetter(c byte) bool { return c >= 'a' && c <= 'z' }

// leetWord undoes the word around the digit at, which begins at from or later, and gives its end.
func (f *Folded) leetWord(from, at int) (end int) {
	text := f.Text
	start := at
	for start > from && (isASCIILetter(text[start-1]) || isDigit(text[start-1])) {
		start--
	}
	end = at
	for end < len(text) && (isASCIILetter(text[end]) || isDigit(text[end])) {
		end++
	}
	word := text[start:end]
	if len(word) < 4 || len(word) > maxLeet || isDigit(word[len(word)-1]) || !f.leetAlone(start, end) {
		return end
	}
	var undone [maxLeet]byte
	copy(undone[:], word)
	digits, soft := 0, 0 // soft digits are only undone beside others: ps5pro
	for i := 0; i < len(word); {
		if !isDigit(word[i]) {
			i++
			continue
		}
		run := i
		for isDigit(word[i]) { // a letter is the last
			if undone[i] = leetLetter(word, i); undone[i] == 0 {
				return end
			}
			i++
		}
		same := i-run == 2 && word[run] == word[run+1]
		if i-run > 2 || i-run == 2 && !same && (isSoft(word[run]) || isSoft(word[run+1])) {
			return end
		}
		if isSoft(word[run]) && !same {
			soft += i - run
		}
		if run > 0 && counted(word, run, i) {
			return end
		}
		digits += i - run
	}
	if 5*digits > 2*len(word) || soft == digits || isDigit(word[0]) && (digits < 2 || isDigit(word[1])) || !spoken(undone[:len(word)]) {
		return end
	}
	copy(word, undone[:])
	f.Digits = more(f.Digits, uint16(digits))
	return end
}

// leetLetter gives the letter that the digit at i in a word stands for, or 0.
func leetLetter(word []byte, i int) byte {
	switch word[i] {
	case '0':
		return 'o'
	case '1': // i or l
		before, after := byte(0), word[i+1]
		if i > 0 {
			before = word[i-1]
		}
		last := i+2 == len(word)
		if before == '1' || after == '1' || before == 'i' || after == 'i' || after == 'y' || isVowel(before) && isVowel(after) ||
			after == 'e' && last && !isVowel(before) && before != 'k' && before != 'v' {
			return 'l'
		}
		return 'i'
	case '3':
		return 'e'
	case '4':
		return 'a'
	case '5':
		return 's'
	case '7':
		return 't'
	}
	return 0
}

func isSoft(digit byte) bool { return digit == '5' || digit == '7' }

func isVowel(c byte) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

// spoken reports whether letters can be a word: no more than four consonants or vowels in a row, no q alone.
func spoken(word []byte) bool {
	run, vowels := 0, false
	for i, c := range word {
		if v := isVowel(c); v != vowels || i == 0 {
			run, vowels = 0, v
		}
		if run++; run > 4 {
			return false
		}
		if c == 'q' && (i+1 == len(word) || word[i+1] != 'u') {
			return false
		}
	}
	return true
}

// counted reports whether the number from i to end in a word is one: mp3player, at10am, good4you.
func counted(word []byte, i, end int) bool {
	switch string(word[:i]) {
	case "mp", "ps", "ipv", "md", "sha", "iphone", "ipad", "ios", "android", "galaxy", "xbox", "usb", "hdmi", "covid", "utf", "windows":
		return true
	case "web":
		return word[i] == '3'
	case "log":
		return word[i] == '4'
	}
	switch string(word[end:]) {
	case "th": // July4th
		return word[i] == '4' && i > 2
	case "am", "pm", "hr", "hrs", "min", "mins", "km", "kg", "cm", "mb", "gb", "px", "pro":
		return end-i == 2
	case "you", "u", "me", "all", "life", "sale", "ever", "free":
		return word[i] == '4'
	}
	return false
}

// leetAlone reports whether the word stands for itself, and not within a link, an address or a code of many parts.
func (f *Folded) leetAlone(start, end int) bool {
	text := f.Text
	if start > 0 {
		if c := text[start-1]; c < utf8.RuneSelf {
			switch c {
			case '/', '\\', '@', '_', '=', '&', '?', '%', '#', '~', '+', '.', '$':
				return false
			case '-':
				if !wordOf(text[max(0, start-1-maxLeet):start-1], true) {
					return false
				}
			}
			if isDigit(c) || isASCIILetter(c) { // longer than maxLeet
				return false
			}
		} else if r, _ := utf8.DecodeLastRune(text[:start]); f.alphabetic(r) {
			return false
		}
	}
	if end == len(text) {
		return true
	}
	if c := text[end]; c >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(text[end:])
		return !f.alphabetic(r) && (r != '。' || end+n == len(text) || !isHostOctet(text[end+n]))
	}
	switch text[end] {
	case '@', '_', '=', '&', '%', '#', '~', '+', '[', '(', '{', '\\', '$':
		return false
	case '-':
		return wordOf(text[end+1:min(len(text), end+1+maxLeet)], false)
	case '/', '?', '.', ':':
		return end+1 == len(text) || !isHostOctet(text[end+1]) && text[end+1] != '/'
	}
	return true
}

// wordOf reports whether a word of letters stands at the end, or the beginning, of what is beside a hyphen:
// rendez-vous. Codes have digits there.
func wordOf(beside []byte, end bool) bool {
	n := 0
	for n < len(beside) {
		c := beside[n]
		if end {
			c = beside[len(beside)-1-n]
		}
		if !isASCIILetter(c) {
			return n > 2 && !isDigit(c) && c != '/' && c != '@' && c != '.' && c != '-' && c != '_'
		}
		n++
	}
	return n > 2 && n < maxLeet
}

func (f *Folded) alphabetic(r rune) bool {
	c := f.scratch.tables.look(r).class
	return c.alphabetic() || c == mark
}
