package inspect

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
)

//go:embed hosts.txt
var embeddedHosts []byte

// hostKind says what an address costs whoever wants it. They are flags.
type hostKind uint8

const (
	hostShortener hostKind = 1 << iota
	hostDynamic
	hostFree
)

var hostKinds = map[string]hostKind{"shortener": hostShortener, "dynamic-dns": hostDynamic, "free-hosting": hostFree}

// hosts tells the kind of a host by its own name or one above it.
type hosts map[string]hostKind

// readHosts reads hosts between spaces, under lines "@ kind"; # starts a remark.
func readHosts(name string, in io.Reader) (hosts, error) {
	h := hosts{}
	lines := bufio.NewScanner(in)
	kind := hostKind(0)
	for n := 1; lines.Scan(); n++ {
		l := strings.TrimSpace(lines.Text())
		if l == "" || l[0] == '#' {
			continue
		}
		if k, ok := strings.CutPrefix(l, "@ "); ok {
			if kind = hostKinds[k]; kind == 0 {
				return nil, fmt.Errorf("%s line %d: unknown kind of host %q", name, n, k)
			}
			continue
		}
		if kind == 0 {
			return nil, fmt.Errorf("%s line %d: %w", name, n, errors.New(`a host before the first line "@ kind"`))
		}
		for _, host := range strings.Fields(l) {
			if err := checkDomain(host); err != nil {
				return nil, fmt.Errorf("%s line %d: %w", name, n, err)
			}
			h[host] |= kind
		}
	}
	return h, lines.Err()
}

func (h hosts) kind(host []byte) (k hostKind) {
	for depth := 0; depth < 8; depth++ {
		k |= h[string(host)]
		i := bytes.IndexByte(host, '.')
		if i < 0 {
			return k
		}
		host = host[i+1:]
	}
	return k
}
