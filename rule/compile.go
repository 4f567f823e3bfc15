package rule

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// maxDepth is how many exists and all may stand within each other.
const maxDepth = 2

// compile checks an expression and makes closures of it.
func compile(env *cel.Env, source string) (func(*input) bool, uint64, error) {
	checked, issues := env.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, 0, errors.New(firstLine(err.Error()))
	}
	if checked.OutputType() != cel.BoolType {
		return nil, 0, fmt.Errorf("the expression is of type %s where bool is needed", checked.OutputType())
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, 0, fmt.Errorf("estimate its cost: %w", err)
	}
	if estimate.Max > MaxCost {
		return nil, 0, fmt.Errorf("it can cost %d by CEL's estimate, more than %d", estimate.Max, MaxCost)
	}
	c := &compiler{tree: checked.NativeRep(), vars: map[string]int{}}
	when, err := c.truth(c.tree.Expr())
	return when, estimate.Max, err
}

// firstLine is what CEL says of the first mistake, on one line.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(s, "ERROR: "), "<input>:"))
}

type compiler struct {
	tree *ast.AST
	vars map[string]int // iteration variables: their place
}

type (
	truth func(*input) bool
	text  func(*input) []byte
	whole func(*input) int64
	real  func(*input) float64
	list  func(*input, int) ([]byte, bool)
)

func (c *compiler) kind(e ast.Expr) types.Kind { return c.tree.GetType(e.ID()).Kind() }

func (c *compiler) unsupported(e ast.Expr) error {
	what := "this"
	if e.Kind() == ast.CallKind {
		what = strings.Trim(e.AsCall().FunctionName(), "_@")
	}
	l := c.tree.SourceInfo().GetStartLocation(e.ID())
	return fmt.Errorf("%d:%d: %s cannot be used in rules; see the manual for what can", l.Line(), l.Column()+1, what)
}

// truth compiles an expression of type bool.
func (c *compiler) truth(e ast.Expr) (truth, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		v, ok := e.AsLiteral().Value().(bool)
		if !ok {
			return nil, c.unsupported(e)
		}
		return func(*input) bool { return v }, nil
	case ast.ComprehensionKind:
		return c.some(e)
	case ast.CallKind:
		return c.call(e)
	}
	return nil, c.unsupported(e)
}

func (c *compiler) call(e ast.Expr) (truth, error) {
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); name {
	case "_&&_", "_||_":
		a, err := c.truth(args[0])
		if err != nil {
			return nil, err
		}
		b, err := c.truth(args[1])
		if err != nil {
			return nil, err
		}
		if name == "_&&_" {
			return func(in *input) bool { return a(in) && b(in) }, nil
		}
		return func(in *input) bool { return a(in) || b(in) }, nil
	case "!_", "@not_strictly_false":
		a, err := c.truth(args[0])
		if err != nil || name != "!_" {
			return a, err
		}
		return func(in *input) bool { return !a(in) }, nil
	case "_?_:_":
		return c.choice(args)
	case "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_":
		return c.compare(e, name, args[0], args[1])
	case "@in":
		return c.within(e, args[0], args[1])
	case "contains", "startsWith", "endsWith", "matches":
		target := call.Target()
		if !call.IsMemberFunction() {
			target, args = args[0], args[1:]
		}
		return c.look(e, name, target, args[0])
	}
	return nil, c.unsupported(e)
}

func (c *compiler) choice(args []ast.Expr) (truth, error) {
	var of [3]truth
	for i := range of {
		var err error
		if of[i], err = c.truth(args[i]); err != nil {
			return nil, err
		}
	}
	return func(in *input) bool {
		if of[0](in) {
			return of[1](in)
		}
		return of[2](in)
	}, nil
}

// ordered makes a comparison of what -1, 0 and 1 stand for.
func ordered(op string) func(int) bool {
	switch op {
	case "_==_":
		return func(o int) bool { return o == 0 }
	case "_!=_":
		return func(o int) bool { return o != 0 }
	case "_<_":
		return func(o int) bool { return o < 0 }
	case "_<=_":
		return func(o int) bool { return o <= 0 }
	case "_>_":
		return func(o int) bool { return o > 0 }
	}
	return func(o int) bool { return o >= 0 }
}

func (c *compiler) compare(e ast.Expr, op string, l, r ast.Expr) (truth, error) {
	holds := ordered(op)
	if c.kind(l) != c.kind(r) {
		return nil, c.unsupported(e)
	}
	switch c.kind(l) {
	case types.StringKind:
		a, err := c.text(l)
		if err != nil {
			return nil, err
		}
		b, err := c.text(r)
		return func(in *input) bool { return holds(bytes.Compare(a(in), b(in))) }, err
	case types.IntKind:
		a, err := c.whole(l)
		if err != nil {
			return nil, err
		}
		b, err := c.whole(r)
		return func(in *input) bool { return holds(order(a(in), b(in))) }, err
	case types.DoubleKind:
		a, err := c.real(l)
		if err != nil {
			return nil, err
		}
		b, err := c.real(r)
		return func(in *input) bool { return holds(order(a(in), b(in))) }, err
	case types.BoolKind:
		a, err := c.truth(l)
		if err != nil {
			return nil, err
		}
		b, err := c.truth(r)
		return func(in *input) bool { return (a(in) == b(in)) == (op == "_==_") }, err
	}
	return nil, c.unsupported(e)
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// within compiles x in list.
func (c *compiler) within(e, x, of ast.Expr) (truth, error) {
	a, err := c.text(x)
	if err != nil {
		return nil, err
	}
	if of.Kind() == ast.ListKind {
		set := map[string]bool{}
		for _, el := range of.AsList().Elements() {
			s, ok := literal(el)
			if !ok {
				return nil, c.unsupported(el)
			}
			set[s] = true
		}
		return func(in *input) bool { return set[string(a(in))] }, nil
	}
	l, err := c.list(of)
	if err != nil {
		return nil, err
	}
	return func(in *input) bool {
		want := a(in)
		for i := 0; ; i++ {
			v, ok := l(in, i)
			if !ok {
				return false
			}
			if bytes.Equal(v, want) {
				return true
			}
		}
	}, nil
}

// look compiles contains, startsWith, endsWith and matches, whose argument is a literal.
func (c *compiler) look(e ast.Expr, name string, target, arg ast.Expr) (truth, error) {
	a, err := c.text(target)
	if err != nil {
		return nil, err
	}
	s, ok := literal(arg)
	if !ok {
		return nil, c.unsupported(arg)
	}
	b := []byte(s)
	switch name {
	case "contains":
		return func(in *input) bool { return bytes.Contains(a(in), b) }, nil
	case "startsWith":
		return func(in *input) bool { return bytes.HasPrefix(a(in), b) }, nil
	case "endsWith":
		return func(in *input) bool { return bytes.HasSuffix(a(in), b) }, nil
	}
	re, err := regexp.Compile(s) // RE2: linear in the text
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	return func(in *input) bool { return re.Match(a(in)) }, nil
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}

// some compiles list.exists(x, ...) and list.all(x, ...), which CEL writes as loops.
func (c *compiler) some(e ast.Expr) (truth, error) {
	loop := e.AsComprehension()
	step := loop.LoopStep()
	l, err := c.list(loop.IterRange())
	if err != nil {
		return nil, err
	}
	if step.Kind() != ast.CallKind || loop.HasIterVar2() || len(c.vars) == maxDepth {
		return nil, c.unsupported(e)
	}
	any := step.AsCall().FunctionName() == "_||_"
	args := step.AsCall().Args()
	if !any && step.AsCall().FunctionName() != "_&&_" || args[0].Kind() != ast.IdentKind || args[0].AsIdent() != loop.AccuVar() {
		return nil, c.unsupported(e)
	}
	if _, ok := c.vars[loop.IterVar()]; ok {
		return nil, c.unsupported(e)
	}
	place := len(c.vars)
	c.vars[loop.IterVar()] = place
	holds, err := c.truth(args[1])
	delete(c.vars, loop.IterVar())
	if err != nil {
		return nil, err
	}
	return func(in *input) bool {
		for i := 0; ; i++ {
			v, ok := l(in, i)
			if !ok {
				return !any
			}
			in.vars[place] = v
			if holds(in) == any {
				return any
			}
		}
	}, nil
}

// text compiles an expression of type string.
func (c *compiler) text(e ast.Expr) (text, error) {
	if s, ok := literal(e); ok {
		b := []byte(s)
		return func(*input) []byte { return b }, nil
	}
	if e.Kind() == ast.IdentKind {
		if place, ok := c.vars[e.AsIdent()]; ok {
			return func(in *input) []byte { return in.vars[place] }, nil
		}
		if f := feature(e.AsIdent()); f != nil && f.text != nil {
			return f.text, nil
		}
	}
	return nil, c.unsupported(e)
}

func (c *compiler) list(e ast.Expr) (list, error) {
	if e.Kind() == ast.IdentKind {
		if f := feature(e.AsIdent()); f != nil && f.list != nil {
			return f.list, nil
		}
	}
	return nil, c.unsupported(e)
}

// whole compiles an expression of type int.
func (c *compiler) whole(e ast.Expr) (whole, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		if v, ok := e.AsLiteral().Value().(int64); ok {
			return func(*input) int64 { return v }, nil
		}
	case ast.IdentKind:
		if f := feature(e.AsIdent()); f != nil && f.num != nil {
			return f.num, nil
		}
	case ast.CallKind:
		call := e.AsCall()
		args := call.Args()
		if call.FunctionName() == "size" {
			if call.IsMemberFunction() {
				args = []ast.Expr{call.Target()}
			}
			return c.size(args[0])
		}
		if call.FunctionName() == "_+_" || call.FunctionName() == "_-_" {
			a, err := c.whole(args[0])
			if err != nil {
				return nil, err
			}
			b, err := c.whole(args[1])
			if call.FunctionName() == "_+_" {
				return func(in *input) int64 { return a(in) + b(in) }, err
			}
			return func(in *input) int64 { return a(in) - b(in) }, err
		}
	}
	return nil, c.unsupported(e)
}

// size counts the characters of a text or the elements of a list, as CEL does.
func (c *compiler) size(e ast.Expr) (whole, error) {
	if c.kind(e) == types.StringKind {
		a, err := c.text(e)
		return func(in *input) int64 { return int64(utf8.RuneCount(a(in))) }, err
	}
	l, err := c.list(e)
	return func(in *input) int64 {
		n := 0
		for {
			if _, ok := l(in, n); !ok {
				return int64(n)
			}
			n++
		}
	}, err
}

// real compiles an expression of type double.
func (c *compiler) real(e ast.Expr) (real, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		if v, ok := e.AsLiteral().Value().(float64); ok {
			return func(*input) float64 { return v }, nil
		}
	case ast.IdentKind:
		if f := feature(e.AsIdent()); f != nil && f.real != nil {
			return f.real, nil
		}
	case ast.CallKind:
		call := e.AsCall()
		if name := call.FunctionName(); name == "_+_" || name == "_-_" {
			a, err := c.real(call.Args()[0])
			if err != nil {
				return nil, err
			}
			b, err := c.real(call.Args()[1])
			if name == "_+_" {
				return func(in *input) float64 { return a(in) + b(in) }, err
			}
			return func(in *input) float64 { return a(in) - b(in) }, err
		}
	}
	return nil, c.unsupported(e)
}
