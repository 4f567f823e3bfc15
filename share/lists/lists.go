// Package lists writes indicators as plain lists and as CSV, for whoever reads nothing else. Only what was cleared to leave is written.
package lists

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/share"
)

// Head is what stands above a list.
type Head struct {
	Maker string    // whose list it is
	What  string    // hosts, numbers...
	TLP   string    // the strictest that is in it
	Made  time.Time // when
}

// Plain writes one value a line, behind remarks that begin with #. It says how many it wrote.
func Plain(w io.Writer, h Head, items iter.Seq2[share.Item, error]) (n int, err error) {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s of %s, TLP:%s\n# made %s; indicators lose their worth within days: ask again\n", oneLine(h.What), oneLine(h.Maker), strings.ToUpper(h.TLP), h.Made.UTC().Format(time.RFC3339))
	for i, err := range items {
		if err != nil {
			return n, err
		}
		if i.Over() {
			continue
		}
		n++
		b.WriteString(oneLine(i.Value()))
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "# %d\n", n)
	return n, b.Flush()
}

// Columns are those of CSV, in their order.
var Columns = []string{"kind", "value", "role", "tlp", "confidence", "first", "last", "lure", "id"}

// CSV writes a header row and an indicator a row (RFC 4180). A value that a spreadsheet would take for a formula is written with an apostrophe before it;
// a number's plus sign is left, for it is the number's own.
func CSV(w io.Writer, items iter.Seq2[share.Item, error]) (n int, err error) {
	c := csv.NewWriter(w)
	if err := c.Write(Columns); err != nil {
		return 0, err
	}
	for i, err := range items {
		if err != nil {
			return n, err
		}
		if i.Over() {
			continue
		}
		n++
		if err := c.Write([]string{i.Kind().String(), harmless(i.Value()), i.Role().String(), i.TLP().String(), strconv.Itoa(int(i.Confidence())), i.First().UTC().Format(time.RFC3339),
			i.Last().UTC().Format(time.RFC3339), harmless(i.Lure()), i.ID()}); err != nil {
			return n, err
		}
	}
	c.Flush()
	return n, c.Error()
}

func harmless(s string) string {
	s = oneLine(s)
	if s == "" || s[0] == '+' && strings.Trim(s[1:], "0123456789*-+") == "" {
		return s
	}
	if strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == 0x2028 || c == 0x2029 {
			return -1
		}
		return c
	}, s)
}
