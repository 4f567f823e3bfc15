package inspect

import "github.com/sekisho/sekisho/message"

// Site is what is known of a host before it is called bad: a person has to be asked where it is Official or Popular, and the host itself is not meant
// where it is Shared.
type Site struct {
	Official bool // of a brand
	Popular  bool // many people go there
	Shared   bool // anybody may have a link or a page there, beside everybody else's: a shortener, a host of pages
}

// Site tells of a host, in small ASCII letters.
func (in *Inspector) Site(host string) Site {
	s, h := in.now.Load(), []byte(host)
	k := s.hosts[host]
	return Site{Official: len(s.brands.official(h)) > 0, Popular: s.popular.has([]byte(message.RegistrableDomain(host))), Shared: k != 0 || s.hosts.kind(h)&hostShortener != 0}
}
