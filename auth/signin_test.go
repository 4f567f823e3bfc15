package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
)

// crowd keeps people in memory.
type crowd struct {
	mu       sync.Mutex
	people   map[string]Person
	invites  map[string]Invite
	sessions map[string]Session
}

func newCrowd() *crowd {
	return &crowd{people: map[string]Person{}, invites: map[string]Invite{}, sessions: map[string]Session{}}
}

func (c *crowd) Persons(context.Context) (all []Person, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.people {
		all = append(all, p)
	}
	return all, nil
}

func (c *crowd) Person(_ context.Context, id string) (Person, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.people[id]
	if !ok {
		return p, ErrNobody
	}
	p.Passkeys = slices.Clone(p.Passkeys)
	return p, nil
}

func (c *crowd) PersonByHandle(ctx context.Context, handle []byte) (Person, error) {
	all, _ := c.Persons(ctx)
	for _, p := range all {
		if bytes.Equal(p.Handle, handle) {
			return c.Person(ctx, p.ID)
		}
	}
	return Person{}, ErrNobody
}

func (c *crowd) PutPerson(_ context.Context, p Person, _, _, _ string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people[p.ID] = p
	return nil
}

func (c *crowd) UsePasskey(_ context.Context, person string, k Passkey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.people[person].Passkeys {
		if x := &c.people[person].Passkeys[i]; bytes.Equal(x.ID, k.ID) {
			*x = k
		}
	}
	return nil
}

func (c *crowd) PutInvite(_ context.Context, i Invite) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invites[string(i.Hash)] = i
	return nil
}

func (c *crowd) FindInvite(_ context.Context, hash []byte, now time.Time) (Invite, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.invites[string(hash)]
	if !ok || now.After(i.Expires) {
		return Invite{}, ErrInvite
	}
	return i, nil
}

func (c *crowd) TakeInvite(ctx context.Context, hash []byte, now time.Time) error {
	if _, err := c.FindInvite(ctx, hash, now); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.invites, string(hash))
	return nil
}

func (c *crowd) PutSession(_ context.Context, s Session) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[string(s.Hash)] = s
	return nil
}

func (c *crowd) FindSession(_ context.Context, hash []byte) (Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sessions[string(hash)]
	if !ok {
		return s, ErrNobody
	}
	return s, nil
}

func (c *crowd) TouchSession(_ context.Context, hash []byte, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.sessions[string(hash)]; ok {
		s.Used = at
		c.sessions[string(hash)] = s
	}
	return nil
}

func (c *crowd) EndSession(_ context.Context, hash []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, string(hash))
	return nil
}

func (c *crowd) EndSessions(_ context.Context, person string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for h, s := range c.sessions {
		if s.Person == person {
			delete(c.sessions, h)
		}
	}
	return nil
}

// browser is one that visits the console.
type browser struct {
	t      *testing.T
	origin string
	http.Client
}

func (b *browser) post(path string, body any, header ...string) (status int, out map[string]json.RawMessage) {
	b.t.Helper()
	raw, ok := body.(string)
	if !ok {
		j, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		raw = string(j)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), "POST", b.origin+path, strings.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", b.origin)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, out
}

// house is a console that people sign in to.
type house struct {
	t      *testing.T
	people *crowd
	in     *SignIn
	url    string
	now    time.Time
	rp     virtualwebauthn.RelyingParty
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, people: newCrowd(), now: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	h.url = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	h.in = NewSignIn(SignInConfig{Origin: h.url, Local: true, Now: func() time.Time { return h.now }}, h.people)
	if err := h.in.Why(); err != nil {
		t.Fatal(err)
	}
	mux.Handle("/auth/", h.in.Handler())
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		who, err := h.in.Who(r)
		if err != nil {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		if r.Method == "POST" && !h.in.Changes(r, &who) {
			http.Error(w, "not from a page of ours", http.StatusForbidden)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"name": who.Name, "csrf": who.CSRF(), "roles": who.Roles.String()})
	})
	h.rp = virtualwebauthn.RelyingParty{Name: "Sekisho", ID: "localhost", Origin: h.url}
	return h
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{t: h.t, origin: h.url, Client: http.Client{Jar: jar}}
}

func (h *house) invite(name string, roles Role) (person, link string) {
	h.t.Helper()
	p, err := NewPerson(name, roles, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.people.PutPerson(h.t.Context(), p, "test", "add", ""); err != nil {
		h.t.Fatal(err)
	}
	if link, err = InvitePerson(h.t.Context(), h.people, h.url, p.ID, "test", time.Hour, h.now); err != nil {
		h.t.Fatal(err)
	}
	return p.ID, link
}

type key struct {
	virtualwebauthn.Authenticator
	virtualwebauthn.Credential
}

func (h *house) enrol(b *browser, link string, handle []byte) (key, int) {
	h.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		h.t.Fatal(err)
	}
	st, out := b.post("/auth/enrol/begin", map[string]string{"invite": u.Fragment})
	if st != http.StatusOK {
		return key{}, st
	}
	options, err := virtualwebauthn.ParseAttestationOptions(`{"publicKey":` + string(out["options"]) + `}`)
	if err != nil {
		h.t.Fatal(err)
	}
	k := key{virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: handle}), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	st, _ = b.post("/auth/enrol/finish", virtualwebauthn.CreateAttestationResponse(h.rp, k.Authenticator, k.Credential, *options))
	return k, st
}

func (h *house) signIn(b *browser, k *key, change func(response string) string) int {
	h.t.Helper()
	st, out := b.post("/auth/begin", "{}")
	if st != http.StatusOK {
		return st
	}
	options, err := virtualwebauthn.ParseAssertionOptions(`{"publicKey":` + string(out["options"]) + `}`)
	if err != nil {
		h.t.Fatal(err)
	}
	k.Credential.Counter++
	response := virtualwebauthn.CreateAssertionResponse(h.rp, k.Authenticator, k.Credential, *options)
	if change != nil {
		response = change(response)
	}
	st, _ = b.post("/auth/finish", response)
	return st
}

func (b *browser) who() (name, csrf string) {
	b.t.Helper()
	resp, err := b.Get(b.origin + "/who")
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]string
	if resp.StatusCode == http.StatusOK {
		json.NewDecoder(resp.Body).Decode(&out)
	}
	return out["name"], out["csrf"]
}

func TestPasskeys(t *testing.T) {
	h := newHouse(t)
	id, link := h.invite("山田花子", Administrator|Analyst)
	p, _ := h.people.Person(t.Context(), id)
	b := h.browser()
	if name, _ := b.who(); name != "" {
		t.Fatal("somebody is signed in who never was")
	}
	k, st := h.enrol(b, link, p.Handle)
	if st != http.StatusOK {
		t.Fatal(st)
	}
	name, csrf := b.who()
	if name != "山田花子" || csrf == "" {
		t.Errorf("%q %q after enrolling", name, csrf)
	}
	if _, st := h.enrol(h.browser(), link, p.Handle); st != http.StatusForbidden {
		t.Errorf("a link that was used: %d", st)
	}
	// On another machine, with the same passkey.
	other := h.browser()
	if st := h.signIn(other, &k, nil); st != http.StatusOK {
		t.Fatal(st)
	}
	if name, again := other.who(); name != "山田花子" || again == csrf {
		t.Errorf("%q, token %q", name, again)
	}
	for what, c := range map[string]struct {
		header []string
		want   int
	}{
		"with the token":    {[]string{"X-CSRF-Token", csrf}, http.StatusOK},
		"without":           {nil, http.StatusForbidden},
		"with a wrong one":  {[]string{"X-CSRF-Token", csrf[1:] + "x"}, http.StatusForbidden},
		"from another site": {[]string{"X-CSRF-Token", csrf, "Origin", "https://evil.example"}, http.StatusForbidden},
		"from a frame":      {[]string{"X-CSRF-Token", csrf, "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
	} {
		if st, _ := b.post("/who", "{}", c.header...); st != c.want {
			t.Errorf("%s: %d", what, st)
		}
	}
	// What is forged, replayed or copied.
	if st := h.signIn(h.browser(), &k, func(r string) string { return strings.Replace(r, `"signature":"`, `"signature":"AAAA`, 1) }); st != http.StatusForbidden {
		t.Errorf("a forged signature: %d", st)
	}
	stranger := key{virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte("nobody")}), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	if st := h.signIn(h.browser(), &stranger, nil); st != http.StatusForbidden {
		t.Errorf("a stranger's passkey: %d", st)
	}
	copied := k
	copied.Credential.Counter = 0
	if st := h.signIn(h.browser(), &copied, nil); st != http.StatusForbidden {
		t.Errorf("a passkey whose counter went back: %d", st)
	}
	if st, _ := h.browser().post("/auth/finish", "{}"); st != http.StatusForbidden {
		t.Errorf("without a beginning: %d", st)
	}
	if st, _ := h.browser().post("/auth/begin", "{}", "Origin", "https://evil.example"); st != http.StatusForbidden {
		t.Errorf("from another site: %d", st)
	}
	// Time, and an end.
	h.now = h.now.Add(29 * time.Minute)
	if name, _ := other.who(); name == "" {
		t.Error("signed out within the half hour")
	}
	h.now = h.now.Add(31 * time.Minute)
	if name, _ := other.who(); name != "" {
		t.Error("still signed in after half an hour of nothing")
	}
	h.in.tries = NewAttempts(1 << 12)
	if st := h.signIn(other, &k, nil); st != http.StatusOK {
		t.Error(st)
	}
	p, _ = h.people.Person(t.Context(), id)
	p.Disabled = h.now
	h.people.PutPerson(t.Context(), p, "test", "disable", "")
	if name, _ := other.who(); name != "" {
		t.Error("somebody who was disabled is still in")
	}
	if st := h.signIn(h.browser(), &k, nil); st != http.StatusForbidden {
		t.Errorf("somebody who was disabled came in: %d", st)
	}
}

func TestSessionEnds(t *testing.T) {
	h := newHouse(t)
	id, link := h.invite("abe", Care)
	p, _ := h.people.Person(t.Context(), id)
	b := h.browser()
	k, st := h.enrol(b, link, p.Handle)
	if st != http.StatusOK {
		t.Fatal(st)
	}
	if st, _ := b.post("/auth/end", "{}"); st != http.StatusOK {
		t.Error(st)
	}
	if name, _ := b.who(); name != "" {
		t.Error("signed out, and still in")
	}
	if st := h.signIn(b, &k, nil); st != http.StatusOK {
		t.Fatal(st)
	}
	for range 26 { // busy all day
		h.now = h.now.Add(28 * time.Minute)
		b.who()
	}
	if name, _ := b.who(); name != "" {
		t.Error("still in after twelve hours")
	}
	_, late := h.invite("late", Care)
	h.now = h.now.Add(2 * time.Hour)
	if _, st := h.enrol(h.browser(), late, nil); st != http.StatusForbidden {
		t.Errorf("a link that expired: %d", st)
	}
}

func TestWhereNoPasskeys(t *testing.T) {
	for origin, ok := range map[string]bool{
		"http://localhost:8470": true, "https://console.example.jp": true,
		"http://console.example.jp": false, "https://192.0.2.1": false, "": false, "http://127.0.0.1:8470": false,
	} {
		if err := NewSignIn(SignInConfig{Origin: origin, Local: true}, newCrowd()).Why(); (err == nil) != ok {
			t.Errorf("%s: %v", origin, err)
		}
	}
	s := NewSignIn(SignInConfig{Origin: "http://console.example.jp"}, newCrowd())
	r := httptest.NewRequest("POST", "/auth/begin", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "https") {
		t.Error(w.Code, w.Body)
	}
}

func TestRolesAndNames(t *testing.T) {
	r, err := ParseRoles([]string{"care", "auditor"})
	if err != nil || r != Care|Auditor || r.String() != "care auditor" || !r.Any(Auditor|Analyst) || r.Any(Analyst) {
		t.Error(r, err)
	}
	for _, names := range [][]string{nil, {"root"}} {
		if _, err := ParseRoles(names); err == nil {
			t.Errorf("%q was taken", names)
		}
	}
	for _, name := range []string{"", " x", "policy", "a\nb", strings.Repeat("x", 65), "\xff"} {
		if CheckPersonName(name) == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if !errors.Is(CheckPersonName("花子"), nil) {
		t.Error("花子 was refused")
	}
	if len(roleNames) != 4 || roleEnd != 1<<len(roleNames) {
		t.Error("a role without a name")
	}
}

// The demonstration's link lets one browser in, once.
func TestDemonstrate(t *testing.T) {
	h := newHouse(t)
	p, err := NewPerson("demo", Everybody, h.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.people.PutPerson(t.Context(), p, "sekisho", "person-add", ""); err != nil {
		t.Fatal(err)
	}
	_, token, ok := strings.Cut(h.in.Demonstrate(p.ID), "/enter#")
	if !ok {
		t.Fatal("the link has no token")
	}
	if st, _ := h.browser().post("/auth/demo", map[string]string{"token": "x"}); st != http.StatusForbidden {
		t.Errorf("another token: %d", st)
	}
	if st, _ := h.browser().post("/auth/demo", map[string]string{"token": ""}); st != http.StatusForbidden {
		t.Errorf("none: %d", st)
	}
	if st, _ := h.browser().post("/auth/demo", map[string]string{"token": token}); st != http.StatusOK {
		t.Errorf("the token: %d", st)
	}
	if st, _ := h.browser().post("/auth/demo", map[string]string{"token": token}); st != http.StatusForbidden {
		t.Errorf("the token again: %d", st)
	}
}
