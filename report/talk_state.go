package report

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/subject"
)

// savedTalk is a conversation as it rests. It holds somebody's number and what he was sent: whoever keeps it seals it.
type savedTalk struct {
	Version int       `json:"v"`
	From    string    `json:"f"`
	Waiting *Report   `json:"w,omitempty"`
	Asked   time.Time `json:"a,omitzero"`
	Early   string    `json:"e,omitempty"`
	Quiet   bool      `json:"q,omitempty"`
	English bool      `json:"n,omitempty"`
	Last    time.Time `json:"l"`
	Recent  []string  `json:"r,omitempty"`
	Times   []int64   `json:"t,omitempty"`
}

const talkVersion = 1

var errTalk = errors.New("a saved conversation cannot be read")

// Save gives what is remembered of a reporter as octets; nil where nothing is.
func (t *Talks) Save(from subject.Address) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.all[from]
	if k == nil {
		return nil
	}
	x := savedTalk{Version: talkVersion, From: from.String(), Waiting: k.waiting, Asked: k.asked, Early: k.early, Quiet: k.quiet, English: k.english, Last: k.last}
	for i, id := range k.recent {
		if id != "" {
			x.Recent, x.Times = append(x.Recent, id), append(x.Times, k.recentAt[i].Unix())
		}
	}
	b, err := json.Marshal(x)
	if err != nil {
		panic("report: " + err.Error()) // plain fields always encode
	}
	return b
}

// Forget forgets a reporter.
func (t *Talks) Forget(from subject.Address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, from)
}

// Load takes in what Save gave of one reporter, in the place of what is there.
func (t *Talks) Load(b []byte) error {
	var x savedTalk
	if err := json.Unmarshal(b, &x); err != nil || x.Version != talkVersion {
		return errTalk
	}
	from, err := subject.ParseAddress(x.From, t.c.Home)
	if err != nil || from.Line() == 0 || len(x.Recent) != len(x.Times) || len(x.Recent) > len(talk{}.recent) {
		return errTalk
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.talk(x.Last, from)
	*k = talk{waiting: x.Waiting, asked: x.Asked, early: x.Early, quiet: x.Quiet, english: x.English, last: x.Last,
		hour: k.hour, answers: k.answers, minute: k.minute, texts: k.texts}
	for i, id := range x.Recent {
		k.recent[i], k.recentAt[i] = id, time.Unix(x.Times[i], 0)
	}
	return nil
}
