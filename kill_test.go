package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/smpp"
)

// The kill test runs Sekisho and a pretend SMSC as processes of their own, sends texts through them by ESMEs that see
// every octet, and all the while kills one or the other, or a connection. In the end what the ESMEs were told is held
// against what the SMSC wrote down before it answered and against what is sealed on Sekisho's disk:
//
//   - every forwarded text that was acknowledged is in the SMSC's journal under the id that the ESME was told;
//   - every held one is on disk, and the SMSC never got it;
//   - no submit was answered twice, and no text came twice but those whose ESME sent it again, not knowing;
//   - every text that was acknowledged and asked for a receipt got its final one, and nobody got another's.
//
// -short sends 3,000 texts with a handful of kills; SEKISHO_KILL="texts,kills,seed" repeats a run.
func TestKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM to end a process kindly by")
	}
	texts, kills, seed := killSize(t)
	t.Logf("SEKISHO_KILL=%d,%d,%d", texts, kills, seed)
	k := newKillRun(t, texts, seed)
	k.start()
	k.wreak(kills)
	k.calm()
	k.stop()
	k.verify()
	if t.Failed() {
		t.Logf("Sekisho said:\n%s\nthe SMSC said:\n%s", k.chaos.sekisho.tail(), k.chaos.smsc.tail())
	}
}

func killSize(t *testing.T) (texts, kills int, seed uint64) {
	texts, kills, seed = 50_000, 32, rand.Uint64N(1_000_000)
	if testing.Short() {
		texts, kills = 3000, 7
	}
	if s := os.Getenv("SEKISHO_KILL"); s != "" {
		if n, _ := fmt.Sscanf(s, "%d,%d,%d", &texts, &kills, &seed); n < 2 {
			t.Fatalf("SEKISHO_KILL=%q is not texts,kills,seed", s)
		}
	}
	return texts, kills, seed
}

// killRun is one run of the kill test.
type killRun struct {
	t       *testing.T
	dir     string
	console string
	ledger  *ledger
	chaos   *chaos
	stopped chan struct{}
	wg      sync.WaitGroup
	asked   map[int]bool // held texts that were to be released

	releases sync.WaitGroup
}

func newKillRun(t *testing.T, n int, seed uint64) *killRun {
	rnd := rand.New(rand.NewPCG(seed, 1))
	k := &killRun{t: t, dir: t.TempDir(), stopped: make(chan struct{}), asked: make(map[int]bool)}
	k.ledger = newLedger(rnd, n)
	listen, smsc := listenPort(t), listenPort(t)
	k.console = listenPort(t)
	w, err := newWire(smsc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.l.Close() })
	hash, err := auth.HashPassword("pw")
	if err != nil {
		t.Fatal(err)
	}
	if err := scenario(k.dir, listen, k.console, w.l.Addr().String(), hash); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(k.dir, "sekisho.toml")
	k.chaos = &chaos{rnd: rnd, wire: w, release: k.release, health: "http://" + k.console + "/healthz",
		sekisho: &process{role: "sekisho", args: []string{"serve", "-c", config}, log: filepath.Join(k.dir, "sekisho.log")},
		smsc:    &process{role: "smsc", args: []string{smsc, k.journal()}, log: filepath.Join(k.dir, "smsc.log")},
	}
	for a := range killAccounts {
		for range 2 {
			k.chaos.esmes = append(k.chaos.esmes, &rawESME{ledger: k.ledger, account: a, name: killAccounts[a].name, addr: listen, window: 40})
		}
	}
	return k
}

func (k *killRun) journal() string { return filepath.Join(k.dir, "journal") }

func (k *killRun) start() {
	if err := k.chaos.smsc.start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { k.chaos.smsc.kill() })
	if err := k.chaos.startSekisho(); err != nil {
		k.t.Fatalf("%v\n%s", err, k.chaos.sekisho.tail())
	}
	k.t.Cleanup(func() { k.chaos.sekisho.kill() })
	for _, e := range k.chaos.esmes {
		k.wg.Go(func() { e.run(k.stopped) })
	}
}

// wreak kills whenever so many more texts are acknowledged, so that the kills spread over all of them.
func (k *killRun) wreak(kills int) {
	began := time.Now()
	count := make(map[string]int)
	for i, d := range plan(k.chaos.rnd, kills) {
		k.acknowledged(int64(len(k.ledger.texts)) * int64(i+1) / int64(kills+2))
		if err := deeds[d].do(k.chaos); err != nil {
			k.t.Fatalf("%s: %v\n%s", deeds[d].name, err, k.chaos.sekisho.tail())
		}
		count[deeds[d].name]++
	}
	k.acknowledged(int64(len(k.ledger.texts)))
	k.t.Logf("%d texts acknowledged in %v, with %d deeds: %v", len(k.ledger.texts), time.Since(began).Round(time.Millisecond), kills, count)
	k.t.Logf("Sekisho's starts took %v", k.chaos.starts)
}

// acknowledged waits until so many texts are; while it goes forward at all it may take its time.
func (k *killRun) acknowledged(n int64) {
	last, moved := int64(-1), time.Now()
	for {
		now := k.ledger.acked.Load()
		if now >= n {
			return
		}
		if now != last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > time.Minute {
			k.t.Fatalf("nothing goes forward: %d of %d texts are acknowledged, answers %v\n%s", now, n, k.ledger.statuses, k.chaos.sekisho.tail())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// release asks for the release of a few held texts, whatever becomes of Sekisho meanwhile.
func (k *killRun) release() {
	asked := make(map[int]string)
	k.ledger.mu.Lock()
	for i := range k.ledger.texts {
		x := &k.ledger.texts[i]
		if x.kind == held && x.acks > 0 && !k.asked[i] && len(asked) < 4 {
			k.asked[i] = true
			asked[i] = x.id
		}
	}
	k.ledger.mu.Unlock()
	for n, id := range asked {
		k.releases.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			said, err := ask(ctx, filepath.Join(k.dir, "sekisho.toml"), "/release", url.Values{"id": {id}})
			if err == nil && strings.Contains(said, smpp.StatusOK.String()) {
				k.ledger.released(n)
			}
		})
	}
	k.chaos.pause(50 * time.Millisecond)
}

// calm waits until every receipt has come, and looks for what piled up.
func (k *killRun) calm() {
	began := time.Now()
	k.release() // and once undisturbed
	k.releases.Wait()
	for last, moved := -1, began; ; time.Sleep(20 * time.Millisecond) {
		n := k.ledger.missing()
		if n == 0 {
			break
		}
		if n != last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) > 30*time.Second {
			k.t.Errorf("%d receipts never came", n)
			break
		}
	}
	k.t.Logf("the last receipt came %v after the last acknowledgement", time.Since(began).Round(time.Millisecond))
	for _, m := range []struct {
		name string
		most float64
	}{
		{"sekisho_smpp_upstream_outstanding", 0}, {"sekisho_smpp_hold_queue", 0}, {"sekisho_smpp_ids_lost_total", 0},
		{"go_goroutines", 300}, {"sekisho_smpp_sessions", 2},
	} {
		if v := k.metric(m.name); v > m.most {
			k.t.Errorf("%s is %v when all is done, not at most %v", m.name, v, m.most)
		}
	}
}

// metric is the greatest value of a metric of the running program.
func (k *killRun) metric(name string) (most float64) {
	res, err := http.Get("http://" + k.console + "/metrics")
	if err != nil {
		k.t.Error(err)
		return 0
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		k.t.Error(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(string(b), -1) {
		v, _ := strconv.ParseFloat(m[1], 64)
		most = max(most, v)
	}
	return most
}

func (k *killRun) stop() {
	if err := k.chaos.sekisho.term(); err != nil {
		k.t.Errorf("Sekisho did not end cleanly: %v", err)
	}
	close(k.stopped)
	k.wg.Wait()
	k.chaos.smsc.kill()
}

// newLedger writes n texts. Parts of long ones follow one another.
func newLedger(rnd *rand.Rand, n int) *ledger {
	l := &ledger{queues: make([][]int, len(killAccounts)), statuses: make(map[smpp.Status]int)}
	for len(l.texts) < n {
		first := len(l.texts)
		x := text{account: rnd.IntN(len(killAccounts)), first: first, registered: rnd.IntN(5) < 2}
		if x.kind = [...]kind{0: plain, 1: plain, 2: plain, 3: plain, 4: japanese, 5: longPart, 6: held, 7: heldPart}[rnd.IntN(8)]; x.kind >= held {
			switch killAccounts[x.account].name {
			case "blocking":
				x.kind = blocked
			case "warning":
				x.kind = [...]kind{warned, warnedLong}[rnd.IntN(2)]
			}
		}
		parts := 1
		if x.kind == longPart || x.kind == heldPart {
			parts = 2 + rnd.IntN(2)
		}
		for p := range parts {
			x.part = uint8(p + 1)
			x.body = x.submit(len(l.texts), parts)
			l.queues[x.account] = append(l.queues[x.account], len(l.texts))
			l.texts = append(l.texts, x)
		}
	}
	return l
}

// submit writes the submit_sm of a text, or of the part of one.
func (x *text) submit(n, parts int) []byte {
	link := "http://" + badHost + "/" + strconv.Itoa(n)
	words := map[kind]string{
		plain:      "Your bread is ready at the shop, come when you like. Ken",
		japanese:   "ご注文の本が届きました。お店でお待ちしております。",
		longPart:   "This is part of a rather long letter about the weather by the lake, and of how the boats were painted last summer.",
		held:       "See " + link,
		heldPart:   "And then we walked along the river for an hour or so.",
		blocked:    "See " + link,
		warned:     "See " + link,
		warnedLong: "See " + link + strings.Repeat(" and so on", 10) + tag(n),
	}[x.kind]
	if x.kind == heldPart && x.part == 1 {
		words = "See " + link
	}
	m := smpp.SM{
		Source: smpp.Addr{TON: smpp.TONAlphanumeric, Digits: []byte("BAKER")},
		Dest:   smpp.Addr{TON: smpp.TONInternational, NPI: 1, Digits: []byte(recipient(x.first))},
	}
	if x.registered {
		m.RegisteredDelivery = smpp.RegisteredFinal
	}
	alphabet := smpp.GSM7
	if x.kind == japanese {
		alphabet, m.DataCoding = smpp.UCS2, 8
	}
	if parts > 1 {
		m.ESMClass = smpp.ESMUDHI
		m.ShortMessage = smpp.AppendUDHConcat(nil, smpp.Concat{Ref: uint16(x.first), Total: uint8(parts), Seq: x.part, Wide: true})
	}
	var ok bool
	if m.ShortMessage, ok = smpp.AppendEncoded(m.ShortMessage, []byte(tag(n)+words), alphabet, smpp.Shift{}); !ok {
		panic("a text that its alphabet does not have")
	}
	return m.Append(nil)
}
