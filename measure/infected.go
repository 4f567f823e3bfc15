//go:build ignore

// Infected measures how well infected lines are found, on traces whose truth is known:
//
//	go build -o /tmp/sekisho . && go run measure/infected.go -sekisho /tmp/sekisho -seeds 21,22,23
//	go run measure/infected.go -sekisho /tmp/sekisho -trace other.jsonl -truth truth.jsonl
//
// A line is to be found where 20 of its fraudulent texts or more were stopped and it did not opt out. A truth file has a JSON object
// a line with "line" and, where known, "family".
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/corpus"
)

func main() {
	sekisho := flag.String("sekisho", "./sekisho", "the program")
	seeds := flag.String("seeds", "21,22,23", "of the nations to simulate")
	lines := flag.String("lines", "1000000", "of each nation")
	file := flag.String("trace", "", "a trace to measure on in their place")
	truth := flag.String("truth", "", "its truth")
	flag.Parse()
	dir, err := os.MkdirTemp("", "infected")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	fmt.Println("| trace | events/s | infected with 20 stopped | found | suspects | of them infected | texts before the case: median, 90 % | by family: median |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	if *file != "" {
		measure(*sekisho, dir, filepath.Base(*file), *file, *truth)
		return
	}
	for _, seed := range strings.Split(*seeds, ",") {
		trace, truth := filepath.Join(dir, "nation.jsonl"), filepath.Join(dir, "truth.jsonl")
		run(*sekisho, "simulate", "-o", trace, "--truth", truth, "--seed", seed, "--lines", *lines)
		measure(*sekisho, dir, "seed "+seed, trace, truth)
	}
}

func run(name string, args ...string) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		log.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
}

func each(name string, f func(map[string]any)) {
	in, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m map[string]any
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		f(m)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func text(m map[string]any, key string) string { s, _ := m[key].(string); return s }

func measure(sekisho, dir, what, trace, truth string) {
	family := map[string]string{}
	each(truth, func(m map[string]any) { family[text(m, "line")] = text(m, "family") })
	refused, from, events := map[string]bool{}, map[string]string{}, 0
	each(trace, func(m map[string]any) {
		events++
		switch m["type"] {
		case "consent":
			if text(m, "scope") == "infection_notice" {
				refused[text(m, "line")] = m["granted"] == false
			}
		case "message":
			if l := text(m, "from"); family[l] != "" || hasKey(family, l) {
				if lab := text(m, "label"); lab == "" || lab == "phishing" {
					from[text(m, "id")] = l
				}
			}
		}
	})
	out := filepath.Join(dir, "out")
	start := time.Now()
	run(sekisho, "replay", "-o", out, trace)
	took := time.Since(start)
	stopped := map[string]int{}
	each(filepath.Join(out, "verdicts.jsonl"), func(m map[string]any) {
		if o := text(m, "outcome"); o == "hold" || o == "block" {
			if l, ok := from[text(m, "id")]; ok {
				stopped[l]++
			}
		}
	})
	before := map[string]int{}
	suspects, right := 0, 0
	each(filepath.Join(out, "suspects.jsonl"), func(m map[string]any) {
		l := text(m, "line")
		suspects++
		if hasKey(family, l) {
			right++
			before[l] = int(m["messages_before"].(float64))
		}
	})
	due, found := 0, 0
	all, by := []int{}, map[string][]int{}
	for l := range family {
		if stopped[l] < 20 || refused[l] {
			continue
		}
		due++
		if n, ok := before[l]; ok {
			found++
			all = append(all, n)
			by[family[l]] = append(by[family[l]], n)
		}
	}
	slices.Sort(all)
	var families []string
	for f, ns := range by {
		slices.Sort(ns)
		families = append(families, fmt.Sprintf("%s %d", f, ns[len(ns)/2]))
	}
	slices.Sort(families)
	median, most := 0, 0
	if len(all) > 0 {
		median, most = all[len(all)/2], all[len(all)*9/10]
	}
	fmt.Printf("| %s | %.0f | %d | %s | %d | %s | %d, %d | %s |\n", what, float64(events)/took.Seconds(), due, corpus.Rate{Of: found, In: due},
		suspects, corpus.Rate{Of: right, In: suspects}, median, most, strings.Join(families, ", "))
}

func hasKey(m map[string]string, k string) bool { _, ok := m[k]; return ok }
