package smpp_test

import (
	"fmt"

	"github.com/sekisho/sekisho/smpp"
)

func ExampleAppendText() {
	text, issues := smpp.AppendText(nil, []byte("Pay 5 \x1B\x65 at ex.test"), smpp.GSM7, smpp.Shift{})
	fmt.Printf("%s (%v)\n", text, issues)
	text, issues = smpp.AppendText(text[:0], []byte{0xD8, 0x3D, 0xDE, 0x00, 0x00}, smpp.UCS2, smpp.Shift{})
	fmt.Printf("%s (%v)\n", text, issues)
	// Output:
	// Pay 5 € at ex.test ()
	// 😀� (undecodable,truncated)
}

func ExampleParseUDH() {
	h, rest, err := smpp.ParseUDH([]byte("\x05\x00\x03\xCC\x02\x01Hello"))
	fmt.Println(h.Concat.Ref, h.Concat.Seq, h.Concat.Total, string(rest), err)
	// Output: 204 1 2 Hello <nil>
}

func ExampleSplit() {
	text := []byte("関所は街道に設けられた。通る者は名を告げ、許された者は通り、怪しい者は留められ、あるいは返された。いまは電話番号とメッセージの道に、それを設ける。😀")
	parts, err := smpp.Split(text, smpp.BestAlphabet(text), 7, false)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, part := range parts {
		h, rest, _ := smpp.ParseUDH(part)
		text, _ := smpp.AppendText(nil, rest, smpp.UCS2, h.Shift)
		fmt.Printf("%d/%d %s\n", h.Concat.Seq, h.Concat.Total, text)
	}
	// Output:
	// 1/2 関所は街道に設けられた。通る者は名を告げ、許された者は通り、怪しい者は留められ、あるいは返された。いまは電話番号とメッセージの道に、そ
	// 2/2 れを設ける。😀
}
