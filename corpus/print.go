package corpus

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sekisho/sekisho/message"
)

// Print writes the figures for people.
func (f *Figures) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "messages\t%d\n", f.N)
	for _, x := range []struct {
		what string
		r    Rate
	}{
		{"stopped of what should be", f.Recall}, {"right of what was stopped", f.Precision}, {"honest ones stopped", f.HamFPR},
		{"phishing taken for phishing", f.PhishingRecall}, {"right of what was taken for it", f.PhishingPrecision},
	} {
		fmt.Fprintf(t, "%s\t%s\n", x.what, x.r)
	}
	for _, p := range f.Points {
		if !p.Measurable {
			fmt.Fprintf(t, "stopped at %g of honest ones\tnot measurable: fewer than 3/%g honest messages\n", p.FPR, p.FPR)
			continue
		}
		fmt.Fprintf(t, "stopped at %g of honest ones\t%s, threshold %.4f\n", p.FPR, p.Recall, p.Threshold)
	}
	fmt.Fprintf(t, "messages a second\t%.0f\n\n", float64(f.N)/f.Seconds)
	fmt.Fprintln(t, "is \\ taken for\tham\tspam\tphishing")
	for c := message.Ham; c < message.Classes; c++ {
		row := f.Confusion[c.String()]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\n", c, row["ham"], row["spam"], row["phishing"])
	}
	return t.Flush()
}

// String is the rate with its interval and what it is of.
func (r Rate) String() string {
	if r.In == 0 {
		return "none to count"
	}
	low, high := r.Interval()
	return fmt.Sprintf("%.2f %% (%.2f to %.2f), %d of %d", 100*r.Value(), 100*low, 100*high, r.Of, r.In)
}
