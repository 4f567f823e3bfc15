// Package misp makes a MISP feed (draft-dulaunoy-misp-core-format): a manifest, an event for each day, and hashes.csv. What was cleared to leave goes in, and
// comes out in the same octets every time.
package misp

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

// Maker is whose feed it is.
type Maker struct {
	Name string
	UUID string
}

// Feed is a feed as it is served. It does not change.
type Feed struct {
	files map[string]file
	n     int
}

type file struct {
	kind, etag   string
	body, zipped []byte
}

type org struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

type tag struct {
	Name   string `json:"name"`
	Colour string `json:"colour"`
}

type attribute struct {
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	Category  string `json:"category"`
	Value     string `json:"value"`
	ToIDs     bool   `json:"to_ids"`
	Deleted   bool   `json:"deleted"`
	Timestamp string `json:"timestamp"`
	First     string `json:"first_seen,omitempty"`
	Last      string `json:"last_seen,omitempty"`
	Comment   string `json:"comment"`
	Tag       []tag  `json:"Tag"`
}

type event struct {
	UUID      string      `json:"uuid"`
	Info      string      `json:"info"`
	Date      string      `json:"date"`
	Timestamp string      `json:"timestamp"`
	Publish   string      `json:"publish_timestamp"`
	Published bool        `json:"published"`
	Analysis  string      `json:"analysis"`
	Threat    string      `json:"threat_level_id"`
	Orgc      org         `json:"Orgc"`
	Tag       []tag       `json:"Tag"`
	Attribute []attribute `json:"Attribute"`
}

// manifest is what the manifest says of an event.
type manifest struct {
	Info      string `json:"info"`
	Date      string `json:"date"`
	Timestamp string `json:"timestamp"`
	Analysis  string `json:"analysis"`
	Threat    string `json:"threat_level_id"`
	Orgc      org    `json:"Orgc"`
	Tag       []tag  `json:"Tag"`
}

// types are the attribute types and categories of kinds.
var types = map[indicator.Kind][2]string{
	indicator.URL: {"url", "Network activity"}, indicator.Host: {"hostname", "Network activity"}, indicator.Domain: {"domain", "Network activity"},
	indicator.Number: {"phone-number", "Person"}, indicator.Range: {"text", "Other"}, indicator.Sender: {"text", "Other"}, indicator.Family: {"text", "Other"},
	indicator.Hash: {"sha256", "Payload delivery"},
}

var comments = map[indicator.Kind]string{
	indicator.Range: "range of telephone numbers", indicator.Sender: "sender ID of texts", indicator.Family: "keyed signature of a text's wording, known in the group",
}

var colours = map[indicator.TLP]string{indicator.TLPClear: "#ffffff", indicator.TLPGreen: "#33ff00", indicator.TLPAmber: "#ffc000", indicator.TLPAmberStrict: "#ffc000"}

// Build makes a feed of items.
func Build(m Maker, items iter.Seq2[share.Item, error]) (*Feed, error) {
	days := map[string][]share.Item{}
	f := &Feed{files: map[string]file{}}
	for i, err := range items {
		if err != nil {
			return nil, err
		}
		if _, ok := types[i.Kind()]; !ok || i.IsZero() {
			continue
		}
		day := i.First().UTC().Format(time.DateOnly)
		days[day] = append(days[day], i)
		f.n++
	}
	us := org(m)
	index := map[string]manifest{}
	var hashes bytes.Buffer
	for _, day := range slices.Sorted(maps.Keys(days)) {
		list := days[day]
		slices.SortFunc(list, func(a, b share.Item) int { return strings.Compare(a.ID(), b.ID()) })
		e := event{UUID: uuid(m.UUID + " " + day), Info: "Fraud by text and mail, first seen " + day, Date: day, Published: true, Analysis: "2", Threat: "2", Orgc: us}
		newest := time.Time{}
		most := indicator.TLPClear
		for _, i := range list {
			e.Attribute = append(e.Attribute, attributeOf(i))
			if i.Changed().After(newest) {
				newest = i.Changed()
			}
			most = max(most, i.TLP())
			sum := md5.Sum([]byte(i.Value())) // the feed format asks for MD5
			fmt.Fprintf(&hashes, "%s,%s\n", hex.EncodeToString(sum[:]), e.UUID)
		}
		e.Timestamp, e.Publish = fmt.Sprint(newest.Unix()), fmt.Sprint(newest.Unix())
		e.Tag = []tag{tlpTag(most)}
		if err := f.put(e.UUID+".json", "application/json", map[string]event{"Event": e}); err != nil {
			return nil, err
		}
		index[e.UUID] = manifest{e.Info, e.Date, e.Timestamp, e.Analysis, e.Threat, us, e.Tag}
	}
	if err := f.put("manifest.json", "application/json", index); err != nil {
		return nil, err
	}
	return f, f.put("hashes.csv", "text/csv", hashes.Bytes())
}

func attributeOf(i share.Item) attribute {
	t := types[i.Kind()]
	value := i.Value()
	if i.Kind() == indicator.URL && !strings.Contains(value, "://") {
		value = "http://" + value
	}
	return attribute{UUID: i.ID(), Type: t[0], Category: t[1], Value: value, ToIDs: !i.Over() && i.Kind() != indicator.Family && i.Kind() != indicator.Sender && i.Kind() != indicator.Range,
		Deleted: i.Withdrawn(), Timestamp: fmt.Sprint(i.Changed().Unix()), First: i.First().UTC().Format(time.RFC3339), Last: i.Last().UTC().Format(time.RFC3339),
		Comment: comments[i.Kind()], Tag: []tag{tlpTag(i.TLP())}}
}

func tlpTag(t indicator.TLP) tag { return tag{"tlp:" + t.String(), colours[t]} }

// uuid is one made of a name (RFC 9562 §5.8), the same for ever.
func uuid(name string) string {
	s := sha256.Sum256([]byte("sekisho misp feed " + name))
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}

func (f *Feed) put(name, kind string, v any) error {
	body, ok := v.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(body)
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed)
	w.Write(body)
	if err := w.Close(); err != nil {
		return err
	}
	f.files[name] = file{kind, `"` + hex.EncodeToString(sum[:12]) + `"`, body, z.Bytes()}
	return nil
}

// Len is how many attributes there are.
func (f *Feed) Len() int { return f.n }

// ServeHTTP serves the file that the last element of the path names.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	x, ok := f.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", x.kind)
	h.Set("ETag", x.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "private, max-age=60")
	if r.Header.Get("If-None-Match") == x.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := x.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = x.zipped
	}
	w.Write(body)
}
