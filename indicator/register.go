package indicator

import (
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sekisho/sekisho/subject"
)

// Register is the entries in force, for looking up beside lists. A large base is made seldom; what changed since lies over it, so that one entry that a
// person agreed to or withdrew is in force within milliseconds, however many there are. Looking up waits for nothing and allocates nothing.
type Register struct {
	lists *Set

	mu   sync.Mutex // who changes it
	base *Index
	now  atomic.Pointer[View]
}

// View is lists and register together, as they are at one moment.
type View struct {
	lists, base, over, gone *Index
}

// NewRegister makes a register beside lists.
func NewRegister(lists *Set) *Register {
	r := &Register{lists: lists}
	r.now.Store(&View{})
	return r
}

// View is what is in force; ask once for each message.
func (r *Register) View() *View {
	v, lists := r.now.Load(), r.lists.Load()
	if v.lists == lists {
		return v
	}
	// The lists were replaced: seldom.
	n := *v
	n.lists = lists
	if r.now.CompareAndSwap(v, &n) {
		return &n
	}
	return r.now.Load()
}

// Len is how many entries are in force, without those of lists.
func (r *Register) Len() int {
	v := r.now.Load()
	return max(0, v.base.Len()+v.over.Len()-v.gone.Len())
}

// build makes an Index of entries. One that cannot be read is left out, and told.
func build(entries iter.Seq[Entry]) (*Index, error) {
	b := NewBuilder(0)
	var errs error
	bad, n := 0, 0
	for e := range entries {
		if n++; n%step == 0 {
			runtime.Gosched() // whoever judges comes first
		}
		err := b.Add(Indicator{Kind: e.Kind, Value: e.Value, Bad: true, Source: sourceName(e.Source), Confidence: min(e.Confidence, 100), First: DayOf(e.First), Last: DayOf(e.Last)})
		if err != nil {
			if bad++; bad <= 3 {
				errs = errors.Join(errs, err)
			}
		}
	}
	return b.Index(), errs
}

// sourceName keeps a source within what an Index can name.
func sourceName(s string) string {
	if s == "" {
		return "register"
	}
	return s[:min(len(s), 64)]
}

// Set makes the entries the base. Its error names what was left out; the rest is in force.
func (r *Register) Set(active iter.Seq[Entry]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := build(active)
	r.base = x
	r.put(nil, nil)
	return err
}

// Over lays what has changed since Set over the base: entries in force, and those no more in force. It replaces what was laid before.
func (r *Register) Over(active, gone iter.Seq[Entry]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	over, err := build(active)
	less, err2 := build(gone)
	r.put(over, less)
	return errors.Join(err, err2)
}

func (r *Register) put(over, gone *Index) {
	r.now.Store(&View{lists: r.lists.Load(), base: r.base, over: over, gone: gone})
}

// The same as of an Index.

func (v *View) LookupHost(host, domain []byte) Hit {
	list := v.lists.LookupHost(host, domain)
	own := v.over.LookupHost(host, domain)
	if !own.Bad {
		if own = v.base.LookupHost(host, domain); own.Bad && v.gone.LookupHost(host, domain).Bad {
			own = Hit{}
		}
	}
	return both(list, own)
}

func (v *View) LookupURL(url []byte) Hit {
	list := v.lists.LookupURL(url)
	own := v.over.LookupURL(url)
	if !own.Bad {
		if own = v.base.LookupURL(url); own.Bad && v.gone.LookupURL(url).Bad {
			own = Hit{}
		}
	}
	return both(list, own)
}

func (v *View) LookupLine(l subject.Line) Hit {
	list := v.lists.LookupLine(l)
	own := v.over.LookupLine(l)
	if !own.Bad {
		if own = v.base.LookupLine(l); own.Bad && v.gone.LookupLine(l).Bad {
			own = Hit{}
		}
	}
	return both(list, own)
}

func (v *View) LookupSender(sender []byte) Hit {
	list := v.lists.LookupSender(sender)
	own := v.over.LookupSender(sender)
	if !own.Bad {
		if own = v.base.LookupSender(sender); own.Bad && v.gone.LookupSender(sender).Bad {
			own = Hit{}
		}
	}
	return both(list, own)
}

func (v *View) LookupFamily(family uint64) Hit {
	list := v.lists.LookupFamily(family)
	own := v.over.LookupFamily(family)
	if !own.Bad {
		if own = v.base.LookupFamily(family); own.Bad && v.gone.LookupFamily(family).Bad {
			own = Hit{}
		}
	}
	return both(list, own)
}

// both is what lists and register say together.
func both(list, own Hit) Hit {
	if !own.Bad {
		return list
	}
	own.Good = own.Good || list.Good
	return own
}
