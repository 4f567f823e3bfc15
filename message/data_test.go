package message

import (
	"bufio"
	"encoding/csv"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// data gives the folder of texts and links to measure with, which is no part of the repository.
func data(t *testing.T, name string) string {
	dir := os.Getenv("SEKISHO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: no %s to measure with; set SEKISHO_DATA to the folder that has it", name)
	}
	return path
}

// Every link that JPCERT/CC lists is found in the middle of a Japanese sentence, with its host.
func TestJPCERT(t *testing.T) {
	dir := data(t, "urls/jpcert")
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.csv"))
	bare, n, missed, missedBare := 0, 0, 0, 0
	var f Folded
	for _, name := range files {
		for _, row := range read(t, name) {
			link := strings.TrimSpace(row[1])
			u, err := url.Parse(link)
			if err != nil || u.Hostname() == "" {
				continue
			}
			want := u.Hostname()
			if a, err := idna.Lookup.ToASCII(want); err == nil {
				want = a
			}
			want = strings.ToLower(want)
			n++
			f.Fold([]byte("お荷物のお届けにあがりました。" + link + "をご確認ください"))
			if len(f.Links) != 1 || string(f.Links[0].Host) != want {
				if missed++; missed < 15 {
					t.Logf("%q want %q: %d links %s", link, want, len(f.Links), hosts(&f))
				}
			} else if f.Links[0].Flags&LinkAddress == 0 {
				if d, err := publicsuffix.EffectiveTLDPlusOne(want); err == nil && d != string(f.Links[0].Domain) {
					t.Errorf("%s: domain %q, not %q", want, f.Links[0].Domain, d)
				}
			}
			_, rest, _ := strings.Cut(link, "://")
			if strings.Contains(want, "..") || strings.Contains(rest, "@") || len(f.Links) > 0 && f.Links[0].Flags&LinkAddress != 0 {
				continue
			}
			bare++
			f.Fold([]byte("下記より" + rest + "をご確認ください"))
			if len(f.Links) != 1 || string(f.Links[0].Host) != want {
				if missedBare++; missedBare < 15 {
					t.Logf("%q without scheme, want %q: %d links %s", rest, want, len(f.Links), hosts(&f))
				}
			}
		}
	}
	t.Logf("with scheme %d of %d missed, without %d of %d", missed, n, missedBare, bare)
	if float64(missed) > 0.001*float64(n) {
		t.Errorf("%d of %d missed", missed, n)
	}
	if float64(missedBare) > 0.01*float64(bare) {
		t.Errorf("without scheme %d of %d missed", missedBare, bare)
	}
}

func hosts(f *Folded) (s []string) {
	for _, l := range f.Links {
		s = append(s, string(l.Host))
	}
	return s
}

// honest folds texts that people wrote to each other, and gives how many have links and tricks.
func honest(t *testing.T, texts []string) {
	var f Folded
	linked, tricky := 0, 0
	for _, text := range texts {
		f.Fold([]byte(text))
		if len(f.Links) > 0 {
			linked++
		}
		if f.Tricks != (Tricks{}) {
			tricky++
			t.Logf("%+v", f.Tricks)
		}
	}
	t.Logf("%d texts, %d with links, %d with tricks", len(texts), linked, tricky)
	// Most of what is found is a link indeed (way2sms.com); read by hand, one text in 1,100 has a false one.
	if linked > len(texts)/200 || tricky > len(texts)/1000 {
		t.Errorf("of %d honest texts %d have links and %d tricks", len(texts), linked, tricky)
	}
}

func TestHonestUCI(t *testing.T) {
	file, err := os.ReadFile(data(t, "sms/uci.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(file)) {
		if label, text, _ := strings.Cut(strings.TrimSpace(line), "\t"); label == "ham" {
			texts = append(texts, text)
		}
	}
	honest(t, texts)
}

func TestHonestNUS(t *testing.T) {
	var texts []string
	for _, row := range read(t, data(t, "sms/nus_dev.csv")) {
		texts = append(texts, row[0])
	}
	honest(t, texts)
}

// Synthetic texts in 15 languages: none of the honest ones has a trick, and no link is missed in those
// that end in one.
func TestManyLanguages(t *testing.T) {
	var f Folded
	for _, row := range read(t, data(t, "sms/ots_synthetic.csv")) {
		f.Fold([]byte(row[0]))
		if f.Tricks != (Tricks{}) && row[1] == "ham" {
			t.Errorf("%+v in %q", f.Tricks, row[0])
		}
		words := strings.Fields(row[0])
		last := words[len(words)-1]
		if strings.Count(last, ".") > 0 && !strings.HasSuffix(last, ".") && !strings.ContainsAny(last, "@$0123456789،") && len(f.Links) == 0 {
			t.Errorf("no link in %q", row[0])
		}
	}
}

func read(t *testing.T, path string) [][]string {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReader(file))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	rows, err := r.ReadAll()
	if err != nil {
		t.Logf("%s: %v", filepath.Base(path), err)
	}
	return rows[1:]
}
