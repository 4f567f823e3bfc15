package pending

import (
	"encoding/binary"
	"hash/crc32"
)

// The written form; integers are little-endian:
//
//	file    magic "SKPEND01" (8), its number (4), zero (4), records
//	record  checksum (4) of what follows, whole length (2), kind (1), body
//	put     expires (4) parts (1) lengths of id, alias, account (1 each), these
//	done    place of the record overruled (8), length of id (1), id
//	part    expires (4) parts (1) done (1) worst (1), place overruled (8), lengths of id, alias, account (1 each), these
//
// The checksum is a CRC-32C that begins with the number of the segment, so that a block of another
// segment, which a file system may leave in a file after loss of power, is not taken for one of this. Expiry is in
// seconds since 1970. A part is a done of an id in a group together with the progress of the group, so that
// there is no half of it; its id is empty where compaction has written the progress alone. Progress with
// done = parts ends the group.
const (
	kindPut byte = 1 + iota
	kindDone
	kindPart
)

const (
	magic     = "SKPEND01"
	headLen   = 16
	prefixLen = 7
	putLen    = prefixLen + 8
	doneLen   = prefixLen + 9
	partLen   = prefixLen + 18
	minRecord = putLen + 2
	maxRecord = partLen + MaxID + MaxID + MaxAccount
)

// place is where a record begins. Numbers begin with 1, so the zero place is none. What is at a place
// never changes while the segment exists, and no number is used twice.
type place struct{ segment, offset uint32 }

// record is one of the log. Its slices point into what it was read from.
type record struct {
	kind               byte
	parts, done, worst uint8
	expires            uint32
	at                 place // done, part: of the record overruled
	id, alias, account []byte
}

// size is how many octets the record takes with an account's name of that length.
func (r *record) size(account int) int {
	switch r.kind {
	case kindPut:
		return putLen + len(r.id) + len(r.alias) + account
	case kindDone:
		return doneLen + len(r.id)
	default:
		return partLen + len(r.id) + len(r.alias) + account
	}
}

// append writes the record behind b as one of that segment. account stands for r.account where that is empty.
func (r *record) append(b []byte, segment uint32, account string) []byte {
	at := len(b)
	le := binary.LittleEndian
	n := len(r.account) + len(account)
	b = append(b, 0, 0, 0, 0, 0, 0, r.kind)
	switch r.kind {
	case kindPut:
		b = le.AppendUint32(b, r.expires)
		b = append(b, r.parts, byte(len(r.id)), byte(len(r.alias)), byte(n))
		b = append(b, r.id...)
	case kindDone:
		b = le.AppendUint32(b, r.at.segment)
		b = le.AppendUint32(b, r.at.offset)
		b = append(b, byte(len(r.id)))
		b = append(b, r.id...)
	case kindPart:
		b = le.AppendUint32(b, r.expires)
		b = append(b, r.parts, r.done, r.worst)
		b = le.AppendUint32(b, r.at.segment)
		b = le.AppendUint32(b, r.at.offset)
		b = append(b, byte(len(r.id)), byte(len(r.alias)), byte(n))
		b = append(b, r.id...)
	}
	if r.kind != kindDone {
		b = append(b, r.alias...)
		b = append(b, r.account...)
		b = append(b, account...)
	}
	le.PutUint16(b[at+4:], uint16(len(b)-at))
	le.PutUint32(b[at:], checksum(b[at+4:], segment))
	return b
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte, segment uint32) uint32 {
	return crc32.Update(segment*0x9e3779b1, castagnoli, b)
}

// read reads the record that b begins with, and returns its length, 0 where there is no whole one.
func (r *record) read(b []byte, segment uint32) int {
	if len(b) < minRecord {
		return 0
	}
	le := binary.LittleEndian
	n := int(le.Uint16(b[4:]))
	if n < minRecord || n > maxRecord || n > len(b) || !r.split(b[:n]) || le.Uint32(b) != checksum(b[4:n], segment) {
		return 0
	}
	return n
}

// split finds the fields of a record of just that length. It is false where they do not fit.
func (r *record) split(b []byte) bool {
	le := binary.LittleEndian
	*r = record{kind: b[6]}
	var ids, aliases, rest int
	switch {
	case r.kind == kindPut:
		r.expires, r.parts = le.Uint32(b[7:]), b[11]
		ids, aliases, rest = int(b[12]), int(b[13]), int(b[14])
		b = b[putLen:]
	case r.kind == kindDone:
		r.at = place{le.Uint32(b[7:]), le.Uint32(b[11:])}
		ids = int(b[15])
		b = b[doneLen:]
	case r.kind == kindPart && len(b) >= partLen:
		r.expires, r.parts, r.done, r.worst = le.Uint32(b[7:]), b[11], b[12], b[13]
		r.at = place{le.Uint32(b[14:]), le.Uint32(b[18:])}
		ids, aliases, rest = int(b[22]), int(b[23]), int(b[24])
		b = b[partLen:]
	default:
		return false
	}
	if ids > MaxID || aliases > MaxID || ids+aliases+rest != len(b) || ids == 0 && r.kind != kindPart {
		return false
	}
	r.id, r.alias, r.account = b[:ids], b[ids:ids+aliases], b[ids+aliases:]
	return r.kind == kindDone || rest > 0
}

// key is what an entry or the progress of a group is found by.
type key struct {
	group   bool
	account []byte // of a group
	name    []byte // the id; of a group its alias
}

func (k *key) is(r *record) bool {
	if k.group {
		return r.kind == kindPart && string(r.alias) == string(k.name) && string(r.account) == string(k.account)
	}
	return r.kind == kindPut && string(r.id) == string(k.name)
}
