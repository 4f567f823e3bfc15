package detect

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	digest "hash"
	"io"
)

// A saved table is a magic of 16 octets, the last of which is the version; words of 8 octets, little-endian: a head, then
// an entry for each thing, which begins with a word that is not zero, then a zero; maybe another such list; and a SHA-256
// of all that.
// It has keyed hashes and counts in it and, at its head, the key of the hashes: it is to be kept as the records are.
const magicLength = 16

// ErrDamaged is returned by Load for what Save did not write, whole.
var ErrDamaged = errors.New("damaged, or not what sekisho saved")

// ErrVersion is returned by Load for what another version of Save wrote.
var ErrVersion = errors.New("written by another version of sekisho")

// saver writes words; the first error stays.
type saver struct {
	out io.Writer
	w   *bufio.Writer
	sum digest.Hash
}

func newSaver(out io.Writer, magic string) *saver {
	sum := sha256.New()
	s := &saver{out: out, w: bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<16), sum: sum}
	s.w.WriteString(magic)
	return s
}

func (s *saver) put(words ...uint64) {
	for _, v := range words {
		b := s.w.AvailableBuffer()
		s.w.Write(binary.LittleEndian.AppendUint64(b, v)) // its error comes again from Flush
	}
}

func (s *saver) end() error {
	s.put(0)
	err := s.w.Flush()
	if err == nil {
		_, err = s.out.Write(s.sum.Sum(nil))
	}
	return err
}

// loader reads what saver wrote; after the first error all words are zero.
type loader struct {
	name string
	in   *bufio.Reader
	sum  digest.Hash
	buf  [8]byte
	err  error
}

func newLoader(in io.Reader, name, magic string) *loader {
	l := &loader{name: name, in: bufio.NewReaderSize(in, 1<<16), sum: sha256.New()}
	var b [magicLength]byte
	if _, err := io.ReadFull(l.in, b[:]); err != nil {
		l.fail(err)
	} else if string(b[:magicLength-1]) != magic[:magicLength-1] {
		l.fail(ErrDamaged)
	} else if string(b[:]) != magic {
		l.fail(ErrVersion)
	}
	l.sum.Write(b[:])
	return l
}

func (l *loader) fail(err error) {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = ErrDamaged // it is cut off
	}
	if l.err == nil {
		l.err = fmt.Errorf("%s: %w", l.name, err)
	}
}

func (l *loader) next() uint64 {
	if l.err != nil {
		return 0
	}
	if _, err := io.ReadFull(l.in, l.buf[:]); err != nil {
		l.fail(err)
		return 0
	}
	l.sum.Write(l.buf[:])
	return binary.LittleEndian.Uint64(l.buf[:])
}

// end reads the sum, behind which nothing stands.
func (l *loader) end() error {
	var sum [sha256.Size]byte
	if l.err == nil {
		if _, err := io.ReadFull(l.in, sum[:]); err != nil {
			l.fail(err)
		}
	}
	if _, err := l.in.ReadByte(); l.err == nil && (err != io.EOF || subtle.ConstantTimeCompare(sum[:], l.sum.Sum(nil)) != 1) {
		l.fail(ErrDamaged)
	}
	return l.err
}
