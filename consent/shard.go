package consent

import (
	"math/bits"
	"sync/atomic"

	"github.com/sekisho/sekisho/subject"
)

// shard is a part of the table. It has any number of readers and one writer.
type shard struct {
	words atomic.Pointer[words]
	live  atomic.Int64 // lines that chose something
	used  int          // words that are not empty; the writer's
}

// words are read and written one by one, atomically. A word is a line and its choices; zero is empty. A
// line never leaves its place and an empty word never comes between it and the place it is sought from, so a
// reader finds it whatever the writer does meanwhile.
//
// A line is sought in the eight words of one cache line, from a place among them onwards and around, then in
// the next eight: what a look-up costs is cache lines.
type words struct{ w []uint64 }

const group = 8

func newWords(n int) *words { return &words{make([]uint64, (n*3/2+group)/group*group)} }

func home(h uint64, n int) int {
	hi, _ := bits.Mul64(h, uint64(n))
	return int(hi)
}

// find returns what stands for the line. At least a third of the words is empty, so it ends.
func (t *words) find(l subject.Line, h uint64) Choices {
	_, c := t.seek(l, h)
	return c
}

// seek returns where the line stands, or would.
func (t *words) seek(l subject.Line, h uint64) (int, Choices) {
	at := home(h, len(t.w))
	for first, in := at&^(group-1), at&(group-1); ; {
		eight := t.w[first : first+group : first+group]
		for j := range group {
			k := (in + j) & (group - 1)
			w := atomic.LoadUint64(&eight[k])
			if w>>choiceBits == uint64(l) {
				return first + k, Choices(w & (1<<choiceBits - 1))
			}
			if w == 0 {
				return first + k, 0
			}
		}
		if first += group; first == len(t.w) {
			first = 0
		}
	}
}

// put writes all the choices of a line.
func (s *shard) put(all *tables, l subject.Line, h uint64, c Choices) {
	t := s.words.Load()
	i, before := t.seek(l, h)
	if before == c {
		return
	}
	if t.w[i] == 0 {
		if (s.used+1)*3 > len(t.w)*2 {
			t = s.grow(all)
			i, _ = t.seek(l, h)
		}
		s.used++
	}
	atomic.StoreUint64(&t.w[i], uint64(l)<<choiceBits|uint64(c))
	switch {
	case before == 0:
		s.live.Add(1)
	case c == 0:
		s.live.Add(-1)
	}
}

// grow makes room for a fifth more, and leaves out lines that have taken back all they chose.
func (s *shard) grow(all *tables) *words {
	old := s.words.Load()
	t := newWords(int(s.live.Load())*6/5 + 8)
	s.used = 0
	for _, w := range old.w {
		if w&(1<<choiceBits-1) == 0 {
			continue
		}
		l := subject.Line(w >> choiceBits)
		_, h := all.at(l)
		i, _ := t.seek(l, h)
		t.w[i] = w
		s.used++
	}
	s.words.Store(t)
	return t
}
