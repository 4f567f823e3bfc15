package detect_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/message"
)

// bases are texts of one campaign each; those of a language are about the same topic.
var bases = map[string][]string{
	"ja": {
		"お荷物のお届けに伺いましたがご不在でしたので持ち帰りました。ご都合のよい日時をこちらからお知らせくださいますようお願いいたします。",
		"荷物が届いていますが、住所が不明のため配達できません。二日以内に住所を確認してください。期限を過ぎると差出人に返送されます。",
		"本日中に配達予定の小包は関税が未払いのため保管しております。通関手続きを完了するにはお支払いをお済ませください。よろしくお願いします。",
		"宅配便です。インターホンが壊れているようなので、玄関の前に荷物を置いておきました。写真を撮りましたのでご覧ください。",
		"ご注文の商品を発送しました。到着は明後日の午前の予定です。時間帯の変更は、下のページから前日の夜までに行ってください。",
	},
	"en": {
		"Your parcel could not be delivered today because nobody was at home. Please choose another day and time for the delivery within two days.",
		"A small customs fee has to be paid before we can bring you the package that is waiting at our depot. Pay it here to avoid return to sender.",
		"Good news, the order that you placed last week has left the shop and will reach you on Friday. Follow it on its way with this link.",
	},
	"ko": {
		"고객님의 택배가 주소 불명으로 배송되지 못했습니다. 아래 주소에서 배송지를 확인하시고 다시 신청해 주시기 바랍니다.",
		"주문하신 상품이 오늘 발송되었습니다. 내일 오후에 도착할 예정이며 배송 시간을 바꾸시려면 전날까지 알려 주세요.",
	},
}

// edits are what a sender changes from text to text.
var edits = map[string]struct {
	heads, tails, clauses []string
	letters               string
}{
	"ja": {[]string{"", "佐藤様、", "【重要】", "こんにちは。", "鈴木 一郎 様\n"}, []string{"", "。よろしくお願いします", "！", " 3,980円"},
		[]string{"本日はありがとうございます。", "お早めにどうぞ。", "ご確認ください。"}, "のはがをにでとも様件日月"},
	"en": {[]string{"", "Dear John, ", "URGENT: ", "Hello! "}, []string{"", " Thank you", "!!", " $3.98"},
		[]string{"Please be quick. ", "Thanks for waiting. "}, "abcdefghijkl mnop"},
	"ko": {[]string{"", "김민수님, ", "[알림] "}, []string{"", " 감사합니다", "!"}, []string{"빨리 확인해 주세요. "}, "가나다라마바사"},
}

// mutant changes up to four letters or, as often, moves or adds a clause; and head, tail and link with it.
func mutant(r *rand.Rand, lang, base string) string {
	e := edits[lang]
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	stop := "。"
	if lang != "ja" {
		stop = ". "
	}
	switch clauses := strings.SplitAfter(base, stop); r.IntN(4) {
	case 0:
		if len(clauses) > 1 {
			clauses[0], clauses[1] = clauses[1], clauses[0]
		}
		base = strings.Join(clauses, "")
	case 1:
		base = strings.Join(slices.Insert(clauses, r.IntN(len(clauses)), pick(e.clauses)), "")
	default:
		m, letters := []rune(base), []rune(e.letters)
		for range 1 + r.IntN(4) {
			switch i := r.IntN(len(m)); r.IntN(3) {
			case 0:
				m[i] = letters[r.IntN(len(letters))]
			case 1:
				m = slices.Delete(m, i, i+1)
			default:
				m = slices.Insert(m, i, letters[r.IntN(len(letters))])
			}
		}
		base = string(m)
	}
	return pick(e.heads) + base + pick(e.tails) + " https://" + host(r.IntN(1<<20)) + "/"
}

// TestMutants: 95 of 100 changed texts join the campaign of their wording, and other texts of the topic do not.
func TestMutants(t *testing.T) {
	for lang, texts := range bases {
		joined, n := 0, 0
		for b, base := range texts {
			for seed := range 100 {
				s := newStream(t, detect.Config{Probation: 64, Seed: uint64(seed + 1)})
				for i := range 4 {
					s.send(message.P2P, handset(i), handset(i), base+" https://"+host(i)+"/")
				}
				text := mutant(rand.New(rand.NewPCG(uint64(seed), uint64(b))), lang, base)
				s.send(message.P2P, handset(9), handset(9), text)
				n++
				if l := s.c.List(s.now, 9); len(l) == 1 && l[0].Texts == 5 {
					joined++
				}
			}
		}
		t.Logf("%s: %d of %d mutants joined", lang, joined, n)
		if joined < n*95/100 {
			t.Errorf("%s: %d of %d mutants joined", lang, joined, n)
		}
	}
}

// TestOthersStayOut: all texts of all topics, each with mutants, in one stream.
func TestOthersStayOut(t *testing.T) {
	for seed := range 20 {
		s := newStream(t, detect.Config{Seed: uint64(seed + 1)})
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		campaigns := make(map[detect.Ref]string) // base, by campaign: the same sender's refs are equal
		kinds := 0
		for range 30 {
			for lang, texts := range bases {
				for _, base := range texts {
					s.send(message.P2P, handset(1), handset(2), mutant(r, lang, base))
					if s.ref == (detect.Ref{}) {
						continue
					}
					if had, ok := campaigns[s.ref]; ok && had != base {
						t.Fatalf("seed %d: one campaign of\n%s\n%s", seed, had, base)
					}
					campaigns[s.ref] = base
				}
			}
		}
		for _, texts := range bases {
			kinds += len(texts)
		}
		if n := len(s.c.List(s.now, 99)); n < kinds || n > kinds*3/2 {
			t.Errorf("seed %d: %d campaigns of %d wordings", seed, n, kinds)
		}
	}
}
