package policy

import (
	"strings"
	"unicode/utf8"
)

// A glob is text with wildcards and variables, parsed once. Matching goes back to the last star only, so it takes at
// most the product of both lengths.
type glob struct {
	tokens []token
	// variables is whether the text of some tokens is known only with a request.
	variables bool
	// all is whether the glob is a single star.
	all bool
}

type tokenKind uint8

const (
	literal  tokenKind = iota
	star               // any characters, also none
	one                // one character
	variable           // the value of a condition key
)

type token struct {
	kind tokenKind
	text string // of a literal, in lower case if the glob ignores case; of a variable: the key
	name string // of a variable: the key as the policy has it
	// fallback is the value of a variable whose key is missing. has is whether there is one.
	fallback string
	has      bool
}

// grammar is which signs mean something in a text.
type grammar struct {
	wildcards, variables bool
	lower                bool // ignores the case of letters
}

func parseGlob(s string, g grammar) glob {
	var out glob
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			t := lit.String()
			if g.lower {
				t = strings.ToLower(t)
			}
			out.tokens = append(out.tokens, token{kind: literal, text: t})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); {
		if t, n := parseVariable(s[i:], g); n > 0 {
			if t.kind == variable {
				flush()
				out.tokens, out.variables = append(out.tokens, t), true
			} else {
				lit.WriteString(t.text)
			}
			i += n
			continue
		}
		switch c := s[i]; {
		case c == '*' && g.wildcards:
			flush()
			if n := len(out.tokens); n == 0 || out.tokens[n-1].kind != star {
				out.tokens = append(out.tokens, token{kind: star})
			}
		case c == '?' && g.wildcards:
			flush()
			out.tokens = append(out.tokens, token{kind: one})
		default:
			lit.WriteByte(c)
		}
		i++
	}
	flush()
	out.all = len(out.tokens) == 1 && out.tokens[0].kind == star
	return out
}

// parseVariable reads ${key}, ${key, 'default'} or one of ${*}, ${?} and ${$} at the start of s, and returns its
// length. What has no closing brace is literal.
func parseVariable(s string, g grammar) (token, int) {
	if !g.variables || !strings.HasPrefix(s, "${") {
		return token{}, 0
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return token{}, 0
	}
	inner := s[2:end]
	if inner == "*" || inner == "?" || inner == "$" {
		return token{kind: literal, text: inner}, end + 1
	}
	t := token{kind: variable}
	key, fallback, found := strings.Cut(inner, ",")
	if found {
		q := strings.Trim(fallback, " ")
		if len(q) >= 2 && q[0] == '\'' && q[len(q)-1] == '\'' {
			t.fallback, t.has = q[1:len(q)-1], true
		}
	}
	t.name = strings.Trim(key, " ")
	t.text = lowerKey(t.name)
	return t, end + 1
}

// lowerKey writes a condition key as Context wants it: in lower case, but for the name of a tag after the slash.
func lowerKey(key string) string {
	slash, colon := strings.IndexByte(key, '/'), strings.IndexByte(key, ':')
	if slash > colon && colon >= 0 {
		return strings.ToLower(key[:slash]) + key[slash:]
	}
	return strings.ToLower(key)
}

// fill puts the values of a request in place of variables. It reports false if one has no value, or several. A
// wildcard in a value is no wildcard.
func (g *glob) fill(c Context, lower bool) (*glob, bool) {
	if !g.variables {
		return g, true
	}
	out := &glob{tokens: make([]token, len(g.tokens))}
	for i, t := range g.tokens {
		if t.kind == variable {
			v, ok := valueOf(c, t)
			if !ok {
				return nil, false
			}
			if lower {
				v = strings.ToLower(v)
			}
			t = token{kind: literal, text: v}
		}
		out.tokens[i] = t
	}
	return out, true
}

func valueOf(c Context, t token) (string, bool) {
	if c != nil {
		if values, ok := c.Values(t.text); ok && len(values) == 1 {
			return values[0], true
		}
	}
	return t.fallback, t.has
}

// match reports whether the whole of s matches.
func (g *glob) match(s string) bool {
	tokens := g.tokens
	i, pos := 0, 0
	back, from := -1, 0 // the last star, and where what follows it was tried
	for {
		if i == len(tokens) {
			if pos == len(s) {
				return true
			}
		} else if t := &tokens[i]; t.kind == star {
			if i++; i == len(tokens) {
				return true
			}
			back, from = i, pos
			continue
		} else if n := t.prefix(s[pos:]); n >= 0 {
			i, pos = i+1, pos+n
			continue
		}
		if back < 0 || from == len(s) {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[from:])
		from += n
		i, pos = back, from
	}
}

// prefix returns how much of the start of s the token takes, -1 if it does not match.
func (t *token) prefix(s string) int {
	if t.kind == one {
		if s == "" {
			return -1
		}
		_, n := utf8.DecodeRuneInString(s)
		return n
	}
	if !strings.HasPrefix(s, t.text) {
		return -1
	}
	return len(t.text)
}
