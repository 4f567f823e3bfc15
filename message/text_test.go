package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		text, want string
		tricks     Tricks
	}{
		// What honest writers do weighs nothing.
		{"Hello,  World\r\nNice day ", "hello, world\nnice day", Tricks{}},
		{"ＡＢＣ銀行　１２３", "abc銀行 123", Tricks{}},
		{"ｶﾞｷﾞｸﾞﾊﾟﾋﾟｳﾞ ｱｶｳﾝﾄ ﾒｰﾙ", "ガギグパピヴ アカウント メール", Tricks{}},
		{"か\u3099き\u3099は\u309A", "がぎぱ", Tricks{}},
		{"★【お知らせ】♪㈱㍿①②№℡㎏½", "★【お知らせ】♪(株)株式会社12notelkg1/2", Tricks{}},
		{"(´・ω・`) (；´Д｀) Σ(ﾟДﾟ)", "(´・ω・`) (;´д`) σ(゜д゜)", Tricks{}},
		{"👨\u200d👩\u200d👧 1\ufe0f\u20e3 🇯🇵 ☎\ufe0f", "👨👩👧 1 🇯🇵 ☎", Tricks{}},
		{"10～12時、１０〜１２時", "10~12時、10~12時", Tricks{}},
		{"葛\U000E0100城市 辻\U000E0101", "葛城市 辻", Tricks{}},
		{"that’s “it” – yes", `that's "it" - yes`, Tricks{}},
		{"that\u0092s", "that's", Tricks{}},
		{"e\u0301te\u0301 Vie\u0323\u0302t e\u0302\u0323", "été việt ệ", Tricks{}},
		{"각나다", "각나다", Tricks{}},
		{"ㅋㅋㅋ ㅠㅠ ﾡ", "ㅋㅋㅋ ㅠㅠ ㄱ", Tricks{}},
		{"Doğrulama kodunuz: IŞIK ışık", "doğrulama kodunuz: işik ışık", Tricks{}},
		{"Straße STRASSE", "straße strasse", Tricks{}},
		{"Привет! Купил iPhone, VIPов много, за\u0301мок", "привет! купил iphone, vipов много, замок", Tricks{}},
		{"Καλημέρα σας", "καλημέρα σας", Tricks{}},
		{"5μm, 10kΩ, β版, IFNα", "5μm, 10kω, β版, ifnα", Tricks{}},
		{"срок, МОСКВА, ВАНК, ТОР", "срок, москва, ванк, тор", Tricks{}},
		{"Your p4yp4l acc0unt: l0g1n, bi11ing, 4maz0n", "your paypal account: login, billing, amazon", Tricks{}},
		{"mp3player b2b 4ever A4B7 ab3c-4d5e web3wallet log4j July4th some1 a1@b3c4d.com x/acc0unt", "mp3player b2b 4ever a4b7 ab3c-4d5e web3wallet log4j july4th some1 a1@b3c4d.com x/acc0unt", Tricks{}},
		{"می\u200cخواهم", "میخواهم", Tricks{}},
		{"مُحَمَّد", "مُحَمَّد", Tricks{}},
		{"क्\u200dष नमस्ते", "क्ष नमस्ते", Tricks{}},
		{"สวัส\u200bดี ทำ", "สวัสดี ทํา", Tricks{}},
		{"٠١٢٣ ०१२", "0123 012", Tricks{}},
		{"國學院 澤井 髙橋 會社 龍", "国学院 沢井 高橋 会社 龍", Tricks{}},
		{"月末払い 期末 未確認 今週未払い 3年未満 曰く 年度末納付 自分の力、カ月 食べタ方 千ケース 一キロ アイスケーキ", "月末払い 期末 未確認 今週未払い 3年未満 曰く 年度末納付 自分の力、カ月 食べタ方 千ケース 一キロ アイスケーキ", Tricks{}},
		{"您的银行账户，请确认。国会", "您的银行账户,请确认。国会", Tricks{}},
		{"口コミ コミュ力アップ 一口サイズ 数カ月 3カ月 ハ長調 ロ短調 二ヶ月 力士 夕方 天丼 ニュース工場", "口コミ コミュ力アップ 一口サイズ 数カ月 3カ月 ハ長調 ロ短調 二ヶ月 力士 夕方 天丼 ニュース工場", Tricks{}},
		{"月-水-金 a b c d, X X X X R.S.V.P. 土 日", "月-水-金 a b c d, x x x x r.s.v.p. 土 日", Tricks{}},
		{"お　知　ら　せ", "お知らせ", Tricks{}},
		{"春・夏・秋・冬 大・中・小サイズ ア・イ・ウ イ・ロ・ハ 国・都道府県 S/M/L/XL Y/N", "春・夏・秋・冬 大・中・小サイズ ア・イ・ウ イ・ロ・ハ 国・都道府県 s/m/l/xl y/n", Tricks{}},
		{"お・も・て・な・し だ い す き", "おもてなし だいすき", Tricks{}},
		{"", "", Tricks{}},

		// What they do not.
		{"ロ座 入ロ 三丼住友 力一ド ア力ウント 口グイン ヤマ卜 二ュース 第ー回 エ事 協カ会社", "口座 入口 三井住友 カード アカウント ログイン ヤマト ニュース 第一回 工事 協力会社", Tricks{LookAlikes: 12}},
		{"Υοu and Ꭲom: рay МАІӏ АССОUNТ, not αccess", "you and tom: pay mail account, not access", Tricks{MixedWords: 5, LookAlikes: 14}},
		{"末払い料金 端未 本曰中 自已負担 囗座 ラン千、ニュ一夕ー", "未払い料金 端末 本日中 自己負担 口座 ランチ、ニューター", Tricks{LookAlikes: 7}},
		{"口座を确认してください。您的银行账户", "口座を確認してください。您的银行账户", Tricks{Simplified: 2}},
		{"аpple и ВАNК", "apple и bank", Tricks{MixedWords: 2, LookAlikes: 4}},
		{"your раураӏ account", "your paypal account", Tricks{LookAlikes: 6}},
		{"раураӏをご確認", "paypalをご確認", Tricks{LookAlikes: 6}},
		{"Аmаzоn ɡoogle", "amazon google", Tricks{MixedWords: 2, LookAlikes: 4}},
		{"p a y p a l now", "paypal now", Tricks{SpacedLetter: 6}},
		{"ア マ ゾ ン より", "アマゾン より", Tricks{SpacedLetter: 4}},
		{"要-確-認", "要確認", Tricks{SpacedLetter: 3}},
		{"お・荷・物・の・お届け p*a*y*p*a*l b|a|n|k", "お荷物のお届け paypal bank", Tricks{SpacedLetter: 14}},
		{"あなたの口/座/に/異/常/がある", "あなたの口座に異常がある", Tricks{SpacedLetter: 4}},
		{"Y o u r a c c o u n t : 1 2", "youraccount:12", Tricks{SpacedLetter: 11}},
		{"pay\u200bpal ama\u00adzon ア\u200bマ", "paypal amazon アマ", Tricks{Invisible: 3}},
		{"\u202egnip", "ping", Tricks{Invisible: 1}},
		{"a \u202ednes\u202c b\u202e認確\u202cを\n\u202eשלום", "a send b確認を\nשלום", Tricks{Invisible: 4}},
		{"p\u0334a\u0335y", "pay", Tricks{Marks: 2}},
		{"𝐏𝐚𝐲 Ⓟⓐⓨ ᴘᴀʏ 🅟🅐🅨", "pay pay pay pay", Tricks{Styled: 12}},
		{"a\xff\xfeb\xc3", "a\ufffdb\ufffd", Tricks{}},
	} {
		var f Folded
		f.Fold([]byte(c.text))
		if string(f.Text) != c.want || f.Tricks != c.tricks {
			t.Errorf("%q:\ngot  %q %+v\nwant %q %+v", c.text, f.Text, f.Tricks, c.want, c.tricks)
		}
		check(t, []byte(c.text))
	}
}

func TestLinks(t *testing.T) {
	const s, h = LinkScheme, LinkScheme | LinkHTTPS
	type link struct {
		written, url, host, domain string
		flags                      LinkFlags
	}
	for _, c := range []struct {
		text  string
		links []link
	}{
		{"https://example.comをご確認ください", []link{{"https://example.com", "example.com", "example.com", "example.com", h}}},
		{"ご確認https://www.Example.co.jp/Path?A=b#Cです。", []link{{"https://www.Example.co.jp/Path?A=b#C", "www.example.co.jp/Path?A=b#C", "www.example.co.jp", "example.co.jp", h}}},
		{"(see http://a.b.example.org/x_(y)).", []link{{"http://a.b.example.org/x_(y)", "a.b.example.org/x_(y)", "a.b.example.org", "example.org", s}}},
		{"ｈｔｔｐｓ：／／ｅｘａｍｐｌｅ．ｃｏｍ／Ａｂ", []link{{"ｈｔｔｐｓ：／／ｅｘａｍｐｌｅ．ｃｏｍ／Ａｂ", "example.com/Ab", "example.com", "example.com", h}}},
		{"https://example.com/abcＡＢＣ社", []link{{"https://example.com/abc", "example.com/abc", "example.com", "example.com", h}}},
		{"https://example.comＡＢＣ社", []link{{"https://example.com", "example.com", "example.com", "example.com", h}}},
		{"hxxps://foo[.]bar(.)com/a", []link{{"hxxps://foo[.]bar(.)com/a", "foo.bar.com/a", "foo.bar.com", "bar.com", h | LinkDisguised}}},
		{"ttps://example.com", []link{{"ttps://example.com", "example.com", "example.com", "example.com", h | LinkDisguised}}},
		{"https://example。com 、www．example．com", []link{{"https://example。com", "example.com", "example.com", "example.com", h | LinkDisguised}, {"www．example．com", "www.example.com", "www.example.com", "example.com", 0}}},
		{"https://example.com。次の", []link{{"https://example.com", "example.com", "example.com", "example.com", h}}},
		{"https:// example . com/x", []link{{"https:// example . com/x", "example.com/x", "example.com", "example.com", h | LinkDisguised}}},
		{"https://exam\nple.com/x", []link{{"https://exam\nple.com/x", "example.com/x", "example.com", "example.com", h | LinkDisguised}}},
		{"https://example.com. It is", []link{{"https://example.com", "example.com", "example.com", "example.com", h}}},
		{"https://example.com.Please", []link{{"https://example.com", "example.com", "example.com", "example.com", h}}},
		{"https://exa\u200bmple.com", []link{{"https://exa\u200bmple.com", "example.com", "example.com", "example.com", h | LinkDisguised}}},
		{"https://例え.jp/あ", []link{{"https://例え.jp/", "xn--r8jz45g.jp/", "xn--r8jz45g.jp", "xn--r8jz45g.jp", h | LinkIDN}}},
		{"https://аpple.com/", []link{{"https://аpple.com/", "xn--pple-43d.com/", "xn--pple-43d.com", "xn--pple-43d.com", h | LinkIDN | LinkMixed}}},
		{"http://xn--pple-43d.com", []link{{"http://xn--pple-43d.com", "xn--pple-43d.com", "xn--pple-43d.com", "xn--pple-43d.com", s | LinkIDN | LinkMixed}}},
		{"http://paypal.com@evil.example:8080/x", []link{{"http://paypal.com@evil.example:8080/x", "evil.example:8080/x", "evil.example", "evil.example", s | LinkUserinfo | LinkPort}}},
		{"http://3232235777/ http://0xC0.168.1 http://192.168.1.1/x", []link{{"http://3232235777/", "192.168.1.1/", "192.168.1.1", "192.168.1.1", s | LinkAddress | LinkDisguised},
			{"http://0xC0.168.1", "192.168.0.1", "192.168.0.1", "192.168.0.1", s | LinkAddress | LinkDisguised}, {"http://192.168.1.1/x", "192.168.1.1/x", "192.168.1.1", "192.168.1.1", s | LinkAddress}}},
		{"http://[2001:DB8::1]:80/", []link{{"http://[2001:DB8::1]:80/", "[2001:db8::1]:80/", "[2001:db8::1]", "[2001:db8::1]", s | LinkAddress | LinkPort}}},
		{"https://a.com/?u=https://b.com/ https://a.com/r?to=http%3A%2F%2Fb.com", []link{{"https://a.com/?u=https://b.com/", "a.com/?u=https://b.com/", "a.com", "a.com", h | LinkRedirect},
			{"https://a.com/r?to=http%3A%2F%2Fb.com", "a.com/r?to=http%3A%2F%2Fb.com", "a.com", "a.com", h | LinkRedirect}}},
		{"xkdj.duckdns.orgより", []link{{"xkdj.duckdns.org", "xkdj.duckdns.org", "xkdj.duckdns.org", "xkdj.duckdns.org", 0}}},
		{"詳細はbit.ly/3Xyz!", []link{{"bit.ly/3Xyz", "bit.ly/3Xyz", "bit.ly", "bit.ly", 0}}},
		{"下記よりschzt.workをご確認ください", []link{{"schzt.work", "schzt.work", "schzt.work", "schzt.work", 0}}},
		{"Verify: portal.login.live", []link{{"portal.login.live", "portal.login.live", "portal.login.live", "login.live", 0}}},
		{"Verify at vеrіfy.vір", []link{{"vеrіfy.vір", "xn--vrfy-v4d3r.xn--v-5tb9d", "xn--vrfy-v4d3r.xn--v-5tb9d", "xn--vrfy-v4d3r.xn--v-5tb9d", LinkIDN | LinkMixed}}},
		{"h t t p s : / / i s . g d / k 8", []link{{"h t t p s : / / i s . g d / k 8", "is.gd/k8", "is.gd", "is.gd", h | LinkDisguised}}},
		{"amazon.co.jp.evil.xyz/login", []link{{"amazon.co.jp.evil.xyz/login", "amazon.co.jp.evil.xyz/login", "amazon.co.jp.evil.xyz", "evil.xyz", 0}}},
		{"https://%65x%61mple%2Ecom/%65", []link{{"https://%65x%61mple%2Ecom/%65", "example.com/%65", "example.com", "example.com", h | LinkDisguised}}},
		{"ht tps://example.com https ://example.com", []link{{"ht tps://example.com", "example.com", "example.com", "example.com", h | LinkDisguised}, {"https ://example.com", "example.com", "example.com", "example.com", h | LinkDisguised}}},
		{"http://example . co . jp/x example . com/a example[dot]com", []link{{"http://example . co . jp/x", "example.co.jp/x", "example.co.jp", "example.co.jp", s | LinkDisguised},
			{"example . com/a", "example.com/a", "example.com", "example.com", LinkDisguised}, {"example[dot]com", "example.com", "example.com", "example.com", LinkDisguised}}},
		{"お.荷.物.が.届.い.た。example.com", []link{{"example.com", "example.com", "example.com", "example.com", 0}}},
		{"価格.com", []link{{"価格.com", "xn--1sqt31d.com", "xn--1sqt31d.com", "xn--1sqt31d.com", LinkIDN}}},
		{"пример.рф", []link{{"пример.рф", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai", LinkIDN}}},
		{"www.ck www.example.ck", []link{{"www.ck", "www.ck", "www.ck", "www.ck", 0}, {"www.example.ck", "www.example.ck", "www.example.ck", "www.example.ck", 0}}},

		// No links.
		{"ok.thanks e.g. i.e. 1.5 v1.2.3 a.m. p.m. Mr.Smith no.tak ...so", nil},
		{"see you later.so home.my ok.Live long readme.md main.rs", nil},
		{"info@example.com first.last@example.co.jp", nil},
		{"12:30 11/02 10.11.2024 1.2.3.4 ¥1,000.50", nil},
		{"終了しました。よろしく。", nil},
		{"https:// http://localhost/ https://", nil},
		{"co.jp com .com", nil},
		{"a..b.com..", nil},
		{"I like it . so do you . me too", nil},
	} {
		var f Folded
		f.Fold([]byte(c.text))
		ok := len(f.Links) == len(c.links)
		for i, l := range f.Links {
			if !ok || (link{c.text[l.Span.Start:l.Span.End], string(l.URL), string(l.Host), string(l.Domain), l.Flags}) != c.links[i] {
				ok = false
			}
		}
		if !ok {
			t.Errorf("%q: want %d links %+v", c.text, len(c.links), c.links)
			for _, l := range f.Links {
				t.Logf("  got %q %q host %q domain %q %b", c.text[l.Span.Start:l.Span.End], l.URL, l.Host, l.Domain, l.Flags)
			}
		}
		check(t, []byte(c.text))
	}
}

// The host that a link leads on to stands in its parameters, encoded or not.
func TestTarget(t *testing.T) {
	for _, c := range []struct{ link, target string }{
		{"https://a.com/?u=https://B.com/x", "b.com"},
		{"https://a.com/?u=https%3A%2F%2Fb.com%2Fx&v=1", "b.com"},
		{"https://a.com/?u=http%253A%252F%252Fb.com", "b.com"},
		{"https://a.com/?u=http%25253A%25252F%25252Fb.com", ""}, // three times: no redirector undoes it
		{"https://a.com/?u=https://b.com/?v=https%3A%2F%2Fu%40c.co.jp:80%2F", "c.co.jp"},
		{"https://a.com/login?next=https://www.a.com/x&u=//c.jp", "c.jp"},
		{"https://a.com/login?next=https://www.a.com/x", "www.a.com"},
		{"https://a.com/?to=www.b.com/x", "www.b.com"},
		{"https://www.google.com/amp/s/b.com/x", "b.com"},
		{"https://a.com/r/aHR0cHM6Ly9ldmlsLmNvbS94", "evil.com"},
		{"https://a.com/?u=http%3A%2F%2F%E4%BE%8B%E3%81%88.jp%2F", "xn--r8jz45g.jp"},
		{"https://a.com/?u=http://0x7f.1/", "127.0.0.1"},
		{"https://a.com/?u=http://localhost/", ""},
		{"https://a.com/?u=http://", ""},
		{"https://a.com/http", ""},
	} {
		var f Folded
		f.Fold([]byte("見て " + c.link + " ください"))
		if got := targets(&f); len(got) != 1 || got[0] != c.target {
			t.Errorf("%s: %q, not %q", c.link, got, c.target)
		}
	}
}

// A name of many labels hides its end from who stops counting.
func TestLongHost(t *testing.T) {
	var f Folded
	f.Fold([]byte("https://" + strings.Repeat("a.", 100) + "evil.com/"))
	if len(f.Links) != 1 || string(f.Links[0].Domain) != "evil.com" {
		t.Errorf("%v", hosts(&f))
	}
	// No resolver takes a label of 64 octets (RFC 1035 §2.3.4), nor a name of more than 253.
	for _, host := range []string{"a.com." + strings.Repeat("a", 64), strings.Repeat("a.", 130) + "com"} {
		f.Fold([]byte("https://" + host + "/"))
		for _, l := range f.Links {
			if l.Span.End > uint32(len("https://a.com")) {
				t.Errorf("%s: %s", host, l.Host)
			}
		}
	}
}

func TestMany(t *testing.T) {
	var f Folded
	f.Fold([]byte(strings.Repeat("http://a.com/ 03-1234-5678 ", 40)))
	if len(f.Links) != MaxLinks || len(f.Numbers) != MaxNumbers {
		t.Errorf("%d links, %d numbers", len(f.Links), len(f.Numbers))
	}
}

func ExampleFolded() {
	var f Folded
	text := []byte("【三丼住友】ロ座を確認 hxxps://exam\u200bple[.]com/Login 電話０３−１２３４−５６７８")
	f.Fold(text)
	fmt.Printf("%s\n", f.Text)
	for _, l := range f.Links {
		fmt.Printf("%s, of %s\n", l.URL, l.Domain)
	}
	for _, n := range f.Numbers {
		fmt.Println(n.Line)
	}
	at := f.Written(strings.Index(string(f.Text), "口座"), strings.Index(string(f.Text), "を"))
	fmt.Printf("%s\n", text[at.Start:at.End])
	// Output:
	// 【三井住友】口座を確認 hxxps://example[.]com/login 電話03-1234-5678
	// example.com/Login, of example.com
	// +81312345678
	// ロ座
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		home int
		text string
		want []uint64
	}{
		{81, "電話 03-1234-5678 まで", []uint64{81312345678}},
		{81, "090ー1234ー5678、０８０－１２３４－５６７８", []uint64{819012345678, 818012345678}},
		{81, "(03)1234-5678 or 03(1234)5678", []uint64{81312345678, 81312345678}},
		{81, "TEL0120123456 / tel:0120-123-456", []uint64{81120123456, 81120123456}},
		{81, "0570-012-345 0800-123-4567 050-1234-5678", []uint64{81570012345, 818001234567, 815012345678}},
		{81, "09012345678 0312345678 090-12345678", []uint64{819012345678, 81312345678, 819012345678}},
		{81, "+81 90-1234-5678, +81 (0)90-1234-5678, +819012345678", []uint64{819012345678, 819012345678, 819012345678}},
		{81, "+1 (202) 555-0100 +44 7700 900123 +33 6 12 34 56 78", []uint64{12025550100, 447700900123, 33612345678}},
		{81, "0 9 0 1 2 3 4 5 6 7 8", nil},
		{81, "+81 90 1234 5678 0120-123-456", []uint64{819012345678, 81120123456}},
		{81, "2024-01-02 12:30 10,000円 4,980円 注文番号123456789012 認証番号 123456 〒100-0001", nil},
		{81, "ID0312345678 No.03-1234-5678-9 0312345678円 会員番号0001-2345-6789 1234-5678-9012-3456", nil},
		{81, "https://example.com/09012345678", nil},
		{81, "口座 1234567 支店 001 2024/11/22", nil},
		{44, "call 07700 900123 or 020 7946 0018 now", []uint64{447700900123, 442079460018}},
		{44, "0081 90 1234 5678", []uint64{819012345678}},
		{1, "call (202) 555-0100 or 888-402-1176", []uint64{12025550100, 18884021176}},
		{49, "0151 23456789", []uint64{4915123456789}},
	} {
		var f Folded
		f.FoldFor([]byte(c.text), c.home)
		ok := len(f.Numbers) == len(c.want)
		for i, n := range f.Numbers {
			ok = ok && uint64(n.Line) == c.want[i]
		}
		if !ok {
			t.Errorf("%q: want %v", c.text, c.want)
			for _, n := range f.Numbers {
				t.Logf("  got %q %d", c.text[n.Span.Start:n.Span.End], n.Line)
			}
		}
	}
}

func TestFamily(t *testing.T) {
	family := func(s string) uint64 {
		var f Folded
		f.Fold([]byte(s))
		return f.Family
	}
	same := []string{
		"お荷物をお届けに上がりましたが不在でした。https://a.duckdns.org 090-1234-5678",
		"【12:30】お荷物をお届けに上がりましたが、不在でした https://bb.example.com/x?y=1 03-1111-2222 ★",
		"お荷物を　お届けに\n上がりましたが不在でした！ b.xyz",
		"お荷物をお届けに上がりましたが不在でした",
		"お\u200b荷物をお届けに上がりましたが不在でした",
	}
	for _, s := range same {
		if family(s) != family(same[0]) || family(s) == 0 {
			t.Errorf("%q: %x, not %x", s, family(s), family(same[0]))
		}
	}
	for _, s := range []string{"OK, thanks!", "了解です", "https://example.com", "1234567890123", ""} {
		if family(s) != 0 {
			t.Errorf("%q has a family", s)
		}
	}
	if family("お荷物をお届けに上がりましたが留守でした") == family(same[0]) {
		t.Error("other wording, same family")
	}
}

func TestCut(t *testing.T) {
	long := make([]byte, 0, MaxText+10)
	for len(long) < MaxText+3 {
		long = append(long, "あ"...)
	}
	var f Folded
	f.Fold(long)
	if !f.Cut || len(f.Text) > MaxText || len(f.Text) < MaxText-3 {
		t.Errorf("%d octets of %d, cut %v", len(f.Text), len(long), f.Cut)
	}
	if f.Fold([]byte("あ")); f.Cut {
		t.Error("cut stays")
	}
}

func TestWritten(t *testing.T) {
	text := "ＡＢ ｶﾞ㍿x"
	var f Folded
	f.Fold([]byte(text)) // ab ガ株式会社x
	for _, c := range []struct {
		i, j int
		want string
	}{{0, 1, "Ａ"}, {0, 2, "ＡＢ"}, {3, 6, "ｶﾞ"}, {6, 9, "㍿"}, {9, 18, "㍿"}, {18, 19, "x"}, {0, 19, text}, {2, 2, ""}, {5, 99, ""}} {
		s := f.Written(c.i, c.j)
		if got := text[s.Start:s.End]; got != c.want {
			t.Errorf("%d to %d: %q, not %q", c.i, c.j, got, c.want)
		}
	}
}
