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
	for _, part := range []struct {
		what string
		list []Slice
	}{{"language", f.Languages}, {"kind", f.Kinds}} {
		if len(part.list) > 1 {
			fmt.Fprintf(t, "\nlabel\t%s\tstopped\n", part.what)
			for _, s := range part.list {
				fmt.Fprintf(t, "%s\t%s\t%s\n", s.Label, s.Name, s.Stopped)
			}
		}
	}
	if len(f.Groups) > 0 {
		fmt.Fprintln(t, "\nlabel\tgroups\tstopped, each group of near-duplicates once")
		for c := message.Ham; c < message.Classes; c++ {
			if g, ok := f.Groups[c.String()]; ok {
				fmt.Fprintf(t, "%s\t%d\t%.2f %% (%.2f to %.2f)\n", c, g.Groups, 100*g.Stopped, 100*g.Low, 100*g.High)
			}
		}
	}
	if len(f.Bins) > 0 {
		ham, bad := 0, 0
		for _, b := range f.Bins {
			ham, bad = ham+b.Ham, bad+b.Bad
		}
		fmt.Fprintln(t, "\nprobability told\tmean\tare bad\tham\tbad")
		for _, b := range f.Bins {
			fmt.Fprintf(t, "%.6f to %.6f\t%.5f\t%.5f\t%d\t%d\n", b.Low, b.High, b.Mean, b.Share(ham, bad, 0), b.Ham, b.Bad)
		}
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
