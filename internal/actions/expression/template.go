package expression

import "strings"

// part is a text, or an expression.
type part struct {
	text string
	of   *Expression
}

// Template is a text with expressions in it.
type Template struct{ parts []part }

// ParseTemplate reads a text with expressions in `${{ }}`. The error is an *Error.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{}
	for {
		i := strings.Index(text, "${{")
		if i < 0 {
			break
		}
		length := closing(text[i+3:])
		if length < 0 {
			return nil, &Error{Expression: text[i:], Message: "${{ has no }}"}
		}
		of, err := Parse(strings.TrimSpace(text[i+3 : i+3+length]))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			t.parts = append(t.parts, part{text: text[:i]})
		}
		t.parts = append(t.parts, part{of: of})
		text = text[i+3+length+2:]
	}
	if text != "" {
		t.parts = append(t.parts, part{text: text})
	}
	return t, nil
}

// closing is where the braces end that have been opened; those in a text in quotes do not count.
func closing(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case !quoted && strings.HasPrefix(s[i:], "}}"):
			return i
		}
	}
	return -1
}

// Value is the value of a template that is one expression, with its kind; else a text.
func (t *Template) Value(s Scope) (Value, error) {
	if len(t.parts) == 1 && t.parts[0].of != nil {
		return t.parts[0].of.Evaluate(s)
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.of == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.of.Evaluate(s)
		if err != nil {
			return nil, err
		}
		b.WriteString(Text(v))
	}
	return b.String(), nil
}

// Expand returns a text in which the expressions have been replaced by their values.
func Expand(text string, s Scope) (string, error) {
	v, err := Resolve(text, s)
	return Text(v), err
}

// Resolve is Expand that keeps the kind of a text that is one expression.
func Resolve(text string, s Scope) (Value, error) {
	if !strings.Contains(text, "${{") {
		return text, nil
	}
	t, err := ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	return t.Value(s)
}

// Condition evaluates an `if`. Without braces all of it is an expression; with a text beside them it is a text, which
// is true. Unless it calls a status function, success() must hold too. An empty one is success().
func Condition(text string, s Scope) (bool, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		text = "success()"
	}
	if !strings.Contains(text, "${{") {
		e, err := Parse(text)
		if err != nil {
			return false, err
		}
		return guarded(s, e.Calls(StatusFunctions...), func() (Value, error) { return e.Evaluate(s) })
	}
	t, err := ParseTemplate(text)
	if err != nil {
		return false, err
	}
	calls := false
	for _, p := range t.parts {
		calls = calls || p.of != nil && p.of.Calls(StatusFunctions...)
	}
	return guarded(s, calls, func() (Value, error) { return t.Value(s) })
}

// guarded is success() && (CONDITION), unless the condition says itself after what it holds.
func guarded(s Scope, calls bool, evaluate func() (Value, error)) (bool, error) {
	if !calls && s.Status != nil && !s.Status("success") {
		return false, nil
	}
	v, err := evaluate()
	return Truth(v), err
}
