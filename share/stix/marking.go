package stix

import (
	"fmt"

	"github.com/sekisho/sekisho/indicator"
)

// tlpExtension defines TLP 2.0 in STIX 2.1. It and the five markings are those of the OASIS CTI TC's common object repository: everybody names
// the same ones, and nobody makes their own.
const tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// tlpMarkings are the markings of TLP 2.0.
var tlpMarkings = [...]struct {
	tlp      indicator.TLP
	id, name string
}{
	{indicator.TLPClear, "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR"},
	{indicator.TLPGreen, "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN"},
	{indicator.TLPAmber, "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER"},
	{indicator.TLPAmberStrict, "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT"},
	{indicator.TLPRed, "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED"},
}

// tlpOld are the markings of TLP 1.0, which STIX 2.1 §7.2.1.4 defines and others still send. White became clear.
var tlpOld = map[string]indicator.TLP{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": indicator.TLPClear,
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": indicator.TLPGreen,
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": indicator.TLPAmber,
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": indicator.TLPRed,
}

// Marking is the marking definition of a TLP, as the repository has it. What is not said is amber.
func Marking(t indicator.TLP) (Object, error) {
	for _, m := range tlpMarkings {
		if m.tlp != orAmber(t) {
			continue
		}
		w := &builder{b: []byte{'{'}}
		w.str("type", "marking-definition")
		w.str("spec_version", "2.1")
		w.str("id", m.id)
		w.str("created", "2022-10-01T00:00:00.000Z")
		w.str("name", m.name)
		w.open("extensions")
		w.open(tlpExtension)
		w.str("extension_type", "property-extension")
		w.str("tlp_2_0", m.tlp.String())
		w.shut()
		w.shut()
		return w.object()
	}
	return Object{}, fmt.Errorf("marking: %v is no TLP", t)
}

func orAmber(t indicator.TLP) indicator.TLP {
	if t == indicator.TLPUnset {
		return indicator.TLPAmber
	}
	return t
}

func markingID(t indicator.TLP) string {
	for _, m := range tlpMarkings {
		if m.tlp == orAmber(t) {
			return m.id
		}
	}
	return ""
}

// TLP is the strictest TLP among the object's markings, 2.0 or 1.0; unset where none is one. Where some marking is none that we know, it is
// amber at least: whoever marked it wanted it kept.
func TLP(o Object) indicator.TLP {
	t := indicator.TLPUnset
	for _, id := range o.markings {
		m, ok := tlpOld[id]
		for _, d := range tlpMarkings {
			if d.id == id {
				m, ok = d.tlp, true
			}
		}
		if !ok {
			m = indicator.TLPAmber
		}
		t = max(t, m)
	}
	return t
}
