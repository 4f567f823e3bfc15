package message

import (
	"strings"
	"testing"
	"unicode"

	"github.com/sekisho/sekisho/disguise"
)

// plainTexts are what people and frauds write, as they write it without a disguise.
var plainTexts = []string{
	// Fraud.
	"【ABCカード】お客様のクレジットカードの口座に未払いの料金があります。本日中に下記よりご確認ください。https://abc-card.example.com/login",
	"ヤマト運輸です。お荷物のお届けに上がりましたが不在の為持ち帰りました。詳細はこちら https://kuro.example.org/jp",
	"お客様のアカウントがロックされました。パスワードを更新してください。http://example.co.jp/update",
	"三井住友銀行より重要なお知らせ。お取引を一時停止しました。電話番号を登録してください https://smbc.example.net/a",
	"未納の税金があります。期限は明日です。差押を避けるため、至急お支払いください https://nta.example.jp",
	"アマゾンプライムの会費のお支払い方法に問題があります。カード情報を更新: https://amazn.example.com/ap/signin",
	"国税庁からの還付金の受取手続きをお願いします。https://tax.example.com/x?id=12",
	"あなたの携帯端末がウイルスに感染しました。アプリを今すぐインストールしてください。example.com/app",
	"当選おめでとうございます！五百万円を受け取るには、ラインに登録してください https://line.example.org/q",
	"電気料金の支払いが確認できません。本日中にお支払いがない場合、送電を停止します。https://tepco.example.com",
	"母さん、携帯電話が壊れた。新しい番号に電話して。急いでお金が必要です。090-0123-4567",
	"自己情報の照会のため、ログインして口座番号を入力してください。https://bank.example.jp/login",
	"Your PayPal account has been limited. Please verify your information: https://paypal-verify.example.com/login",
	"Amazon: your order could not be delivered. Update your payment details at http://example.net/pay",
	"Netflix: your membership is on hold, please update your billing information now. https://nf.example.com/b",
	"URGENT! Your bank card is suspended. Call the security department or login at https://secure.example.org",
	"Royal Mail: your parcel is waiting. A small fee must be paid before delivery: https://rm.example.co.uk/fee",
	"Congratulations, you have won a free voucher! Claim your prize before midnight at example.com/win",
	"Your Apple account was locked for security reasons. Confirm your identity here: https://apple.example.com/id",
	"Microsoft account: unusual activity. Your password expires today, keep the same password at https://ms.example.com",
	"Dear customer, your Google account will be deleted. Restore access within one day https://g.example.net/r",
	"Hello Mum, this is my new number. Please send money today, my phone is broken",
	"Bitcoin wallet: withdrawal of your balance is pending, please confirm at https://btc.example.io/w",
	"Su cuenta bancaria fue bloqueada por seguridad. Verifique sus datos en https://banco.example.es/login",
	"Votre colis est en attente de livraison. Merci de confirmer votre adresse: https://colis.example.fr",
	"Ihr Paket konnte nicht zugestellt werden. Bitte aktualisieren Sie Ihre Adresse: https://paket.example.de/p",
	"Ваша карта заблокирована. Подтвердите данные по ссылке https://bank.example.ru/login",
	"您的包裹无法投递，请更新您的地址信息 https://post.example.cn/a",
	"고객님의 택배가 배송 불가 상태입니다. 주소를 확인하세요 https://cj.example.kr/a",
	"ETCサービスのご利用を停止しました。会員情報の更新をお願いします。https://etc.example.com",
	// Honest.
	"山田さん、昨日はありがとうございました。来週の打ち合わせは何時からですか？",
	"今日のランチ、駅前のカレーにしようよ！ニュータウンのお店、口コミがよかったよ。",
	"認証番号は 482913 です。誰にも教えないでください。",
	"ご予約ありがとうございます。明日十八時に二名様でお待ちしております。レストランタナカ",
	"二段ベッドの力仕事は夕方にしよう。工場の帰りに寄るね。",
	"一口サイズのチョコレートケーキ、とてもおいしかった！ごちそうさま。",
	"明日の会議室は三階です。エレベーターで上がってください。",
	"夕食はカツ丼と天丼、どっちがいい？タコ焼きもあるよ。",
	"月末までに書類を提出してください。未提出の方は総務までご連絡ください。",
	"ヨガ教室の日程は、月・水・金です。詳しくはホームページをご覧ください。https://www.example.co.jp/yoga",
	"サッカーの試合、チケット二枚取れたよ。土曜日の夕方、スタジアムの入口で会おう。",
	"ハイキングの写真を送ります。https://photos.example.com/album/12 パスワードは別に送るね。",
	"お荷物は本日午後にお届けの予定です。ABC運輸 https://track.example.jp/12",
	"誕生日おめでとう！素敵な一年になりますように。",
	"図書館からのお知らせ：予約の本が用意できました。今週末までにお越しください。",
	"Hi Tom, are we still on for lunch tomorrow? I will be there around noon.",
	"Your verification code is 482913. Do not share this code with anyone.",
	"Thanks for dinner last night, it was lovely. Say hello to your sister from me!",
	"Reminder: your dentist appointment is on Monday at nine. Reply yes to confirm.",
	"I left the keys with the neighbour. The cat needs food twice a day, please.",
	"Meeting moved to room twelve. Bring the printed report and the slides.",
	"Great match yesterday, what a goal in the last minute! See you on Sunday at the stadium.",
	"Your taxi is arriving now, a white Toyota. Track it at https://taxi.example.com/t/9",
	"Happy birthday grandma, we all miss you and hope to visit you in summer.",
	"Hola, mañana llego a las ocho. Nos vemos en la estación. Un abrazo.",
	"Bonjour, le rendez-vous est confirmé pour demain matin. À bientôt.",
	"Guten Morgen, kannst du bitte Brot und Milch mitbringen? Danke dir.",
	"Привет, увидимся завтра у метро в семь часов. Не опаздывай!",
	"明天晚上一起吃饭吧，我在车站等你。",
	"내일 저녁에 같이 밥 먹자. 역 앞에서 기다릴게.",
}

// lettersOf is what decoration does not change: letters and digits, white space and signs left out.
func lettersOf(s []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, string(s))
}

const fewLetters = "a letter or two of Kanji with signs around them are what honest lists have: 大・中・小サイズ"

// limits are ways that are not undone, or not seen, in all texts, with the share of texts in hundredths for which
// that is so at most, and why.
var limits = map[string]struct {
	differ, hosts, quiet int
	why                  string
}{
	"dots":                {quiet: 2, why: fewLetters},
	"kana-kanji":          {differ: 12, why: "some honest words look the same: 千ケース and 千ケット, コミュ力 and タナ力"},
	"simplified-kanji":    {differ: 5, quiet: 5, why: "a sentence without Hiragana may be Chinese"},
	"leet":                {quiet: 100, why: "honest texts have only1more and after3pm: counted in Digits, but no trick"},
	"variation-selectors": {quiet: 5, why: "today"},
	"hyphens":             {quiet: 6, why: fewLetters},
	"middle-dots":         {quiet: 3, why: fewLetters},
	"asterisks":           {quiet: 2, why: fewLetters},
	"slashes":             {quiet: 4, why: fewLetters},
	"underscores":         {quiet: 4, why: fewLetters},
	"bars":                {quiet: 3, why: fewLetters},
	"spaced-letters":      {quiet: 9, why: "headings and good wishes are spaced out too: お 知 ら せ"},
	"ideographic-dots":    {quiet: 34, why: "．for a dot is what Japanese keyboards give, 。 is not"},
}

// silent are ways that honest people have little use for and that set no trick: nothing in the letters shows them.
var silent = map[string]bool{
	"repeated-letters": true, "kana-words": true, "padding": true, "shortener": true, "port": true, "root-dot": true, "back-slashes": true,
}

func targets(f *Folded) (s []string) {
	for _, l := range f.Links {
		s = append(s, string(l.Target))
	}
	return s
}

func TestDisguises(t *testing.T) {
	const seeds = 6
	var plain, f Folded
	for _, way := range disguise.Ways() {
		n, differ, hostsDiffer, tricky, quiet := 0, 0, 0, 0, 0
		var shown [4]int
		show := func(kind int, format string, args ...any) {
			if shown[kind]++; shown[kind] <= 3 {
				t.Logf(way.Name+": "+format, args...)
			}
		}
		for _, text := range plainTexts {
			for seed := range uint64(seeds) {
				written, ok := disguise.Write(way.Name, text, seed)
				if !ok {
					continue
				}
				n++
				plain.Fold([]byte(text))
				f.Fold([]byte(written))
				if way.Same && !way.Links && lettersOf(f.Text) != lettersOf(plain.Text) {
					differ++
					show(0, "%q\n folds to %q\n not to   %q", written, f.Text, plain.Text)
				}
				if (way.Same || !way.Links) && strings.Join(hosts(&f), " ") != strings.Join(hosts(&plain), " ") {
					hostsDiffer++
					show(1, "%q\n links %q, not %q", written, hosts(&f), hosts(&plain))
				}
				if strings.HasSuffix(way.Name, "redirect") { // the host of the text before, behind the redirector
					if strings.Join(targets(&f), " ") != strings.Join(hosts(&plain), " ") {
						t.Errorf("%s: %q leads to %q, not %q", way.Name, written, targets(&f), hosts(&plain))
					}
				}
				tricks := f.Tricks.any()
				for _, l := range f.Links {
					tricks = tricks || l.Flags&(LinkDisguised|LinkMixed|LinkUserinfo|LinkRedirect|LinkIDN) != 0
				}
				if tricks {
					tricky++
				} else {
					quiet++
				}
				if way.Honest && tricks {
					show(2, "honest, but %+v in %q", f.Tricks, written)
				} else if !way.Honest && !tricks && !silent[way.Name] {
					show(3, "not seen in %q\n folded %q", written, f.Text)
				}
				check(t, []byte(written))
			}
		}
		t.Logf("%-20s %4d texts, %3d differ, %3d other hosts, %3d with tricks", way.Name, n, differ, hostsDiffer, tricky)
		switch limit := limits[way.Name]; {
		case n == 0:
			t.Errorf("%s: changes no text", way.Name)
		case 100*differ > limit.differ*n:
			t.Errorf("%s: %d of %d texts fold to something else", way.Name, differ, n)
		case 100*hostsDiffer > limit.hosts*n:
			t.Errorf("%s: %d of %d texts have other links", way.Name, hostsDiffer, n)
		case way.Honest && tricky > 0:
			t.Errorf("%s: honest, but %d of %d texts have tricks", way.Name, tricky, n)
		case !way.Honest && !silent[way.Name] && 100*quiet > limit.quiet*n:
			t.Errorf("%s: nothing seen in %d of %d texts", way.Name, quiet, n)
		}
	}
}
