package rule

import (
	"unsafe"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Feature is a name that expressions may use.
type Feature struct {
	Name string
	Type string // string, int, double, bool or list(string)
	What string
	text func(*input) []byte
	num  func(*input) int64
	real func(*input) float64
	list func(*input, int) ([]byte, bool) // the i-th element, false behind the last
	size int                              // octets of a string, elements of a list, at most
}

// Features are all names that expressions may use, with what they mean.
func Features() []Feature { return features }

// elements are the longest elements of lists, in octets: a name of the DNS (RFC 1035 §2.3.4), a number (E.164 and a prefix), a name of
// ours; all others are as long as a text.
var elements = map[string]uint64{"hosts": 255, "domains": 255, "numbers": 17, "findings": 64, "lures": 32, "brands": 128}

var features = []Feature{
	{Name: "text", Type: "string", What: "the text as a reader sees it: small letters, one width, disguises undone", size: message.MaxText,
		text: func(in *input) []byte { return in.r.Folded.Text }},
	{Name: "length", Type: "int", What: "octets of the text as it was written, in UTF-8", num: func(in *input) int64 { return int64(len(in.m.Text)) }},
	{Name: "from", Type: "string", What: "the sender: +E.164, the digits of a short code, or letters", size: subject.MaxAddress,
		text: func(in *input) []byte { return in.m.From.Bytes() }},
	{Name: "from_kind", Type: "string", What: "line, short, alphanumeric or none", size: 12,
		text: func(in *input) []byte { return kinds[min(int(in.m.From.Kind()), len(kinds)-1)] }},
	{Name: "route", Type: "string", What: "p2p, a2p, intl, mail or unset", size: 5,
		text: func(in *input) []byte { return routes[min(int(in.m.Route), len(routes)-1)] }},
	{Name: "account", Type: "string", What: "who handed the message in: the account's name", size: 256, text: func(in *input) []byte { return octets(in.m.Account) }},
	{Name: "parts", Type: "int", What: "parts of a long message; 1 for a single one", num: func(in *input) int64 { return int64(max(in.m.Parts, 1)) }},
	{Name: "hosts", Type: "list(string)", What: "hosts of the links, IDN as xn--", size: message.MaxLinks, list: func(in *input, i int) ([]byte, bool) {
		if i >= len(in.r.Folded.Links) {
			return nil, false
		}
		return in.r.Folded.Links[i].Host, true
	}},
	{Name: "domains", Type: "list(string)", What: "their registrable domains", size: message.MaxLinks, list: func(in *input, i int) ([]byte, bool) {
		if i >= len(in.r.Folded.Links) {
			return nil, false
		}
		return in.r.Folded.Links[i].Domain, true
	}},
	{Name: "urls", Type: "list(string)", What: "the links without scheme: host, port, path", size: message.MaxLinks, list: func(in *input, i int) ([]byte, bool) {
		if i >= len(in.r.Folded.Links) {
			return nil, false
		}
		return in.r.Folded.Links[i].URL, true
	}},
	{Name: "numbers", Type: "list(string)", What: "digits of the telephone numbers in the text, as they are written", size: message.MaxNumbers, list: func(in *input, i int) ([]byte, bool) {
		if i >= len(in.r.Folded.Numbers) {
			return nil, false
		}
		return in.r.Folded.Numbers[i].Raw, true
	}},
	{Name: "findings", Type: "list(string)", What: "names of the rules that were met: shortener, brand-not-its-link...", size: 64, list: func(in *input, i int) ([]byte, bool) {
		if i >= in.found {
			return nil, false
		}
		return octets(in.r.Findings[i].Rule.Name), true
	}},
	{Name: "lures", Type: "list(string)", What: "what the text wants and tells: 'want follow', 'story parcel', 'tone urgent', 'mark warn'...", size: 64,
		list: func(in *input, i int) ([]byte, bool) { return in.r.Lure(i) }},
	{Name: "brands", Type: "list(string)", What: "brands that the text claims to come from", size: 8,
		list: func(in *input, i int) ([]byte, bool) { return in.r.Claim(i) }},
	{Name: "phishing", Type: "double", What: "the classifier's log-odds of phishing against ham, before findings", real: func(in *input) float64 { return float64(in.r.Phishing) }},
	{Name: "spam", Type: "double", What: "the same of spam", real: func(in *input) float64 { return float64(in.r.Spam) }},
}

// octets are those of a string, which nobody writes to.
func octets(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

var (
	kinds  = [][]byte{[]byte("none"), []byte("line"), []byte("short"), []byte("alphanumeric")}
	routes = [][]byte{[]byte("unset"), []byte("p2p"), []byte("a2p"), []byte("intl"), []byte("mail")}
)

func feature(name string) *Feature {
	for i := range features {
		if features[i].Name == name {
			return &features[i]
		}
	}
	return nil
}

func environment() (*cel.Env, error) {
	types := map[string]*cel.Type{"string": cel.StringType, "int": cel.IntType, "double": cel.DoubleType, "bool": cel.BoolType, "list(string)": cel.ListType(cel.StringType)}
	var options []cel.EnvOption
	for _, f := range features {
		options = append(options, cel.Variable(f.Name, types[f.Type]))
	}
	return cel.NewEnv(options...)
}

// sizes tells CEL's estimate how large features can be.
type sizes struct{}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	p := n.Path()
	if len(p) == 0 {
		return nil
	}
	f := feature(p[0])
	if f == nil {
		return nil
	}
	if len(p) > 1 { // an element of a list
		if n, ok := elements[f.Name]; ok {
			return &cost.SizeEstimate{Max: n}
		}
		return &cost.SizeEstimate{Max: message.MaxText}
	}
	return &cost.SizeEstimate{Max: uint64(f.size)}
}
