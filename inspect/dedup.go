package inspect

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
)

// Sets of texts repeat themselves and each other. Near-duplicates are found by MinHash with banding: texts
// that agree in one band of bandRows hashes are compared. At a similarity of 0.6 a pair agrees in a band
// with a probability of 1−(1−0.6³)²⁰ = 99.2%.
const (
	bands    = 20
	bandRows = 3
	alike    = 0.6 // Jaccard similarity of character 3-grams from which texts are near-duplicates
	maxPeers = 12  // groups of one bucket that a text is compared with
	maxGrams = 2000
)

// Groups puts near-duplicates together: texts whose folded forms, digits made equal, share at least 0.6 of
// their character 3-grams, and whatever is linked so by others. It returns the group of each text, a number
// from 0 on in the order of first appearance. The same texts give the same groups.
func Groups(texts []string) []int {
	sets := make([][]uint32, len(texts))
	var f message.Folded
	for i, t := range texts {
		f.Fold([]byte(t))
		sets[i] = trigrams(f.Text)
	}
	u := newUnion(len(texts))
	buckets := map[uint64][]int32{}
	var signature [bands * bandRows]uint32
	for i, set := range sets {
		minHash(set, &signature)
		for b := range bands {
			h := uint64(b)
			for _, v := range signature[b*bandRows:][:bandRows] {
				h = (h>>7 ^ uint64(v)) * prime
			}
			buckets[h] = u.compare(sets, buckets[h], int32(i))
		}
	}
	return u.groups()
}

// trigrams are the distinct hashed character 3-grams of a text, sorted; a shorter text is its own.
func trigrams(text []byte) []uint32 {
	var grams []uint32
	a, b := uint64(' '), uint64(' ')
	for i := 0; i < len(text) && len(grams) < maxGrams; {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if r >= '0' && r <= '9' {
			r = '0'
		}
		c := uint64(r)
		grams = append(grams, uint32(((a<<42^b<<21^c)*prime)>>32))
		a, b = b, c
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

func minHash(set []uint32, signature *[bands * bandRows]uint32) {
	for i := range signature {
		signature[i] = math.MaxUint32
	}
	for _, g := range set {
		h := uint64(g) * prime
		step := h>>17 | 1
		for i := range signature {
			h = (h + step) * 0xD1342543DE82EF95
			signature[i] = min(signature[i], uint32(h>>32))
		}
	}
}

func jaccard(a, b []uint32) float64 {
	if len(a) == 0 || len(b) == 0 {
		if len(a) == len(b) {
			return 1
		}
		return 0
	}
	i, j, both := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch cmp.Compare(a[i], b[j]) {
		case 0:
			both++
			i++
			j++
		case -1:
			i++
		default:
			j++
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// union is a forest of disjoint sets.
type union struct{ parent []int32 }

func newUnion(n int) *union {
	u := &union{parent: make([]int32, n)}
	for i := range u.parent {
		u.parent[i] = int32(i)
	}
	return u
}

func (u *union) root(i int32) int32 {
	for u.parent[i] != i {
		u.parent[i] = u.parent[u.parent[i]]
		i = u.parent[i]
	}
	return i
}

// join puts two together; the earlier one leads.
func (u *union) join(i, j int32) {
	a, b := u.root(i), u.root(j)
	u.parent[max(a, b)] = min(a, b)
}

// compare joins text i with those of a bucket that it is like, and gives the bucket with i in it if it is like
// none: one of each kind stays in the bucket.
func (u *union) compare(sets [][]uint32, bucket []int32, i int32) []int32 {
	for _, j := range bucket {
		if u.root(i) == u.root(j) {
			return bucket
		}
		if jaccard(sets[i], sets[j]) >= alike {
			u.join(i, j)
			return bucket
		}
	}
	if len(bucket) >= maxPeers {
		return bucket
	}
	return append(bucket, i)
}

func (u *union) groups() []int {
	out := make([]int, len(u.parent))
	number := map[int32]int{}
	for i := range out {
		root := u.root(int32(i))
		n, ok := number[root]
		if !ok {
			n = len(number)
			number[root] = n
		}
		out[i] = n
	}
	return out
}
