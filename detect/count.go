package detect

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// mark is what one distinct thing does to a counter, 11 bits: a register (0 to 127) and a rank (1 to 15) above it.
// It says which of some 600 kinds a thing is of, and no more.
type mark uint16

func markOf(h uint64) mark {
	return mark(h&127) | mark(bits.TrailingZeros64(h>>7|1<<14)+1)<<7
}

// A counter counts distinct things in registers of four bits, sixteen to a word (HyperLogLog, Flajolet et al. 2007; linear
// counting where few are set). Its error is about 1.04/√registers: 9 % with 128 of them. Many goroutines may use it.
type counter struct {
	registers [8]atomic.Uint64
	estimated atomic.Uint64 // the estimate, made anew where a register changes, which becomes ever rarer
}

func (c *counter) add(k mark) {
	if raise(c.registers[:], k) {
		c.estimated.Store(estimate(c.registers[:]))
	}
}

func (c *counter) count() uint64 { return c.estimated.Load() }

// holds reports whether a mark would change nothing: it has been added, or others like it.
func (c *counter) holds(k mark) bool {
	register, rank := int(k)&(16*len(c.registers)-1), uint64(k>>7)&15
	return c.registers[register>>4].Load()>>(register&15*4)&15 >= rank
}

// raise reports whether a mark changed its register. There are 16, 32, 64 or 128 registers.
func raise(words []atomic.Uint64, k mark) bool {
	register, rank := int(k)&(16*len(words)-1), uint64(k>>7)&15
	word, shift := &words[register>>4], register&15*4
	for {
		old := word.Load()
		if old>>shift&15 >= rank {
			return false
		}
		if word.CompareAndSwap(old, old&^(15<<shift)|rank<<shift) {
			return true
		}
	}
}

// estimate is how many distinct things have been counted.
func estimate(words []atomic.Uint64) uint64 {
	m := float64(16 * len(words))
	var ranks [16]int
	for i := range words {
		w := words[i].Load()
		for range 16 {
			ranks[w&15]++
			w >>= 4
		}
	}
	sum := 0.0
	for rank, n := range ranks {
		sum += float64(n) / float64(uint(1)<<rank)
	}
	alpha := 0.7213 / (1 + 1.079/m)
	switch len(words) {
	case 1:
		alpha = 0.673
	case 2:
		alpha = 0.697
	case 4:
		alpha = 0.709
	}
	e := alpha * m * m / sum
	if e <= 2.5*m && ranks[0] > 0 {
		e = m * math.Log(m/float64(ranks[0]))
	}
	return uint64(math.Round(e))
}

// A step counter counts in a present step of time and the last one, in one word: number of the step since 1970 (24
// bits), the last count, the present count (20 bits each, where they stop).
const maxStep = 1<<20 - 1

// count adds one at a time t (seconds) to a window of a length. A clock that went back counts into the present step.
func count(w *atomic.Uint64, t, length uint64) {
	for {
		old := w.Load()
		step, last, now := stepped(old, t/length)
		if w.CompareAndSwap(old, step<<40|last<<20|min(now+1, maxStep)) {
			return
		}
	}
}

func stepped(w, n uint64) (step, last, now uint64) {
	step, last, now = w>>40, w>>20&maxStep, w&maxStep
	switch {
	case n == step+1:
		return n, now, 0
	case n > step:
		return n, 0, 0
	}
	return step, last, now
}

// within is the count of the window up to t: the present step, and the part of the last one that it still covers.
func within(w *atomic.Uint64, t, length uint64) uint64 {
	_, last, now := stepped(w.Load(), t/length)
	return now + last*(length-t%length)/length
}
