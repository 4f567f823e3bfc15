package inspect

import (
	"bytes"
	_ "embed"
	"hash/maphash"
)

//go:generate go run gen/main.go -lists ../../shared/data/lists

//go:embed popular.txt
var embeddedPopular []byte

// popular is the set of registrable domains that many people go to. That a domain is in it is a feature; that one is not
// is none: most honest domains are not. The seed keeps anybody from making a domain that only hashes like one of them.
type popular struct {
	seed  maphash.Seed
	table []uint64 // open addressing; zero is empty
}

func readPopular(raw []byte) *popular {
	p := &popular{seed: maphash.MakeSeed(), table: make([]uint64, 1<<16)}
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		h := maphash.Bytes(p.seed, line) | 1
		at := h >> 8 & uint64(len(p.table)-1)
		for p.table[at] != 0 && p.table[at] != h {
			at = (at + 1) & uint64(len(p.table)-1)
		}
		p.table[at] = h
	}
	return p
}

func (p *popular) has(domain []byte) bool {
	h := maphash.Bytes(p.seed, domain) | 1
	for at := h >> 8 & uint64(len(p.table)-1); ; at = (at + 1) & uint64(len(p.table)-1) {
		switch p.table[at] {
		case h:
			return true
		case 0:
			return false
		}
	}
}
