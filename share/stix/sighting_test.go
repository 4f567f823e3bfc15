package stix

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/report"
)

func someReport() report.Report {
	return report.Report{ID: "m-1", Channel: report.ShortCode, Medium: report.SMS, Claim: report.Spam, Time: day, Seen: day.Add(-time.Minute), Reporter: "+819099998888",
		Suspect: "+819012345678", To: "+819099997777", Text: "お荷物 \"x\" http://evil.example.com/a", Links: []string{"evil.example.com/b"}, Files: []string{strings.Repeat("0f", 32)}, Language: "ja"}
}

func TestReportAndBack(t *testing.T) {
	mail := someReport()
	mail.Medium, mail.Suspect, mail.Subject = report.Email, "bad@example.com", "至急"
	call := report.Report{ID: "c", Channel: report.Form, Medium: report.Call, Time: day, Suspect: "+81312345678"}
	sender := someReport()
	sender.Suspect, sender.Text = "BANK", ""
	for _, r := range []report.Report{someReport(), mail, call, sender} {
		objects, err := FromReport(grant(t), r, maker, "")
		if err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		if err := WriteBundle(&all, slices.Values(objects)); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(all.Bytes(), []byte("9999")) {
			t.Error("who reported it, or got it, is told")
		}
		objects, err = ReadBundle(&all, Limits{1 << 20, 32, 100})
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(objects)
		got, err := Sighting(objects...)
		if err != nil {
			t.Fatal(err)
		}
		if r.Medium == report.Email {
			r.Language = "" // an email-message has none
		}
		if r.Text == "" {
			r.Language = ""
		}
		links := r.Links
		if len(links) > 0 {
			links = []string{"http://" + links[0]}
		}
		if got.Channel != report.STIX || got.Medium != r.Medium || got.Claim != r.Claim || got.Text != r.Text || got.Subject != r.Subject || got.Suspect != r.Suspect ||
			!slices.Equal(got.Links, links) || !slices.Equal(got.Files, r.Files) || got.Language != r.Language || got.Reporter != "" || !got.Time.Equal(r.Time.Truncate(time.Millisecond)) ||
			len(got.ID) > report.MaxID || got.Cut {
			t.Errorf("%+v of %+v", got, r)
		}
		again, _ := FromReport(grant(t), r, maker, "")
		if r.Text != "" && again[len(again)-1].ID() != got.ID && r.Language != "" {
			t.Error("another identifier the second time")
		}
	}
}

// A giver's clock that runs ahead does not make a report of what is yet to come.
func TestSeenBeforeReported(t *testing.T) {
	r := someReport()
	r.Seen = r.Time.Add(time.Hour)
	objects, err := FromReport(grant(t), r, maker, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Type() == "sighting" && (o.Time("first_seen").After(o.Created()) || !o.Time("last_seen").After(o.Time("first_seen"))) {
			t.Errorf("%s", o.JSON())
		}
	}
}

func TestReportRefused(t *testing.T) {
	honest, empty := someReport(), report.Report{ID: "x", Time: day}
	honest.Claim = report.Honest
	for _, c := range []struct {
		g    purpose.Grant
		r    report.Report
		want error
	}{{purpose.Grant{}, someReport(), ErrGrant}, {grant(t), honest, ErrHonest}, {grant(t), empty, ErrEmpty}} {
		if _, err := FromReport(c.g, c.r, maker, ""); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if _, err := FromReport(grant(t), someReport(), maker, "indicator"); err == nil {
		t.Error("it sights what is no identifier")
	}
}

func TestSightingOfOthers(t *testing.T) {
	parse := func(s string) Object {
		o, err := Parse([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	head := `,"spec_version":"2.1","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-02T00:00:00.000Z"`
	url := parse(`{"type":"url","id":"url--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f","value":"http://evil.example.com/a"}`)
	name := parse(`{"type":"domain-name","id":"domain-name--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f","value":"evil.example.com"}`)
	data := parse(`{"type":"observed-data","id":"observed-data--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"` + head + `,"first_observed":"2026-01-01T00:00:00Z","last_observed":"2026-01-01T00:00:00Z","number_observed":5,
	  "object_refs":["url--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f","domain-name--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f","url--00000000-17d4-5cbf-938f-98ee46b3cd3f"]}`)
	s := `{"type":"sighting","id":"sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"` + head + `,"sighting_of_ref":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"`
	with := parse(s + `,"observed_data_refs":["observed-data--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"]}`)
	r, err := Sighting(url, name, data, with)
	if err != nil || !slices.Equal(r.Links, []string{"http://evil.example.com/a", "evil.example.com"}) || r.Seen.Day() != 1 || r.Claim != report.Fraud {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = Sighting(parse(s+`}`), others(`[url:value = 'http://evil.example.com/a']`, ""))
	if err != nil || !slices.Equal(r.Links, []string{"evil.example.com/a"}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, c := range []struct {
		in   []Object
		want error
	}{{nil, ErrNoSighting}, {[]Object{url}, ErrNoSighting}, {[]Object{parse(s + `}`)}, ErrUnseen}, {[]Object{parse(s + `,"count":0}`), url}, ErrNotSeen}} {
		if _, err := Sighting(c.in...); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if all, refused := Sightings(url, name, data, with, parse(strings.Replace(s, "sighting--8", "sighting--9", 1)+`}`)); len(all) != 1 || refused != 1 {
		t.Errorf("%d reports, %d refused", len(all), refused)
	}
}
