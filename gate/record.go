package gate

import (
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
)

// Record fills rec with what was judged of m for one recipient; the door adds what it alone knows: the id that was given, the
// delay, the next hop's status. Lists in rec are used again. About has one entry for each name in Rules whose sentence is
// about something, in their order, so that the sentences can be told again; it is filled only where the message was
// stopped, or would have been. What it points to is copied to the end of buf, which is returned: a report is used again
// before a record is written.
func (v *Verdict) Record(rec *record.Verdict, m *message.Message, all *Verdicts, p *Policy, buf []byte) []byte {
	*rec = record.Verdict{
		Time: m.Time.UnixMicro(), Door: m.Door, Account: m.Account, ID: m.ID, Route: m.Route,
		Class: v.Class, Outcome: v.Outcome, Done: v.Do, Mode: v.Mode, OptedOut: v.Skipped == OptedOut,
		From: m.From, To: v.To, PPhishing: v.PPhishing, PBad: v.PBad, Parts: m.Parts, Come: m.Arrived,
		Rules: rec.Rules[:0], Trial: rec.Trial[:0], About: rec.About[:0],
	}
	if v.Skipped == Judged {
		rec.Family = all.Report.Folded.Family
	}
	stopped := rec.Stopped()
	if stopped {
		rec.Campaign = all.Campaign
		rec.Domain, rec.Link = detect.Leads(m, &all.Report)
	}
	for i := range v.Reasons {
		f := &v.Reasons[i]
		if p.Trial(f.Rule) {
			rec.Trial = append(rec.Trial, f.Rule.Name)
			continue
		}
		rec.Rules = append(rec.Rules, f.Rule.Name)
		if stopped && f.Rule.Tells() {
			at := len(buf)
			buf = append(buf, f.About...)
			rec.About = append(rec.About, buf[at:len(buf):len(buf)])
		}
	}
	return buf
}
