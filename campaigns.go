package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/settings"
)

// kept is a table of the stream that outlives a restart, in a file of its own in the data folder.
type kept struct {
	name, lost string
	save       func(io.Writer) error
	load       func(io.Reader, string) error
}

// startStream makes what looks at the stream of messages.
func (p *program) startStream() error {
	p.campaigns = detect.NewCampaigns(detect.Config{Metrics: p.metrics})
	p.domains = detect.NewDomains(0, 0)
	for _, k := range []kept{
		{"campaigns.bin", "the campaigns and what was decided of them are lost", p.campaigns.Save, p.campaigns.Load},
		{"domains.bin", "the ages of domains are lost; they are learnt anew within a week", p.domains.Save, p.domains.Load},
	} {
		if err := p.keep(k); err != nil {
			return err
		}
	}
	return nil
}

// keep loads a table, and saves it every hour and at the end. A damaged file is told and set aside.
func (p *program) keep(k kept) error {
	file := filepath.Join(p.cfg.Data, k.name)
	f, err := os.Open(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		err := k.load(f, file)
		f.Close()
		if err != nil {
			p.log.Error(k.lost, "err", err)
			if err := os.Rename(file, file+".damaged"); err != nil {
				return err
			}
		}
	}
	save := func(context.Context) error {
		var b bytes.Buffer
		if err := k.save(&b); err != nil {
			return err
		}
		return settings.WriteFile(file, b.Bytes())
	}
	p.onStop(k.name, save)
	p.background(func(ctx context.Context) {
		tick := time.NewTicker(time.Hour)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := save(ctx); err != nil {
				p.log.Error("could not be written", "file", file, "err", err)
			}
		}
	})
	return nil
}

// listCampaigns is what `sekisho campaigns` prints.
func (p *program) listCampaigns(r *http.Request) (string, error) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit < 1 || limit > 1000 {
		return "", errors.New("-limit: from 1 to 1000")
	}
	all := p.campaigns.List(time.Now(), limit)
	if len(all) == 0 {
		return "no campaign is followed: no wording with a link or a number came three times", nil
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CAMPAIGN\tTEXTS\t10 MIN\tHOUR\tSENDERS\tPEOPLE\tLINKS\tFRAUD\tROUTES\tFIRST\tLAST\tDECIDED")
	for _, c := range all {
		routes := ""
		for route := message.P2P; route < message.Routes; route++ {
			if n := c.Routes[route]; n > 0 {
				routes += fmt.Sprintf("%s:%d ", route, n)
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d of %d\t%s\t%s\t%s\t%s\n", c.ID, c.Texts, c.TenMinutes, c.Hour, c.Senders, c.Recipients, c.Targets,
			c.Phishing, c.Judged, routes, c.First.Local().Format(time.DateTime), c.Last.Local().Format(time.DateTime), c.Decision)
	}
	w.Flush()
	return b.String(), nil
}

// decideCampaign puts an operator's word in force.
func (p *program) decideCampaign(r *http.Request) (string, error) {
	to := r.FormValue("to")
	return "in force for the next text: " + to, p.decideOn(r.Context(), r.FormValue("id"), to, operator(), "")
}

// decideOn puts somebody's word on a campaign in force, and writes it down before.
func (p *program) decideOn(ctx context.Context, id, to, who, why string) error {
	for d := detect.Watch; d <= detect.Pass; d++ {
		if d.String() != to {
			continue
		}
		said := to
		if why != "" {
			said += ": " + why
		}
		if err := p.store.Enter(ctx, audit.Entry{Actor: who, Act: "campaign-decide", About: id, Why: said}); err != nil {
			return fmt.Errorf("nothing was done, for it could not be written down: %w", err)
		}
		if err := p.campaigns.Decide(id, d); err != nil {
			return err
		}
		p.log.Warn("a campaign was decided about", "campaign", id, "decision", to)
		return nil
	}
	return errors.New("stop, pass or watch")
}

type campaignsCommand struct {
	List  campaignsList `cmd:"" default:"withargs" help:"List the campaigns that grow fastest."`
	Stop  campaignsSet  `cmd:"" help:"Stop all texts of a campaign's wording."`
	Pass  campaignsSet  `cmd:"" help:"Pass texts of a campaign's wording, with the links and numbers that it had until now."`
	Watch campaignsSet  `cmd:"" help:"Take back a decision."`
}

func (campaignsCommand) Help() string {
	return `A campaign is texts of one wording, whatever their links, names and amounts: what the running checkpoint saw three times or
more. Senders, people and links are estimates. A decision holds until the campaign has ended: nothing of it for three days.
Campaigns outlive a restart.`
}

type campaignsList struct {
	Limit  int    `default:"20" help:"How many at most."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c campaignsList) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/campaigns", url.Values{"limit": {strconv.Itoa(c.Limit)}})
}

type campaignsSet struct {
	ID     string `arg:"" help:"The campaign, as the list names it."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
	to     string
}

func (c *campaignsCommand) BeforeResolve() error {
	c.Stop.to, c.Pass.to, c.Watch.to = "stop", "pass", "watch"
	return nil
}

func (c *campaignsSet) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/campaign", url.Values{"id": {c.ID}, "to": {c.to}})
}
