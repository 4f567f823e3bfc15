package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// SignInConfig says how long people stay signed in.
type SignInConfig struct {
	Origin string        // as browsers see the console: https://console.example.jp
	Local  bool          // http://localhost will do: a demonstration, or a test
	Name   string        // of the installation, as a passkey shows it
	Idle   time.Duration // 0: 30 minutes without a request
	Most   time.Duration // 0: 12 hours
	Invite time.Duration // 0: 24 hours, how long a link to enrol holds
	Now    func() time.Time
	Log    *slog.Logger
}

// SignIn lets people in by passkeys (W3C Web Authentication, Level 3), and knows them again by a cookie.
type SignIn struct {
	c      SignInConfig
	people People
	rp     *webauthn.WebAuthn // nil: passkeys are refused, the origin is no https name
	why    error              // of that
	secure bool
	tries  *Attempts

	mu           sync.Mutex
	ceremonies   map[string]ceremony // begun, not finished
	demo         []byte              // hash of the demonstration's token, until it is used
	demonstrates string              // who it lets in
}

// ceremony is a registration or a sign-in that has begun.
type ceremony struct {
	data    webauthn.SessionData
	invite  []byte // hash of the invitation, of a registration
	person  string // of a registration
	expires time.Time
}

// ceremoniesMost bounds how many are begun at once; the oldest make room.
const (
	ceremoniesMost = 4096
	ceremonyFor    = 5 * time.Minute
	bodyMost       = 64 << 10
)

// NewSignIn makes it. An origin that browsers give no passkeys to (no https, and not localhost) leaves sign-in refused, with the reason as Why.
func NewSignIn(c SignInConfig, people People) *SignIn {
	if c.Idle == 0 {
		c.Idle = 30 * time.Minute
	}
	if c.Most == 0 {
		c.Most = 12 * time.Hour
	}
	if c.Invite == 0 {
		c.Invite = 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" {
		c.Name = "Sekisho"
	}
	s := &SignIn{c: c, people: people, tries: NewAttempts(1 << 12), ceremonies: map[string]ceremony{}}
	u, err := url.Parse(c.Origin)
	if err != nil || u.Host == "" {
		s.why = errors.New("console.origin is no address such as https://console.example.jp")
		return s
	}
	host := u.Hostname()
	s.secure = u.Scheme == "https"
	if _, isIP := netip.ParseAddr(host); isIP == nil || !s.secure && !(c.Local && host == "localhost") {
		s.why = errors.New("passkeys need console.origin to be an https name")
		return s
	}
	s.rp, s.why = webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: c.Name, RPOrigins: []string{c.Origin},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	return s
}

// Why says why nobody can sign in by passkey; nil where somebody can.
func (s *SignIn) Why() error { return s.why }

// user makes a Person the library's user.
type user struct{ p *Person }

func (u user) WebAuthnID() []byte          { return u.p.Handle }
func (u user) WebAuthnName() string        { return u.p.Name }
func (u user) WebAuthnDisplayName() string { return u.p.Name }
func (u user) WebAuthnCredentials() (all []webauthn.Credential) {
	for _, k := range u.p.Passkeys {
		var c webauthn.Credential
		if json.Unmarshal(k.Credential, &c) == nil {
			all = append(all, c)
		}
	}
	return all
}

func secret() (text string, hash []byte) {
	b := make([]byte, 32)
	rand.Read(b)
	text = base64.RawURLEncoding.EncodeToString(b)
	return text, hashOf(text)
}

func hashOf(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// NewPerson makes a person who has no passkey yet.
func NewPerson(name string, roles Role, now time.Time) (Person, error) {
	if err := CheckPersonName(name); err != nil {
		return Person{}, err
	}
	p := Person{ID: "p-" + strings.ToLower(rand.Text())[:10], Handle: make([]byte, 64), Name: name, Roles: roles, Created: now.UTC()}
	rand.Read(p.Handle)
	return p, nil
}

// InvitePerson makes a link by which the person enrols a passkey, once. It is shown once and kept nowhere.
func InvitePerson(ctx context.Context, people People, origin, person, by string, valid time.Duration, now time.Time) (link string, err error) {
	text, hash := secret()
	if err := people.PutInvite(ctx, Invite{Hash: hash, Person: person, Expires: now.Add(valid).UTC(), By: by}); err != nil {
		return "", err
	}
	return strings.TrimSuffix(origin, "/") + "/enrol#" + text, nil // behind the #, so that no log of a proxy has it
}

// begin keeps a ceremony, and gives its name for a cookie.
func (s *SignIn) begin(c ceremony) string {
	name, _ := secret()
	now := s.c.Now()
	c.expires = now.Add(ceremonyFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ceremonies) >= ceremoniesMost {
		oldest := ""
		for n, x := range s.ceremonies {
			if now.After(x.expires) {
				delete(s.ceremonies, n)
			} else if oldest == "" || x.expires.Before(s.ceremonies[oldest].expires) {
				oldest = n
			}
		}
		if len(s.ceremonies) >= ceremoniesMost {
			delete(s.ceremonies, oldest)
		}
	}
	s.ceremonies[name] = c
	return name
}

// finish takes a ceremony away: nobody finishes one twice.
func (s *SignIn) finish(name string) (ceremony, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.ceremonies[name]
	delete(s.ceremonies, name)
	return c, ok && s.c.Now().Before(c.expires)
}

// Names of cookies. With the prefix __Host- a browser takes them over https alone, for this host alone.
func (s *SignIn) cookieName(what string) string {
	if s.secure {
		return "__Host-sekisho-" + what
	}
	return "sekisho-" + what
}

func (s *SignIn) setCookie(w http.ResponseWriter, what, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(what), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode})
}

// Handler serves the ceremonies: POST /auth/enrol/begin, /auth/enrol/finish, /auth/begin, /auth/finish, /auth/end and /auth/demo, all in JSON, from pages of
// our own alone.
func (s *SignIn) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/enrol/begin", s.step(s.enrolBegin))
	mux.HandleFunc("POST /auth/enrol/finish", s.step(s.enrolFinish))
	mux.HandleFunc("POST /auth/begin", s.step(s.signInBegin))
	mux.HandleFunc("POST /auth/finish", s.step(s.signInFinish))
	mux.HandleFunc("POST /auth/end", s.step(s.signOut))
	mux.HandleFunc("POST /auth/demo", s.step(s.enterDemo))
	return mux
}

// step answers in JSON, and tells who tries no more than the sentence that is for him.
func (s *SignIn) step(f func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, bodyMost)
		fail := func(status int, err error) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		}
		if !SameOrigin(r, s.c.Origin) || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			fail(http.StatusForbidden, errors.New("sent from another site"))
			return
		}
		if s.rp == nil {
			fail(http.StatusServiceUnavailable, s.why)
			return
		}
		from, _ := netip.ParseAddrPort(r.RemoteAddr)
		try, wait := s.tries.Try(from.Addr(), "console")
		if wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
			fail(http.StatusTooManyRequests, fmt.Errorf("too many tries; again in %v", wait.Round(time.Second)))
			return
		}
		out, err := f(w, r)
		switch {
		case err == nil:
			s.tries.Succeeded(try)
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(out)
		case errors.Is(err, ErrInvite), errors.Is(err, ErrPasskey):
			fail(http.StatusForbidden, err)
		default:
			s.c.Log.Error("sign-in failed for a reason of ours", "err", err)
			fail(http.StatusInternalServerError, errors.New("it does not work just now; try again a little later"))
		}
	}
}

// SameOrigin reports whether a request that changes something comes from a page of ours: by Sec-Fetch-Site where the browser says it, and by
// Origin.
func SameOrigin(r *http.Request, origin string) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin" || site == "none" && r.Header.Get("Origin") == ""
	}
	o := r.Header.Get("Origin")
	return o == "" || o == strings.TrimSuffix(origin, "/")
}

func (s *SignIn) enrolBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Invite string `json:"invite"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, ErrInvite
	}
	invite, err := s.people.FindInvite(r.Context(), hashOf(in.Invite), s.c.Now())
	if err != nil {
		return nil, err
	}
	p, err := s.people.Person(r.Context(), invite.Person)
	if errors.Is(err, ErrNobody) || err == nil && !p.Disabled.IsZero() {
		return nil, ErrInvite
	}
	if err != nil {
		return nil, err
	}
	var known []protocol.CredentialDescriptor
	for _, c := range (user{&p}).WebAuthnCredentials() {
		known = append(known, c.Descriptor())
	}
	creation, data, err := s.rp.BeginRegistration(user{&p}, webauthn.WithExclusions(known))
	if err != nil {
		return nil, err
	}
	s.setCookie(w, "ceremony", s.begin(ceremony{data: *data, invite: invite.Hash, person: p.ID}), int(ceremonyFor/time.Second))
	return map[string]any{"name": p.Name, "options": creation.Response}, nil
}

func (s *SignIn) taken(w http.ResponseWriter, r *http.Request) (ceremony, bool) {
	c, err := r.Cookie(s.cookieName("ceremony"))
	if err != nil {
		return ceremony{}, false
	}
	s.setCookie(w, "ceremony", "", -1)
	return s.finish(c.Value)
}

func (s *SignIn) enrolFinish(w http.ResponseWriter, r *http.Request) (any, error) {
	c, ok := s.taken(w, r)
	if !ok || c.invite == nil {
		return nil, ErrInvite
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, ErrPasskey
	}
	p, err := s.people.Person(r.Context(), c.person)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err != nil {
		return nil, ErrPasskey
	}
	cred, err := s.rp.CreateCredential(user{&p}, c.data, parsed)
	if err != nil {
		return nil, ErrPasskey
	}
	raw, err := json.Marshal(cred)
	if err != nil {
		return nil, err
	}
	now := s.c.Now()
	if err := s.people.TakeInvite(r.Context(), c.invite, now); err != nil { // of two who finish at once one is refused
		return nil, err
	}
	p.Passkeys = append(p.Passkeys, Passkey{ID: cred.ID, Name: fmt.Sprintf("passkey %d", len(p.Passkeys)+1), Created: now.UTC(), Credential: raw})
	if err := s.people.PutPerson(r.Context(), p, p.Name, "passkey-add", "enrolled by an invitation"); err != nil {
		return nil, err
	}
	return s.welcome(w, r, p)
}

func (s *SignIn) signInBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	assertion, data, err := s.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, err
	}
	s.setCookie(w, "ceremony", s.begin(ceremony{data: *data}), int(ceremonyFor/time.Second))
	return map[string]any{"options": assertion.Response}, nil
}

func (s *SignIn) signInFinish(w http.ResponseWriter, r *http.Request) (any, error) {
	c, ok := s.taken(w, r)
	if !ok || c.invite != nil {
		return nil, ErrPasskey
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return nil, ErrPasskey
	}
	var p Person
	var broken error
	_, cred, err := s.rp.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if p, broken = s.people.PersonByHandle(r.Context(), handle); broken != nil {
			return nil, ErrPasskey
		}
		return user{&p}, nil
	}, c.data, parsed)
	if broken != nil && !errors.Is(broken, ErrNobody) {
		return nil, broken
	}
	// A counter that went back is a copy of the passkey (WebAuthn §6.1.1).
	if err != nil || !p.Disabled.IsZero() || cred.Authenticator.CloneWarning {
		return nil, ErrPasskey
	}
	i := slices.IndexFunc(p.Passkeys, func(k Passkey) bool { return string(k.ID) == string(cred.ID) })
	if i < 0 {
		return nil, ErrPasskey
	}
	k := p.Passkeys[i]
	if k.Credential, err = json.Marshal(cred); err != nil {
		return nil, err
	}
	k.Used = s.c.Now().UTC()
	if err := s.people.UsePasskey(r.Context(), p.ID, k); err != nil {
		return nil, err
	}
	return s.welcome(w, r, p)
}

// welcome begins a session.
func (s *SignIn) welcome(w http.ResponseWriter, r *http.Request, p Person) (any, error) {
	if err := s.start(w, r, p.ID, false); err != nil {
		return nil, err
	}
	return map[string]string{"name": p.Name}, nil
}

func (s *SignIn) start(w http.ResponseWriter, r *http.Request, person string, demo bool) error {
	text, hash := secret()
	now := s.c.Now().UTC()
	if err := s.people.PutSession(r.Context(), Session{Hash: hash, Person: person, Created: now, Used: now, Demo: demo}); err != nil {
		return err
	}
	s.setCookie(w, "session", text, int(s.c.Most/time.Second))
	return nil
}

// Demonstrate makes a link that lets one browser in as the demonstration's operator, of `sekisho try`, once.
func (s *SignIn) Demonstrate(person string) (link string) {
	text, hash := secret()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.demo, s.demonstrates = hash, person
	return strings.TrimSuffix(s.c.Origin, "/") + "/enter#" + text
}

func (s *SignIn) enterDemo(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, ErrInvite
	}
	s.mu.Lock()
	ok := len(s.demo) > 0 && subtle.ConstantTimeCompare(s.demo, hashOf(in.Token)) == 1
	if ok {
		s.demo = nil
	}
	s.mu.Unlock()
	if !ok {
		return nil, ErrInvite
	}
	return map[string]string{}, s.start(w, r, s.demonstrates, true)
}

func (s *SignIn) signOut(w http.ResponseWriter, r *http.Request) (any, error) {
	if c, err := r.Cookie(s.cookieName("session")); err == nil {
		if err := s.people.EndSession(r.Context(), hashOf(c.Value)); err != nil {
			return nil, err
		}
	}
	s.setCookie(w, "session", "", -1)
	return map[string]string{}, nil
}

// Signed is who asks, and what his session needs to change something.
type Signed struct {
	Person
	Demo bool
	csrf string
}

// CSRF is the token that forms of his pages carry.
func (s *Signed) CSRF() string { return s.csrf }

// Who tells who is signed in; ErrNobody where nobody is.
func (s *SignIn) Who(r *http.Request) (Signed, error) {
	c, err := r.Cookie(s.cookieName("session"))
	if err != nil {
		return Signed{}, ErrNobody
	}
	hash := hashOf(c.Value)
	ses, err := s.people.FindSession(r.Context(), hash)
	if err != nil {
		return Signed{}, err
	}
	now := s.c.Now()
	if now.Sub(ses.Used) > s.c.Idle || now.Sub(ses.Created) > s.c.Most {
		return Signed{}, errors.Join(ErrNobody, s.people.EndSession(r.Context(), hash))
	}
	p, err := s.people.Person(r.Context(), ses.Person)
	if err != nil {
		return Signed{}, err
	}
	if !p.Disabled.IsZero() {
		return Signed{}, ErrNobody
	}
	if now.Sub(ses.Used) > time.Minute { // not with every request
		if err := s.people.TouchSession(r.Context(), hash, now.UTC()); err != nil {
			return Signed{}, err
		}
	}
	m := hmac.New(sha256.New, []byte(c.Value))
	m.Write([]byte("sekisho csrf"))
	return Signed{Person: p, Demo: ses.Demo, csrf: base64.RawURLEncoding.EncodeToString(m.Sum(nil))}, nil
}

// Changes reports whether a request that changes something comes from a page that this person was given: of our origin, and with his token.
func (s *SignIn) Changes(r *http.Request, who *Signed) bool {
	token := r.Header.Get("X-CSRF-Token")
	if token == "" {
		token = r.PostFormValue("csrf")
	}
	return SameOrigin(r, s.c.Origin) && subtle.ConstantTimeCompare([]byte(token), []byte(who.csrf)) == 1
}
