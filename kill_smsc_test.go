package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// journal is what the pretend SMSC of the kill test writes down before it says it: one line for a submit that it takes,
// for a receipt that was acknowledged, for a message that it was asked to cancel. It outlives the process, and the
// test reads it in the end.
type journal struct {
	mu   sync.Mutex
	f    *os.File
	line []byte
}

// Kinds of lines, their first octet.
const (
	lineSubmit  = 'S' // id, registered, source, destination, number of the part and of all parts, warned, tags
	lineReceipt = 'R' // id: its receipt was acknowledged
	lineCancel  = 'C' // id
)

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// Whoever wrote before may have died within a line; nobody was told of that one.
	_, err = f.WriteString("\n")
	return &journal{f: f}, err
}

// write appends a line by one write, which outlives the process once it returns.
func (j *journal) write(kind byte, fields ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line = append(j.line[:0], kind)
	for _, f := range fields {
		j.line = append(append(j.line, ' '), f...)
	}
	j.line = append(j.line, " .\n"...) // the dot: the line is whole
	if _, err := j.f.Write(j.line); err != nil {
		fmt.Fprintln(os.Stderr, "journal:", err)
		os.Exit(1)
	}
}

// accepted is a submit that the SMSC took.
type accepted struct {
	id            string
	registered    bool
	from, to      string
	ref           string
	part, parts   int
	warned        bool
	tags          []int
	told, cancels int // receipts acknowledged, cancels asked
}

// readJournal gives what was accepted, in order.
func readJournal(path string) (all []*accepted, byID map[string]*accepted, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	byID = make(map[string]*accepted)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		w := strings.Fields(lines.Text())
		if len(w) < 3 || w[len(w)-1] != "." {
			continue
		}
		a := byID[w[1]]
		switch {
		case w[0] == string(lineReceipt) && a != nil:
			a.told++
		case w[0] == string(lineCancel) && a != nil:
			a.cancels++
		case w[0] == string(lineSubmit) && len(w) == 11:
			if a != nil {
				return nil, nil, fmt.Errorf("the pretend SMSC gave the id %s twice", w[1])
			}
			a = &accepted{id: w[1], registered: w[2] == "1", from: w[3], to: w[4], ref: w[5], warned: w[8] == "true"}
			a.part, _ = strconv.Atoi(w[6])
			a.parts, _ = strconv.Atoi(w[7])
			for _, tag := range strings.Split(w[9], ",") {
				if n, err := strconv.Atoi(tag); err == nil {
					a.tags = append(a.tags, n)
				}
			}
			byID[a.id] = a
			all = append(all, a)
		}
	}
	return all, byID, lines.Err()
}

// tag marks a text, so that it is known wherever it turns up.
func tag(n int) string { return fmt.Sprintf("#%08d#", n) }

// tagsIn are the numbers of the tags in a text, each once.
func tagsIn(text []byte) (all []int) {
	for i := 0; i+10 <= len(text); i++ {
		if text[i] != '#' || text[i+9] != '#' {
			continue
		}
		if n, err := strconv.Atoi(string(text[i+1 : i+9])); err == nil && !slices.Contains(all, n) {
			all = append(all, n)
			i += 9
		}
	}
	return all
}

// mortalSMSC is a pretend SMSC that is killed and comes again: it knows from its journal what it took and which receipts
// are still to be acknowledged.
type mortalSMSC struct {
	smpptest.SMSC
	journal *journal
	prefix  string
	mu      sync.Mutex
	next    int
	due     []*dueReceipt
}

type dueReceipt struct {
	id       string
	from, to string
	at       time.Time
	pause    time.Duration
}

// serveSMSC is the process of the pretend SMSC.
func serveSMSC(addr, path string) error {
	before, _, err := readJournal(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	c := &mortalSMSC{prefix: fmt.Sprintf("m%d-", len(before))} // ids are never given twice: who comes next finds more
	if c.journal, err = openJournal(path); err != nil {
		return err
	}
	now := time.Now()
	for _, a := range before {
		if a.registered && a.told == 0 {
			c.due = append(c.due, &dueReceipt{a.id, a.from, a.to, now, firstPause})
		}
	}
	c.Config = smpp.Config{Window: 300, PeerWindow: 5000, Response: 5 * time.Second}
	c.Answer = c.answer
	c.OnRequest = c.cancel
	if _, err := c.Listen(addr); err != nil {
		return err
	}
	c.receipts()
	return nil
}

const (
	firstPause = 100 * time.Millisecond // before a receipt that was not taken is sent again; it doubles
	lastPause  = 2 * time.Second
)

// answer writes a submit down, then takes it. A few are refused for now.
func (c *mortalSMSC) answer(_ *smpp.Session, p smpp.PDU) (smpp.Status, string) {
	var m smpp.SM
	if err := m.Decode(p.Body); err != nil {
		return smpp.StatusOf(err), ""
	}
	if rand.IntN(500) == 0 {
		return smpp.StatusMsgQFul, ""
	}
	user, _ := m.UserData()
	var h smpp.UDH
	if m.ESMClass&smpp.ESMUDHI != 0 {
		head, rest, err := smpp.ParseUDH(user)
		if err != nil {
			return smpp.StatusSubmitFail, ""
		}
		h, user = head, rest
	}
	text, _ := smpp.AppendText(nil, user, smpp.ParseDataCoding(m.DataCoding, smpp.GSM7).Alphabet, smpp.Shift{})
	var tags []string
	for _, n := range tagsIn(text) {
		tags = append(tags, strconv.Itoa(n))
	}
	warned := bytes.Contains(text, []byte("[Warning")) || bytes.Contains(text, []byte("【注意】"))
	registered := m.RegisteredDelivery&smpp.RegisteredReceipt != 0
	c.mu.Lock()
	c.next++
	id := c.prefix + strconv.Itoa(c.next)
	c.mu.Unlock()
	from, to := string(m.Source.Digits), string(m.Dest.Digits)
	c.journal.write(lineSubmit, id, map[bool]string{true: "1", false: "0"}[registered], from, to,
		strconv.Itoa(int(h.Concat.Ref)), strconv.Itoa(int(h.Concat.Seq)), strconv.Itoa(int(h.Concat.Total)),
		strconv.FormatBool(warned), strings.Join(append(tags, "-"), ","))
	if registered {
		after := time.Duration(rand.IntN(50)) * time.Millisecond
		if rand.IntN(10) == 0 {
			after = 0 // such a one may overtake the answer to its submit
		}
		c.mu.Lock()
		c.due = append(c.due, &dueReceipt{id, from, to, time.Now().Add(after), firstPause})
		c.mu.Unlock()
	}
	return smpp.StatusOK, id
}

func (c *mortalSMSC) cancel(_ *smpp.Session, p smpp.PDU) bool {
	var b smpp.CancelBody
	if p.Command == smpp.CancelSM && b.Decode(p.Body) == nil {
		c.journal.write(lineCancel, string(b.MessageID))
	}
	return false
}

// receipts sends what is due, again and again until it is acknowledged.
func (c *mortalSMSC) receipts() {
	for range time.Tick(5 * time.Millisecond) {
		now := time.Now()
		var due []*dueReceipt
		c.mu.Lock()
		c.due = slices.DeleteFunc(c.due, func(r *dueReceipt) bool {
			if len(due) < 200 && !r.at.After(now) {
				due = append(due, r)
				return true
			}
			return false
		})
		c.mu.Unlock()
		for _, r := range due {
			s := c.Receiver()
			if s == nil {
				c.again(r)
				continue
			}
			if _, err := s.Send(smpp.DeliverSM, r.body(now), &sentReceipt{c, r}); err != nil {
				c.again(r)
				continue
			}
			s.Flush()
		}
	}
}

func (c *mortalSMSC) again(r *dueReceipt) {
	r.at = time.Now().Add(r.pause)
	r.pause = min(2*r.pause, lastPause)
	c.mu.Lock()
	c.due = append(c.due, r)
	c.mu.Unlock()
}

func (r *dueReceipt) body(now time.Time) []byte {
	addr := func(digits string) smpp.Addr {
		return smpp.Addr{TON: smpp.TONInternational, NPI: 1, Digits: []byte(digits)}
	}
	x := smpp.Receipt{MessageID: []byte(r.id), State: smpp.StateDelivered}
	m := smpp.SM{Source: addr(r.to), Dest: addr(r.from), ESMClass: smpp.ESMReceipt, ShortMessage: x.Append(nil, now, now)}
	m.TLVs = smpp.AppendTLV(nil, smpp.TagReceiptedMessageID, append([]byte(r.id), 0))
	m.TLVs = smpp.AppendTLV(m.TLVs, smpp.TagMessageState, []byte{byte(smpp.StateDelivered)})
	return m.Append(nil)
}

type sentReceipt struct {
	smsc *mortalSMSC
	r    *dueReceipt
}

func (x *sentReceipt) Response(_ *smpp.Session, p smpp.PDU, err error) {
	if err != nil || p.Status == smpp.StatusRxTAppn || p.Status == smpp.StatusThrottled {
		x.smsc.again(x.r)
		return
	}
	x.smsc.journal.write(lineReceipt, x.r.id, p.Status.String())
}
