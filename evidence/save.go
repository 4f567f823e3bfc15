package evidence

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/sekisho/sekisho/subject"
)

// standingVersion is the first octet of a standing as Append writes it.
const standingVersion = 1

// ErrStanding is returned for what Append did not write.
var ErrStanding = errors.New("not a standing of this version")

// Append writes the standing at the end of dst and returns the extended buffer: a version, then little-endian words.
func (s *Standing) Append(dst []byte) []byte {
	dst = append(dst, standingVersion)
	u32 := func(v uint32) { dst = binary.LittleEndian.AppendUint32(dst, v) }
	u64 := func(v uint64) { dst = binary.LittleEndian.AppendUint64(dst, v) }
	f32 := func(v float32) { u32(math.Float32bits(v)) }
	u64(uint64(s.Line))
	u64(uint64(s.Contract))
	u64(uint64(s.First))
	u64(uint64(s.Last))
	u64(uint64(s.lastHour))
	u64(uint64(s.lastText))
	u64(s.lastLink)
	u32(s.Stopped)
	u32(s.Quoted)
	u32(s.Hours)
	u32(s.Turns)
	f32(s.reports)
	f32(s.outside)
	f32(s.Shared)
	part := func(p *Part) {
		f32(p.FreshLinks)
		f32(p.FreshDomains)
		f32(p.People)
		f32(p.Sure)
	}
	for i := range s.Parts {
		p := &s.Parts[i]
		u64(p.Campaign)
		if part(p); p.spread {
			u32(1)
		} else {
			u32(0)
		}
	}
	part(&s.Rest[0])
	part(&s.Rest[1])
	for _, f := range [...]*few{&s.people, &s.links, &s.domains, &s.reporters} {
		u32(f.n)
		for _, h := range f.seen[:min(f.n, fewMax)] {
			u32(h)
		}
	}
	return dst
}

// ReadStanding reads what Append wrote.
func ReadStanding(b []byte) (s Standing, err error) {
	if len(b) == 0 || b[0] != standingVersion {
		return s, ErrStanding
	}
	b = b[1:]
	short := false
	u32 := func() uint32 {
		if len(b) < 4 {
			short = true
			return 0
		}
		v := binary.LittleEndian.Uint32(b)
		b = b[4:]
		return v
	}
	u64 := func() uint64 { low := u32(); return uint64(low) | uint64(u32())<<32 }
	f32 := func() float32 {
		v := math.Float32frombits(u32())
		short = short || !(v >= 0 && v < 1e9)
		return v
	}
	s.Line, s.Contract = subject.Line(u64()), subject.Contract(u64())
	s.First, s.Last = int64(u64()), int64(u64())
	s.lastHour, s.lastText, s.lastLink = int64(u64()), int64(u64()), u64()
	s.Stopped, s.Quoted, s.Hours, s.Turns = u32(), u32(), u32(), u32()
	s.reports, s.outside, s.Shared = f32(), f32(), f32()
	part := func(p *Part) { p.FreshLinks, p.FreshDomains, p.People, p.Sure = f32(), f32(), f32(), f32() }
	for i := range s.Parts {
		p := &s.Parts[i]
		p.Campaign = u64()
		part(p)
		p.spread = u32() == 1
	}
	part(&s.Rest[0])
	part(&s.Rest[1])
	for _, f := range [...]*few{&s.people, &s.links, &s.domains, &s.reporters} {
		f.n = u32()
		for i := range min(f.n, fewMax) {
			f.seen[i] = u32()
		}
	}
	if short || len(b) != 0 || s.Contract == 0 {
		return Standing{}, ErrStanding
	}
	return s, nil
}
