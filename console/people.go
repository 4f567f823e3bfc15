package console

import (
	"context"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/auth"
)

// People are those who work in the console, as administrators see and change them.
type People interface {
	Persons(ctx context.Context) ([]auth.Person, error)
	Person(ctx context.Context, id string) (auth.Person, error)
	PutPerson(ctx context.Context, p auth.Person, by, act, why string) error
	EndSessions(ctx context.Context, person string) error
	// Invite makes a link by which a person enrols a passkey, once.
	Invite(ctx context.Context, person, by string) (link string, err error)
}

var _ = learn(words{
	"people":             {"People", "利用者"},
	"people.say":         {"Who may work here, and as what. What is changed here ends his sessions and stands in the ledger.", "このコンソールの利用者と権限です。変更すると本人のセッションは終了し、監査台帳に記録されます。"},
	"people.keys":        {"Passkeys", "パスキー"},
	"people.last":        {"Last used", "最終使用"},
	"people.off":         {"may not sign in", "利用停止中"},
	"people.new":         {"Let somebody in", "利用者の追加"},
	"people.add":         {"Add, and make the link", "追加してリンクを発行"},
	"people.invite":      {"New link", "リンク再発行"},
	"people.link":        {"Link for %s to enrol a passkey. It works once, for 24 hours:", "%s さんのパスキー登録用リンク（1回限り、24時間有効）："},
	"people.once":        {"It is shown only now. Give it to him alone, not by mail that others read.", "リンクはこの画面でのみ表示されます。必ず本人だけに渡してください。"},
	"people.disable":     {"Bar", "利用停止"},
	"people.disable.ask": {"Bar %s from signing in? It can be taken back.", "%s さんの利用を停止しますか。後で解除できます。"},
	"people.enable":      {"Let in again", "停止解除"},
	"people.forget":      {"Take passkeys away", "パスキー削除"},
	"people.forget.ask":  {"Take away all passkeys of %s? He needs a new link then.", "%s さんのパスキーをすべて削除しますか。再度リンクの発行が必要になります。"},
	"people.norole":      {"Choose at least one role.", "権限を1つ以上選んでください。"},
	"people.badname":     {"A name has 1 to 64 octets, no control characters, and no space at its ends.", "名前は1〜64オクテットで、制御文字や前後の空白は使えません。"},
	"roles":              {"Roles", "権限"},
})

type peoplePage struct {
	People []auth.Person
	Roles  []string
	Link   string // made just now
	For    string
}

func (c *Console) peoplePage() {
	if c.src.People == nil {
		return
	}
	c.places = append(c.places, place{"/people", "people", auth.Administrator})
	list := func(v *visit) (*peoplePage, error) {
		all, err := c.src.People.Persons(v.r.Context())
		return &peoplePage{People: all, Roles: auth.Everybody.Names()}, err
	}
	c.get("/people", "people", auth.Administrator, func(v *visit) (any, error) { return list(v) })

	// A link is shown once, on the page that answers: it stands in no address.
	invite := func(v *visit, p auth.Person) (any, error) {
		link, err := c.src.People.Invite(v.r.Context(), p.ID, v.Who.Name)
		if err != nil {
			return nil, err
		}
		page, err := list(v)
		if err != nil {
			return nil, err
		}
		page.Link, page.For = link, p.Name
		return page, nil
	}
	add := func(v *visit) (auth.Person, error) {
		roles, err := auth.ParseRoles(v.r.Form["role"])
		if err != nil {
			return auth.Person{}, Sorry(http.StatusUnprocessableEntity, "people.norole")
		}
		p, err := auth.NewPerson(v.Form("name"), roles, c.cfg.Now())
		if err != nil {
			return p, Sorry(http.StatusUnprocessableEntity, "people.badname")
		}
		return p, c.src.People.PutPerson(v.r.Context(), p, v.Who.Name, "person-add", "roles: "+roles.String())
	}
	for pattern, whom := range map[string]func(*visit) (auth.Person, error){"/people": add, "/people/{id}/invite": (*visit).person} {
		c.answer(pattern, "people", auth.Administrator, func(v *visit) (any, error) {
			p, err := whom(v)
			if err != nil {
				return nil, err
			}
			return invite(v, p)
		})
	}
	put := func(act string, f func(*visit, *auth.Person) (why string, err error)) func(*visit) (string, error) {
		return func(v *visit) (string, error) {
			p, err := v.person()
			if err != nil {
				return "", err
			}
			why, err := f(v, &p)
			if err != nil {
				return "", err
			}
			if err := c.src.People.PutPerson(v.r.Context(), p, v.Who.Name, act, why); err != nil {
				return "", err
			}
			return "/people?done=kept", c.src.People.EndSessions(v.r.Context(), p.ID)
		}
	}
	c.post("/people/{id}/roles", auth.Administrator, put("person-roles", func(v *visit, p *auth.Person) (string, error) {
		roles, err := auth.ParseRoles(v.r.Form["role"])
		if err != nil {
			return "", Sorry(http.StatusUnprocessableEntity, "people.norole")
		}
		p.Roles = roles
		return "roles: " + roles.String(), nil
	}))
	c.post("/people/{id}/disable", auth.Administrator, put("person-disable", func(_ *visit, p *auth.Person) (string, error) {
		p.Disabled = c.cfg.Now().UTC()
		return "may not sign in any more", nil
	}))
	c.post("/people/{id}/enable", auth.Administrator, put("person-enable", func(_ *visit, p *auth.Person) (string, error) {
		p.Disabled = time.Time{}
		return "may sign in again", nil
	}))
	// Whoever lost his keys gets new ones by a new link, from another administrator.
	c.post("/people/{id}/forget", auth.Administrator, put("passkeys-forget", func(_ *visit, p *auth.Person) (string, error) {
		p.Passkeys = nil
		return "all passkeys are taken away", nil
	}))
}

func (v *visit) person() (auth.Person, error) {
	p, err := v.c.src.People.Person(v.r.Context(), v.r.PathValue("id"))
	if err == auth.ErrNobody {
		err = ErrNotFound
	}
	return p, err
}

// Has reports whether a person has a role, by its name.
func (v *visit) Has(p auth.Person, role string) bool {
	r, err := auth.ParseRoles([]string{role})
	return err == nil && p.Roles.Any(r)
}
