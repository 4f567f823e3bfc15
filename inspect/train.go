package inspect

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Example is a message and what it is.
type Example struct {
	Message message.Message
	Class   message.Class // Ham, Spam or Phishing
	Group   string        // examples of one group are made from one another; "" goes by likeness alone
}

// TrainOptions say how to learn. The zero value of each is a good choice.
type TrainOptions struct {
	Config   Config     // the rules in force beside the model; of it, Model is not read
	Base     [3]float64 // shares of ham, spam and phishing to calibrate to; zero is 0.5, 0.1, 0.4: what is learnt from
	Seed     uint64
	Epochs   int                   // passes over the examples; 0 is 12
	Progress func(done, total int) // called after every pass
}

// Training says what a model was learnt from and how well it tells what it has not seen.
type Training struct {
	Examples  map[message.Class]int
	Groups    int // of near-duplicates
	Conflicts int // examples left out, since others say the same text is of another class
	// HeldOut is the mean log-loss, in nats, of examples by models that saw none of their groups, at
	// TrainOptions.Base, before and after calibration.
	HeldOut, Calibrated float64
	Scale               float64 // what calibration made of the log-odds
}

const (
	folds       = 5
	learnRate   = 0.05
	decay       = 3e-6 // L2, on the weights that an example touches
	minExamples = 20   // of each class
	minGroups   = 3    // of near-duplicates that a feature must stand in
)

// point is an example as the learner sees it.
type point struct {
	text   []feature
	shape  []feature
	offset [2]float64 // what the rules say: phishing, spam
	class  int        // 0 ham, 1 phishing, 2 spam
	group  int
	weight float64
}

type feature struct {
	at    uint32
	value float32
}

// Train learns a model. The same examples, in the same order, with the same options give the same octets.
// What the rules weigh is known while learning, so that model and rules add up to one judgement; in every
// other pass the model learns without them, so that it can stand alone where no rule is met.
func Train(examples []Example, o TrainOptions) (*Model, *Training, error) {
	if o.Base == [3]float64{} {
		o.Base = [3]float64{0.5, 0.1, 0.4}
	}
	if o.Epochs == 0 {
		o.Epochs = 12
	}
	s, err := newRules(o.Config)
	if err != nil {
		return nil, nil, err
	}
	t := &Training{Examples: map[message.Class]int{}}
	points, err := s.points(examples, t)
	if err != nil {
		return nil, nil, err
	}
	weigh(points, o.Base)
	prune(points)
	l := &learner{points: points, o: o, total: o.Epochs * (folds + 1)}
	scores := make([][2]float64, len(points))
	for fold := range folds {
		w := l.fit(func(p *point) bool { return p.group%folds != fold })
		for i := range points {
			if points[i].group%folds == fold {
				scores[i] = w.score(&points[i])
			}
		}
	}
	c := calibrate(points, scores)
	t.HeldOut, t.Calibrated, t.Scale = loss(points, scores, uncalibrated), loss(points, scores, c), c[0]
	w := l.fit(func(*point) bool { return true })
	m := w.quantise(c)
	m.Base = [3]float32{float32(o.Base[0]), float32(o.Base[1]), float32(o.Base[2])}
	return m, t, nil
}

// points turns examples into what is learnt from. An example that says where it came from is learnt a second time without, so
// that the model can do with the text alone, as it must for files and for routes that prove nothing.
func (s *state) points(examples []Example, t *Training) ([]point, error) {
	texts := make([]string, len(examples))
	points := make([]point, 0, 2*len(examples))
	of := make([]int, 0, 2*len(examples)) // the example of each point
	var r Report
	for i := range examples {
		e := &examples[i]
		c, ok := classOf[e.Class]
		if !ok {
			return nil, fmt.Errorf("example %d has no class", i+1)
		}
		texts[i] = string(e.Message.Text)
		points, of = append(points, s.point(&e.Message, &r, c)), append(of, i)
		if e.Message.Route != message.RouteUnset || !e.Message.From.IsZero() {
			bare := e.Message
			bare.Route, bare.From = message.RouteUnset, subject.Address{}
			points, of = append(points, s.point(&bare, &r, c)), append(of, i)
		}
	}
	groups := group(examples, texts, t)
	for i := range points {
		points[i].group = groups[of[i]]
	}
	kept := settle(points, of, texts)
	t.Conflicts = len(points) - len(kept)
	var count [3]int
	for i := range kept {
		count[kept[i].class]++
	}
	t.Examples[message.Ham], t.Examples[message.Phishing], t.Examples[message.Spam] = count[0], count[1], count[2]
	if min(count[0], count[1], count[2]) < minExamples {
		return nil, fmt.Errorf("too little to learn from: %d examples of ham, %d of spam, %d of phishing; at least %d each",
			count[0], count[2], count[1], minExamples)
	}
	return kept, nil
}

// classOf numbers the classes as the learner does.
var classOf = map[message.Class]int{message.Ham: 0, message.Phishing: 1, message.Spam: 2}

func (s *state) point(m *message.Message, r *Report, class int) point {
	s.look(m, r)
	p := point{class: class, text: merge(r.work.text, textNorm(len(r.work.text))), shape: append(merge(r.work.shapes, 1), merge(r.work.pairs, pairNorm(len(r.work.pairs)))...)}
	for _, f := range r.Findings {
		p.offset[0] += float64(f.Rule.Phishing)
		p.offset[1] += float64(f.Rule.Spam)
	}
	return p
}

// prune takes out the features that fewer than minGroups groups have: what stands in one text alone tells that text from others, and
// nothing of those that are to come.
func prune(points []point) {
	var order []*point
	for i := range points {
		order = append(order, &points[i])
	}
	slices.SortStableFunc(order, func(a, b *point) int { return cmp.Compare(a.group, b.group) })
	for _, of := range []func(*point) *[]feature{
		func(p *point) *[]feature { return &p.text },
		func(p *point) *[]feature { return &p.shape },
	} {
		groups, last := make([]uint16, 1<<max(textBits, shapeBits)), make([]int32, 1<<max(textBits, shapeBits))
		for _, p := range order {
			for _, f := range *of(p) {
				if at := int32(p.group) + 1; last[f.at] != at && groups[f.at] < minGroups {
					last[f.at] = at
					groups[f.at]++
				}
			}
		}
		for _, p := range order {
			fs := of(p)
			*fs = slices.DeleteFunc(*fs, func(f feature) bool { return groups[f.at] < minGroups })
		}
	}
}

func merge(buckets []uint32, value float32) []feature {
	b := slices.Clone(buckets)
	slices.Sort(b)
	out := make([]feature, 0, len(b))
	for _, at := range b {
		if n := len(out); n > 0 && out[n-1].at == at {
			out[n-1].value += value
			continue
		}
		out = append(out, feature{at, value})
	}
	return out
}

// group numbers the groups of examples, by likeness and by what the examples say themselves.
func group(examples []Example, texts []string, t *Training) []int {
	numbers := Groups(texts)
	u := newUnion(len(texts))
	byNumber, byName := map[int]int32{}, map[string]int32{}
	for i := range texts {
		if first, ok := byNumber[numbers[i]]; ok {
			u.join(first, int32(i))
		} else {
			byNumber[numbers[i]] = int32(i)
		}
		name := examples[i].Group
		if name == "" {
			continue
		}
		if first, ok := byName[name]; ok {
			u.join(first, int32(i))
		} else {
			byName[name] = int32(i)
		}
	}
	groups := u.groups()
	for _, g := range groups {
		t.Groups = max(t.Groups, g+1)
	}
	return groups
}

// settle takes equal texts of several classes for phishing where they differ in how bad they are (one set
// calls spam what another calls phishing), and leaves them out where one says honest.
func settle(points []point, of []int, texts []string) []point {
	classes := map[string]int{}
	for i := range points {
		classes[texts[of[i]]] |= 1 << points[i].class
	}
	kept := make([]point, 0, len(points))
	for i := range points {
		switch c := classes[texts[of[i]]]; {
		case c&1 != 0 && c != 1:
			continue
		case c == 1<<1|1<<2:
			points[i].class = 1
		}
		kept = append(kept, points[i])
	}
	return kept
}

// weigh makes the classes weigh what Base says, and a group the root of its size: a text that was sent
// a thousand times is not a thousand times as true.
func weigh(points []point, base [3]float64) {
	size := map[int]float64{}
	for i := range points {
		size[points[i].group]++
	}
	var sum [3]float64
	for i := range points {
		points[i].weight = 1 / math.Sqrt(size[points[i].group])
		sum[points[i].class] += points[i].weight
	}
	share := [3]float64{base[0], base[2], base[1]}
	for i := range points {
		p := &points[i]
		p.weight *= share[p.class] / sum[p.class] * float64(len(points))
	}
}

// weights are what is learnt: for phishing and spam, each against ham.
type weights struct {
	text, shape [][2]float32
	bias        [2]float64
}

// gradients are the sums of squared gradients that Adagrad divides by.
type gradients = weights

type learner struct {
	points      []point
	o           TrainOptions
	done, total int
}

func (l *learner) fit(take func(*point) bool) *weights {
	w := &weights{text: make([][2]float32, 1<<textBits), shape: make([][2]float32, 1<<shapeBits)}
	g := &gradients{text: make([][2]float32, 1<<textBits), shape: make([][2]float32, 1<<shapeBits)}
	var order []int
	for i := range l.points {
		if take(&l.points[i]) {
			order = append(order, i)
		}
	}
	rng := rand.New(rand.NewPCG(l.o.Seed, 0x5EC1540))
	for epoch := range l.o.Epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			p := &l.points[i]
			z := w.score(p)
			if epoch%2 == 0 {
				z[0], z[1] = z[0]+p.offset[0], z[1]+p.offset[1]
			}
			w.step(g, p, softmax(z))
		}
		if l.done++; l.o.Progress != nil {
			l.o.Progress(l.done, l.total)
		}
	}
	return w
}

// score gives the log-odds without the rules'. Products are rounded before they are added, so that every
// processor adds up the same.
func (w *weights) score(p *point) [2]float64 {
	z := w.bias
	for _, f := range p.text {
		v := &w.text[f.at]
		z[0] += float64(float32(v[0] * f.value))
		z[1] += float64(float32(v[1] * f.value))
	}
	for _, f := range p.shape {
		v := &w.shape[f.at]
		z[0] += float64(float32(v[0] * f.value))
		z[1] += float64(float32(v[1] * f.value))
	}
	return z
}

// softmax gives the probabilities of phishing and spam; ham has what is left.
func softmax(z [2]float64) [2]float64 {
	top := max(z[0], z[1], 0)
	a, b, h := math.Exp(z[0]-top), math.Exp(z[1]-top), math.Exp(-top)
	return [2]float64{a / (a + b + h), b / (a + b + h)}
}

func (w *weights) step(g *gradients, p *point, q [2]float64) {
	for c := range q {
		d := q[c]
		if p.class == c+1 {
			d--
		}
		d *= p.weight
		if d > -1e-4 && d < 1e-4 {
			continue
		}
		g.bias[c] += float64(d * d)
		w.bias[c] -= float64(learnRate * d / math.Sqrt(g.bias[c]+1e-6))
		descend(w.text, g.text, p.text, c, float32(d))
		descend(w.shape, g.shape, p.shape, c, float32(d))
	}
}

func descend(w, g [][2]float32, features []feature, c int, d float32) {
	for _, f := range features {
		v := w[f.at][c]
		grad := float32(d*f.value) + float32(decay*v)
		sum := g[f.at][c] + float32(grad*grad)
		g[f.at][c] = sum
		w[f.at][c] = v - float32(learnRate*grad)/float32(math.Sqrt(float64(sum)+1e-4))
	}
}

// calibration is a scale for both log-odds and a shift for each.
type calibration [3]float64

var uncalibrated = calibration{1, 0, 0}

func (c calibration) of(p *point, z [2]float64) [2]float64 {
	return [2]float64{float64(c[0]*z[0]) + c[1] + p.offset[0], float64(c[0]*z[1]) + c[2] + p.offset[1]}
}

func loss(points []point, scores [][2]float64, c calibration) float64 {
	var sum, n float64
	for i := range points {
		p := &points[i]
		q := softmax(c.of(p, scores[i]))
		of := [3]float64{1 - q[0] - q[1], q[0], q[1]}[p.class]
		sum -= float64(p.weight * math.Log(max(of, 1e-12)))
		n += p.weight
	}
	return sum / n
}

// calibrate finds the scale and shifts under which held-out examples are likeliest, by a search that halves
// its steps; three numbers need nothing cleverer.
func calibrate(points []point, scores [][2]float64) calibration {
	best := uncalibrated
	least := loss(points, scores, best)
	for step := 0.5; step > 0.005; {
		better := false
		for i := range best {
			for _, sign := range [...]float64{1, -1} {
				c := best
				c[i] += sign * step
				if c[0] < 0.05 {
					continue
				}
				if v := loss(points, scores, c); v < least {
					best, least, better = c, v, true
				}
			}
		}
		if !better {
			step /= 2
		}
	}
	return best
}

// quantise makes octets of the weights. A few weights beyond the step's reach are cut to it, which costs less
// than coarser steps for all.
func (w *weights) quantise(c calibration) *Model {
	m := &Model{text: make([][2]int8, len(w.text)), shape: make([][2]int8, len(w.shape))}
	for i := range 2 {
		m.Bias[i] = float32(float64(c[0]*w.bias[i]) + c[1+i])
		m.TextStep[i] = quantise(w.text, m.text, i, c[0])
		m.ShapeStep[i] = quantise(w.shape, m.shape, i, c[0])
	}
	return m
}

func quantise(w [][2]float32, out [][2]int8, c int, scale float64) float32 {
	var sizes []float64
	for _, v := range w {
		if v[c] != 0 {
			sizes = append(sizes, math.Abs(float64(v[c])))
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.SortFunc(sizes, cmp.Compare[float64])
	step := sizes[len(sizes)-1-len(sizes)/2000] / 127
	for i, v := range w {
		out[i][c] = int8(math.RoundToEven(min(max(float64(v[c])/step, -127), 127)))
	}
	return float32(step * scale)
}
