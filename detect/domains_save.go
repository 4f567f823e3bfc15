package detect

import (
	"io"
	"sync/atomic"
)

const domainsMagic = "SEKISHO-DOMAINS\x01"

// maxHour bounds the hours of a file, since 1970.
const maxHour = 1 << 31

// Save writes the table, while texts are met.
func (d *Domains) Save(out io.Writer) error {
	w := newSaver(out, domainsMagic)
	w.put(d.seed, uint64(d.started.Load()), uint64(d.resumed.Load()), uint64(d.latest.Load()), d.texts.Load())
	for i := range d.sets {
		lock := &d.locks[i%domainLocks]
		lock.Lock()
		for j := range d.sets[i] {
			if e := &d.sets[i][j]; e.key != 0 {
				w.put(e.key, uint64(e.first)<<32|uint64(e.last), uint64(e.texts)<<32|uint64(e.stopped))
				e.each(func(v *atomic.Uint64) { w.put(v.Load()) })
			}
		}
		lock.Unlock()
	}
	w.put(0, uint64(len(d.sets)))
	for i := range d.sets {
		lock := &d.locks[i%domainLocks]
		lock.Lock()
		hour := d.forgot[i]
		lock.Unlock()
		if hour != 0 {
			w.put(uint64(i+1)<<32 | uint64(hour))
		}
	}
	return w.end()
}

// Load takes in what Save wrote, before the first Meet; name stands in errors. After an error the table is as it was. In a
// smaller table those domains stay that were seen last.
func (d *Domains) Load(in io.Reader, name string) error {
	l := newLoader(in, name, domainsMagic)
	seed, started, resumed, latest, texts := l.next(), l.next(), l.next(), l.next(), l.next()
	if seed == 0 || max(started, resumed, latest) > maxHour {
		l.fail(ErrDamaged)
	}
	fresh := NewDomains(len(d.sets)*domainWays, max(seed, 1))
	n := 0
	for key := l.next(); key != 0; key = l.next() {
		fresh.load(l, key)
		if n++; n > maxDomains {
			l.fail(ErrDamaged)
		}
	}
	fresh.loadForgot(l)
	if err := l.end(); err != nil {
		return err
	}
	d.seed, d.sets, d.forgot = fresh.seed, fresh.sets, fresh.forgot
	d.started.Store(int64(started))
	d.resumed.Store(int64(resumed))
	d.latest.Store(int64(latest))
	d.texts.Store(texts)
	return nil
}

// load reads the entry of a domain.
func (d *Domains) load(l *loader, key uint64) {
	times, counts := l.next(), l.next()
	first, last, texts, stopped := uint32(times>>32), uint32(times), counts>>32, counts&(1<<32-1)
	if texts >= maxDomainTexts || stopped > texts {
		l.fail(ErrDamaged)
	}
	at := key >> 1 & uint64(len(d.sets)-1)
	e := d.find(key, at)
	switch {
	case e.key == 0 || e.key == key:
	case e.last < last:
		d.forgot[at] = max(d.forgot[at], e.last)
	default:
		d.forgot[at] = max(d.forgot[at], last)
		e = new(domain) // is read and makes room
	}
	e.key, e.first, e.last, e.texts, e.stopped = key, first, last, uint16(texts), uint16(stopped)
	e.each(func(v *atomic.Uint64) { v.Store(l.next()) })
	e.sending = uint16(min(estimate(e.senders[:]), 1<<16-1))
	e.people = uint16(min(estimate(e.recipients[:]), 1<<16-1))
}

// loadForgot reads when sets had to make room, which were as many as the file says.
func (d *Domains) loadForgot(l *loader) {
	sets, here, before := l.next(), uint64(len(d.sets)), uint64(0)
	if sets == 0 || sets > maxDomains || sets&(sets-1) != 0 {
		l.fail(ErrDamaged)
	}
	for row := l.next(); row != 0; row = l.next() {
		set, hour := row>>32, uint32(row)
		if set <= before || set > sets {
			l.fail(ErrDamaged)
			return
		}
		before = set
		for at := (set - 1) & (here - 1); at < here; at += sets {
			d.forgot[at] = max(d.forgot[at], hour)
		}
	}
}
