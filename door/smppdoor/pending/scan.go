package pending

import (
	"errors"
	"io"
)

var errBroken = errors.New("the record is broken")

// gap is a stretch of a segment that holds no whole record.
type gap struct {
	from, to int64
	err      error // of reading, if it was that
}

// scanner reads the records of a segment one after the other. Behind a broken record it goes on where two whole
// ones follow one another, or one ends the file.
type scanner struct {
	r       io.ReaderAt
	segment uint32
	size    int64
	off     int64 // of the next record
	win     []byte
	base    int64 // of win in the file
	err     error // of reading the window
	gaps    []gap
}

const window = 256 << 10

func newScanner(r io.ReaderAt, segment uint32, size int64, win []byte) *scanner {
	if cap(win) < window {
		win = make([]byte, 0, window)
	}
	s := &scanner{r: r, segment: segment, size: size, win: win[:0]}
	var head [headLen]byte
	n, err := r.ReadAt(head[:min(size, headLen)], 0)
	if size > 0 && (n < headLen || !goodHead(head[:], segment)) {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		s.gaps = append(s.gaps, gap{0, min(size, headLen), err})
	}
	s.off = min(size, headLen)
	return s
}

func goodHead(b []byte, segment uint32) bool {
	return string(b[:8]) == magic && string(b[8:16]) == string([]byte{byte(segment), byte(segment >> 8),
		byte(segment >> 16), byte(segment >> 24), 0, 0, 0, 0})
}

// at returns what stands from off on: a whole record's length at least, unless the file ends before.
func (s *scanner) at(off int64) []byte {
	end := s.base + int64(len(s.win))
	if off < s.base || off > end || end-off < maxRecord && end < s.size {
		n, err := s.r.ReadAt(s.win[:min(int64(cap(s.win)), s.size-off)], off)
		s.win, s.base = s.win[:n], off
		if err != nil && !errors.Is(err, io.EOF) {
			s.err = err
		}
	}
	return s.win[off-s.base:]
}

// next reads the next whole record. It returns where it begins and its length, 0 at the end.
func (s *scanner) next(r *record) (off int64, n int) {
	if s.off >= s.size {
		return s.size, 0
	}
	off = s.off
	if n = r.read(s.at(off), s.segment); n > 0 {
		s.off += int64(n)
		return off, n
	}
	from := off
	for off++; off+minRecord <= s.size && s.err == nil; off++ {
		if n = r.read(s.at(off), s.segment); n == 0 {
			continue
		}
		var second record
		if end := off + int64(n); end < s.size && second.read(s.at(end), s.segment) == 0 {
			continue
		}
		s.gap(from, off, nil)
		n = r.read(s.at(off), s.segment) // again: looking at the second may have moved the window
		s.off = off + int64(n)
		return off, n
	}
	s.gap(from, s.size, s.err)
	s.off = s.size
	return s.size, 0
}

func (s *scanner) gap(from, to int64, err error) {
	if n := len(s.gaps); n > 0 && s.gaps[n-1].to == from {
		from, s.gaps = s.gaps[n-1].from, s.gaps[:n-1] // the head is broken too
	}
	s.gaps = append(s.gaps, gap{from, to, err})
}

// torn is where the last record ends, if nothing whole follows; the size if there is no torn end.
func (s *scanner) torn() int64 {
	if n := len(s.gaps); n > 0 && s.gaps[n-1].to == s.size {
		return s.gaps[n-1].from
	}
	return s.size
}
