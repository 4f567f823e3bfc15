package main

import (
	"context"
	"errors"
	"fmt"
	goio "io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/audit"
	"golang.org/x/mod/sumdb/note"
)

// openLedger opens the ledger in the database that a configuration names, for reading; the closer closes that. It is a variable so that
// whoever knows the store fills it in, and a test can be the store.
var openLedger = openLedgerOf

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Prove that no entry of the ledger was changed, removed, moved or put back."`
	List   auditList   `cmd:"" help:"List the newest entries: who did what, to what and why."`
	Key    auditKey    `cmd:"" help:"Print the public key that the ledger's checkpoints are signed with."`
}

func (auditCommand) Help() string {
	return `The ledger says who did what to messages and cases, and why: entries are appended, never changed. Its checkpoints are signed
and go to witnesses outside. Who holds one, and the public key, can prove everything before it.`
}

type auditVerify struct {
	Config     string   `short:"c" default:"sekisho.toml" help:"The configuration file."`
	Checkpoint []string `name:"checkpoint" sep:"none" help:"A file of checkpoints that a witness kept, or the saved text of a mail; may be given several times."`
	Key        string   `help:"The public key, as it was noted down; without it the one in the data folder."`
}

func (auditVerify) Help() string {
	return `Reads the whole ledger, hashes it anew and compares. What the checkpoints of -checkpoint cover is proved; what
is behind the newest of them only the ledger itself speaks for, and who can change the database can change
that too. An auditor brings his own checkpoints and the public key that he was given at the start:

  sekisho audit verify --checkpoint witness.txt --key "$(cat noted.key)"

The exit status is 0 where everything is as it was, 1 where not.`
}

// Run verifies.
func (c auditVerify) Run(ctx context.Context, io streams) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	var held []audit.Held
	for _, file := range c.Checkpoint {
		b, err := readCheckpoints(file)
		if err != nil {
			return err
		}
		some, damaged := audit.SplitCheckpoints(file, b)
		for _, d := range damaged {
			fmt.Fprintln(io.err, "warning:", d)
		}
		if len(some) == 0 {
			return fmt.Errorf("%s: there is no checkpoint in it", file)
		}
		held = append(held, some...)
	}
	src, closer, err := openLedger(ctx, c.Config)
	if err != nil {
		return err
	}
	defer closer.Close()
	r, err := audit.Verify(ctx, src, held, key)
	if err != nil {
		return err
	}
	return c.say(io, r)
}

// maxCheckpoints bounds a file of checkpoints, in octets: ten years of one a minute.
const maxCheckpoints = 2 << 30

func readCheckpoints(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := goio.ReadAll(goio.LimitReader(f, maxCheckpoints+1))
	if err == nil && len(b) > maxCheckpoints {
		err = fmt.Errorf("%s: more than %d octets of checkpoints", file, maxCheckpoints)
	}
	return b, err
}

func (c auditVerify) key() (note.Verifier, error) {
	if c.Key != "" {
		v, err := audit.ParsePublic(c.Key)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		return v, nil
	}
	k, err := ledgerKey(c.Config)
	if err != nil {
		return nil, err
	}
	return k.Verifier(), nil
}

func (c auditVerify) say(io streams, r *audit.Report) error {
	fmt.Fprintf(io.out, "The ledger has %d entries; %d checkpoints from elsewhere and %d of its own were compared.\n", r.Entries, r.Held, r.Own)
	for _, f := range r.Findings {
		how := "the ledger contradicts itself"
		if f.Proved {
			how = "proved by a checkpoint held elsewhere"
		}
		fmt.Fprintf(io.out, "\n%s (%s)\n  %s\n", f.Kind, how, f.Why)
	}
	if !r.OK() {
		first := r.Findings[0]
		for _, f := range r.Findings {
			if f.In.First >= 0 && (first.In.First < 0 || f.In.First < first.In.First) {
				first = f
			}
		}
		if first.In.First < 0 {
			return fmt.Errorf("the ledger is not proved: %s", first.Kind)
		}
		return fmt.Errorf("the ledger is not as it was: %s, first at %s", first.Kind, first.Likely)
	}
	switch {
	case r.Held == 0:
		fmt.Fprintln(io.out, "It fits its own hashes and checkpoints. No checkpoint from elsewhere was given: who can change the database could have changed those too.")
	default:
		fmt.Fprintf(io.out, "The first %d entries are as they were when they were witnessed: none was changed, removed, moved or put in.\n", r.Witnessed)
	}
	if r.NotWitnessed > 0 {
		fmt.Fprintf(io.out, "Not yet witnessed: %d entries, from %d on.\n", r.NotWitnessed, r.Witnessed)
	}
	return nil
}

type auditList struct {
	Limit  int    `default:"20" help:"How many at most."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

// Run prints the newest entries, the newest last.
func (c auditList) Run(ctx context.Context, io streams) error {
	if c.Limit < 1 || c.Limit > 10000 {
		return errors.New("--limit: from 1 to 10000")
	}
	src, closer, err := openLedger(ctx, c.Config)
	if err != nil {
		return err
	}
	defer closer.Close()
	size, err := src.Size(ctx)
	if err != nil {
		return err
	}
	rows, err := src.Entries(ctx, max(0, size-int64(c.Limit)), c.Limit)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(io.out, "the ledger is empty")
		return err
	}
	at := func(us int64) string {
		if us == 0 {
			return ""
		}
		return time.UnixMicro(us).Local().Format(time.DateTime)
	}
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ENTRY\tTIME\tWHO\tDID\tFOR\tGROUND\tABOUT\tMESSAGES\tFROM\tTO\tWHY")
	for _, row := range rows {
		e, err := audit.Decode(row.Entry)
		if err != nil {
			fmt.Fprintf(w, "%d\t%v\n", row.Seq, err)
			continue
		}
		count := ""
		if e.Count > 0 {
			count = fmt.Sprint(e.Count)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Seq, at(e.Time), e.Actor, e.Act, e.Purpose, e.Ground, e.About, count,
			at(e.From), at(e.To), e.Why)
	}
	return w.Flush()
}

type auditKey struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (auditKey) Help() string {
	return `Give the key to whoever is to verify the ledger, before anything has to be proved: noted down elsewhere, it cannot
be exchanged quietly.`
}

// Run prints the public key. It makes none: whoever runs this may be another user than the checkpoint, which could not read it then.
func (c auditKey) Run(io streams) error {
	k, err := ledgerKey(c.Config)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, k.Public())
	return err
}

func ledgerKey(config string) (*audit.Key, error) {
	cfg, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	k, err := audit.LoadKey(filepath.Join(cfg.Data, audit.KeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; `sekisho serve` makes one when it first starts", err)
	}
	return k, err
}
