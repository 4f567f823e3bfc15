package message

import (
	"strings"
	"unicode/utf8"
)

// ours enters what Unicode leaves apart and readers do not: look-alikes, styled letters, punctuation in
// its many shapes. The look-alikes are a small part of what UTS #39 calls confusable, chosen by what is
// seen in fraud, and compiled anew.
func (t *tables) ours() {
	for _, r := range "‐‑‒–—―−⁃˗﹘－" {
		t.set(r, "-", other)
	}
	for _, r := range "‘’‛ʼ" {
		t.set(r, "'", other)
	}
	for _, r := range "“”‟" {
		t.set(r, `"`, other)
	}
	// Windows-1252 read as Latin-1, as old gateways do: its quotation marks and dashes.
	for _, r := range [][2]string{{"\u0091", "'"}, {"\u0092", "'"}, {"\u0093", `"`}, {"\u0094", `"`}, {"\u0095", "•"}, {"\u0096", "-"}, {"\u0097", "-"}} {
		t.set([]rune(r[0])[0], r[1], other)
	}
	t.set('〜', "~", other) // written for ～ by half of all telephones
	t.set('⁄', "/", other) // NFKC makes it of ½
	t.set('½', "1/2", digit)
	t.set('¼', "1/4", digit)
	t.set('¾', "3/4", digit)

	// Half-width Hangul letters stand for the compatibility letters (UnicodeData.txt, <narrow>).
	for _, r := range [][3]rune{{0xFFA1, 0xFFBE, 0x3131}, {0xFFC2, 0xFFC7, 0x314F}, {0xFFCA, 0xFFCF, 0x3155}, {0xFFD2, 0xFFD7, 0x315B}, {0xFFDA, 0xFFDC, 0x3161}} {
		for i := r[0]; i <= r[1]; i++ {
			t.set(i, string(r[2]+i-r[0]), hangul)
		}
	}

	// Styled alphabets. Superscripts, ª, ℓ and ℃ are honest.
	for _, r := range [][2]rune{{0x1D400, 0x1D7CB}, {0x24B6, 0x24E9}, {0x249C, 0x24B5}, {0x1F110, 0x1F149}, {0x1CCD6, 0x1CCEF}, {0x2C7C, 0x2C7C}, {0x1D2C, 0x1D6A}, {0x2090, 0x209C}} {
		for i := r[0]; i <= r[1]; i++ {
			if e := t.own(i); e.n != 0 {
				e.flags |= styled
			}
		}
	}
	for _, r := range "ℂℊℋℌℍℎℐℑℒℕℙℚℛℜℝℤℨℬℭℯℰℱℳℴ" {
		t.own(r).flags |= styled
	}
	for i := range rune(26) {
		a := string('a' + i)
		t.set(0x249C+i, a, latin).flags |= styled  // parenthesised: ⒜
		t.set(0x1F110+i, a, latin).flags |= styled // the same, capitals
		t.set(0x1F130+i, a, latin).flags |= styled // squared
		t.set(0x1F150+i, a, latin).flags |= styled // negative circled
		e := t.set(0x1F170+i, a, latin)            // negative squared; four of them are emoji: 🅰🅱🅾🅿
		if a != "a" && a != "b" && a != "o" && a != "p" {
			e.flags |= styled
		}
	}
	smallCapitals := []rune("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡ ʏᴢ")
	for i, r := range smallCapitals {
		if r != ' ' {
			t.set(r, string('a'+rune(i)), latin).flags |= styled
		}
	}

	for _, l := range alphabetLikes {
		for i, r := range []rune(l.letters) {
			c := l.latin[i]
			e := t.own(r)
			if l.class == phonetic {
				e.class = phonetic
			}
			if c >= 'A' && c <= 'Z' { // alike as capitals only
				e.like = c | 0x20
			} else {
				e.like = c | likeAlways
			}
		}
	}
	for _, r := range capitalLikes {
		t.own(r).flags |= asCapital
	}
	for _, r := range kanaLikes + strokeLikes {
		t.own(r).flags |= lookalike
	}
	t.variants()
	t.set('囗', "口", han)
	t.close()
}

// close makes every entry fold to what itself folds no further, and lets what folds to a Kanji or Kana
// that may be another (ﾛ, ㊀) be one as well.
func (t *tables) close() {
	var buf [64]byte
	for _, c := range append(compatible, [2]rune{'囗', '囗'}) {
		for r := c[0]; r <= c[1]; r++ {
			e := t.look(r)
			if e.n == 0 {
				continue
			}
			was := t.folded(buf[:0], r)
			closed := buf[len(was):len(was)]
			first, _ := utf8.DecodeRune(was)
			for _, r := range string(was) {
				if t.look(r).class == mark && t.look(first).class != mark && !t.look(first).class.marked() {
					continue // ⫝̸ has no composed form: without its mark, as it would be in two runes
				}
				closed = t.folded(closed, r)
			}
			if string(closed) != string(was) {
				flags := e.flags
				t.setBytes(r, closed, e.class).flags |= flags
			}
			first, n := utf8.DecodeRune(closed)
			e = t.own(r)
			e.class = t.look(first).class
			if n == len(closed) {
				e.flags |= t.look(first).flags & lookalike
			}
		}
	}
}

// folded appends what a rune by itself folds to.
func (t *tables) folded(dst []byte, r rune) []byte {
	switch e := t.look(r); e.n {
	case 0:
		return utf8.AppendRune(dst, r)
	case inLong:
		return append(dst, t.long[e.out>>8:][:e.out&0xFF]...)
	default:
		b := [4]byte{byte(e.out), byte(e.out >> 8), byte(e.out >> 16), byte(e.out >> 24)}
		return append(dst, b[:e.n]...)
	}
}

// alphabetLikes are lower-case letters and what they look like in Latin: a small letter where they look
// so in both cases, a capital where only their capital does.
var alphabetLikes = []struct {
	class   class
	letters string
	latin   string
}{
	{cyrillic, "асеорхуіјѕһӏԁԛԝѵҽӕгпьёїӓӧӱә", "aceopxyijshldqwveaRNBEIAOYE"},
	{cyrillic, "вмнтктзшюяци", "BMHTKTZWOANU"},
	{greek, "οανρτυικεηχγμβζδςωϲϳ", "oAvpTuiKENXYMBZDSWcj"},
	{armenian, "օոսհցզյաքքտ", "onuhgqjwppS"},
	{phonetic, "ɑɡɋȷᴦɾʐɐ", "agqjrrza"},
	{phonetic, "ᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᏀᏃᏟᏢᏚᏞᏦᎩᏙᏴᏼᏒᏔ", "drtiajewmhgzcpslkyvbbrw"},
	{phonetic, "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "bpdtgkjczfmnlsrvhwxyaeiou"},
}

// capitalLikes are small letters whose capitals nobody tells from Latin ones, beside those that are alike in
// both cases.
const capitalLikes = "вкмнт" + "αβεζηικμνρτυχ" + "ստ"

// capitalLike gives the Latin letter that the capital of r looks like, which for some Greek letters is another one
// than the small letter does: Ν and ν.
func capitalLike(r rune, like byte) byte {
	switch r {
	case 'ν':
		return 'n'
	case 'υ':
		return 'y'
	case 'η':
		return 'h'
	}
	return like
}

// scientific Greek letters stand beside Latin ones in honest texts: μg, kΩ, IFNα.
const scientific = "αβγδεθλμπσφψω"

// Kanji and Kana that stand for one another, the Kanji before its Kana, and two that stand alone.
const kanaLikes = "口ロ力カ工エ夕タ二ニ一ー卜ト千チ才オ三丼"

// counters are what カ and ニ and ロ stand before in honest texts: 数カ月, 二段.
const (
	afterKa     = "月所国年条村町店社院県島点寺処都市日"
	afterE      = "事場業員程具賃期学房作夫芸"
	afterTa     = "方食刊日飯暮焼立"
	afterNi     = "段重次回人度週年名本点枚番階種"
	behindPower = "仕士作量走" // 力仕事
	afterBar    = "部定度覧時般切緒番回人日月年括致"
	musical     = "長短音" // ロ短調
)

// kanaLike says what the rune r is to be read as between prev and next, or gives 0 where it is what it
// seems. Only Kanji are read as Kana where toKana is set, only Kana as Kanji otherwise: each of the two
// passes only ever makes more of one kind, so that they end, and folding twice is folding once.
func kanaLike(prev, r, next rune, toKana bool) rune {
	if toKana {
		return kanjiAsKana(prev, r, next)
	}
	return kanaAsKanji(prev, r, next)
}

func isKata(r rune) bool { return r >= 0x30A1 && r <= 0x30FA || r == 'ー' }
func isHira(r rune) bool { return r >= 0x3041 && r <= 0x3096 }
func isHan(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r == '々' || r >= 0x3400 && r <= 0x4DBF
}

// among reports whether r, which may be 0 for none, is one of set.
func among(set string, r rune) bool { return r != 0 && strings.ContainsRune(set, r) }

// isSmall reports whether r only ever follows another Kana.
func isSmall(r rune) bool {
	return strings.ContainsRune("ーァィゥェォッャュョン", r)
}

func kanjiAsKana(prev, r, next rune) rune {
	if next == '゛' || next == '゜' { // it would be another letter still
		return 0
	}
	before, after := isKata(prev), isKata(next)
	within := before && after
	start := !before && !isHan(prev) && !isHira(prev) && after && next != 'ヶ' && next != 'ヵ'
	switch r {
	case '口': // not 口コミ, 口パク
		if !isHan(prev) && (isSmall(next) || next == 'グ') || prev == 'ク' && next == 'ネ' ||
			within && strings.ContainsRune("プブフクゼ", prev) && next != 'コ' {
			return 'ロ'
		}
	case '力': // not コミュ力アップ
		if !isHan(prev) && isSmall(next) || prev == 'ア' && next == 'ウ' || start || after && among("のはをがにでも", prev) && next != 'ヶ' && next != 'ヵ' {
			return 'カ'
		}
	case '工':
		if start || within {
			return 'エ'
		}
	case '夕':
		if start || within || prev == 'ー' && !isHan(next) && next != 'べ' {
			return 'タ'
		}
	case '二':
		if isSmall(next) && !isHan(prev) || within && next != 'ヶ' && next != 'ヵ' {
			return 'ニ'
		}
	case '一': // not スマホ一ヶ月
		if within && prev != 'ー' && !strings.ContainsRune("ヶヵカケキダ", next) {
			return 'ー'
		}
	case '卜':
		if before || after {
			return 'ト'
		}
	case '千':
		if isSmall(next) && !isHan(prev) || within || before && !isHan(next) && !isHira(next) && (next < '0' || next > 'z') {
			return 'チ'
		}
	case '才':
		if within {
			return 'オ'
		}
	}
	return 0
}

func kanaAsKanji(prev, r, next rune) rune {
	if r == '丼' { // 三丼住友
		if prev == '三' && !isHira(next) {
			return '井'
		}
		return 0
	}
	if among(strokeLikes, r) {
		return kanjiAsKanji(prev, r, next)
	}
	if r == 'ロ' && prev == '一' && next == 'サ' { // 一口サイズ
		return '口'
	}
	if isKata(prev) || isKata(next) {
		return 0
	}
	switch r {
	case 'ロ':
		if isHan(next) && !strings.ContainsRune(musical, next) || isHan(prev) && next != 0 && !isHan(next) {
			return '口'
		}
	case 'カ':
		if isHan(prev) && (isHira(next) || isHan(next) && !strings.ContainsRune(afterKa, next)) || among(behindPower, next) {
			return '力'
		}
	case 'エ':
		if strings.ContainsRune(afterE, next) || isHan(prev) && isHan(next) && !strings.ContainsRune(musical, next) {
			return '工'
		}
	case 'タ':
		if strings.ContainsRune(afterTa, next) && (!isHira(prev) || among("のはをがにでも", prev)) { // not: 食べタ方
			return '夕'
		}
	case 'ニ':
		if !isHan(prev) && !isHira(prev) && strings.ContainsRune(afterNi, next) {
			return '二'
		}
	case 'ー':
		if !isHira(prev) && strings.ContainsRune(afterBar, next) && (isHan(prev) || prev == 0) {
			return '一'
		}
	}
	return 0
}
