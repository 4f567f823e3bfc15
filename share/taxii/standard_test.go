package taxii

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// TestStandard asks every request of TAXII 2.1, as the section named has it.
func TestStandard(t *testing.T) {
	objects := "/api1/collections/" + colBoth + "/objects/"
	manifest := "/api1/collections/" + colBoth + "/manifest/"
	one := objects + idIndicator + "/"
	newIndicator := `{"type":"indicator","spec_version":"2.1","id":"indicator--aaaaaaaa-8042-4166-8945-51178443bdac","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z"}`
	envelope := func(o ...string) string { return `{"objects":[` + strings.Join(o, ",") + `]}` }
	for _, c := range []struct {
		section, request, body string
		status                 int
		ids                    string // of the envelope; not looked at where empty
		has                    string // a regular expression that the body matches
		header                 string // name: value that the response has
	}{
		// 3.1 endpoints, 1.6.8 negotiation
		{"3.1 no slash at the end", get("/taxii2"), "", 404, "", `"http_status":"404"`, "Content-Type: " + MediaType},
		{"3.1 no slash at the end", get("/api1/collections"), "", 404, "", "", ""},
		{"3.1 unknown", get("/api1/channels/"), "", 404, "", `"title":`, ""},
		{"3.1 unknown root", get("/api9/"), "", 404, "", "", ""},
		{"3.1 empty part", get("/api1//collections/"), "", 404, "", "", ""},
		{"3.1 method", post("/taxii2/", "reader"), "{}", 405, "", "", "Allow: GET"},
		{"3.1 method", del("/api1/collections/"+colBoth+"/objects/", "both"), "", 405, "", "", "Allow: GET, POST"},
		{"1.6.8 no version", strings.Replace(get("/api1/"), ";version=2.1", "", 1), "", 200, "", "", "Content-Type: " + MediaType},
		{"1.6.8 beside others", strings.Replace(get("/api1/"), "application/taxii", "text/html, application/taxii", 1), "", 200, "", "", ""},
		{"5.3 the manifest's own Accept", strings.Replace(get(manifest), "=2.1", "=2.1,application/stix+json;version=2.1", 1), "", 200, "", "", ""},
		{"1.6.8 any", strings.Replace(get("/api1/"), "application/taxii+json;version=2.1", "*/*", 1), "", 200, "", "", ""},
		{"1.6.8 other version", strings.Replace(get("/api1/"), "=2.1", "=2.0", 1), "", 406, "", `"http_status":"406"`, ""},
		{"1.6.8 other type", strings.Replace(get("/api1/"), "application/taxii+json;version=2.1", "application/xml", 1), "", 406, "", "", ""},
		{"1.6.8 refused type", strings.Replace(get("/api1/"), "=2.1", "=2.1;q=0", 1), "", 406, "", "", ""},
		{"3.1 no Accept", strings.Replace(get("/api1/"), accept, "", 1), "", 406, "", "", ""},
		{"8.2.1 no User-Agent", get("/taxii2/"), "", 200, "", "", ""},
		// 8.2.2, 1.6.9 authentication
		{"5.1 unauthenticated", strings.Replace(get("/api1/collections/"), as("reader"), "", 1), "", 401, "", `"http_status":"401"`, `WWW-Authenticate: Basic realm="TAXII", charset="UTF-8"`},
		{"5.4 wrong password", strings.Replace(get(objects), as("reader"), "\nAuthorization: Basic eDp5", 1), "", 401, "", "", ""},
		{"4.1 unauthenticated", strings.Replace(get("/taxii2/"), as("reader"), "", 1), "", 401, "", "", ""},
		{"5.5 unauthenticated", strings.Replace(post(objects, "both"), as("both"), "", 1), envelope(newIndicator), 401, "", "", ""},
		{"5.7 unauthenticated", strings.Replace(del(one, "both"), as("both"), "", 1), "", 401, "", "", ""},
		// 4 server information
		{"4.1", get("/taxii2/"), "", 200, "", `^\{"title":"Sekisho","description":"Indicators","contact":"noc@example.com","default":"/api1/","api_roots":\["/api1/","/api1/inner/"\]\}$`, "Content-Type: " + MediaType},
		{"4.2", get("/api1/"), "", 200, "", `^\{"title":"Partners","description":"d","versions":\["application/taxii\+json;version=2.1"\],"max_content_length":4000\}$`, "Content-Type: " + MediaType},
		{"4.2 a root below another", get("/api1/inner/"), "", 200, "", `"title":"Inner"`, ""},
		{"4.3 unknown", get("/api1/status/2d086da7-4bdc-4f91-900e-d77486753710/"), "", 404, "", `"http_status":"404"`, ""},
		// 5.1, 5.2 collections
		{"5.1", get("/api1/collections/"), "", 200, "", `^\{"collections":\[\{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"High value","description":"d","alias":"high-value","can_read":true,"can_write":false,"media_types":\["application/stix\+json;version=2.1"\]\},`, ""},
		{"5.1 nothing for this caller", strings.Replace(get("/api1/collections/"), as("reader"), as("stranger"), 1), "", 200, "", `^\{\}$`, ""},
		{"5.2", get("/api1/collections/" + colRead + "/"), "", 200, "", `^\{"id":"52892447-4d7e-4f70-b94d-d7f22742ff63","title":"To read","can_read":true,"can_write":false\}$`, ""},
		{"5.2.1 alias", get("/api1/collections/high-value/"), "", 200, "", `"id":"91a7b528`, ""},
		{"5.2 hidden", get("/api1/collections/" + colWrite + "/"), "", 404, "", "", ""},
		{"5.2 unknown", get("/api1/collections/00000000-4d7e-4f70-b94d-d7f33742ee63/"), "", 404, "", "", ""},
		// 5.4 objects, 3.2 headers, 3.3 order
		{"5.4", get(objects + "?limit=6"), "", 200, "malware|three|url|new|identity", "", "X-TAXII-Date-Added-First: " + date(1)},
		{"3.2", get(objects + "?limit=6"), "", 200, "", "", "X-TAXII-Date-Added-Last: " + date(7)},
		{"5.4 alias", get("/api1/collections/high-value/objects/"), "", 200, "malware|three|url|new|identity", "", ""},
		{"5.4 nothing there", get("/api1/collections/" + colEmpty + "/objects/"), "", 200, "", `^\{\}$`, "X-TAXII-Date-Added-Last: 1970-01-01T00:00:00.000000Z"},
		{"5.4 not to read", strings.Replace(get("/api1/collections/"+colWrite+"/objects/"), as("reader"), as("writer"), 1), "", 403, "", "", ""},
		{"5.4 HEAD", strings.Replace(get(objects), "GET", "HEAD", 1), "", 200, "", `^$`, "X-TAXII-Date-Added-First: " + date(1)},
		// 3.4 filters
		{"3.4 added_after", get(objects + "?added_after=" + date(3)), "", 200, "new|identity", "", ""},
		{"3.4 added_after between", get(objects + "?added_after=2026-04-01T12:00:02.999999Z"), "", 200, "url|new|identity", "", ""},
		{"3.4 added_after the last", get(objects + "?added_after=" + date(7)), "", 200, "", `^\{\}$`, "X-TAXII-Date-Added-Last: " + date(7)},
		{"3.4 added_after malformed", get(objects + "?added_after=yesterday"), "", 400, "", `"http_status":"400"`, ""},
		{"3.4 added_after twice", get(objects + "?added_after=" + date(3) + "&added_after=" + date(3)), "", 400, "", "", ""},
		{"3.4 limit", get(objects + "?limit=2"), "", 200, "malware|three|more", `"next":"`, "X-TAXII-Date-Added-Last: " + date(2)},
		{"3.4 limit of all", get(objects + "?limit=5"), "", 200, "malware|three|url|new|identity", "", ""},
		{"3.4 the server's limit", get(objects + "?limit=999&match[version]=all"), "", 200, "one|malware|three|url|new|two, late|more", "", ""},
		{"3.4 limit 0", get(objects + "?limit=0"), "", 400, "", "", ""},
		{"3.4 limit -1", get(objects + "?limit=-1"), "", 400, "", "", ""},
		{"3.4 limit a", get(objects + "?limit=a"), "", 400, "", "", ""},
		{"3.4 limit 2^70", get(objects + "?limit=1180591620717411303424"), "", 400, "", "", ""},
		{"3.4 next malformed", get(objects + "?next=abc"), "", 400, "", "", ""},
		{"3.4 malformed", get(objects + "?limit=%zz"), "", 400, "", "", ""},
		{"3.4 what is not defined", get(objects + "?x=1&match[confidence]=3"), "", 200, "malware|three|url|new|identity", "", ""},
		{"3.4 together", get(objects + "?match[type]=indicator,url&added_after=" + date(2)), "", 200, "url", "", ""},
		{"3.4 a field twice", get(objects + "?match[type]=indicator&match[type]=url"), "", 400, "", "", ""},
		{"3.4 in percent form", get(objects + "?match%5Btype%5D=url"), "", 200, "url", "", ""},
		{"3.4.1 id", get(objects + "?match[id]=" + idURL), "", 200, "url", "", ""},
		{"3.4.1 ids", get(objects + "?match[id]=" + idURL + "," + idIndicator), "", 200, "three|url", "", ""},
		{"3.4.1 id unknown", get(objects + "?match[id]=url--00000000-2a8b-5d2f-8a2a-8a0f4d9d7a11"), "", 200, "", `^\{\}$`, ""},
		{"3.4.1 id malformed", get(objects + "?match[id]=x"), "", 400, "", "", ""},
		{"3.4.1 id in capitals", get(objects + "?match[id]=identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"), "", 200, "identity", `"id":"identity--F431F809`, ""},
		{"3.4.1 type", get(objects + "?match[type]=malware"), "", 200, "malware", "", ""},
		{"3.4.1 type of STIX that is not there", get(objects + "?match[type]=threat-actor"), "", 200, "", `^\{\}$`, ""},
		{"3.4.1 other type", get(objects + "?match[type]=x-some-type"), "", 200, "", `^\{\}$`, ""},
		{"3.4.1 type malformed", get(objects + "?match[type]=A!"), "", 400, "", "", ""},
		{"3.4.1 last", get(objects + "?match[version]=last&match[type]=indicator"), "", 200, "three", "", ""},
		{"3.4.1 first", get(objects + "?match[version]=first&match[type]=indicator"), "", 200, "one", "", ""},
		{"3.4.1 all", get(objects + "?match[version]=all&match[type]=indicator"), "", 200, "one|three|two, late", "", ""},
		{"3.4.1 first and last", get(objects + "?match[version]=last,first&match[type]=indicator"), "", 200, "one|three", "", ""},
		{"3.4.1 value", get(objects + "?match[version]=2026-01-02T00:00:00.000Z"), "", 200, "two, late", "", ""},
		{"3.4.1 value written otherwise", get(objects + "?match[version]=2026-01-02T00:00:00Z"), "", 200, "two, late", "", ""},
		{"3.4.1 first, value and last", get(objects + "?match[version]=first,2026-01-02T00:00:00.000Z,last&match[id]=" + idIndicator), "", 200, "one|three|two, late", "", ""},
		{"3.4.1 two values", get(objects + "?match[version]=2026-01-02T00:00:00.000Z,2026-01-05T00:00:00.000Z"), "", 200, "malware|two, late", "", ""},
		{"3.4.1 fine value", get(objects + "?match[version]=2026-01-05T00:00:00.123456789Z"), "", 200, "identity", "", ""},
		{"3.4.1 the version of what has none", get(objects + "?match[version]=" + NoVersion), "", 200, "url", "", ""},
		{"3.4.1 all beside another", get(objects + "?match[version]=all,last"), "", 400, "", "", ""},
		{"3.4.1 version twice", get(objects + "?match[version]=last,last"), "", 400, "", "", ""},
		{"3.4.1 value twice", get(objects + "?match[version]=2026-01-02T00:00:00.000Z,2026-01-02T00:00:00Z"), "", 400, "", "", ""},
		{"3.4.1 version malformed", get(objects + "?match[version]=newest"), "", 400, "", "", ""},
		{"3.4.1 the latest spec_version", get(objects + "?match[id]=" + idBothSpecs), "", 200, "new", "", ""},
		{"3.4.1 the latest spec_version of all versions", get(objects + "?match[version]=all&match[id]=" + idBothSpecs), "", 200, "new", "", ""},
		{"3.4.1 spec_version 2.0", get(objects + "?match[spec_version]=2.0"), "", 200, "old", "", ""},
		{"3.4.1 spec_version 2.1", get(objects + "?match[spec_version]=2.1&match[type]=campaign"), "", 200, "new", "", ""},
		{"3.4.1 both", get(objects + "?match[spec_version]=2.0,2.1&match[version]=all&match[type]=campaign"), "", 200, "old|new", "", ""},
		{"3.4.1 spec_version of the future", get(objects + "?match[spec_version]=2.2"), "", 200, "", `^\{\}$`, ""},
		{"3.4.1 spec_version malformed", get(objects + "?match[spec_version]=two"), "", 400, "", "", ""},
		{"3.4.1 too many values", get(objects + "?match[type]=" + strings.Repeat("aaa,", 100) + "aaa"), "", 400, "", "", ""},
		// 5.3 manifest
		{"5.3", get(manifest + "?limit=6"), "", 200, "2026-01-05T00:00:00.000Z|2026-01-03T00:00:00.000Z|1970-01-01T00:00:00.000Z|2026-01-08T00:00:00.000Z|2026-01-05T00:00:00.123456789Z",
			`^\{"objects":\[\{"id":"` + idMalware + `","date_added":"` + date(1) + `","version":"2026-01-05T00:00:00.000Z","media_type":"application/stix\+json;version=2.1"\}`, "X-TAXII-Date-Added-First: " + date(1)},
		{"5.3 filtered by the object", get(manifest + "?match[type]=indicator&match[version]=all"), "", 200, "2026-01-01T00:00:00.000Z|2026-01-03T00:00:00.000Z|2026-01-02T00:00:00.000Z", "", ""},
		{"5.3 more", get(manifest + "?limit=1"), "", 200, "2026-01-05T00:00:00.000Z|more", "", "X-TAXII-Date-Added-Last: " + date(1)},
		{"5.3 of another spec_version", get(manifest + "?match[spec_version]=2.0"), "", 200, "2026-01-09T00:00:00.000Z", `"media_type":"application/stix\+json;version=2.0"`, ""},
		{"5.3 as written", get(manifest + "?match[type]=identity"), "", 200, "", `"id":"identity--F431F809-377b-45e0-aa1c-6a4751cae5ff"`, ""},
		{"5.3 nothing", get("/api1/collections/" + colEmpty + "/manifest/"), "", 200, "", `^\{\}$`, ""},
		{"5.3 not to read", strings.Replace(get("/api1/collections/"+colWrite+"/manifest/"), as("reader"), as("writer"), 1), "", 403, "", "", ""},
		{"5.3 malformed", get(manifest + "?limit=none"), "", 400, "", "", ""},
		// 5.5 add
		{"5.5", post(objects, "both"), envelope(newIndicator), 202, "", `"status":"complete","request_timestamp":"2026-04-01T13:00:00.000000Z","total_count":1,"success_count":1,"successes":\[\{"id":"indicator--aaaaaaaa-8042-4166-8945-51178443bdac","version":"2026-01-01T00:00:00.000Z"\}\],"failure_count":0,"pending_count":0\}$`, "Content-Type: " + MediaType},
		{"5.5 no version in Content-Type", strings.Replace(post(objects, "both"), "Content-Type: application/taxii+json;version=2.1", "Content-Type: application/taxii+json", 1), envelope(newIndicator), 202, "", "", ""},
		{"5.5 writer", post("/api1/collections/"+colWrite+"/objects/", "writer"), envelope(newIndicator), 202, "", "", ""},
		{"5.5 what is there already", post(objects, "both"), envelope(string(someObjects(t)[1].JSON())), 202, "", `"success_count":1`, ""},
		{"5.5 another of one version", post(objects, "both"), envelope(string(object(t, "malware", idMalware, "2.1", "2026-01-05T00:00:00.000Z", `,"name":"other"`).JSON())), 202, "", `"failure_count":1,"failures":\[\{"id":"` + idMalware + `","version":"2026-01-05T00:00:00.000Z","message":"another object`, ""},
		{"5.5 some not", post(objects, "both"), envelope(newIndicator, `{"type":"x"}`, strings.Replace(newIndicator, "2026-01-01T", "yesterday", 1)), 202, "", `"total_count":3,"success_count":1,.*"failure_count":2,"failures":\[\{"id":"object 2",.*"message":"object 2: type: not a type.*\{"id":"indicator--aaaaaaaa-8042-4166-8945-51178443bdac",.*"object 3: created: not a timestamp`, ""},
		{"5.5 a bundle in it", post(objects, "both"), envelope(`{"type":"bundle","id":"bundle--aaaaaaaa-8042-4166-8945-51178443bdac"}`), 202, "", `"failure_count":1`, ""},
		{"5.5 custom properties", post(objects, "both"), `{"x_example_com_a":{"b":1},"more":false,"objects":[` + newIndicator + `]}`, 202, "", `"success_count":1`, ""},
		{"5.5 not to write", post(objects, "reader"), envelope(newIndicator), 403, "", `"http_status":"403"`, ""},
		{"5.5 hidden", post("/api1/collections/"+colWrite+"/objects/", "reader"), envelope(newIndicator), 404, "", "", ""},
		{"5.5 other media type", strings.Replace(post(objects, "both"), "Content-Type: application/taxii+json;version=2.1", "Content-Type: application/json", 1), envelope(newIndicator), 415, "", `"http_status":"415"`, ""},
		{"5.5 other version", strings.Replace(post(objects, "both"), "Content-Type: application/taxii+json;version=2.1", "Content-Type: application/taxii+json;version=2.0", 1), envelope(newIndicator), 415, "", "", ""},
		{"5.5 no Content-Type", strings.Replace(post(objects, "both"), "\nContent-Type: application/taxii+json;version=2.1", "", 1), envelope(newIndicator), 415, "", "", ""},
		{"5.5 no Accept", strings.Replace(post(objects, "both"), accept, "", 1), envelope(newIndicator), 406, "", "", ""},
		{"5.5 large", post(objects, "both"), envelope(newIndicator, `{"x":"`+strings.Repeat("a", 4000)+`"}`), 413, "", `"http_status":"413"`, ""},
		{"5.5 as large as allowed", post(objects, "both"), envelope(newIndicator) + strings.Repeat(" ", 4000-len(envelope(newIndicator))), 422, "", `more than 2000 octets`, ""},
		{"5.5 no JSON", post(objects, "both"), "hello", 422, "", `envelope: not a JSON object","http_status":"422"`, ""},
		{"5.5 cut", post(objects, "both"), envelope(newIndicator)[:100], 422, "", "", ""},
		{"5.5 no objects", post(objects, "both"), `{}`, 422, "", "", ""},
		{"5.5 an empty list", post(objects, "both"), envelope(), 422, "", "", ""},
		{"5.5 too many", post(objects, "both"), envelope(newIndicator, newIndicator, newIndicator, newIndicator, newIndicator), 422, "", "more than 4 objects", ""},
		{"5.5 deep", post(objects, "both"), envelope(`{"x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`), 422, "", "in each other", ""},
		{"5.5 gzip", post(objects, "both") + "\nContent-Encoding: gzip", zipped(envelope(newIndicator)), 202, "", `"success_count":1`, ""},
		{"5.5 gzip that is none", post(objects, "both") + "\nContent-Encoding: gzip", envelope(newIndicator), 422, "", "", ""},
		{"5.5 a bomb", post(objects, "both") + "\nContent-Encoding: gzip", zipped(`{"x":[` + strings.Repeat("1,\n\n\n\n\n", 400) + `1],"objects":[` + newIndicator + `],"y":[` + strings.Repeat("1,     ", 280000) + `1]}`), 413, "", "", ""},
		{"5.5 other encoding", post(objects, "both") + "\nContent-Encoding: br", "x", 415, "", "", "Accept-Encoding: gzip, identity"},
		// 5.6 an object
		{"5.6", get(one), "", 200, "three", "", "X-TAXII-Date-Added-First: " + date(2)},
		{"5.6 all", get(one + "?match[version]=all"), "", 200, "one|three|two, late", "", "X-TAXII-Date-Added-Last: " + date(6)},
		{"5.6 a version", get(one + "?match[version]=2026-01-01T00:00:00.000Z"), "", 200, "one", "", ""},
		{"5.6 a version that is not there", get(one + "?match[version]=2020-01-01T00:00:00.000Z"), "", 404, "", "", ""},
		{"5.6 added_after", get(one + "?match[version]=all&added_after=" + date(2)), "", 200, "two, late", "", ""},
		{"5.6 nothing added since", get(one + "?added_after=" + date(7)), "", 200, "", `^\{\}$`, ""},
		{"5.6 limit", get(one + "?match[version]=all&limit=2"), "", 200, "one|three|more", "", ""},
		{"5.6 spec_version", get(objects + idBothSpecs + "/?match[spec_version]=2.0"), "", 200, "old", "", ""},
		{"5.6 only these fields", get(one + "?match[type]=indicator"), "", 400, "", "", ""},
		{"5.6 unknown", get(objects + "indicator--00000000-8042-4166-8945-51178443bdac/"), "", 404, "", "", ""},
		{"5.6 no identifier", get(objects + "17/"), "", 404, "", "", ""},
		{"5.6 not to read", strings.Replace(get("/api1/collections/"+colWrite+"/objects/"+idURL+"/"), as("reader"), as("writer"), 1), "", 403, "", "", ""},
		// 5.7 delete
		{"5.7", del(one, "both"), "", 200, "", `^$`, "Content-Type: " + MediaType},
		{"5.7 a version", del(one+"?match[version]=last", "both"), "", 200, "", "", ""},
		{"5.7 a version that is not there", del(one+"?match[version]=2020-01-01T00:00:00.000Z", "both"), "", 404, "", "", ""},
		{"5.7 unknown", del(objects+"indicator--00000000-8042-4166-8945-51178443bdac/", "both"), "", 404, "", "", ""},
		{"5.7 read only", del(one, "reader"), "", 403, "", "", ""},
		{"5.7 write only", del("/api1/collections/"+colWrite+"/objects/"+idURL+"/", "writer"), "", 403, "", "", ""},
		{"5.7 neither", del(one, "stranger"), "", 404, "", "", ""},
		{"5.7 only these fields", del(one+"?limit=1", "both"), "", 400, "", "", ""},
		{"5.7 a field that nobody knows", del(one+"?match[revoked]=true", "both"), "", 400, "", "", ""},
		{"5.7 malformed", del(one+"?match[version]=x", "both"), "", 400, "", "", ""},
		// 5.8 versions
		{"5.8", get(one + "versions/"), "", 200, "", `^\{"versions":\["2026-01-01T00:00:00.000Z","2026-01-03T00:00:00.000Z","2026-01-02T00:00:00.000Z"\]\}$`, "X-TAXII-Date-Added-First: " + date(0)},
		{"5.8 limit", get(one + "versions/?limit=1"), "", 200, "", `^\{"more":true,"versions":\["2026-01-01T00:00:00.000Z"\]\}$`, "X-TAXII-Date-Added-Last: " + date(0)},
		{"5.8 added_after", get(one + "versions/?added_after=" + date(0)), "", 200, "", `^\{"versions":\["2026-01-03T00:00:00.000Z","2026-01-02T00:00:00.000Z"\]\}$`, ""},
		{"5.8 none", get(one + "versions/?added_after=" + date(7)), "", 200, "", `^\{\}$`, ""},
		{"5.8 spec_version", get(objects + idBothSpecs + "/versions/?match[spec_version]=2.0"), "", 200, "", `^\{"versions":\["2026-01-09T00:00:00.000Z"\]\}$`, ""},
		{"5.8 only these fields", get(one + "versions/?match[version]=all"), "", 400, "", "", ""},
		{"5.8 unknown", get(objects + "indicator--00000000-8042-4166-8945-51178443bdac/versions/"), "", 404, "", "", ""},
		{"5.8 not to read", strings.Replace(get("/api1/collections/"+colWrite+"/objects/"+idURL+"/versions/"), as("reader"), as("writer"), 1), "", 403, "", "", ""},
		// 7.1.1, bounds
		{"3.4 a long query", get(objects + "?x=" + strings.Repeat("a", 17000)), "", 400, "", "", ""},
	} {
		t.Run(c.section, func(t *testing.T) {
			_, h := newTest(t, nil)
			s := httptest.NewServer(h)
			defer s.Close()
			res, body := raw(t, s.Listener.Addr().String(), c.request, c.body)
			if res.StatusCode != c.status {
				t.Fatalf("%d, want %d: %s", res.StatusCode, c.status, body)
			}
			if got := ids(body); c.ids != "" && got != c.ids {
				t.Errorf("objects %s, want %s", got, c.ids)
			}
			if ok, err := regexp.MatchString(c.has, body); err != nil || !ok {
				t.Errorf("body %s, want %s", body, c.has)
			}
			if name, want, ok := strings.Cut(c.header, ": "); ok && res.Header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, res.Header.Get(name), want)
			}
			if res.StatusCode >= 400 && !strings.HasPrefix(c.request, "HEAD") {
				var f Failure
				if err := json.Unmarshal([]byte(body), &f); err != nil || f.Title == "" || f.HTTPStatus != fmt.Sprint(c.status) || res.Header.Get("Content-Type") != MediaType {
					t.Errorf("no error message (3.6.1): %s", body)
				}
			}
		})
	}
}
