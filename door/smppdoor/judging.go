package smppdoor

import (
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/message"
)

// judging is what either side of the door keeps to read and judge one message after the other.
type judging struct {
	door     *Door
	sub      submission
	msg      message.Message
	verdicts gate.Verdicts
	text     []byte // of a long message, all parts
	body     []byte // a body that is written anew
}

// judge lets the gate judge what has come of the message in msg, and takes the verdict down in f, since the answer that it
// is written with comes later. The verdict is verdicts.Each[0]; of a long message that was stopped at an earlier part it
// is at least that.
func (j *judging) judge(f *flight) {
	if j.sub.long() && j.sub.kind == 0 {
		f.long, f.part = j.door.longs.take(&j.msg, &j.sub), j.sub.concat.Seq
		j.text = f.long.text(j.text[:0], &j.msg)
	}
	j.door.Gate.Pass(j.door.ctx, &j.msg, &j.verdicts)
	v := &j.verdicts.Each[0]
	if f.long != nil {
		f.long.judged(v)
	}
	f.noted = true
	f.about = v.Record(&f.rec, &j.msg, &j.verdicts, j.door.Gate.Policy(), f.about[:0])
}
