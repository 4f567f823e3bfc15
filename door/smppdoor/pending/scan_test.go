package pending

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzScan throws bytes at the reader of segments, and asks that it ends, that what it takes for a record says the same
// when it is written again, and that records and gaps cover the file.
func FuzzScan(f *testing.F) {
	head := append([]byte(magic), 1, 0, 0, 0, 0, 0, 0, 0)
	var b []byte
	for _, r := range []record{
		{kind: kindPut, id: []byte("id"), account: []byte("acme"), alias: []byte("alias"), parts: 2, expires: 7},
		{kind: kindDone, id: []byte("id"), at: place{1, 16}},
		{kind: kindPart, id: []byte("id"), at: place{1, 16}, account: []byte("acme"), alias: []byte("alias"), done: 1, parts: 2},
		{kind: kindPart, account: []byte("acme"), alias: []byte("alias"), done: 1, parts: 2},
	} {
		b = r.append(b, 1, "")
	}
	f.Add(append(bytes.Clone(head), b...), false)
	f.Add(append(append(append(bytes.Clone(head), b...), "broken"...), b...), false)
	f.Add(append(bytes.Clone(head), b[:len(b)-1]...), false)
	f.Add(b, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, b []byte, repair bool) {
		if repair { // so that what is behind the checksum is reached too
			for i := headLen; i+minRecord <= len(b); {
				n := int(binary.LittleEndian.Uint16(b[i+4:]))
				if n < minRecord || i+n > len(b) {
					break
				}
				binary.LittleEndian.PutUint32(b[i:], checksum(b[i+4:i+n], 1))
				i += n
			}
		}
		s := newScanner(bytes.NewReader(b), 1, int64(len(b)), nil)
		at := int64(headLen)
		var r record
		for off, n := s.next(&r); n > 0; off, n = s.next(&r) {
			if off < at {
				t.Fatalf("a record at %d, behind %d", off, at)
			}
			if off > at && (len(s.gaps) == 0 || s.gaps[len(s.gaps)-1].to != off) {
				t.Fatalf("nothing said of %d to %d", at, off)
			}
			if again := r.append(nil, 1, ""); !bytes.Equal(again, b[off:off+int64(n)]) {
				t.Fatalf("%x written again is %x", b[off:off+int64(n)], again)
			}
			at = off + int64(n)
		}
		if torn := s.torn(); at < int64(len(b)) && torn > at {
			t.Fatalf("torn at %d, but the last record ends at %d of %d", torn, at, len(b))
		}
	})
}
