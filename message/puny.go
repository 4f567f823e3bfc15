package message

import "unicode/utf8"

// Punycode, RFC 3492 §5.
const (
	punyBase, punyTMin, punyTMax         = 36, 1, 26
	punySkew, punyDamp                   = 38, 700
	punyInitialBias, punyInitialN        = 72, 128
	punyMaxDelta                  uint32 = 1 << 27
)

func punyAdapt(delta, n uint32, first bool) uint32 {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / n
	k := uint32(0)
	for ; delta > (punyBase-punyTMin)*punyTMax/2; k += punyBase {
		delta /= punyBase - punyTMin
	}
	return k + (punyBase-punyTMin+1)*delta/(delta+punySkew)
}

func punyThreshold(k, bias uint32) uint32 {
	switch {
	case k <= bias+punyTMin:
		return punyTMin
	case k >= bias+punyTMax:
		return punyTMax
	}
	return k - bias
}

// punyEncode appends the encoded runes (RFC 3492 §6.3). There are 64 at most, so that its quadratic
// time does not matter, and delta cannot overflow (64 * 0x110000 < 1<<27).
func punyEncode(dst []byte, runes []rune) []byte {
	basic := uint32(0)
	for _, r := range runes {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			basic++
		}
	}
	done := basic
	if basic > 0 {
		dst = append(dst, '-')
	}
	n, delta, bias := rune(punyInitialN), uint32(0), uint32(punyInitialBias)
	for int(done) < len(runes) {
		next := rune(utf8.MaxRune)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		delta += uint32(next-n) * (done + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := uint32(punyBase); ; k += punyBase {
				t := punyThreshold(k, bias)
				if q < t {
					break
				}
				dst = append(dst, punyDigit(t+(q-t)%(punyBase-t)))
				q = (q - t) / (punyBase - t)
			}
			dst = append(dst, punyDigit(q))
			bias = punyAdapt(delta, done+1, done == basic)
			delta = 0
			done++
		}
		delta++
		n++
	}
	return dst
}

func punyDigit(d uint32) byte {
	if d < 26 {
		return byte('a' + d)
	}
	return byte('0' + d - 26)
}

// punyDecode decodes a label without its xn-- into dst (RFC 3492 §6.2).
func punyDecode(dst []rune, label []byte) (int, bool) {
	basic := 0
	for i, c := range label {
		if c == '-' {
			basic = i
		}
	}
	if basic >= len(dst) {
		return 0, false
	}
	for i := range basic {
		dst[i] = rune(label[i])
	}
	out, at := basic, basic
	if basic > 0 {
		at++
	}
	n, i, bias := uint32(punyInitialN), uint32(0), uint32(punyInitialBias)
	for at < len(label) {
		old, w := i, uint32(1)
		for k := uint32(punyBase); ; k += punyBase {
			if at == len(label) {
				return 0, false
			}
			d := uint32(label[at] - 'a')
			if isDigit(label[at]) {
				d = uint32(label[at]-'0') + 26
			}
			at++
			if d >= punyBase || w > punyMaxDelta || d*w > punyMaxDelta {
				return 0, false
			}
			i += d * w
			t := punyThreshold(k, bias)
			if d < t {
				break
			}
			w *= punyBase - t
		}
		if i > punyMaxDelta || out+1 > len(dst) {
			return 0, false
		}
		bias = punyAdapt(i-old, uint32(out+1), old == 0)
		n += i / uint32(out+1)
		i %= uint32(out + 1)
		if n > utf8.MaxRune {
			return 0, false
		}
		copy(dst[i+1:out+1], dst[i:out])
		dst[i] = rune(n)
		out++
		i++
	}
	return out, true
}
