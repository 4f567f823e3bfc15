package action

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

const number = subject.Line(819000012345)

var noon = time.Date(2026, 4, 10, 3, 0, 0, 0, time.UTC) // at noon in Tokyo

type unasked struct{}

func (unasked) Choice(subject.Line, purpose.Purpose) purpose.Choice { return purpose.Unknown }

func leave(t *testing.T, p purpose.Purpose) purpose.Grant {
	t.Helper()
	policy := purpose.Policy{}
	policy[p] = purpose.TermsConsent
	g, err := purpose.Ask(&policy, p, number, unasked{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func found(state cases.State) *cases.Case {
	c := cases.New(cases.InfectedLine, subject.Contract(number), number, noon.Add(-48*time.Hour))
	c.State, c.Stopped, c.Score = state, 12, 7.5
	return c
}

func allWords(t *testing.T) *Words {
	t.Helper()
	w, err := ReadWords("")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func everything() *Config {
	c := Default()
	c.Send, c.Operator, c.Phone = true, "関所モバイル", "0120-000-111"
	c.Mail = MailConfig{Server: "127.0.0.1:25", From: "care@operator.example"}
	c.Post.Folder, c.SMS.Code = "letters", "24680"
	return &c
}

func TestPlanChoosesTheWay(t *testing.T) {
	w, g := allWords(t), leave(t, purpose.InfectionNotice)
	home := Address{Name: "山田太郎", Code: "100-0001", Lines: []string{"東京都千代田区千代田1-1"}}
	for name, x := range map[string]struct {
		contact Contact
		change  func(*Config)
		want    cases.Channel
		says    string
	}{
		"mail first":          {Contact{Mail: "taro@mail.example", Address: home}, nil, cases.Mail, "ご契約者様"},
		"letter":              {Contact{Address: home}, nil, cases.Post, "平素より"},
		"call":                {Contact{}, nil, cases.Call, "でいらっしゃいますか"},
		"no mail server":      {Contact{Mail: "taro@mail.example"}, func(c *Config) { c.Mail.Server = "" }, cases.Call, ""},
		"bad address":         {Contact{Mail: "taro@mail.example\r\nBcc: x@y.example"}, nil, cases.Call, ""},
		"text as a last way":  {Contact{}, func(c *Config) { c.NoCalls = true }, cases.SMS, "末尾345"},
		"company":             {Contact{Company: true, Person: "総務部 鈴木"}, func(c *Config) { c.NoCalls = true }, cases.Call, "総務部 鈴木"},
		"company by mail":     {Contact{Company: true, Person: "総務部 鈴木", Mail: "soumu@kaisha.example"}, nil, cases.Mail, "総務部 鈴木 様"},
		"English":             {Contact{Mail: "john@mail.example", Language: "en"}, nil, cases.Mail, "since 8 April 2026"},
		"Japanese by default": {Contact{Mail: "taro@mail.example"}, nil, cases.Mail, "2026年4月8日以降、不正なSMSの送信が12通"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := everything()
			if x.change != nil {
				x.change(cfg)
			}
			n, err := Plan(found(cases.Open), x.contact, noon, cfg, w, g)
			if err != nil {
				t.Fatal(err)
			}
			if n.Channel != x.want || n.State != cases.Planned || !strings.Contains(strings.ToLower(n.Body), strings.ToLower(x.says)) {
				t.Errorf("%s %s: %s", n.Channel, n.State, n.Body)
			}
			if all := n.Subject + n.Body; strings.Contains(all, number.String()[3:]) || hasLink(all) {
				t.Errorf("the number, or a link: %s", all)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	w, g := allWords(t), leave(t, purpose.InfectionNotice)
	told := found(cases.Noticed)
	told.Noticed = noon.Add(-13 * 24 * time.Hour)
	for name, x := range map[string]struct {
		c       *cases.Case
		contact Contact
		g       purpose.Grant
		is      error
		says    string
	}{
		"no grant":          {found(cases.Open), Contact{}, purpose.Grant{}, ErrNoGrant, ""},
		"of another kind":   {found(cases.Open), Contact{}, leave(t, purpose.Inspect), ErrNoGrant, ""},
		"closed":            {found(cases.Closed), Contact{}, g, nil, "is closed"},
		"wrong":             {found(cases.Wrong), Contact{}, g, nil, "is wrong"},
		"cured":             {found(cases.Cured), Contact{}, g, nil, "is cured"},
		"told":              {told, Contact{}, g, ErrTooSoon, ""},
		"nobody to tell":    {found(cases.Open), Contact{Company: true}, g, ErrNoPerson, ""},
		"unknown language":  {found(cases.Open), Contact{Language: "xx"}, g, nil, "language"},
		"a person's a link": {found(cases.Open), Contact{Company: true, Person: "evil.example.com"}, g, nil, "looks like a link"},
	} {
		if _, err := Plan(x.c, x.contact, noon, everything(), w, x.g); err == nil || x.is != nil && !errors.Is(err, x.is) || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	told.Noticed = noon.Add(-14 * 24 * time.Hour)
	if _, err := Plan(told, Contact{}, noon, everything(), w, g); err != nil {
		t.Error("a second notice after 14 days:", err)
	}
}

func TestQuietHours(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	day := func(d, h, m int) time.Time { return time.Date(2026, 4, d, h, m, 0, 0, tokyo) }
	night, noonish := [2]int{21, 9}, [2]int{12, 13}
	for _, x := range []struct {
		hours    [2]int
		at, want time.Time
	}{
		{night, day(10, 12, 0), day(10, 12, 0)},
		{night, day(10, 20, 59), day(10, 20, 59)},
		{night, day(10, 21, 0), day(11, 9, 0)},
		{night, day(30, 23, 30), day(31, 9, 0)}, // into May
		{night, day(10, 0, 0), day(10, 9, 0)},
		{night, day(10, 8, 59), day(10, 9, 0)},
		{night, day(10, 9, 0), day(10, 9, 0)},
		{noonish, day(10, 12, 30), day(10, 13, 0)},
		{noonish, day(10, 13, 0), day(10, 13, 0)},
		{[2]int{9, 9}, day(10, 9, 0), day(10, 9, 0)},
	} {
		c := Default()
		c.QuietFrom, c.QuietTo = Clock(time.Duration(x.hours[0])*time.Hour), Clock(time.Duration(x.hours[1])*time.Hour)
		if got, err := c.Awake(x.at.UTC()); err != nil || !got.Equal(x.want) {
			t.Errorf("%v, %v: %v %v", x.hours, x.at, got.In(tokyo), err)
		}
	}
	cfg, w, g := everything(), allWords(t), leave(t, purpose.InfectionNotice)
	late := day(10, 22, 0)
	for contact, wait := range map[string]bool{"taro@mail.example": false, "": true} {
		n, err := Plan(found(cases.Open), Contact{Mail: contact}, late, cfg, w, g)
		if err != nil || n.Due.After(late) != wait {
			t.Errorf("%s: due %v %v", n.Channel, n.Due, err)
		}
	}
}

func TestConfig(t *testing.T) {
	good := everything()
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	d := Default()
	if err := d.Check(); err != nil || d.Send {
		t.Error("the default sends, or is bad:", err)
	}
	for want, change := range map[string]func(*Config){
		"zone":                    func(c *Config) { c.Zone = "Asia/Edo" },
		"per_hour":                func(c *Config) { c.PerHour = 0 },
		"again":                   func(c *Config) { c.Again.Duration = time.Hour },
		"operator, phone":         func(c *Config) { c.Phone = " " },
		"sms.code":                func(c *Config) { c.SMS.Code = "BANK" },
		"mail.server":             func(c *Config) { c.Mail.Server = "mail" },
		"mail.from":               func(c *Config) { c.Mail.From = "care" },
		"mail.user, mail.passwor": func(c *Config) { c.Mail.User = "x" },
	} {
		c := everything()
		if change(c); c.Check() == nil || !strings.Contains(c.Check().Error(), want) {
			t.Errorf("%s: %v", want, c.Check())
		}
	}
	var c Clock
	if err := c.UnmarshalText([]byte("21:30")); err != nil || c != Clock(21*time.Hour+30*time.Minute) {
		t.Error(c, err)
	}
	if b, _ := c.MarshalText(); string(b) != "21:30" {
		t.Errorf("%s", b)
	}
	if c.UnmarshalText([]byte("25:00")) == nil {
		t.Error("25:00")
	}
}
