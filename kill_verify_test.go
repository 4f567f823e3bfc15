package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/store"
)

// ownID says whether an id is that of a text which Sekisho answered for itself.
func ownID(id string) bool { return strings.HasPrefix(id, "sk") }

// told says whether a text's ESME got the final receipt of the id it was acknowledged with.
func (l *ledger) told(x *text) bool {
	for _, r := range l.texts[x.first].receipts {
		if r.id == x.id && r.state.Final() {
			return true
		}
	}
	return false
}

// missing is how many receipts are still to come. What is held gets none until it is released or expires.
func (l *ledger) missing() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.texts {
		x := &l.texts[i]
		if x.registered && (!ownID(x.id) || x.kind == blocked || x.released) && !l.told(x) {
			n++
		}
	}
	return n
}

// onDisk is a text that Sekisho keeps.
type onDisk struct {
	state store.HeldState
	by    string
	tags  []int
}

// readHeld opens what is sealed in the store of a stopped Sekisho.
func (k *killRun) readHeld() map[string]*onDisk {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	data := filepath.Join(k.dir, "data")
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "records.db"), log, prometheus.NewRegistry())
	if err != nil {
		k.t.Fatal(err)
	}
	defer s.Close()
	secret, err := record.LoadSecret(filepath.Join(data, "secret"))
	if err != nil {
		k.t.Fatal(err)
	}
	seal, err := record.NewSealer(secret, s)
	if err != nil {
		k.t.Fatal(err)
	}
	keep := keeper{store: s, seal: seal}
	all := make(map[string]*onDisk)
	for _, st := range []store.HeldState{store.StateHeld, store.StateReleasing, store.StateReleased, store.StateRejected,
		store.StateExpired, store.StateDeleted} {
		rows, err := s.HeldIn(ctx, st, 1_000_000)
		if err != nil {
			k.t.Fatal(err)
		}
		for i := range rows {
			plain, err := keep.open(ctx, &rows[i])
			if err != nil {
				k.t.Errorf("held text %s cannot be opened: %v", rows[i].ID, err)
				continue
			}
			d := &onDisk{state: st, by: rows[i].DecidedBy}
			for _, body := range plain.Bodies {
				d.tags = append(d.tags, tagsIn(body)...) // GSM 03.38 writes tags as ASCII does
			}
			all[rows[i].ID] = d
		}
	}
	return all
}

// verdict is everything there is to hold the ledger against.
type verdict struct {
	*killRun
	taken map[string]*accepted
	at    map[int][]*accepted // by tag
	disk  map[string]*onDisk
	kept  map[int]int // rows on disk, by tag

	again, resent, released, orphans int
}

func (k *killRun) verify() {
	all, byID, err := readJournal(k.journal())
	if err != nil {
		k.t.Fatal(err)
	}
	v := &verdict{killRun: k, taken: byID, at: make(map[int][]*accepted), disk: k.readHeld(), kept: make(map[int]int)}
	for _, a := range all {
		for _, n := range a.tags {
			v.at[n] = append(v.at[n], a)
		}
	}
	for _, d := range v.disk {
		for _, n := range d.tags {
			v.kept[n]++
		}
	}
	l := k.ledger
	for i := range l.texts {
		x := &l.texts[i]
		v.resent += x.lost
		switch {
		case x.acks != 1:
			l.fault("text %d was acknowledged %d times", i, x.acks)
		case ownID(x.id):
			v.held(i, x)
		case strings.HasPrefix(x.id, "sg"):
			v.cut(i, x)
		default:
			v.forwarded(i, x)
		}
		v.receipts(i, x)
	}
	for _, w := range l.wrong {
		k.t.Error(w)
	}
	binds := int64(0)
	for _, e := range k.chaos.esmes {
		binds += e.binds.Load()
	}
	k.t.Logf("%d submits at the SMSC, %d texts on disk, %d released, %d halves alone, %d attempts ended unknown, %d receipts came again, %d ESME binds, answers %v",
		len(all), len(v.disk), v.released, v.orphans, v.resent, v.again, binds, l.statuses)
}

// forwarded: the SMSC had taken it under that id, and once, but for attempts that nobody knew the end of.
func (v *verdict) forwarded(i int, x *text) {
	l, a := v.ledger, v.taken[x.id]
	switch {
	case x.kind == held || x.kind == blocked || x.kind == heldPart && x.part == 1 || x.kind == warnedLong:
		l.fault("text %d (kind %d) went to the SMSC as it was: %s", i, x.kind, x.id)
	case a == nil:
		l.fault("text %d was acknowledged as %s, which the SMSC never took", i, x.id)
	case len(a.tags) != 1 || a.tags[0] != i:
		l.fault("text %d was acknowledged as %s, which is text %v at the SMSC", i, x.id, a.tags)
	case a.warned != (x.kind == warned):
		l.fault("text %d (kind %d) has a warning: %v", i, x.kind, a.warned)
	case len(v.at[i]) > 1+x.lost:
		l.fault("text %d came to the SMSC %d times, though its ESME sent it again unknowing %d times", i, len(v.at[i]), x.lost)
	}
}

// cut in two for its warning: the SMSC had taken both halves.
func (v *verdict) cut(i int, x *text) {
	halves := make(map[string][3]int) // by reference, which may come round
	whole, alone := 0, 0
	for _, a := range v.at[i] {
		h := halves[a.ref]
		h[a.part%3]++
		halves[a.ref] = h
	}
	for _, h := range halves {
		whole += min(h[1], h[2])
		alone += max(h[1], h[2]) - min(h[1], h[2])
	}
	v.orphans += alone // the other half was refused: this one is taken back where that can still be
	switch {
	case x.kind != warnedLong:
		v.ledger.fault("text %d (kind %d) was cut", i, x.kind)
	case whole == 0:
		v.ledger.fault("text %d was acknowledged as %s, but the SMSC has not both halves", i, x.id)
	case whole > 1+x.lost:
		v.ledger.fault("both halves of text %d came to the SMSC %d times, though its ESME sent it again unknowing %d times", i, whole, x.lost)
	}
}

// held: on disk under that id, and the SMSC got it only by a release, once.
func (v *verdict) held(i int, x *text) {
	l, d := v.ledger, v.disk[x.id]
	if d == nil {
		l.fault("text %d was acknowledged as %s, which is not on disk", i, x.id)
		return
	}
	here := false
	for _, n := range d.tags {
		here = here || n == i
	}
	if !here {
		l.fault("text %d was acknowledged as %s, which is text %v on disk", i, x.id, d.tags)
	}
	if v.kept[i] > 1+x.lost && x.kind != heldPart { // what is held first of a long one keeps the parts before
		l.fault("text %d is on disk %d times, though its ESME sent it again unknowing %d times", i, v.kept[i], x.lost)
	}
	most := 0
	switch {
	case x.kind == blocked:
		if d.state != store.StateRejected {
			l.fault("text %d is blocked, and %s on disk", i, d.state)
		}
	case x.kind != held && x.kind != heldPart:
		l.fault("text %d (kind %d) is held", i, x.kind)
	case v.asked[i]:
		most = 1
		v.releases(i, x, d)
	case d.state != store.StateHeld:
		l.fault("text %d is held, and %s on disk", i, d.state)
	case x.kind == heldPart && x.part > 1:
		most = x.lost // without the first part it may have passed, and its answer be lost
	}
	if len(v.at[i]) > most {
		l.fault("text %d is held, and came to the SMSC %d times", i, len(v.at[i]))
	}
}

// releases: at most once at the SMSC, and there for certain where it said so.
func (v *verdict) releases(i int, x *text, d *onDisk) {
	if d.state == store.StateReleased && d.by == "release: "+smpp.StatusOK.String() {
		v.released++
		if len(v.at[i]) != 1 {
			v.ledger.fault("text %d was released, and came to the SMSC %d times", i, len(v.at[i]))
		}
		if x.registered && !v.ledger.told(x) {
			v.ledger.fault("text %d was released, and its receipt never came", i)
		}
	}
	if d.state == store.StateHeld && len(v.at[i]) > 0 {
		v.ledger.fault("text %d is at the SMSC, and could be released again: %s", i, d.by)
	}
}

// receipts: each is of an id that the ESME knows, or of one that it was to be told when the link broke.
func (v *verdict) receipts(i int, x *text) {
	l := v.ledger
	if x.first != i {
		return
	}
	known, lost, asked := make(map[string]int), 0, 0
	for j := i; j < len(l.texts) && l.texts[j].first == i; j++ {
		p := &l.texts[j]
		known[p.id]++
		lost += p.lost
		if p.registered {
			asked++
		}
	}
	for _, r := range x.receipts {
		switch {
		case asked == 0:
			l.fault("text %d asked for no receipt and got one: %s", i, r.id)
		case known[r.id] == 0 && lost == 0:
			l.fault("text %d got the receipt of %s, which its ESME was never to be told", i, r.id)
		case known[r.id] > 1:
			v.again++
		}
		known[r.id]++
		want := smpp.StateDelivered
		if x.kind == blocked {
			want = smpp.StateRejected
		}
		if r.state != want {
			l.fault("text %d got the receipt %v for %s", i, r.state, r.id)
		}
	}
}
