package inspect

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

//go:embed brands.jsonl
var embeddedBrands []byte

// Brand is a name that fraud borrows, and what is truly its own. The file has one a line:
//
//	{"name": "ヤマト運輸", "kind": "courier", "aliases": ["ヤマト運輸", "宅急便センター"], "heads": ["ヤマト"],
//	 "domains": ["kuronekoyamato.co.jp"], "senders": ["ヤマト運輸"]}
type Brand struct {
	Name string `json:"name"` // as people are shown it
	Kind string `json:"kind"` // one of brandKinds
	// Aliases name the brand wherever they stand. Heads are names that are words too (au, line, ana):
	// they count only where a text says who it is from: at its head, in brackets there, as the sender.
	Aliases []string `json:"aliases"`
	Heads   []string `json:"heads"`
	Domains []string `json:"domains"` // official; a host below one is official too
	Senders []string `json:"senders"` // official sender IDs and numbers, where public
}

// brandKinds are the trades. On the domains of a service everybody can have a page, so that they vouch
// only for the service itself.
var brandKinds = []string{"bank", "card", "pay", "lender", "courier", "carrier", "isp", "shop", "service", "rail", "air",
	"travel", "utility", "government", "securities", "crypto", "insurance", "game"}

// Brands is a checked list of brands.
type Brands struct {
	list    []Brand
	domains map[string][]uint16 // official domain: brands
	senders map[string][]uint16 // sender as subject.Address writes it: brands
	labels  map[string]uint16   // the name within an official domain: its brand
	words   []phrase
}

// All are the brands, in the order of the file.
func (b *Brands) All() []Brand { return b.list }

// EmbeddedBrands is the file of brands that is shipped.
func EmbeddedBrands() []byte { return embeddedBrands }

const maxBrands = 20000

// ReadBrands reads a file of brands, one JSON object a line; lines that start with # are remarks. It
// takes nothing in doubt: an error names the file, the line and what is wrong.
func ReadBrands(name string, in io.Reader) (*Brands, error) {
	b := &Brands{domains: map[string][]uint16{}, senders: map[string][]uint16{}, labels: map[string]uint16{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<10)
	names := map[string]bool{}
	n := 0
	for lines.Scan() {
		n++
		raw := bytes.TrimSpace(lines.Bytes())
		if len(raw) == 0 || raw[0] == '#' {
			continue
		}
		var brand Brand
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		err := d.Decode(&brand)
		if err == nil && d.InputOffset() != int64(len(raw)) {
			err = errors.New("more than one object in the line")
		}
		if err == nil && names[brand.Name] {
			err = fmt.Errorf("brand %q stands twice", brand.Name)
		}
		if err == nil && len(b.list) == maxBrands {
			err = fmt.Errorf("more than %d brands", maxBrands)
		}
		if err == nil {
			err = b.add(brand)
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", name, n, err)
		}
		names[brand.Name] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s line %d: %w", name, n+1, err)
	}
	if len(b.list) == 0 {
		return nil, fmt.Errorf("%s: no brands", name)
	}
	return b, nil
}

func (b *Brands) add(brand Brand) error {
	at := uint16(len(b.list))
	switch {
	case strings.TrimSpace(brand.Name) == "":
		return errors.New("a brand without a name")
	case !slices.Contains(brandKinds, brand.Kind):
		return fmt.Errorf("brand %q: unknown kind %q: one of %s", brand.Name, brand.Kind, strings.Join(brandKinds, ", "))
	case len(brand.Aliases)+len(brand.Heads) == 0:
		return fmt.Errorf("brand %q: neither aliases nor heads", brand.Name)
	case len(brand.Domains) == 0:
		return fmt.Errorf("brand %q: no official domain", brand.Name)
	}
	var f message.Folded
	for _, domain := range brand.Domains {
		if err := checkDomain(domain); err != nil {
			return fmt.Errorf("brand %q: %w", brand.Name, err)
		}
		if other := b.domains[domain]; len(other) > 0 {
			owner := brand.Name
			if int(other[0]) < len(b.list) {
				owner = b.list[other[0]].Name
			}
			return fmt.Errorf("brand %q: the official domain %s is claimed by %q already", brand.Name, domain, owner)
		}
		b.domains[domain] = []uint16{at}
		if err := b.label(&f, domain, at); err != nil {
			return fmt.Errorf("brand %q: %w", brand.Name, err)
		}
	}
	for _, list := range [][]string{brand.Aliases, brand.Heads} {
		head := len(list) > 0 && len(brand.Heads) > 0 && &list[0] == &brand.Heads[0]
		for _, alias := range list {
			if err := b.word(&f, alias, head, at); err != nil {
				return fmt.Errorf("brand %q: %w", brand.Name, err)
			}
		}
	}
	for _, s := range brand.Senders {
		a, err := subject.ParseAddress(s, subject.Japan)
		if err != nil {
			return fmt.Errorf("brand %q: sender %q: %w", brand.Name, s, err)
		}
		b.senders[a.String()] = append(b.senders[a.String()], at)
	}
	b.list = append(b.list, brand)
	return nil
}

// word adds an alias as it looks when folded; of a name in Latin letters with spaces also without.
func (b *Brands) word(f *message.Folded, alias string, head bool, at uint16) error {
	folded := foldString(f, alias)
	if len(folded) < 2 || len(folded) < 6 && folded[0] >= 0x80 {
		return fmt.Errorf("the alias %q is too short to be told from other words", alias)
	}
	if !head && len(folded) < 4 {
		return fmt.Errorf("the alias %q is short: write it under heads", alias)
	}
	kind := phraseBrand
	if head {
		kind = phraseBrandHead
	}
	b.words = append(b.words, phrase{text: folded, kind: kind, id: at})
	if tight := strings.ReplaceAll(folded, " ", ""); tight != folded && len(tight) >= 6 {
		b.words = append(b.words, phrase{text: tight, kind: kind, id: at})
	}
	return nil
}

// label keeps the name within an official domain ("kuronekoyamato" of kuronekoyamato.co.jp), by which
// look-alikes are told. Names that are words, or short, are like too much.
func (b *Brands) label(f *message.Folded, domain string, at uint16) error {
	f.Fold([]byte("https://www." + domain + "/"))
	if len(f.Links) != 1 || string(f.Links[0].Host) != "www."+domain {
		return fmt.Errorf("the official domain %q is no domain that a link can lead to", domain)
	}
	if len(f.Links[0].Domain) > len(domain) {
		return fmt.Errorf("the official domain %q is a public suffix", domain)
	}
	name, _, _ := strings.Cut(string(f.Links[0].Domain), ".")
	if _, ok := b.labels[name]; !ok && len(name) >= 3 && !slices.Contains(commonLabels, name) {
		b.labels[name] = at
	}
	return nil
}

// commonLabels are names of official domains that are also everyday words, places or trades.
var commonLabels = []string{"orange", "chase", "canada", "office", "outlook", "matsui", "digital", "three", "nomura", "daiwa",
	"promise", "overheid", "metro", "kraken", "ledger", "customs", "police", "recruit", "square", "allegro", "caixa", "shinhan",
	"lloyds", "live", "post", "line", "dana", "zoll", "citi", "meta", "ing", "etc", "ana", "ups", "att", "pia", "visa",
	"bpost", "poste", "cash", "box", "olx", "steam", "anz", "nhs", "caf", "dgt", "seg", "gov", "vic", "bni", "bri", "seino",
	"globe", "inter", "ms-ins", "spo", "nts", "isa", "cas", "lta", "moj", "npa", "boj", "nta", "booking", "stadium", "land",
	"halifax", "venmo", "airtel", "eltax", "onamae", "interac", "viewsnet",
	"uber", "www", "tax", "service", "family", "tokyo", "sparkasse", "volksbank", "goo", "telegram", "mobile", "ymobile",
	"paytm", "seguros", "xserver", "mercado", "cloud", "bank", "tmall", "postal", "energia", "smile-etc", "efine", "nets"}

func checkDomain(d string) error {
	if d == "" {
		return errors.New("an empty domain")
	}
	for i := 0; i < len(d); i++ {
		c := d[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return fmt.Errorf("the domain %q is not written in small ASCII letters (IDN as xn--)", d)
		}
	}
	if !strings.Contains(d, ".") || strings.Contains(d, "..") || strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") {
		return fmt.Errorf("the domain %q is none", d)
	}
	return nil
}

// official reports whether the host is the domain of a brand or below it, and of which brands.
func (b *Brands) official(host []byte) []uint16 {
	for {
		if ids, ok := b.domains[string(host)]; ok {
			return ids
		}
		i := bytes.IndexByte(host, '.')
		if i < 0 {
			return nil
		}
		host = host[i+1:]
	}
}

// owns reports whether the host belongs to the brand: a more special domain may belong to a daughter
// (dcard.docomo.ne.jp), and is its mother's too.
func (b *Brands) owns(id uint16, host []byte) bool {
	for {
		for _, x := range b.domains[string(host)] {
			if x == id {
				return true
			}
		}
		i := bytes.IndexByte(host, '.')
		if i < 0 {
			return false
		}
		host = host[i+1:]
	}
}

func foldString(f *message.Folded, s string) string {
	f.Fold([]byte(s))
	return strings.TrimSpace(string(f.Text))
}
