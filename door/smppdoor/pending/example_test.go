package pending_test

import (
	"fmt"
	"os"
	"time"

	"github.com/sekisho/sekisho/door/smppdoor/pending"
)

// One submit of an ESME became two parts. It knows the id of the first.
func Example() {
	dir, err := os.MkdirTemp("", "pending")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	m, err := pending.Open(dir, pending.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()

	e := pending.Entry{Account: "aggregator", Alias: []byte("7f01"), Parts: 2, Expires: time.Now().Add(24*time.Hour + pending.Grace)}
	for _, id := range []string{"7f01", "7f02"} { // as the submit_sm_resps come
		if err := m.Put([]byte(id), &e); err != nil {
			fmt.Println(err)
		}
	}
	if err := m.Commit(); err != nil { // before the ESME is answered
		fmt.Println(err)
	}

	var got pending.Entry
	for _, id := range []string{"7f02", "7f01"} { // as the receipts come
		if m.Get([]byte(id), &got) {
			left, worst, _ := m.Done([]byte(id), 2)
			fmt.Printf("%s, about %s: %d left, state %d\n", got.Account, got.Alias, left, worst)
		}
	}
	// Output:
	// aggregator, about 7f01: 1 left, state 2
	// aggregator, about 7f01: 0 left, state 2
}
