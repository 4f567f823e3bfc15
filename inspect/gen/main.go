//go:build ignore

// Command gen writes popular.txt: registrable domains that many people go to, from MISP's warning lists (CC0). What
// anybody can write on, and public suffixes, are left out.
//
//	go run ./gen -lists DIR -hosts hosts.txt -out popular.txt
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// lists are the folders of MISP's lists that name popular places.
var lists = []string{"tranco10k", "cloudflare-top10k", "alexa", "moz-top500", "bank-website", "university_domains"}

// open are the lists of places where anybody can have a page.
var open = []string{"lots-project", "link-in-bio", "url-shortener", "public-ipfs-gateways", "parking-domain"}

func main() {
	dir := flag.String("lists", "", "folder of the warning lists")
	hosts := flag.String("hosts", "hosts.txt", "our own list of such places")
	out := flag.String("out", "popular.txt", "file to write")
	flag.Parse()
	if err := run(*dir, *hosts, *out); err != nil {
		log.Fatal(err)
	}
}

func run(dir, hosts, out string) error {
	left := map[string]bool{}
	for _, name := range open {
		l, err := read(dir, name)
		if err != nil {
			return err
		}
		for _, d := range l {
			left[d] = true
		}
	}
	raw, err := os.ReadFile(hosts)
	if err != nil {
		return err
	}
	for _, d := range strings.Fields(string(raw)) {
		left[d] = true
	}
	var all []string
	for _, name := range lists {
		l, err := read(dir, name)
		if err != nil {
			return err
		}
		for _, d := range l {
			domain, err := publicsuffix.EffectiveTLDPlusOne(d)
			if err == nil && !left[domain] && !left[d] {
				all = append(all, domain)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "# Registrable domains that many people go to. MISP warning lists (CC0):", strings.Join(lists, ", ")+".")
	for _, d := range all {
		fmt.Fprintln(w, d)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func read(dir, name string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, name, "list.json"))
	if err != nil {
		return nil, err
	}
	var l struct {
		List []string `json:"list"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i, d := range l.List {
		l.List[i] = strings.Trim(strings.ToLower(strings.TrimSpace(d)), ".")
	}
	return l.List, nil
}
