package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/subject"
)

// Pseudonym stands for a number wherever a record rests. The same number has the same pseudonym as long as the
// key is the same; without the key nobody can go from one to the other, or try all numbers until one fits. Zero is
// nobody. Sixty-four bits: among the 200 million mobile numbers of Japan the chance that any two meet is one in a thousand.
type Pseudonym uint64

// String is the pseudonym as people see it: 16 hexadecimal digits.
func (p Pseudonym) String() string { return fmt.Sprintf("%016x", uint64(p)) }

// ParsePseudonym reads what String wrote.
func ParsePseudonym(s string) (Pseudonym, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 || v == 0 {
		return 0, errors.New("not a pseudonym (16 hexadecimal digits)")
	}
	return Pseudonym(v), nil
}

// Key makes pseudonyms: the number enciphered by AES-256, cut to its first half. That is a keyed function nobody can tell
// from a random one, at 20 ns a number where HMAC-SHA-256 takes 300. It may be used by many goroutines.
type Key struct {
	block cipher.Block
	mac   []byte
	// Days gives the key of a day that the lines of evidence are enciphered with; without it none can be written.
	Days func(day int64) (cipher.Block, error)
}

// NewKey derives a key from the installation's secret, of at least 16 octets.
func NewKey(secret []byte) (*Key, error) {
	k, err := derive(secret, "sekisho pseudonym of a number v1")
	if err != nil {
		return nil, fmt.Errorf("key for pseudonyms: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("key for pseudonyms: %w", err)
	}
	mac, err := derive(secret, "sekisho hash of anything v1")
	if err != nil {
		return nil, fmt.Errorf("key for pseudonyms: %w", err)
	}
	return &Key{block: block, mac: mac}, nil
}

// Hash is a keyed hash of anything (HMAC-SHA-256, cut to 64 bits), never 0; what tells uses of it apart.
func (k *Key) Hash(what string, b []byte) uint64 {
	m := hmac.New(sha256.New, k.mac)
	m.Write(append([]byte(what), 0))
	m.Write(b)
	return max(1, binary.BigEndian.Uint64(m.Sum(nil)))
}

func derive(secret []byte, purpose string) ([]byte, error) {
	if len(secret) < 16 {
		return nil, errors.New("the secret is shorter than 16 octets")
	}
	return hkdf.Key(sha256.New, secret, nil, purpose, 32)
}

// Line is the pseudonym of a line.
func (k *Key) Line(l subject.Line) Pseudonym {
	if l == 0 {
		return 0
	}
	return k.number(uint64(l), make([]byte, aes.BlockSize))
}

// Address is how an address is written: what to look for where somebody asks by address.
func (k *Key) Address(a subject.Address) Party {
	if a.IsZero() {
		return Party{}
	}
	if n, ok := number(a.Bytes()); ok {
		return Party{Key: k.number(n, make([]byte, aes.BlockSize))}
	}
	return Party{Plain: appendText(nil, a.Bytes(), maxName)[1:]}
}

func (k *Key) number(n uint64, scratch []byte) Pseudonym {
	clear(scratch[8:])
	binary.LittleEndian.PutUint64(scratch, n)
	k.block.Encrypt(scratch, scratch)
	return Pseudonym(max(1, binary.LittleEndian.Uint64(scratch)))
}

// SealBatch puts pseudonyms in the place of the numbers of all records of a batch, as Append wrote it, and
// leaves alone those that are sealed. On an error nothing of the batch may be written.
func (k *Key) SealBatch(batch []byte) error {
	scratch := make([]byte, aes.BlockSize)
	for len(batch) > 0 {
		rec, rest, err := Split(batch)
		if err != nil {
			return err
		}
		switch {
		case rec[2] == kindVerdict && len(rec) >= verdictLen:
			k.sealSender(rec, scratch)
			k.seal(rec[verdictTo:], scratch)
		case rec[2] == kindReceipt && len(rec) >= receiptLen:
			k.seal(rec[receiptTo:], scratch)
		case rec[2] == kindEvidence && len(rec) == evidenceLen:
			if err := k.sealEvidence(rec); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: kind %d, %d octets", ErrMalformed, rec[2], len(rec))
		}
		batch = rest
	}
	return nil
}

// sealSender puts a pseudonym in the place of a verdict's sender: for who opted out one of the day.
func (k *Key) sealSender(rec, scratch []byte) {
	from := rec[verdictFrom:]
	if from[0] != addrDaily {
		k.seal(from, scratch)
		return
	}
	from[0] = addrKeyed
	day := SealDay(time.UnixMicro(int64(binary.LittleEndian.Uint64(rec[verdictTime:]))))
	binary.LittleEndian.PutUint64(from[1:], uint64(k.daily(binary.LittleEndian.Uint64(from[1:]), day, scratch)))
}

// daily is the pseudonym that stands for a number on one day alone.
func (k *Key) daily(n uint64, day int64, scratch []byte) Pseudonym {
	binary.LittleEndian.PutUint64(scratch, n)
	binary.LittleEndian.PutUint64(scratch[8:], uint64(day)|1<<63) // never that of all days, which has zeros here
	k.block.Encrypt(scratch, scratch)
	return Pseudonym(max(1, binary.LittleEndian.Uint64(scratch)))
}

// Daily is how the address of somebody who opted out of infection_notice is written of a day.
func (k *Key) Daily(a subject.Address, at time.Time) Party {
	if n, ok := number(a.Bytes()); ok {
		return Party{Key: k.daily(n, SealDay(at), make([]byte, aes.BlockSize))}
	}
	return k.Address(a)
}

func (k *Key) seal(address, scratch []byte) {
	if address[0] == addrNumber {
		address[0] = addrKeyed
		p := k.number(binary.LittleEndian.Uint64(address[1:]), scratch)
		binary.LittleEndian.PutUint64(address[1:], uint64(p))
	}
}
