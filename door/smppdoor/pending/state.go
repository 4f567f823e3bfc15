package pending

// severity ranks message states (SMPP 3.4 §5.2.28, 5.0 §4.7.15) from what is best for the sender to what is worst:
// delivered; taken on by the customer service; on its way; nobody knows; and then the failures, from those
// where trying again may help to those where it will not.
var severity = [...]uint8{
	2: 0, // DELIVERED
	6: 1, // ACCEPTED
	0: 2, // SCHEDULED: not final, like the next
	1: 3, // ENROUTE
	7: 4, // UNKNOWN
	3: 5, // EXPIRED
	4: 6, // DELETED
	9: 7, // SKIPPED
	5: 8, // UNDELIVERABLE
	8: 9, // REJECTED
}

// Worse returns the worse of two message states. A state that no standard names counts like UNKNOWN.
func Worse(a, b uint8) uint8 {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

func rank(s uint8) uint8 {
	if int(s) < len(severity) {
		return severity[s]
	}
	return severity[7]
}
