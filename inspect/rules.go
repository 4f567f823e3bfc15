package inspect

// ruleID names a rule in the code; its row in Rules says all else.
type ruleID uint8

const (
	linkKnownBad ruleID = iota
	linkKnownGood
	numberKnownBad
	senderKnownBad
	textKnownBad
	brandNotItsLink
	brandBesideLink
	brandInHost
	brandInPath
	lookalikeDomain
	shortener
	dynamicDNS
	freeHosting
	numericHost
	idnMixed
	userinfoTrick
	disguisedLink
	redirect
	mixedScriptWord
	invisibleLetters
	lookAlikeLetters
	spacedLetters
	chineseForms
	senderPretends
	linkFromP2P
	callbackNumber
	textUndecodable
	textAmbiguous
	textTooLong
	officialLinkOnly
	oneTimeCode
	quotesFraud
	ruleCount
)

// Rules is every rule, in the order in which findings are told. Weights are in nats, added to the log-odds
// of the class against ham: 0.7 doubles the odds, 2.3 makes them tenfold. What everybody does (a shortener in
// an advert, a link from a friend) weighs little; what only fraud has reason to do weighs much. Disguises weigh little
// too: folding has undone them, so the text speaks for itself, and what is copied from elsewhere has them unasked. The classifier
// is learnt on top of these weights, so a change here wants the model learnt anew.
var Rules = [ruleCount]Rule{
	linkKnownBad: {Name: "link-known-bad", Phishing: 8, Certain: true, Why: [2]string{
		"%s is known to be used for fraud.",
		"「%s」は詐欺での使用が確認されたリンクです。"}},
	linkKnownGood: {Name: "link-known-good", Phishing: -2, Spam: -1, Why: [2]string{
		"%s is known to be good.",
		"「%s」は安全リストに登録されているリンクです。"}},
	numberKnownBad: {Name: "number-known-bad", Phishing: 8, Certain: true, Why: [2]string{
		"The text gives a telephone number (%s) that is known to be used for fraud.",
		"詐欺に使われていることが確認されている電話番号（%s）が書かれています。"}},
	senderKnownBad: {Name: "sender-known-bad", Phishing: 8, Certain: true, Why: [2]string{
		"The sender %s is known for fraud.",
		"送信元「%s」は詐欺に使われていることが確認されています。"}},
	textKnownBad: {Name: "text-known-bad", Phishing: 6, Why: [2]string{
		"The wording is that of a text that is known to be fraud.",
		"詐欺と確認されたメッセージと同じ文面です。"}},
	brandNotItsLink: {Name: "brand-not-its-link", Phishing: 2.2, Why: [2]string{
		"The text speaks as %s, but no link in it leads to an official site of theirs.",
		"「%s」を名乗っていますが、公式サイトへのリンクではありません。"}},
	brandBesideLink: {Name: "brand-beside-link", Phishing: 0.4, Why: [2]string{
		"The text names %s and links to a site that is not theirs.",
		"「%s」の名前がありますが、リンク先は公式サイトではありません。"}},
	brandInHost: {Name: "brand-in-host", Phishing: 2.5, Why: [2]string{
		"The address %s carries a company's name, but the site is not that company's.",
		"アドレス「%s」に企業名が含まれていますが、その企業の公式サイトではありません。"}},
	brandInPath: {Name: "brand-in-path", Phishing: 0.5, Why: [2]string{
		"The path of the link to %s carries a company's name, but the site is not that company's.",
		"「%s」へのリンクのパスに企業名が含まれていますが、その企業の公式サイトではありません。"}},
	lookalikeDomain: {Name: "lookalike-domain", Phishing: 3, Why: [2]string{
		"%s is made to look like an official site and is not one.",
		"「%s」は公式サイトに似せた別のアドレスです。"}},
	shortener: {Name: "shortener", Phishing: 0.5, Spam: 0.3, Why: [2]string{
		"The shortened link %s hides where it leads.",
		"短縮URL（%s）のため、実際のリンク先が分かりません。"}},
	dynamicDNS: {Name: "dynamic-dns", Phishing: 2.5, Why: [2]string{
		"%s is a throw-away address of a dynamic DNS service.",
		"「%s」は使い捨てにできる動的DNSのアドレスです。"}},
	freeHosting: {Name: "free-hosting", Phishing: 0.7, Spam: 0.2, Why: [2]string{
		"%s is a free hosting service where anybody can open a page.",
		"「%s」は誰でもページを作れる無料サービスのアドレスです。"}},
	numericHost: {Name: "numeric-host", Phishing: 2.5, Why: [2]string{
		"The link leads to the bare IP address %s.",
		"リンク先がドメイン名ではなくIPアドレス（%s）です。"}},
	idnMixed: {Name: "idn-mixed", Phishing: 2, Why: [2]string{
		"The address %s mixes letters of several scripts that look alike.",
		"アドレス「%s」に、見た目の似た別の文字が混ぜられています。"}},
	userinfoTrick: {Name: "userinfo-trick", Phishing: 2, Why: [2]string{
		"What stands before the @ in the link hides the real address, %s.",
		"リンクの「@」より前は見せかけで、実際の接続先は「%s」です。"}},
	disguisedLink: {Name: "disguised-link", Phishing: 0.8, Spam: 0.4, Why: [2]string{
		"The link to %s is written so that filters do not see it.",
		"「%s」へのリンクが、検知を逃れる書き方になっています。"}},
	redirect: {Name: "redirect", Phishing: 0.7, Why: [2]string{
		"The link to %s leads on to another site.",
		"「%s」へのリンクは、別のサイトへ転送されます。"}},
	mixedScriptWord: {Name: "mixed-script-word", Phishing: 0.8, Spam: 0.4, Why: [2]string{
		"Words mix letters of several scripts that look alike.",
		"見た目の似た別の文字が単語に混ぜられています。"}},
	invisibleLetters: {Name: "invisible-letters", Phishing: 0.5, Spam: 0.3, Why: [2]string{
		"Invisible letters stand within words.",
		"単語の途中に見えない文字が入れられています。"}},
	lookAlikeLetters: {Name: "look-alike-letters", Phishing: 0.8, Spam: 0.4, Why: [2]string{
		"Letters are replaced by others that look like them.",
		"文字が形の似た別の文字に置き換えられています。"}},
	spacedLetters: {Name: "spaced-letters", Phishing: 0.4, Spam: 0.3, Why: [2]string{
		"Words are pulled apart by spaces or symbols between their letters.",
		"文字の間に空白や記号を入れて、単語が分断されています。"}},
	chineseForms: {Name: "chinese-forms", Phishing: 0.8, Why: [2]string{
		"Japanese sentences have Kanji in forms that only Chinese has.",
		"日本語の文に、中国でしか使われない字体（簡体字）が混ざっています。"}},
	senderPretends: {Name: "sender-pretends", Phishing: 1.5, Why: [2]string{
		"The text speaks as %s, but does not come from a sender of theirs.",
		"「%s」を名乗っていますが、その企業の送信元ではありません。"}},
	linkFromP2P: {Name: "link-from-p2p", Phishing: 0.3, Spam: 0.1, Why: [2]string{
		"A handset sent the link to %s.",
		"携帯電話の番号から「%s」へのリンクが送られています。"}},
	callbackNumber: {Name: "callback-number", Phishing: 0.8, Why: [2]string{
		"The text presses for a call to a number (%s).",
		"電話（%s）をかけるよう急がせています。"}},
	textUndecodable: {Name: "text-undecodable", Phishing: 0.5, Spam: 0.3, Why: [2]string{
		"Some of the text cannot be read in the coding it claims.",
		"本文の一部が、指定された文字コードでは読めません。"}},
	textAmbiguous: {Name: "text-ambiguous", Phishing: 0.3, Spam: 0.2, Why: [2]string{
		"The text can be read in more than one way.",
		"本文の文字コードが一通りに定まりません。"}},
	textTooLong: {Name: "text-too-long", Phishing: 1.5, Spam: 1, Why: [2]string{
		"The text is so long that only its beginning was read.",
		"本文が長すぎるため、冒頭だけを判定しました。"}},
	officialLinkOnly: {Name: "official-link-only", Phishing: -2.5, Spam: -0.5, Why: [2]string{
		"All links lead to official sites of %s.",
		"リンク先はすべて「%s」の公式サイトです。"}},
	oneTimeCode: {Name: "one-time-code", Phishing: -1.5, Spam: -1.5, Why: [2]string{
		"It looks like a one-time code, without any link.",
		"リンクのない認証コードの通知と見られます。"}},
	quotesFraud: {Name: "quotes-fraud", Phishing: -4, Spam: -1.5, Why: [2]string{
		"Somebody quotes a text and asks whether it is real, or warns of it.",
		"受け取った文面を引用して、本物かどうか尋ねたり注意を呼びかけたりしています。"}},
}

// RuleByName finds a rule as policy names it.
func RuleByName(name string) (*Rule, bool) {
	for i := range Rules {
		if Rules[i].Name == name {
			return &Rules[i], true
		}
	}
	return nil, false
}
