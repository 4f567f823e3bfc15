package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/settings"
)

// ran is what a command has done.
type ran struct {
	code     int
	out, err string
}

// sekisho runs a command as a shell would.
func sekisho(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{strings.NewReader(stdin), &out, &errs})
	return ran{code, out.String(), errs.String()}
}

// good is for a command that must do well; it gives what it printed.
func good(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := sekisho(t, stdin, args...)
	if r.code != 0 {
		t.Fatalf("sekisho %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// bad is for a command that must end with a status and say all of words in the one sentence of its error.
func bad(t *testing.T, code int, stdin string, args []string, words ...string) ran {
	t.Helper()
	r := sekisho(t, stdin, args...)
	if r.code != code {
		t.Errorf("sekisho %s: exit status %d, want %d\n%s", strings.Join(args, " "), r.code, code, r.err)
	}
	var sentence []string
	for line := range strings.Lines(r.err) {
		if strings.HasPrefix(line, "sekisho: ") {
			sentence = append(sentence, line)
		}
	}
	if len(sentence) != 1 {
		t.Errorf("sekisho %s: %d sentences, want one\n%s", strings.Join(args, " "), len(sentence), r.err)
	}
	for _, w := range words {
		if !strings.Contains(strings.Join(sentence, ""), w) {
			t.Errorf("sekisho %s: %q does not say %q", strings.Join(args, " "), sentence, w)
		}
	}
	return r
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"-h"}} {
		out := good(t, "", args...)
		for _, w := range []string{"sekisho try", "sekisho scan", "serve", "bypass", "check-config", "key add", "version"} {
			if !strings.Contains(out, w) {
				t.Errorf("%q: the help does not name %q", args, w)
			}
		}
	}
	for _, command := range []string{"try", "init", "serve", "bypass", "reload", "release", "scan", "eval", "train", "bench", "check-config", "migrate", "version"} {
		if out := good(t, "", command, "--help"); !strings.Contains(out, "sekisho "+command) {
			t.Errorf("%s --help: %s", command, out)
		}
	}
	if out := good(t, "", "scan", "--help"); !strings.Contains(out, "header row") || !strings.Contains(out, "Examples:") {
		t.Error("scan --help does not teach: ", out)
	}
}

func TestAskedWrongly(t *testing.T) {
	for _, args := range [][]string{{"sacn", "x.csv"}, {"scan"}, {"bypass", "maybe"}, {"scan", "--no-such-flag", "x.csv"}} {
		r := bad(t, 2, "", args)
		if !strings.Contains(r.err, "--help") {
			t.Errorf("%q: nothing leads on: %s", args, r.err)
		}
	}
}

func TestVersion(t *testing.T) {
	if out := good(t, "", "version"); !strings.HasPrefix(out, "sekisho ") {
		t.Error(out)
	}
}

func TestInitAndCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	file := filepath.Join(dir, "sekisho.toml")
	if out := good(t, "", "init", dir); !strings.Contains(out, "check-config "+file) {
		t.Error("init does not lead on: ", out)
	}
	// An account that everybody knows the password of must not come to life by a forgotten line.
	bad(t, 1, "", []string{"check-config", file}, "aggregator", "password: its hash is missing", "hash-password")
	write(t, file, filled(t, sampleConfig))
	if out := good(t, "", "check-config", file); !strings.Contains(out, "is good") || !strings.Contains(out, "observe") {
		t.Error(out)
	}
	bad(t, 1, "", []string{"init", dir}, file, "--force")
	good(t, "", "init", "--force", dir)
	bad(t, 1, "", []string{"check-config", filepath.Join(dir, "other.toml")}, "other.toml", "no such file", "sekisho init")
}

// filled is a sample configuration whose account has the password "password".
func filled(t *testing.T, text string) string {
	t.Helper()
	hash := strings.TrimSpace(good(t, "password\n", "hash-password"))
	if !strings.Contains(text, emptyPassword) {
		t.Fatalf("the sample has no %q", emptyPassword)
	}
	return strings.Replace(text, emptyPassword, `password = "`+hash+`"`, 1)
}

const emptyPassword = `password = ""`

// What init writes is what holds without it, but for what it names as an example.
func TestSampleConfigIsTheDefaults(t *testing.T) {
	var c Config
	if err := settings.Read("sekisho.toml", sampleConfig, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.SMPP.Accounts) != 1 || len(c.SMPP.Upstreams) != 1 || c.Policy != "policy.toml" {
		t.Errorf("examples: %d accounts, %d SMSCs, policy %q", len(c.SMPP.Accounts), len(c.SMPP.Upstreams), c.Policy)
	}
	c.SMPP.Accounts, c.SMPP.Upstreams, c.Policy = nil, nil, ""
	if d := defaultConfig(); !reflect.DeepEqual(c, d) {
		t.Errorf("the sample says\n%+v\nand the default is\n%+v", c, d)
	}
}

func TestBadConfiguration(t *testing.T) {
	sample := filled(t, sampleConfig)
	for _, x := range []struct {
		old, new string
		words    []string
	}{
		{`enquire_link = "30s"`, `enquire_link = 30`, []string{"sekisho.toml line LINE", "smpp.session.enquire_link", "30"}},
		{`listen = "127.0.0.1:2775"`, `listen = "127.0.0.1:70000"`, []string{"smpp.listen", "65535"}},
		{`listen = "127.0.0.1:8470"`, `listen = "127.0.0.1:70000"`, []string{"console.listen", "65535"}},
		{`origin = "http://localhost:8470"`, `origin = "localhost:8470"`, []string{"console.origin"}},
		{`address = "127.0.0.1:2776"`, `address = "127.0.0.1:276200"`, []string{`"smsc"`, "address", "65535"}},
		{`dsn = ""`, `dsn = "mysql://u:hidden@host/db"`, []string{"store.dsn", "sqlite:"}},
		{`url = ""`, `url = "http://host:4222"`, []string{"stream.url", "nats://"}},
		{"replicas = 1", "replicas = 2", []string{"stream.replicas", "1, 3 or 5"}},
		{"replicas = 1", "replicas = 3", []string{"stream.replicas", "stream.url"}},
		{"max_bytes = 1073741824", "max_bytes = 1024", []string{"stream.max_bytes", "16 MiB"}},
		{"max_sessions = 2000", "max_sessions = 0", []string{"smpp.max_sessions"}},
		{"window = 100 ", "window = 0 ", []string{"smpp.session.window"}},
		{"binds = 10", "binds = -1", []string{"aggregator", "binds"}},
		{"binds = 2 ", "binds = 1001 ", []string{`"smsc"`, "binds"}},
		{`sources = ["*"]`, `sources = ["BA*NK"]`, []string{"aggregator", "sources", "BA*NK"}},
		{"numbers = []", `numbers = ["*1"]`, []string{"aggregator", "numbers", "*1"}},
		{`expires = "168h"`, `expires = "59s"`, []string{"smpp.stopped.expires", "1m"}},
		{"max_sessions", "max_session", []string{"sekisho.toml line LINE", `"smpp.max_session"`}},
		{`block = "refuse"`, `block = "perhaps"`, []string{"sekisho.toml", "smpp.stopped.block", "perhaps"}},
		{`enquire_link = "30s"`, `enquire_link = "often"`, []string{"sekisho.toml line", "enquire_link", "often"}},
		{`home = 81`, `home = "Japan"`, []string{"sekisho.toml line LINE", "home"}},
		{`home = 81`, `home = 81 82`, []string{"sekisho.toml line LINE"}},
		{`upstream = "smsc"`, `upstream = "elsewhere"`, []string{"aggregator", "elsewhere"}},
		{`password = "$argon2id`, `password = "plain$`, []string{"aggregator", "password", "hash-password"}},
		{`policy = "policy.toml"`, `policy = "nowhere.toml"`, []string{"policy: ", "nowhere.toml"}},
		{`model = ""`, `model = "sekisho.toml"`, []string{"model"}},
	} {
		dir := t.TempDir()
		good(t, "", "init", dir)
		file := filepath.Join(dir, "sekisho.toml")
		if !strings.Contains(sample, x.old) {
			t.Fatalf("the sample has no %q", x.old)
		}
		write(t, file, strings.Replace(sample, x.old, x.new, 1))
		line := fmt.Sprint(1 + strings.Count(sample[:strings.Index(sample, x.old)], "\n"))
		for i := range x.words {
			x.words[i] = strings.Replace(x.words[i], "LINE", line, 1)
		}
		bad(t, 1, "", []string{"check-config", file}, x.words...)
	}
	dir := t.TempDir()
	good(t, "", "init", dir)
	write(t, filepath.Join(dir, "sekisho.toml"), strings.Replace(sample, `"127.0.0.1:8470"`, `":8470"`, 1))
	if r := sekisho(t, "", "check-config", filepath.Join(dir, "sekisho.toml")); r.code != 0 || !strings.Contains(r.err, "warning: console.listen") {
		t.Error("a page open to all: ", r)
	}
	write(t, filepath.Join(dir, "policy.toml"), "mode = \"enforce\"\n\n[thresholds.p2p]\nphisching = { hold = 0.9 }\n")
	bad(t, 1, "", []string{"check-config", filepath.Join(dir, "sekisho.toml")}, "policy.toml line 4", "phisching")
}

func TestHashPassword(t *testing.T) {
	hash := strings.TrimSpace(good(t, "secret\n", "hash-password"))
	if !strings.HasPrefix(hash, "$argon2id$") {
		t.Error(hash)
	}
	bad(t, 1, "", []string{"hash-password"}, "no password")
	bad(t, 1, "much too long\n", []string{"hash-password"}, "8 octets")
}

// scanned is what scan -json prints of a message.
type scanned struct {
	ID        *string
	Class     string
	PPhishing float64 `json:"p_phishing"`
	PBad      float64 `json:"p_bad"`
	Outcome   string
	Reasons   []struct {
		Rule, Why, About string
		Weight           float64
	}
	Links []struct{ Host string }
}

func readScan(t *testing.T, out string) (all []scanned) {
	t.Helper()
	for line := range strings.Lines(out) {
		var s scanned
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, s)
	}
	return all
}

func TestScan(t *testing.T) {
	const dir = "testdata/commands/"
	table := good(t, "", "scan", "-json", "--bad", dir+"bad-hosts.txt", dir+"messages.csv")
	all := readScan(t, table)
	if len(all) != 4 {
		t.Fatalf("%d verdicts", len(all))
	}
	for i, want := range []string{"deliver", "block", "deliver", "block"} {
		if got := all[i]; got.ID == nil || *got.ID != fmt.Sprintf("m%d", i+1) || got.Outcome != want {
			t.Errorf("message %d: %+v, want %s", i+1, got, want)
		}
	}
	for _, s := range []scanned{all[1], all[3]} {
		if s.Class != "phishing" || s.PBad < 0.99 || len(s.Reasons) == 0 || s.Reasons[0].Why == "" || len(s.Links) != 1 {
			t.Errorf("%s: %+v", *s.ID, s)
		}
	}
	b, err := os.ReadFile(dir + "messages.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if lines := good(t, string(b), "scan", "-json", "--bad", dir+"bad-hosts.txt", "-"); lines != table {
		t.Errorf("standard input gives\n%s\nand the table\n%s", lines, table)
	}
	people := sekisho(t, "", "scan", "--bad", dir+"bad-hosts.txt", dir+"messages.csv")
	if !strings.Contains(people.out, "m4") || !strings.Contains(people.out, "known-bad.example") || strings.Contains(people.out, "m1") {
		t.Error(people.out)
	}
	if !strings.Contains(people.err, "4 messages: 2 to deliver, 0 to label, 0 to hold, 2 to block") {
		t.Error(people.err)
	}
	bad(t, 1, "", []string{"scan", dir + "no-text.csv"}, "no-text.csv line 1", `"text"`)
	bad(t, 1, "", []string{"scan", dir + "nowhere.csv"}, "nowhere.csv")
}

// What was before broken JSON is judged and printed all the same.
func TestBrokenLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log.jsonl")
	write(t, file, strings.Repeat(`{"text":"hello"}`+"\n", 811)+`{"text":"hel`+"\n"+`{"text":"hello"}`+"\n")
	r := bad(t, 1, "", []string{"scan", "-json", file}, file+" line 812", "not JSON")
	if n := len(readScan(t, r.out)); n != 811 {
		t.Errorf("%d verdicts were printed", n)
	}
	bad(t, 1, "", []string{"eval", "-json", file}, file+" line 812")
	b, _ := os.ReadFile(file)
	bad(t, 1, string(b), []string{"scan", "-json", "-"}, "line 812", "not JSON")
}

func TestEval(t *testing.T) {
	r := sekisho(t, "", "eval", "-json", "--bad", "testdata/commands/bad-hosts.txt", "testdata/commands/labelled.tsv")
	if r.code != 0 || !strings.Contains(r.err, "1 messages without a label") {
		t.Fatal(r)
	}
	var f struct {
		N       int
		Stopped struct {
			Recall, Precision float64
			HamFPR            float64 `json:"ham_fpr"`
		}
		Phishing          struct{ Recall, Precision float64 }
		Confusion         map[string]map[string]int
		RecallAtFPR       map[string]any `json:"recall_at_fpr"`
		MessagesPerSecond float64        `json:"messages_per_second"`
	}
	if err := json.Unmarshal([]byte(r.out), &f); err != nil {
		t.Fatal(err)
	}
	if f.N != 5 || f.Stopped.Recall != 1 || f.Stopped.Precision != 1 || f.Stopped.HamFPR != 0 || f.Phishing.Recall != 1 ||
		f.Confusion["phishing"]["phishing"] != 2 || f.MessagesPerSecond <= 0 {
		t.Errorf("%+v", f)
	}
	if f.RecallAtFPR["0.0001"] != "not measurable" { // three honest messages cannot show it
		t.Errorf("%+v", f.RecallAtFPR)
	}
	if people := good(t, "", "eval", "testdata/commands/labelled.tsv"); !strings.Contains(people, "stopped of what should be") {
		t.Error(people)
	}
	bad(t, 1, "", []string{"eval", "testdata/commands/messages.csv"}, "label")
}

// The same data and seed give the same octets, and a model that train wrote is one that scan reads.
func TestTrainIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	var models [3][]byte
	for i, seed := range []string{"1", "1", "2"} {
		file := filepath.Join(dir, fmt.Sprint("model", i))
		good(t, "", "train", "--epochs", "1", "--seed", seed, "--out", file, "inspect/corpus/world.tmpl")
		var err error
		if models[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(models[0], models[1]) {
		t.Error("twice the same learning gave two models")
	}
	if bytes.Equal(models[0], models[2]) {
		t.Error("another seed changes nothing")
	}
	good(t, "", "scan", "--model", filepath.Join(dir, "model0"), "testdata/commands/messages.csv")
	bad(t, 1, "", []string{"train", "--out", filepath.Join(dir, "none"), "testdata/commands/labelled.tsv"})
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a model was written of too little")
	}
}

// loopback is an address on loopback that nobody has.
func loopback(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestTry(t *testing.T) {
	page := loopback(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"try", "--for", "3s", "--rate", "1500", "--listen", page}, streams{strings.NewReader(""), &out, &errs}); code != 0 {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	_, port, _ := net.SplitHostPort(page)
	if !strings.Contains(out.String(), "http://localhost:"+port) {
		t.Error(out.String())
	}
	bad(t, 1, "", []string{"try", "--listen", "0.0.0.0:0"}, "loopback")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bad(t, 1, "", []string{"try", "--listen", taken.Addr().String()}, "console.listen", "in use")
}
