package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// desk takes reports in, whatever road they came by. What is reported is judged apart from the stream of messages: whoever reports must not be able
// to move what is made of other people's texts, but by the weight that his reports have earned.
type desk struct {
	p          *program
	gate       *gate.Gate
	bunches    *detect.Campaigns // wordings that were reported
	thresholds report.Thresholds

	ripeMu sync.Mutex
	ripe   map[uint64]bool // bunches whose voices are to be weighed
	poke   chan struct{}

	mu       sync.Mutex // one batch after the other
	msg      message.Message
	verdicts gate.Verdicts
	folded   message.Folded
}

// reportBatch is how many reports are kept by one commit.
const reportBatch = 5000

func newDesk(p *program, t report.Thresholds) *desk {
	d := &desk{p: p, thresholds: t, ripe: map[uint64]bool{}, poke: make(chan struct{}, 1), bunches: detect.NewCampaigns(detect.Config{Campaigns: 1 << 14, Probation: 1, Begins: 1, Window: 14 * day})}
	d.gate = gate.New(gate.Config{Inspector: p.inspector, Choices: p.consent, Policy: p.gate.Policy(), Campaigns: d.bunches, Senders: 1})
	return d
}

// look is what the filter and the folding say of one report.
type look struct {
	row     store.ReportRow
	pBad    float64
	live    uint64 // campaign of the stream
	fraud   bool
	links   []string
	numbers []string
	family  uint64
}

// judge looks at a report, and says to which bunch it belongs.
func (d *desk) judge(r *report.Report) look {
	var l look
	m := &d.msg
	to := m.To[:0]
	*m = message.Message{Time: r.Time, Door: "report", Route: message.P2P, Text: append(m.Text[:0], r.Text...)}
	m.From, _ = subject.ParseAddress(r.Suspect, d.p.cfg.Home)
	if m.From.Kind() == subject.KindAlphanumeric || m.From.Kind() == subject.KindShort {
		m.Route = message.A2P
	}
	reporter, _ := subject.ParseAddress(r.Reporter, d.p.cfg.Home)
	m.To = append(to, reporter)
	for _, link := range r.Links { // as if they stood in the text
		m.Text = append(append(m.Text, ' '), link...)
	}
	if len(m.Text) > message.MaxText {
		m.Text = m.Text[:message.MaxText]
	}
	d.gate.SetPolicy(d.p.gate.Policy())
	d.gate.Pass(context.Background(), m, &d.verdicts)
	f, v := &d.verdicts.Report.Folded, &d.verdicts.Each[0]
	if v.Skipped != gate.Judged { // he opted out of inspection: what he reports is his to report, and is only sorted
		d.folded.Fold(m.Text)
		f = &d.folded
	} else {
		l.pBad, l.fraud, l.row.Bunch = float64(v.PBad), v.Class == message.Phishing, d.verdicts.Campaign
	}
	l.family, l.live = f.Family, d.p.campaigns.Like(f, r.Time)
	for i := range f.Links {
		l.links = append(l.links, string(f.Links[i].URL))
	}
	for i := range f.Numbers {
		if n := f.Numbers[i].Line; n != m.From.Line() && n != reporter.Line() {
			l.numbers = append(l.numbers, n.String())
		}
	}
	if l.row.Bunch == 0 {
		l.row.Bunch = f.Family
	}
	switch {
	case l.row.Bunch != 0:
	case len(f.Links) > 0:
		l.row.Bunch = d.p.key.Hash("bunch link", f.Links[0].Domain)
	case r.Suspect != "":
		l.row.Bunch = d.p.key.Hash("bunch suspect", []byte(r.Suspect))
	default:
		l.row.Bunch = d.p.key.Hash("bunch text", m.Text)
	}
	return l
}

// prepare makes the row of a report. A report without an id is known by its content.
func (d *desk) prepare(ctx context.Context, r *report.Report) (look, error) {
	if r.Time.IsZero() {
		r.Time = time.Now().UTC()
	}
	l := d.judge(r)
	id := r.ID
	if id == "" {
		id = strings.Join(append([]string{r.Suspect, r.Text, r.Subject}, r.Links...), "\x00")
	}
	l.row.At, l.row.Channel, l.row.Medium, l.row.Claim = r.Time.UnixMicro(), r.Channel, r.Medium, r.Claim
	if r.Reporter != "" {
		l.row.Reporter = d.p.key.Hash("reporter", []byte(r.Via+"\x00"+r.Reporter))
	}
	l.row.Digest = d.p.key.Hash("report", []byte(r.Via+"\x00"+r.Reporter+"\x00"+id))
	body, err := json.Marshal(r)
	if err != nil {
		return l, err
	}
	l.row.Sealed, err = d.p.seal.Seal(ctx, time.Now(), body, about("report", l.row.Digest))
	return l, err
}

func about(what string, id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(what+"\x00"), id)
}

// Take keeps reports; when it returns they are on disk. It says how many were new.
func (d *desk) Take(ctx context.Context, all []report.Report) (fresh int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	looks := make([]look, len(all))
	for i := range all {
		if looks[i], err = d.prepare(ctx, &all[i]); err != nil {
			return 0, err
		}
	}
	return d.keep(ctx, all, looks)
}

// TakeAll keeps a file's worth of reports, a batch at a time; the first that cannot be read ends it, and what came before is kept.
func (d *desk) TakeAll(ctx context.Context, all iter.Seq2[report.Report, error], progress func(read, fresh int)) (read, fresh int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	type batch struct {
		reports []report.Report
		looks   []look
	}
	ready := make(chan batch, 1)
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // one batch is judged while the one before is written
		defer close(ready)
		var b batch
		send := func() bool {
			select {
			case ready <- b:
				b = batch{}
				return true
			case <-ctx.Done():
				return false
			}
		}
		for r, err := range all {
			if err == nil {
				var l look
				if l, err = d.prepare(ctx, &r); err == nil {
					b.reports, b.looks = append(b.reports, r), append(b.looks, l)
				}
			}
			if err != nil {
				send()
				failed <- err
				return
			}
			if len(b.looks) == reportBatch && !send() {
				return
			}
		}
		if len(b.looks) > 0 {
			send()
		}
	}()
	for b := range ready {
		n, err := d.keep(ctx, b.reports, b.looks)
		if err != nil {
			return read, fresh, err
		}
		read, fresh = read+len(b.looks), fresh+n
		if progress != nil {
			progress(read, fresh)
		}
	}
	select {
	case err = <-failed:
	default:
		err = ctx.Err()
	}
	return read, fresh, err
}

// keep writes a batch, and lets what it made ripe be weighed.
func (d *desk) keep(ctx context.Context, all []report.Report, looks []look) (fresh int, err error) {
	rows := make([]store.ReportRow, len(looks))
	for i := range looks {
		rows[i] = looks[i].row
	}
	var ripe []uint64
	var told []int
	fresh, err = d.p.store.AddReports(ctx, rows, func(in *store.Intake) error {
		ripe, told = ripe[:0], in.Fresh
		return d.fold(ctx, in, all, looks, &ripe)
	})
	if err != nil {
		return 0, err
	}
	for _, i := range told {
		d.witness(&all[i], &looks[i])
	}
	d.ripen(ripe)
	return fresh, nil
}

// ripen puts bunches down to be weighed.
func (d *desk) ripen(ids []uint64) {
	if len(ids) == 0 {
		return
	}
	d.ripeMu.Lock()
	for _, id := range ids {
		d.ripe[id] = true
	}
	d.ripeMu.Unlock()
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// run weighs what is ripe, apart from taking in: however many reports of one text come at once, their voices are weighed once.
func (d *desk) run(ctx context.Context) {
	again := time.NewTicker(time.Minute)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.poke:
		case <-again.C:
		}
		if err := d.weighRipe(ctx); err != nil && ctx.Err() == nil {
			d.p.log.Error("reports could not be weighed; it is tried again within a minute", "err", err)
		}
	}
}

func (d *desk) weighRipe(ctx context.Context) (err error) {
	d.ripeMu.Lock()
	ids := slices.Sorted(maps.Keys(d.ripe))
	clear(d.ripe)
	d.ripeMu.Unlock()
	decided := false
	for i, id := range ids {
		done, err := d.weigh(ctx, id)
		if decided = decided || done; err != nil {
			d.ripen(ids[i:])
			return err
		}
	}
	if decided {
		d.p.shortCode.decided()
		return d.p.registerChanged(ctx)
	}
	return nil
}

// fold counts fresh reports into their bunches and reporters.
func (d *desk) fold(ctx context.Context, in *store.Intake, all []report.Report, looks []look, ripe *[]uint64) error {
	opened := map[uint64]bool{}
	for _, i := range in.Fresh {
		r, l := &all[i], &looks[i]
		b := in.Bunches[l.row.Bunch]
		if b == nil {
			b = &store.SealedBunch{Bunch: report.Bunch{ID: l.row.Bunch, State: report.New, Medium: r.Medium, First: r.Time, Last: r.Time,
				Seen: report.Seen{Text: r.Text, Subject: r.Subject, Family: l.family}}}
			in.Bunches[b.ID] = b
			opened[b.ID] = true
		} else if !opened[b.ID] {
			if err := d.open(ctx, b); err != nil && !errors.Is(err, record.ErrErased) {
				return err
			}
			opened[b.ID] = true
		}
		was := b.Reporters
		d.count(in, b, r, l)
		if b.State == report.New && (b.Reporters != was || b.Reporters == 0) && steps(b.Reporters) && !slices.Contains(*ripe, b.ID) {
			*ripe = append(*ripe, b.ID)
		}
	}
	for id := range opened {
		b := in.Bunches[id]
		body, err := json.Marshal(&b.Seen)
		if err != nil {
			return err
		}
		if b.Sealed, err = d.p.seal.Seal(ctx, time.Now(), body, about("bunch", id)); err != nil {
			return err
		}
	}
	return nil
}

// steps reports whether so many reporters are a time to weigh their voices: at first every time, later as they become half as many again.
func steps(n uint32) bool {
	for k := uint32(16); ; k += k / 2 {
		if n <= 16 || n == k {
			return true
		}
		if k > n {
			return false
		}
	}
}

func (d *desk) count(in *store.Intake, b *store.SealedBunch, r *report.Report, l *look) {
	b.Reports++
	if r.Time.Before(b.First) {
		b.First = r.Time
	}
	if r.Time.After(b.Last) {
		b.Last = r.Time
	}
	if r.Claim == report.Honest {
		b.Honest++
	}
	b.PBad = max(b.PBad, l.pBad)
	if l.live != 0 {
		b.Campaign = l.live
	}
	for _, link := range l.links {
		b.Links = report.Count(b.Links, link)
	}
	for _, n := range l.numbers {
		b.Numbers = report.Count(b.Numbers, n)
	}
	for _, f := range r.Files {
		b.Files = report.Count(b.Files, f)
	}
	if from, err := subject.ParseAddress(r.Suspect, d.p.cfg.Home); err == nil && from.Line() == 0 {
		b.Senders = report.Count(b.Senders, from.String())
	}
	if l.row.Reporter == 0 {
		return
	}
	who := in.Reporters[l.row.Reporter]
	if who == nil {
		who = &report.Reporter{ID: l.row.Reporter}
		in.Reporters[who.ID] = who
	}
	if who.Reported(b.ID, r.Time) {
		if r.Claim != report.Honest {
			b.Reporters++
		}
		right := b.State == report.IsFraud && r.Claim != report.Honest || b.State == report.IsFair && r.Claim == report.Honest
		switch {
		case b.State == report.New || b.State == report.Refused:
		case right:
			who.Right++
		default:
			who.Wrong++
		}
	}
}

// open unseals what the reports of a bunch name.
func (d *desk) open(ctx context.Context, b *store.SealedBunch) error {
	body, err := d.p.seal.Open(ctx, b.Sealed, about("bunch", b.ID))
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &b.Seen)
}

// witness lets a report that names a line of ours stand beside what was stopped of it, by leave of that line's contract. The reporter's own line is
// never meant, whatever he wrote.
func (d *desk) witness(r *report.Report, l *look) {
	suspect, err := subject.ParseAddress(r.Suspect, d.p.cfg.Home)
	line := suspect.Line()
	if err != nil || line == 0 || r.Claim == report.Honest || r.Suspect == r.Reporter || !l.fraud || l.row.Reporter == 0 {
		return
	}
	f := evidence.Fact{Kind: evidence.Reported, Time: r.Time.UnixMicro(), Line: line, Contract: d.p.consent.Contract(line), Party: l.row.Reporter, Weight: 0.5}
	if it, ok := d.p.infections.item(f); ok {
		d.p.queue.Put(&record.Evidence{Item: it}, true)
	}
}

// weigh weighs the voices of a bunch, and decides it where the thresholds are met.
func (d *desk) weigh(ctx context.Context, id uint64) (decided bool, err error) {
	voices, err := d.p.store.Voices(ctx, id, 1000)
	if err != nil {
		return false, err
	}
	b, err := d.p.store.Bunch(ctx, id)
	if err != nil {
		return false, err
	}
	weight, herd, unproved := report.Weigh(voices, id)
	if b.PBad < 0.5 && unproved >= report.MinHerd && unproved*10 >= len(voices)*9 { // new accounts, all against what the filter holds to be honest
		herd = max(herd, unproved)
	}
	b.Weight, b.Herd = weight, uint32(herd)
	if err := d.p.store.WeighBunch(ctx, id, weight, herd); err != nil {
		return false, err
	}
	why, ok := d.thresholds.Decide(&b.Bunch)
	if !ok {
		return false, nil
	}
	if err := d.open(ctx, b); err != nil {
		return false, err
	}
	err = d.decide(ctx, &b.Bunch, report.IsFraud, byPolicy, why)
	if errors.Is(err, store.ErrDecided) {
		return false, nil
	}
	return err == nil, err
}

// byPolicy is who decides where thresholds do.
const byPolicy = "policy"

// decide moves a bunch, and puts what it teaches into the register. The caller puts that in force.
func (d *desk) decide(ctx context.Context, b *report.Bunch, to report.State, by, why string) error {
	now := time.Now().UTC()
	dec := store.Decision{Bunch: b.ID, From: b.State, To: to, By: by, Why: why, At: now}
	if to == report.IsFraud {
		dec.Entries = d.teach(b, by, why, now)
	}
	if err := d.p.store.DecideBunch(ctx, dec); err != nil {
		return err
	}
	d.p.log.Info("reports were decided", "reports", report.Name(b.ID), "as", string(to), "by", by, "indicators", len(dec.Entries))
	return nil
}
