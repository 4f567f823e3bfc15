// Sekisho (関所, the barrier station on an Edo road) is the checkpoint for what travels on phone numbers and texts: it
// stops smishing where an operator hands messages over, and answers for every decision.
//
// Start reading at package gate, the one path that every message takes; program.go puts everything together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// streams are what a command reads and writes, so that a test can be the terminal.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

type commands struct {
	Try          tryCommand        `cmd:"" help:"Run everything on this machine with simulated traffic, to look at."`
	Init         initCommand       `cmd:"" help:"Write a commented configuration and policy to start from."`
	Serve        serveCommand      `cmd:"" help:"Run the checkpoint."`
	Bypass       bypassCommand     `cmd:"" help:"Stop all stopping, at once, or end that: bypass on, bypass off."`
	Reload       reloadCommand     `cmd:"" help:"Let the running checkpoint read accounts, certificates, policy and lists again."`
	Release      releaseCommand    `cmd:"" help:"Deliver a held message after all."`
	Campaigns    campaignsCommand  `cmd:"" help:"List the campaigns that the checkpoint follows; stop, pass or watch one."`
	Find         findCommand       `cmd:"" help:"Look up what became of messages, for customer care."`
	Scan         scanCommand       `cmd:"" help:"Judge the messages of files, or of standard input (-)."`
	Eval         evalCommand       `cmd:"" help:"Judge labelled messages and say how well that went."`
	Backtest     backtestCommand   `cmd:"" help:"Say what another policy, rule or model would have done to traffic."`
	Simulate     simulateCommand   `cmd:"" help:"Write a trace of a nation in small, with infected phones."`
	Rank         rankCommand       `cmd:"" help:"Rank the lines that reports name, for people to look at."`
	Replay       replayCommand     `cmd:"" help:"Run a recorded trace through the whole program, on its own clock."`
	Train        trainCommand      `cmd:"" help:"Learn the classifier from labelled messages."`
	Bench        benchCommand      `cmd:"" help:"Measure how fast judging and the proxy are on this machine."`
	CheckConfig  checkCommand      `cmd:"" name:"check-config" help:"Check a configuration and everything it names."`
	Cases        casesCommand      `cmd:"" help:"Infected lines: look, agree, and write down what became of them."`
	Reports      reportsCommand    `cmd:"" help:"What subscribers and others report: look, decide, take in."`
	Indicators   indicatorsCommand `cmd:"" help:"The register of indicators: look, agree, add, withdraw."`
	Lookup       lookupCommand     `cmd:"" help:"Ask other operators about numbers without showing them."`
	Feeds        feedsCommand      `cmd:"" help:"Lists that others publish: how they stand; fetch one now."`
	Auth         authCommand       `cmd:"" help:"Who may sign in to the console: print a link to enrol a passkey."`
	Audit        auditCommand      `cmd:"" help:"The ledger of who did what: verify it, list it."`
	Contracts    contractsCommand  `cmd:"" help:"Tell what became of contracts, and what they chose."`
	Brands       brandsCommand     `cmd:"" help:"Check a list of brands, or print the embedded one to start from."`
	Key          keyCommand        `cmd:"" help:"Make, list and revoke API keys."`
	HashPassword passwordCommand   `cmd:"" name:"hash-password" help:"Hash an ESME's password for the configuration."`
	Migrate      migrateCommand    `cmd:"" help:"Bring the database up to date, without starting."`
	Version      versionCommand    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// exitCode ends a command with another status than 1, and without a sentence.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run is the program: 0 where all went well, 1 where not, 2 where it was asked wrongly.
func run(ctx context.Context, args []string, io streams) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("sekisho"),
		kong.Description("The checkpoint for texts: judges every message in line, and says why.\n\nStart with `sekisho try`, or judge a file with `sekisho scan FILE`."),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(io),
	)
	if err != nil {
		fmt.Fprintln(io.err, "sekisho:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(longFlags(args))
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintln(io.err, "sekisho:", err)
		fmt.Fprintln(io.err, "`sekisho --help` lists the commands, `sekisho COMMAND --help` explains one.")
		return 2
	}
	if err := k.Run(); err != nil {
		if code, ok := errors.AsType[exitCode](err); ok {
			return int(code)
		}
		fmt.Fprintln(io.err, "sekisho:", err)
		return 1
	}
	return 0
}

// longFlags lets flags be written with one dash, -json, as Go programs have them: there are no bundles of short ones.
func longFlags(args []string) []string {
	out := make([]string, 0, len(args))
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		if len(a) > 2 && a[0] == '-' && a[1] >= 'a' && a[1] <= 'z' && a[2] != '=' {
			a = "-" + a
		}
		out = append(out, a)
	}
	return out
}

type versionCommand struct{}

// version is set by the linker for releases.
var version = ""

func programVersion() string {
	if version != "" {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return b.Main.Version
	}
	return "development"
}

func (versionCommand) Run(io streams) error {
	_, err := fmt.Fprintf(io.out, "sekisho %s\n", programVersion())
	return err
}
