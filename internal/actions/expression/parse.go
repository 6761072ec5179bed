package expression

import "math"

// Bounds of an expression: its length in bytes and how deep it nests.
const (
	MaxLength = 21_000
	MaxDepth  = 50
)

// node is a part of a parsed expression.
type node interface {
	value(in *evaluation) (Value, error)
}

// Expression is a parsed expression.
type Expression struct {
	text string
	root node
	// calls are the names of its functions, in lower case.
	calls map[string]bool
}

// Calls tells whether the expression calls one of the functions, which are given in lower case.
func (e *Expression) Calls(functions ...string) bool {
	for _, f := range functions {
		if e.calls[f] {
			return true
		}
	}
	return false
}

// Parse reads an expression, without the braces. The error is an *Error.
func Parse(text string) (*Expression, error) {
	p := &parser{lexer: lexer{text: text}, calls: map[string]bool{}}
	if len(text) > MaxLength {
		return nil, &Error{text[:40], 0, "the expression is longer than 21000 characters"}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == end {
		return nil, p.fail(0, "an expression was expected")
	}
	root, err := p.binary(0)
	if err == nil && p.token.kind != end {
		err = p.unexpected()
	}
	if err != nil {
		return nil, err
	}
	return &Expression{text, root, p.calls}, nil
}

type parser struct {
	lexer
	token token
	depth int
	calls map[string]bool
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

func (p *parser) unexpected() error {
	if p.token.kind == end {
		return p.fail(p.token.at, "the expression ends too early")
	}
	return p.fail(p.token.at, "unexpected %q at position %d", p.text[p.token.at:p.at], p.token.at+1)
}

func (p *parser) is(text string) bool { return p.token.kind == symbol && p.token.text == text }

// expect takes a symbol that must be here.
func (p *parser) expect(text string) error {
	if !p.is(text) {
		return p.unexpected()
	}
	return p.advance()
}

// levels are the binary operators, those that bind least first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		operator := ""
		for _, o := range levels[level] {
			if p.is(o) {
				operator = o
			}
		}
		if operator == "" {
			return left, nil
		}
		if err = p.advance(); err != nil {
			return nil, err
		}
		var right node
		if right, err = p.binary(level + 1); err == nil {
			left = &operation{operator, left, right}
		}
	}
	return nil, err
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail(p.token.at, "the expression nests deeper than %d levels", MaxDepth)
	}
	defer func() { p.depth-- }()
	if p.is("!") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		of, err := p.unary()
		return &negation{of}, err
	}
	n, err := p.primary()
	for links := 0; err == nil && (p.is(".") || p.is("[")); links++ {
		if links > MaxDepth {
			return nil, p.fail(p.token.at, "the expression nests deeper than %d levels", MaxDepth)
		}
		n, err = p.link(n)
	}
	return n, err
}

// link reads .NAME, .*, [INDEX] or [*].
func (p *parser) link(of node) (node, error) {
	bracket := p.is("[")
	if err := p.advance(); err != nil {
		return nil, err
	}
	var by node
	switch {
	case p.token.kind == wildcard:
		if err := p.advance(); err != nil {
			return nil, err
		}
	case bracket:
		var err error
		if by, err = p.binary(0); err != nil {
			return nil, err
		}
	case p.token.kind == name:
		by = constant{p.token.text}
		if err := p.advance(); err != nil {
			return nil, err
		}
	default:
		return nil, p.unexpected()
	}
	if bracket {
		if err := p.expect("]"); err != nil {
			return nil, err
		}
	}
	return &access{of, by}, nil
}

func (p *parser) primary() (node, error) {
	t := p.token
	switch {
	case t.kind == literal:
		return constant{t.value}, p.advance()
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case t.kind == name:
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.is("(") {
			return p.call(t)
		}
		return named(t), nil
	}
	return nil, p.unexpected()
}

func named(t token) node {
	switch t.text {
	case "null":
		return constant{nil}
	case "true", "false":
		return constant{t.text == "true"}
	case "NaN":
		return constant{math.NaN()}
	case "Infinity":
		return constant{math.Inf(1)}
	}
	return &variable{t.text, t.at}
}

func (p *parser) call(t token) (node, error) {
	c := &call{name: lower(t.text), shown: t.text, at: t.at}
	f, known := functions[c.name]
	if !known {
		return nil, p.fail(t.at, "unknown function %s", t.text)
	}
	p.calls[c.name] = true
	if err := p.advance(); err != nil {
		return nil, err
	}
	for !p.is(")") {
		if len(c.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		a, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, a)
	}
	if n := len(c.args); n < f.least || n > f.most {
		return nil, p.fail(t.at, "%s has %d arguments", t.text, n)
	}
	return c, p.advance()
}
