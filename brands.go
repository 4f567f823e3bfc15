package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/sekisho/sekisho/inspect"
)

type brandsCommand struct {
	File  string `arg:"" optional:"" help:"A list of brands; without one the embedded list."`
	Print bool   `help:"Print the embedded list, to edit a copy of it."`
}

func (brandsCommand) Help() string {
	return `Brands are who fraud pretends to be, and what is truly theirs: one JSON object a line.

  {"name": "Example Bank", "kind": "bank", "aliases": ["Example Bank"], "heads": ["EXB"],
   "domains": ["example-bank.example"], "senders": ["EXBANK"]}

aliases name the brand wherever they stand; heads only where a text says who it is from.
Whatever is not official in domains and senders counts as pretended. A domain that two
brands claim, an alias that is too short, a public suffix: nothing of the file is taken.

  sekisho brands --print > brands.jsonl     start from the embedded list
  sekisho brands brands.jsonl               check it; then name it in [inspect] brands`
}

// Run checks a list and says what is in it.
func (c brandsCommand) Run(io streams) error {
	raw, name := inspect.EmbeddedBrands(), "the embedded list"
	if c.Print {
		if c.File != "" {
			return fmt.Errorf("--print prints the embedded list; %s is a file already", c.File)
		}
		_, err := io.out.Write(raw)
		return err
	}
	if c.File != "" {
		var err error
		if raw, err = os.ReadFile(c.File); err != nil {
			return err
		}
		name = c.File
	}
	b, err := inspect.ReadBrands(name, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	type kind struct {
		name                                  string
		brands, names, domains, senders, bare int
	}
	var kinds []*kind
	for _, one := range b.All() {
		i := slices.IndexFunc(kinds, func(k *kind) bool { return k.name == one.Kind })
		if i < 0 {
			i = len(kinds)
			kinds = append(kinds, &kind{name: one.Kind})
		}
		k := kinds[i]
		k.brands++
		k.names += len(one.Aliases) + len(one.Heads)
		k.domains += len(one.Domains)
		k.senders += len(one.Senders)
		if len(one.Senders) == 0 {
			k.bare++
		}
	}
	slices.SortFunc(kinds, func(a, b *kind) int { return cmp.Or(b.brands-a.brands, cmp.Compare(a.name, b.name)) })
	fmt.Fprintf(io.out, "%s is good: %d brands.\n\n", name, len(b.All()))
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tBRANDS\tNAMES\tDOMAINS\tSENDERS\tWITHOUT A SENDER")
	for _, k := range kinds {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", k.name, k.brands, k.names, k.domains, k.senders, k.bare)
	}
	return w.Flush()
}
