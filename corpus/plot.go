package corpus

import (
	"fmt"
	"math"
	"strings"
)

// A plot is an SVG of 640 by 420 that needs nothing else: no script, no style sheet, no font of its own. It is readable on
// light and dark ground.
const (
	plotWide, plotHigh          = 640, 420
	plotLeft, plotTop           = 70, 40
	plotRight, plotBottom       = 610, 360
	plotInk, plotBlue, plotGrey = "#5b6472", "#2f6fde", "#9aa3b0"
)

type plot struct{ strings.Builder }

func newPlot(title, x, y string) *plot {
	p := &plot{}
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="12" fill="%s">`,
		plotWide, plotHigh, plotInk)
	fmt.Fprintf(p, "\n<title>%s</title>\n", escape(title))
	p.text(plotLeft, 22, "start", 15, title)
	p.text((plotLeft+plotRight)/2, plotHigh-14, "middle", 12, x)
	fmt.Fprintf(p, `<text x="18" y="%d" text-anchor="middle" transform="rotate(-90 18 %[1]d)">%s</text>`+"\n", (plotTop+plotBottom)/2, escape(y))
	return p
}

func (p *plot) text(x, y float64, anchor string, size int, s string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d">%s</text>`+"\n", x, y, anchor, size, escape(s))
}

func (p *plot) line(x1, y1, x2, y2 float64, colour string, wide float64) {
	fmt.Fprintf(p, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, colour, wide)
}

func (p *plot) end() []byte {
	p.WriteString("</svg>\n")
	return []byte(p.String())
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func scale(v, low, high, from, to float64) float64 { return from + (v-low)/(high-low)*(to-from) }

// grid draws the lines of both axes; log axes are told by powers of ten.
func (p *plot) grid(x, y []float64, px, py func(float64) float64, tell func(float64) string) {
	for _, v := range x {
		p.line(px(v), plotTop, px(v), plotBottom, plotGrey, 0.4)
		p.text(px(v), plotBottom+16, "middle", 11, tell(v))
	}
	for _, v := range y {
		p.line(plotLeft, py(v), plotRight, py(v), plotGrey, 0.4)
		p.text(plotLeft-6, py(v)+4, "end", 11, fmt.Sprintf("%g %%", 100*v))
	}
}

// PlotROC draws how much is stopped at which share of honest messages, and where the policy's thresholds stand.
func (f *Figures) PlotROC(title string) []byte {
	p := newPlot(title, "share of honest messages stopped (logarithmic)", "share of bad messages stopped")
	low := -4.0
	if len(f.Curve) > 0 {
		low = min(-2, math.Floor(math.Log10(f.Curve[0].FPR)))
	}
	px := func(v float64) float64 { return scale(max(math.Log10(max(v, 1e-9)), low), low, 0, plotLeft, plotRight) }
	py := func(v float64) float64 { return scale(v, 0, 1, plotBottom, plotTop) }
	var decades []float64
	for e := low; e <= 0; e++ {
		decades = append(decades, math.Pow(10, e))
	}
	p.grid(decades, []float64{0, 0.2, 0.4, 0.6, 0.8, 0.9, 1}, px, py, func(v float64) string { return fmt.Sprintf("%g %%", 100*v) })
	p.WriteString(`<polyline fill="none" stroke="` + plotBlue + `" stroke-width="2" points="`)
	for _, c := range f.Curve {
		fmt.Fprintf(p, "%.1f,%.1f ", px(c.FPR), py(c.Recall.Value()))
	}
	p.WriteString(`"/>` + "\n")
	if f.HamFPR.In > 0 && f.Recall.In > 0 {
		x, y := px(f.HamFPR.Value()), py(f.Recall.Value())
		fmt.Fprintf(p, `<circle cx="%.1f" cy="%.1f" r="5" fill="none" stroke="%s" stroke-width="2"/>`+"\n", x, y, plotInk)
		p.text(min(x+10, plotRight-120), y+18, "start", 11, "the policy's thresholds")
	}
	return p.end()
}

// PlotReliability draws, for each bin, how many are bad against how many it says are.
func (f *Figures) PlotReliability(title string) []byte {
	p := newPlot(title, "probability told (log-odds)", "share that is bad (log-odds)")
	logit := func(v float64) float64 { v = min(max(v, 1e-5), 1-1e-5); return math.Log(v / (1 - v)) }
	px := func(v float64) float64 { return scale(logit(v), -11.6, 11.6, plotLeft, plotRight) }
	py := func(v float64) float64 { return scale(logit(v), -11.6, 11.6, plotBottom, plotTop) }
	ticks := []float64{0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}
	p.grid(ticks, ticks, px, py, func(v float64) string { return fmt.Sprintf("%g %%", 100*v) })
	p.line(px(1e-5), py(1e-5), px(1-1e-5), py(1-1e-5), plotGrey, 1)
	for _, b := range f.Bins {
		r := Rate{b.Bad, b.Bad + b.Ham}
		low, high := r.Interval()
		p.line(px(b.Mean), py(low), px(b.Mean), py(high), plotBlue, 1.5)
		fmt.Fprintf(p, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", px(b.Mean), py(r.Value()), plotBlue)
	}
	return p.end()
}

// Bar is a labelled rate of a plot.
type Bar struct {
	Name string
	Rate Rate
}

// PlotBars draws rates with their intervals, one under the other.
func PlotBars(title, what string, bars []Bar) []byte {
	p := &plot{}
	high := 60 + 20*len(bars)
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="12" fill="%s">`+"\n<title>%s</title>\n",
		plotWide, high+30, plotInk, escape(title))
	p.text(10, 22, "start", 15, title)
	const left, right = 220, 560
	px := func(v float64) float64 { return scale(v, 0, 1, left, right) }
	for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
		p.line(px(v), 36, px(v), float64(high), plotGrey, 0.4)
		p.text(px(v), float64(high)+16, "middle", 11, fmt.Sprintf("%g %%", 100*v))
	}
	for i, b := range bars {
		y := float64(44 + 20*i)
		p.text(left-8, y+9, "end", 12, b.Name)
		if b.Rate.In == 0 {
			continue
		}
		low, top := b.Rate.Interval()
		fmt.Fprintf(p, `<rect x="%d" y="%.1f" width="%.1f" height="12" fill="%s" fill-opacity="0.55"/>`+"\n", left, y, px(b.Rate.Value())-left, plotBlue)
		p.line(px(low), y+6, px(top), y+6, plotInk, 1.5)
		p.text(right+8, y+9, "start", 11, fmt.Sprintf("%.1f %% of %d", 100*b.Rate.Value(), b.Rate.In))
	}
	p.text((left+right)/2, float64(high)+28, "middle", 11, what)
	return p.end()
}
