package action

import (
	"strings"
	"testing"
)

func TestReadContacts(t *testing.T) {
	all, err := ReadContacts("c.csv", strings.NewReader("\ufeffline,mail,name,postal_code,address1,address2,language,company,person\n"+
		"+819000000001,a@example.jp,山田花子,100-0001,東京都千代田区1-1,ハイツ2号,,,\n+819000000002,,,,,,en,true,Ms Sato\n"))
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if c := all[819000000001]; c.Mail != "a@example.jp" || len(c.Address.Lines) != 2 || c.Address.Name != "山田花子" || c.Company {
		t.Errorf("%+v", c)
	}
	if c := all[819000000002]; !c.Company || c.Person != "Ms Sato" || c.Language != "en" {
		t.Errorf("%+v", c)
	}
	for text, word := range map[string]string{
		"":                                      "no header",
		"mail\n":                                "column line is missing",
		"line,line\n":                           "column 2",
		"line,shoe\n":                           "column 2",
		"line\n09012345678\n":                   "line 2: line is not an E.164",
		"line,mail\n+819000000001,x\n":          "line 2: mail is no address",
		"line,language\n+819000000001,fr\n":     "line 2: language",
		"line,company\n+819000000001,perhaps\n": "line 2: company",
		"line\n+819000000001\n+819000000001\n":  "line 3: the line stands twice",
		"line,mail\n+819000000001\n":            "line 2",
		"line,name\n+819000000001,\"a\x07\"\n":  "line 2",
		"line\n\"":                              "line 2",
		"line\n0\"":                             "line 2",
	} {
		_, err := ReadContacts("c.csv", strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), word) || !strings.HasPrefix(err.Error(), "c.csv") || strings.Contains(err.Error(), "0901234") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadContacts(f *testing.F) {
	f.Add("line,mail,name\n+819000000001,a@example.jp,\"x\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := ReadContacts("c", strings.NewReader(text)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Error(err)
		}
	})
}
