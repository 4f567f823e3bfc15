package indicator

import (
	"math"
	"time"
)

// halfLives say after which time without being seen an indicator of a kind is worth half. Hosts of smishing live for hours, and lists of them lose their worth in
// about two days; a wording outlives its hosts, a number is given back and assigned anew, a file stays what it is.
var halfLives = [kinds]time.Duration{
	URL: 48 * time.Hour, Host: 48 * time.Hour, Domain: 96 * time.Hour, Number: 7 * 24 * time.Hour, Range: 14 * 24 * time.Hour, Sender: 7 * 24 * time.Hour,
	Family: 72 * time.Hour, Hash: 30 * 24 * time.Hour,
}

// HalfLife is how long an indicator of a kind takes to be worth half.
func HalfLife(k Kind) time.Duration {
	if k < kinds && halfLives[k] > 0 {
		return halfLives[k]
	}
	return 48 * time.Hour
}

// Worth is what an indicator is worth now, in percent: its confidence, halved with each half-life since it was last seen.
func Worth(k Kind, confidence uint8, last, now time.Time) float64 {
	age := max(now.Sub(last), 0)
	return float64(confidence) * math.Exp2(-float64(age)/float64(HalfLife(k)))
}

// Floor is the worth, in percent, below which an indicator is no longer in force.
const Floor = 10

// Until is until when an entry is in force if it is not seen again.
func (e *Entry) Until() time.Time {
	if e.Confidence <= Floor {
		return e.Last.Add(HalfLife(e.Kind) / 2)
	}
	return e.Last.Add(time.Duration(float64(HalfLife(e.Kind)) * math.Log2(float64(e.Confidence)/Floor)))
}
