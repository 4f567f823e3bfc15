package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint says what the log was when it had that many entries. As text it is what C2SP calls a tlog-checkpoint: the origin, the size, the root
// in base64, a line each; signed, it is a note of golang.org/x/mod/sumdb/note.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Stored is a signed checkpoint and when it was made.
type Stored struct {
	Size int64
	Note []byte
	At   int64 // microseconds since 1970 UTC
}

// String is the text that is signed.
func (c Checkpoint) String() string { return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root) }

var errNoCheckpoint = errors.New("not a checkpoint: an origin, a size and a root, a line each")

// ParseCheckpoint reads the text of a checkpoint. Lines behind the third are another program's and are passed over.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, errNoCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, errNoCheckpoint
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, errNoCheckpoint
	}
	return Checkpoint{lines[0], size, tlog.Hash(root)}, nil
}

// ErrSignature is returned for a checkpoint that the key did not sign.
var ErrSignature = errors.New("it is not signed by the key of this ledger")

// OpenCheckpoint checks the signature of a checkpoint and reads it.
func OpenCheckpoint(signed []byte, by note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(by))
	if other, ok := errors.AsType[*note.UnverifiedNoteError](err); ok && len(other.Note.UnverifiedSigs) > 0 {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w, but by %.80q", ErrSignature, other.Note.UnverifiedSigs[0].Name)
	}
	if bad, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w: the signature of %.80q is false", ErrSignature, bad.Name)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", errNoCheckpoint)
	}
	c, err := ParseCheckpoint(n.Text)
	if err == nil && c.Origin != by.Name() {
		err = fmt.Errorf("checkpoint: it is of %.80q, and the key is of %.80q", c.Origin, by.Name())
	}
	return c, err
}

// Held is a checkpoint that somebody else holds: what Verify proves by.
type Held struct {
	Where string // for people: a file and line
	Note  []byte
}

// SplitCheckpoints takes the checkpoints out of a file of a witness: one behind the other, or a saved mail. Text that is around them is passed
// over; pieces of checkpoints, as a full disk or a crash leave them, are told by their lines.
func SplitCheckpoints(name string, b []byte) (held []Held, damaged []string) {
	const sign = "\u2014 "
	var text []string
	line, start := 0, 0
	open := false // text holds what a signature may follow
	var sigs []string
	piece := func(at int, what string) {
		damaged = append(damaged, fmt.Sprintf("%s line %d: %s", name, at, what))
	}
	looksLike := func() bool { // a piece of a checkpoint rather than a sentence around it
		if len(text) < 2 {
			return false
		}
		_, err := strconv.ParseInt(text[1], 10, 64)
		return err == nil
	}
	flush := func() {
		switch {
		case len(sigs) > 0 && len(text) >= 3:
			n := []byte(strings.Join(text, "\n") + "\n\n" + strings.Join(sigs, "\n") + "\n")
			held = append(held, Held{fmt.Sprintf("%s line %d", name, start), n})
		case len(sigs) > 0:
			piece(start, "a signature without the checkpoint that it is of")
		case looksLike():
			piece(start, "a checkpoint without its signature")
		}
		text, sigs, open = nil, nil, false
	}
	for l := range strings.Lines(string(b)) {
		line++
		l = strings.TrimRight(l, "\r\n")
		switch {
		case strings.HasPrefix(l, sign):
			if len(text) == 0 {
				start = line
			}
			if !shortSignature(l) {
				sigs = append(sigs, l)
			} else {
				piece(line, "a signature that is cut")
				text, sigs, open = nil, nil, false
			}
		case len(sigs) > 0 || open && l != "": // what stood before has ended
			flush()
			fallthrough
		default:
			switch {
			case l == "":
				open = len(text) > 0
			default:
				if len(text) == 0 {
					start = line
				}
				text = append(text, l)
			}
		}
	}
	flush()
	return held, damaged
}

// shortSignature reports whether a line of a signature is shorter than an Ed25519 one of ours.
func shortSignature(line string) bool {
	_, b64, ok := strings.Cut(strings.TrimPrefix(line, "\u2014 "), " ")
	sig, err := base64.StdEncoding.DecodeString(b64)
	return !ok || err != nil || len(sig) < 4+64
}
