package detect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

// Changed visits what has changed since it was called last, in no order: each standing by its contract and what is known of each
// campaign, as octets that Load takes; no octets where it was dropped. body holds until the next call.
func (d *Infected) Changed(standing, wave func(id uint64, updated int64, body []byte)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var buf []byte
	for c := range d.changed {
		buf = buf[:0]
		s := d.standings[c]
		if s == nil {
			standing(uint64(c), 0, nil)
			continue
		}
		buf = binary.LittleEndian.AppendUint64(buf, uint64(s.opened))
		standing(uint64(c), s.Last, s.Append(buf))
	}
	for id := range d.changedWaves {
		buf = buf[:0]
		w := d.waves[id]
		if w == nil {
			wave(id, 0, nil)
			continue
		}
		buf = append(buf, byte(len(w.senders)), byte(len(w.links)))
		for _, set := range []exact{w.senders, w.links} {
			for _, h := range set {
				buf = binary.LittleEndian.AppendUint32(buf, h)
			}
		}
		wave(id, w.last, buf)
	}
	clear(d.changed)
	clear(d.changedWaves)
}

// Reset forgets everything.
func (d *Infected) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.standings)
	clear(d.waves)
	clear(d.changed)
	clear(d.changedWaves)
	d.sweep = 0
}

var errWave = errors.New("not what is known of a campaign")

// LoadStanding takes in what Changed gave.
func (d *Infected) LoadStanding(body []byte) error {
	if len(body) < 8 {
		return evidence.ErrStanding
	}
	s, err := evidence.ReadStanding(body[8:])
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.standings[s.Contract] = &standing{Standing: s, opened: int64(binary.LittleEndian.Uint64(body))}
	return nil
}

// LoadWave takes in what Changed gave.
func (d *Infected) LoadWave(id uint64, last int64, body []byte) error {
	if len(body) < 2 || len(body) != 2+4*(int(body[0])+int(body[1])) || max(body[0], body[1]) > waveExact {
		return fmt.Errorf("%w: %d octets", errWave, len(body))
	}
	w := &wave{last: last}
	senders := int(body[0])
	for i, rest := 0, body[2:]; len(rest) > 0; i, rest = i+1, rest[4:] {
		h := binary.LittleEndian.Uint32(rest)
		if i < senders {
			w.senders = append(w.senders, h)
		} else {
			w.links = append(w.links, h)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waves[id] = w
	return nil
}

// drop forgets a standing. The lock is held.
func (d *Infected) drop(c subject.Contract) {
	delete(d.standings, c)
	d.changed[c] = struct{}{}
}
