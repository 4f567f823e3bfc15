package detect

import "github.com/sekisho/sekisho/inspect"

// The rules that this package finds: what takes many messages to see. Weights as in inspect.Rules.
var (
	campaignJudged = &inspect.Rule{
		Name: "campaign-judged", Phishing: 5, Why: [2]string{
			"Texts of the same wording (%s) have been judged fraud and stopped already.",
			"同じ文面のSMSが、すでに詐欺と判定され阻止されています（%s通）。"}}
	campaignSpread = &inspect.Rule{
		Name: "campaign-spread", Phishing: 7, Why: [2]string{
			"The same wording comes from many senders, each time with another link (texts / senders: %s).",
			"同じ文面のSMSが、毎回異なるリンクで多数の送信元から送られています（通数／送信元数：%s）。"}}
	campaignStopped = &inspect.Rule{
		Name: "campaign-stopped-by-operator", Phishing: 8, Certain: true, Why: [2]string{
			"An operator has had texts of this wording stopped (campaign %s).",
			"この文面のSMSは、運用者が阻止するよう指定しています（キャンペーン %s）。"}}
	campaignPassed = &inspect.Rule{
		Name: "campaign-passed-by-operator", Phishing: -8, Spam: -8, Why: [2]string{
			"An operator has passed texts of this wording with these links (campaign %s).",
			"この文面とリンクのSMSは、運用者が通すよう指定しています（キャンペーン %s）。"}}
	domainNew = &inspect.Rule{
		Name: "domain-new", Phishing: 0.8, Why: [2]string{
			"No text led to %s until a day ago.",
			"「%s」へのリンクは、24時間前まで一度も送られていません。"}}
	domainSettled = &inspect.Rule{
		Name: "domain-settled", Phishing: -1, Why: [2]string{
			"Texts have been leading many people to %s for weeks, and were hardly ever stopped.",
			"「%s」へのリンクは以前から多くの人に送られており、阻止された例はほとんどありません。"}}
)

// Rules are the rules that this package finds, beside those of package inspect.
var Rules = []*inspect.Rule{campaignJudged, campaignSpread, campaignStopped, campaignPassed, domainNew, domainSettled}
