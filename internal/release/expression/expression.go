// Package expression evaluates the arithmetic of metric math: + − * /, parentheses, numbers, the IDs of other queries,
// and FILL. CloudWatch's other functions are refused by name.
package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// Expression is a parsed expression.
type Expression struct {
	root node
	ids  []string
}

// IDs are those that the expression names, each once.
func (e *Expression) IDs() []string { return e.ids }

// Eval computes the expression of one moment. Without a value of something in it there is none; nor is there after a
// division by zero.
func (e *Expression) Eval(value func(id string) (float64, bool)) (float64, bool) {
	return e.root(value)
}

type node func(value func(string) (float64, bool)) (float64, bool)

const (
	// maxLength is CloudWatch's limit of an expression.
	maxLength = 2048
	maxDepth  = 50
)

// Unsupported is a part of metric math that is not done here.
type Unsupported struct{ What string }

func (e Unsupported) Error() string { return "metric math's " + e.What }

// Parse reads an expression.
func Parse(text string) (*Expression, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("an expression may have %d characters at most", maxLength)
	}
	p := &parser{text: text, expression: &Expression{}}
	root, err := p.sum(0)
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(p.text) {
		return nil, p.wrong()
	}
	p.expression.root = root
	return p.expression, nil
}

type parser struct {
	text       string
	at         int
	expression *Expression
}

func (p *parser) wrong() error {
	if p.at >= len(p.text) {
		return fmt.Errorf("the expression %q ends too early", p.text)
	}
	return fmt.Errorf("the expression %q is wrong at character %d: %.20q", p.text, p.at+1, p.text[p.at:])
}

func (p *parser) skip() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// one takes the next character if it is one of some.
func (p *parser) one(of string) byte {
	if p.skip(); p.at < len(p.text) && strings.IndexByte(of, p.text[p.at]) >= 0 {
		p.at++
		return p.text[p.at-1]
	}
	return 0
}

func (p *parser) sum(depth int) (node, error)     { return p.chain(depth, "+-", p.product) }
func (p *parser) product(depth int) (node, error) { return p.chain(depth, "*/", p.factor) }

func (p *parser) chain(depth int, operators string, part func(int) (node, error)) (node, error) {
	left, err := part(depth)
	for err == nil {
		operator := p.one(operators)
		if operator == 0 {
			return left, nil
		}
		var right node
		if right, err = part(depth); err == nil {
			left = binary(operator, left, right)
		}
	}
	return nil, err
}

func binary(operator byte, left, right node) node {
	return func(value func(string) (float64, bool)) (float64, bool) {
		a, ok := left(value)
		b, ok2 := right(value)
		if !ok || !ok2 || operator == '/' && b == 0 {
			return 0, false
		}
		switch operator {
		case '+':
			return a + b, true
		case '-':
			return a - b, true
		case '*':
			return a * b, true
		}
		return a / b, true
	}
}

func (p *parser) factor(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the expression is nested deeper than %d", maxDepth)
	}
	if p.one("-") != 0 {
		inner, err := p.factor(depth + 1)
		return func(value func(string) (float64, bool)) (float64, bool) { v, ok := inner(value); return -v, ok }, err
	}
	if p.one("(") != 0 {
		inner, err := p.sum(depth + 1)
		if err == nil && p.one(")") == 0 {
			err = p.wrong()
		}
		return inner, err
	}
	word := p.word()
	switch {
	case word == "":
		return nil, p.wrong()
	case word[0] >= '0' && word[0] <= '9' || word[0] == '.':
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", word)
		}
		return func(func(string) (float64, bool)) (float64, bool) { return v, true }, nil
	case word[0] >= 'a' && word[0] <= 'z':
		p.expression.named(word)
		return func(value func(string) (float64, bool)) (float64, bool) { return value(word) }, nil
	case word == "FILL":
		return p.fill(depth)
	}
	return nil, Unsupported{word}
}

// word takes a number, an ID or a function's name.
func (p *parser) word() string {
	p.skip()
	begin := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		p.at++
	}
	return p.text[begin:p.at]
}

// fill reads the arguments of FILL: something, and the number that stands for it where it has no value.
func (p *parser) fill(depth int) (node, error) {
	if p.one("(") == 0 {
		return nil, p.wrong()
	}
	inner, err := p.sum(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.one(",") == 0 {
		return nil, p.wrong()
	}
	p.skip()
	if rest := p.text[p.at:]; strings.HasPrefix(rest, "REPEAT") || strings.HasPrefix(rest, "LINEAR") {
		return nil, Unsupported{"FILL with " + rest[:len("REPEAT")]}
	}
	instead, err := p.factor(depth + 1)
	if err == nil && p.one(")") == 0 {
		err = p.wrong()
	}
	return func(value func(string) (float64, bool)) (float64, bool) {
		if v, ok := inner(value); ok {
			return v, true
		}
		return instead(value)
	}, err
}

func (e *Expression) named(id string) {
	for _, known := range e.ids {
		if known == id {
			return
		}
	}
	e.ids = append(e.ids, id)
}
