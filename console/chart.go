package console

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/message"
)

// outcomes are those that are counted, in the order of what they do.
var outcomes = []message.Outcome{message.Deliver, message.Label, message.Hold, message.Block}

// spans are the periods that the chart can show, in minutes.
var spans = []int{5, 15, 60}

// figures are the chart and the tables beside it.
type figures struct {
	*view
	Span    int
	Columns []column
	Routes  []row
	Sum     row
	Broken  bool
	top     uint64 // of the stopped
	topAll  uint64 // of the delivered
}

// column is one bar of the chart: heights of 100.
type column struct {
	X     string
	Label string // when
	Count [4]uint64
	Bars  []block
	All   block // the delivered ones
}

type block struct{ Key, Y, Height string }

// row is one line of the table by route.
type row struct {
	Name  string
	Count [4]uint64
	Total uint64
}

func (c *Console) figures(r *http.Request, v *view) *figures {
	f := &figures{view: v, Span: spans[0]}
	for _, s := range spans {
		if r.URL.Query().Get("span") == fmt.Sprint(s) {
			f.Span = s
		}
	}
	cols, err := c.columns(r, f.Span)
	if err != nil {
		f.Broken = true
		return f
	}
	f.draw(cols)
	f.tabulate(cols)
	return f
}

// columns are the counts of each bar, the oldest first.
func (c *Console) columns(r *http.Request, span int) ([]Totals, error) {
	if span == spans[0] {
		c.hub.mu.Lock()
		defer c.hub.mu.Unlock()
		return c.hub.meter.columns(), nil
	}
	minutes, err := c.minutes(r.Context())
	if err != nil {
		return nil, err
	}
	cols := make([]Totals, span)
	first := c.cfg.Now().Truncate(time.Minute).Add(-time.Duration(span-1) * time.Minute)
	for i := range minutes {
		if at := int(minutes[i].Start.Sub(first) / time.Minute); at >= 0 && at < span && !minutes[i].Start.Before(first) {
			cols[at].add(&minutes[i].Totals)
		}
	}
	return cols, nil
}

func (f *figures) draw(cols []Totals) {
	for i := range cols {
		var n uint64
		for _, o := range outcomes[1:] {
			n += cols[i].of(o)
		}
		f.top, f.topAll = max(f.top, n), max(f.topAll, cols[i].of(message.Deliver))
	}
	f.top, f.topAll = nice(f.top), nice(f.topAll)
	for i := range cols {
		col := column{X: fmt.Sprintf("%.1f", float64(i)+0.1), Label: f.when(len(cols) - 1 - i)}
		y := 100.0
		for j, o := range outcomes {
			n := cols[i].of(o)
			col.Count[j] = n
			if j == 0 {
				h := 100 * float64(n) / float64(f.topAll)
				col.All = block{o.String(), fmt.Sprintf("%.1f", 100-h), fmt.Sprintf("%.1f", h)}
				continue
			}
			if h := 100 * float64(n) / float64(f.top); n > 0 {
				y -= h
				col.Bars = append(col.Bars, block{o.String(), fmt.Sprintf("%.1f", y), fmt.Sprintf("%.1f", h)})
			}
		}
		f.Columns = append(f.Columns, col)
	}
}

// when says how long ago a bar is.
func (f *figures) when(ago int) string {
	if f.Span != spans[0] {
		return fmt.Sprintf("−%d %s", ago, f.T("min"))
	}
	return fmt.Sprintf("−%d:%02d", ago*5/60, ago*5%60)
}

// nice is the next number that ends an axis well.
func nice(n uint64) uint64 {
	for step := uint64(1); ; step *= 10 {
		for _, m := range []uint64{1, 2, 5} {
			if n <= m*step && m*step >= 5 {
				return m * step
			}
		}
	}
}

func (f *figures) tabulate(cols []Totals) {
	var t Totals
	for i := range cols {
		t.add(&cols[i])
	}
	f.Sum = row{Name: f.T("total"), Total: t.total()}
	for j, o := range outcomes {
		f.Sum.Count[j] = t.of(o)
	}
	for r := message.P2P; r < message.Routes; r++ {
		line := row{Name: f.T(r.String()), Total: t.route(r)}
		for j, o := range outcomes {
			line.Count[j] = t.at(r, o)
		}
		// Who has no mail door need not read of mail.
		if line.Total > 0 || r != message.Mail {
			f.Routes = append(f.Routes, line)
		}
	}
}

// Outcomes are the columns of the tables.
func (f *figures) Outcomes() []message.Outcome { return outcomes }

// Spans are the periods to choose from.
func (f *figures) Spans() []int { return spans }

// Top and TopAll are the ends of the two axes.
func (f *figures) Top() string    { return number(f.top) }
func (f *figures) TopAll() string { return number(f.topAll) }

// Each says how much time a bar stands for.
func (f *figures) Each() string {
	if f.Span == spans[0] {
		return f.T("per5s")
	}
	return f.T("per1m")
}

// Empty reports whether nothing was counted.
func (f *figures) Empty() bool { return f.Sum.Total == 0 }

// Summary is the chart in words, for who cannot see it.
func (f *figures) Summary() string {
	s := fmt.Sprintf("%d %s:", f.Span, f.T("min"))
	for j, o := range outcomes {
		s += fmt.Sprintf(" %s %s.", f.Word(o), number(f.Sum.Count[j]))
	}
	return s
}
