// Package gittrigger decides which changes of a repository start a pipeline: by its triggers, or, without any for a
// source action, by the action's branch. It does no I/O. Source: "Add trigger with code push or pull request event
// filtering" and "Working with glob patterns in syntax" in the CodePipeline user guide.
package gittrigger

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Errors of Check.
var (
	errEscape = errors.New("it ends with a backslash")
	errClass  = errors.New("a [ has no ]")
	errGroup  = errors.New("a { has no }")
	errNested = errors.New("a { lies within another")
)

// Check refuses a glob that nothing can match as it was meant.
func Check(glob string) error {
	_, err := alternatives(glob)
	return err
}

// Match reports whether a name matches a glob: * stands for any characters within a part of a path, ** also across
// parts, ? for one character, [a-z] for one of a class and [!a-z] for one that is not of it, {a,b} for either, and \
// takes the character after it as it is. A glob that Check refuses matches nothing.
func Match(glob, name string) bool {
	all, err := alternatives(glob)
	if err != nil {
		return false
	}
	for _, tokens := range all {
		if match(tokens, name) {
			return true
		}
	}
	return false
}

// token is a part of a glob that has no groups.
type token struct {
	kind  kind
	char  rune
	class []span
	not   bool // of a class
}

type kind int

const (
	literal kind = iota
	anyOne
	anyPart // *
	anyPath // **
	oneOf
)

type span struct{ from, to rune }

// mostAlternatives bounds what the groups of a glob multiply to. A pattern has at most 255 characters.
const mostAlternatives = 1024

var errMany = errors.New("its groups have too many combinations")

// alternatives are the globs without groups that a glob stands for.
func alternatives(glob string) ([][]token, error) {
	all := [][]token{nil}
	for glob != "" {
		var choices [][]token
		if glob[0] == '{' {
			body, rest, err := group(glob)
			if err != nil {
				return nil, err
			}
			for _, text := range body {
				tokens, err := plain(text)
				if err != nil {
					return nil, err
				}
				choices = append(choices, tokens)
			}
			glob = rest
		} else {
			end := untilGroup(glob)
			tokens, err := plain(glob[:end])
			if err != nil {
				return nil, err
			}
			choices, glob = [][]token{tokens}, glob[end:]
		}
		if len(all)*len(choices) > mostAlternatives {
			return nil, errMany
		}
		var next [][]token
		for _, before := range all {
			for _, c := range choices {
				next = append(next, append(before[:len(before):len(before)], c...))
			}
		}
		all = next
	}
	return all, nil
}

// untilGroup is where the next { stands that begins a group.
func untilGroup(glob string) int {
	inClass := false
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '{':
			return i
		}
	}
	return len(glob)
}

// group reads {a,b} at the beginning of a glob.
func group(glob string) (choices []string, rest string, err error) {
	start := 1
	inClass := false
	for i := 1; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '{':
			return nil, "", errNested
		case c == ',':
			choices, start = append(choices, glob[start:i]), i+1
		case c == '}':
			return append(choices, glob[start:i]), glob[i+1:], nil
		}
	}
	return nil, "", errGroup
}

// plain reads a glob without groups.
func plain(glob string) (all []token, err error) {
	for glob != "" {
		c, n := utf8.DecodeRuneInString(glob)
		rest := glob[n:]
		switch c {
		case '\\':
			if rest == "" {
				return nil, errEscape
			}
			c, n = utf8.DecodeRuneInString(rest)
			all, rest = append(all, token{kind: literal, char: c}), rest[n:]
		case '?':
			all = append(all, token{kind: anyOne})
		case '*':
			t := token{kind: anyPart}
			if strings.HasPrefix(rest, "*") {
				t.kind, rest = anyPath, strings.TrimLeft(rest, "*")
			}
			all = append(all, t)
		case '[':
			var t token
			if t, rest, err = class(rest); err != nil {
				return nil, err
			}
			all = append(all, t)
		default:
			all = append(all, token{kind: literal, char: c})
		}
		glob = rest
	}
	return all, nil
}

// class reads what follows a [. A - stands for itself at the beginning and at the end, as do *, ? and \ anywhere.
func class(glob string) (t token, rest string, err error) {
	t.kind = oneOf
	if strings.HasPrefix(glob, "!") {
		t.not, glob = true, glob[1:]
	}
	body, rest, ok := strings.Cut(glob, "]")
	if !ok {
		return t, "", errClass
	}
	chars := []rune(body)
	for i := 0; i < len(chars); i++ {
		s := span{chars[i], chars[i]}
		if i+2 < len(chars) && chars[i+1] == '-' {
			s.to = chars[i+2]
			i += 2
		}
		t.class = append(t.class, s)
	}
	return t, rest, nil
}

// takes reports whether a token that stands for one character stands for this one. None but a literal stands for a
// slash.
func (t *token) takes(c rune) bool {
	switch t.kind {
	case literal:
		return c == t.char
	case anyOne:
		return c != '/'
	case oneOf:
		if c == '/' {
			return false
		}
		in := false
		for _, s := range t.class {
			in = in || s.from <= c && c <= s.to
		}
		return in != t.not
	}
	return false
}

// match takes time in proportion to the product of both lengths: reached has the places in the glob that the name may
// have led to so far.
func match(tokens []token, name string) bool {
	reached, next := make([]bool, len(tokens)+1), make([]bool, len(tokens)+1)
	reached[0] = true
	skip(tokens, reached)
	for _, c := range name {
		clear(next)
		for i := range tokens {
			if !reached[i] {
				continue
			}
			switch t := &tokens[i]; {
			case t.kind == anyPath, t.kind == anyPart && c != '/':
				next[i] = true
			case t.takes(c):
				next[i+1] = true
			}
		}
		skip(tokens, next)
		reached, next = next, reached
	}
	return reached[len(tokens)]
}

// skip adds the places that are reached without a character, since stars may stand for none.
func skip(tokens []token, reached []bool) {
	for i := range tokens {
		if reached[i] && (tokens[i].kind == anyPart || tokens[i].kind == anyPath) {
			reached[i+1] = true
		}
	}
}
