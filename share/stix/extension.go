package stix

import (
	_ "embed"
	"net/http"
	"strconv"
	"time"
)

// ExtensionID is the extension definition by which we tell what STIX has no words for (§7.3).
const ExtensionID = "extension-definition--20c556fc-9f0e-4cfd-a2a0-77064dd468ff"

// Types of cyber-observables that the extension defines. docs/stix-extension.md explains them.
const (
	TypeNumber = "x-sekisho-phone-number"
	TypeRange  = "x-sekisho-number-range"
	TypeSender = "x-sekisho-sender-id"
	TypeFamily = "x-sekisho-text-family"
	TypeText   = "x-sekisho-text-message"
)

// projectID is the identity that the extension definition, and the attack patterns of sightings, are by.
const projectID = "identity--9da22ab9-d364-49d9-9167-c22e499bd288"

// space is the namespace of our identifiers that are made from content: the extension's UUID.
var space = [16]byte{0x20, 0xc5, 0x56, 0xfc, 0x9f, 0x0e, 0x4c, 0xfd, 0xa2, 0xa0, 0x77, 0x06, 0x4d, 0xd4, 0x68, 0xff}

// published is when the extension was first defined; what is made by the project carries it.
const published = "2026-01-15T00:00:00.000Z"

// Extension is the extension definition and the identity that made it. They go into a collection beside what uses them.
func Extension() ([]Object, error) {
	w := begin("identity", projectID)
	w.str("created", published)
	w.str("modified", published)
	w.str("name", "Sekisho")
	w.str("description", "An open anti-smishing checkpoint for mobile operators.")
	w.str("identity_class", "group")
	project, err := w.object()
	if err != nil {
		return nil, err
	}
	w = begin("extension-definition", ExtensionID)
	w.str("created_by_ref", projectID)
	w.str("created", published)
	w.str("modified", published)
	w.str("name", "Sekisho: telephone numbers, sender IDs and text messages")
	w.str("description", "Cyber-observables for smishing: telephone numbers and ranges of them, sender IDs, text messages, families of texts; and what an indicator or a sighting of them says.")
	w.str("schema", "https://github.com/sekisho/sekisho/blob/main/docs/stix-extension.md")
	w.str("version", "1.0.0")
	w.strs("extension_types", "new-sco", "property-extension")
	ext, err := w.object()
	if err != nil {
		return nil, err
	}
	return []Object{project, ext}, nil
}

//go:embed extension.schema.json
var schema []byte

// Schema is the extension's JSON Schema (draft 2020-12).
func Schema() []byte { return schema }

// SchemaHandler serves Schema.
func SchemaHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/schema+json")
		h.Set("Content-Length", strconv.Itoa(len(schema)))
		h.Set("Cache-Control", "public, max-age=86400")
		if r.Method == http.MethodGet {
			w.Write(schema)
		}
	})
}

// newObservable builds a cyber-observable. Its identifier is made from its properties (§2.9).
func newObservable(kind string, fill func(*builder)) (Object, error) {
	w := &builder{b: []byte{'{'}}
	fill(w)
	w.shut()
	id, err := ObservableID(kind, w.b)
	if err != nil {
		return Object{}, err
	}
	w = begin(kind, id)
	fill(w)
	switch kind {
	case TypeNumber, TypeRange, TypeSender, TypeFamily, TypeText:
		w.open("extensions")
		w.open(ExtensionID)
		w.str("extension_type", "new-sco")
		w.shut()
		w.shut()
	}
	return w.object()
}

// Observable is a cyber-observable that is a value alone: url, domain-name, x-sekisho-phone-number.
func Observable(kind, value string) (Object, error) {
	return newObservable(kind, func(w *builder) { w.str("value", value) })
}

// Maker is who makes what we send: the operator.
type Maker struct {
	ID      string    // a UUID, for ever
	Name    string    // as others shall read it
	Since   time.Time // when it first made anything
	Contact string    // may be empty
}

// Ref is the maker's identifier.
func (m Maker) Ref() string { return "identity--" + m.ID }

// Object is the maker's identity (§4.5).
func (m Maker) Object() (Object, error) {
	w := begin("identity", m.Ref())
	w.time("created", m.Since)
	w.time("modified", m.Since)
	w.str("name", m.Name)
	w.str("identity_class", "organization")
	w.strs("sectors", "telecommunications")
	w.opt("contact_information", m.Contact)
	return w.object()
}
