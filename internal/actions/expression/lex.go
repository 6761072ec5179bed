package expression

import (
	"fmt"
	"strings"
)

type kind int

const (
	end kind = iota
	symbol
	literal // a number or a text
	name
	wildcard
)

// token is a part of an expression. Its text is the symbol or the name.
type token struct {
	kind  kind
	text  string
	value Value
	at    int
}

// Error is a mistake in an expression, and where in it.
type Error struct {
	Expression string
	Offset     int // in bytes
	Message    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s in the expression %q", e.Message, e.Expression)
}

// lexer parts an expression.
type lexer struct {
	text string
	at   int
	last token
}

func (l *lexer) fail(at int, format string, args ...any) error {
	return &Error{Expression: l.text, Offset: at, Message: fmt.Sprintf(format, args...)}
}

var symbols = []string{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", "."}

func (l *lexer) next() (token, error) {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	t, err := l.read()
	l.last = t
	return t, err
}

func (l *lexer) read() (token, error) {
	if l.at >= len(l.text) {
		return token{kind: end, at: l.at}, nil
	}
	rest, at := l.text[l.at:], l.at
	c := rest[0]
	switch {
	case c == '\'':
		return l.quoted()
	case l.numeric(rest):
		return l.numeral()
	case c == '*':
		l.at++
		return token{kind: wildcard, text: "*", at: at}, nil
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n]) || rest[n] == '-') {
			n++
		}
		l.at += n
		return token{kind: name, text: rest[:n], at: at}, nil
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.at += len(s)
			return token{kind: symbol, text: s, at: at}, nil
		}
	}
	return token{}, l.fail(at, "unexpected symbol %q", firstRune(rest))
}

// numeric tells whether a number begins here.
func (l *lexer) numeric(rest string) bool {
	c, more := rest[0], len(rest) > 1
	return isDigit(c) || (c == '+' || c == '-') && more || c == '.' && more && isDigit(rest[1]) && !l.opened()
}

// opened tells whether a dot here looks into the value before it.
func (l *lexer) opened() bool {
	return l.last.kind == name || l.last.kind == wildcard || l.last.text == ")" || l.last.text == "]"
}

func (l *lexer) quoted() (token, error) {
	var b strings.Builder
	at := l.at
	for i := l.at + 1; i < len(l.text); i++ {
		if l.text[i] != '\'' {
			b.WriteByte(l.text[i])
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		l.at = i + 1
		return token{kind: literal, value: b.String(), at: at}, nil
	}
	return token{}, l.fail(at, "the text that begins with ' has no end")
}

func (l *lexer) numeral() (token, error) {
	at, n := l.at, 1
	for l.at+n < len(l.text) {
		c := l.text[l.at+n]
		sign := (c == '+' || c == '-') && (l.text[l.at+n-1] == 'e' || l.text[l.at+n-1] == 'E')
		if !isDigit(c) && !isLetter(c) && c != '.' && !sign {
			break
		}
		n++
	}
	word := l.text[at : at+n]
	l.at += n
	v := parseNumber(word)
	if v != v {
		return token{}, l.fail(at, "%q is no number", word)
	}
	return token{kind: literal, value: v, at: at}, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
