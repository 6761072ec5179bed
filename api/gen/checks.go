package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// checks writes a Check for every structure that an input reaches.
func (p *pkg) checks() string {
	reached := map[string]bool{}
	for _, op := range p.ops {
		p.reach(p.model.Operations[op].Input.Shape, reached)
	}
	w := &checkWriter{p: p, patterns: map[string]string{}}
	for _, name := range p.names {
		s := p.model.Shapes[name]
		if !reached[name] || s.Type != "structure" {
			continue
		}
		w.structure(name, s)
	}
	return p.head(wire) + w.pats.String() + w.body.String()
}

// codePoint is how the models' expressions, which are Java's, write a code point; see awsproto.NewPattern.
var codePoint = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

type checkWriter struct {
	p          *pkg
	pats, body strings.Builder
	patterns   map[string]string // text -> variable
}

func (w *checkWriter) structure(name string, s *shape) {
	fmt.Fprintf(&w.body, "// Check reports what the model forbids.\nfunc (s *%s) Check(c *awsproto.Check) {\n",
		goName(name))
	for _, m := range s.Members {
		field := "s." + goName(m.Name)
		t := w.p.model.Shapes[m.Shape]
		if slices.Contains(s.Required, m.Name) {
			empty := "nil"
			if len(t.Enum) > 0 {
				empty = `""`
			}
			fmt.Fprintf(&w.body, "c.Required(%q, %s != %s)\n", m.Name, field, empty)
		}
		w.member(m.Name, field, m.Shape)
	}
	w.body.WriteString("}\n\n")
}

// member checks a value that is a pointer where it is a scalar or a structure.
func (w *checkWriter) member(name, field, shapeName string) {
	s := w.p.model.Shapes[shapeName]
	switch s.Type {
	case "structure":
		fmt.Fprintf(&w.body, "if %s != nil {\nc.Push(%q)\n%s.Check(c)\nc.Pop()\n}\n", field, name, field)
	case "list":
		w.size(name, field, s)
		if w.checked(s.Member.Shape) {
			i := string(rune('i' + strings.Count(field, "["))) // a list in a list counts with a letter of its own
			fmt.Fprintf(&w.body, "for %s := range %s {\nc.PushIndex(%q, %[1]s)\n", i, field, name)
			w.element(field+"["+i+"]", s.Member.Shape)
			w.body.WriteString("c.PopElement()\n}\n")
		}
	case "map":
		w.size(name, field, s)
		w.mapping(name, field, s)
	case "blob":
		w.size(name, field, s)
	default:
		w.scalar(fmt.Sprintf("%q", name), field, s)
	}
}

func (w *checkWriter) mapping(name, field string, s *shape) {
	keys, values := w.checked(s.Key.Shape), w.checked(s.Value.Shape)
	switch {
	case keys && values:
		fmt.Fprintf(&w.body, "for k, v := range %s {\n", field)
	case keys:
		fmt.Fprintf(&w.body, "for k := range %s {\n", field)
	case values:
		fmt.Fprintf(&w.body, "for k, v := range %s {\n", field)
	default:
		return
	}
	if keys {
		w.scalarValue(fmt.Sprintf("%q", name), "k", w.p.model.Shapes[s.Key.Shape])
	}
	if values {
		fmt.Fprintf(&w.body, "c.PushKey(%q, string(k))\n", name)
		w.element("v", s.Value.Shape)
		w.body.WriteString("c.PopElement()\n")
	}
	w.body.WriteString("}\n")
}

// element checks a value that stands in a list or a map, where it is no pointer.
func (w *checkWriter) element(value, shapeName string) {
	s := w.p.model.Shapes[shapeName]
	switch s.Type {
	case "structure":
		fmt.Fprintf(&w.body, "%s.Check(c)\n", value)
	case "list":
		w.member("member", value, shapeName)
	default:
		w.scalarValue(`"member"`, value, s)
	}
}

func (w *checkWriter) scalarValue(name, value string, s *shape) {
	if len(s.Enum) > 0 {
		w.scalar(name, value, s)
		return
	}
	w.scalar(name, "&"+value, s)
}

func (w *checkWriter) scalar(name, pointer string, s *shape) {
	switch {
	case len(s.Enum) > 0:
		fmt.Fprintf(&w.body, "c.Enum(%s, string(%s), values%s)\n", name, pointer, w.enumOf(s))
	case s.Type == "string":
		if least, most, ok := bounds(s); ok {
			fmt.Fprintf(&w.body, "c.Length(%s, %s, %d, %d)\n", name, pointer, least, most)
		}
		if s.Pattern != "" {
			fmt.Fprintf(&w.body, "c.Match(%s, %s, %s)\n", name, pointer, w.pattern(s.Pattern))
		}
	case s.Type == "integer", s.Type == "long", s.Type == "double":
		if s.Min == nil && s.Max == nil {
			return
		}
		t := map[string]string{"integer": "int32", "long": "int64", "double": "float64"}[s.Type]
		fmt.Fprintf(&w.body, "awsproto.Range(c, %s, %s, %s, %s)\n", name, pointer, bound(s.Min, t), bound(s.Max, t))
	}
}

func bound(f *float64, t string) string {
	if f == nil {
		return "nil"
	}
	return fmt.Sprintf("new(%s(%v))", t, *f)
}

func (w *checkWriter) size(name, field string, s *shape) {
	if least, most, ok := bounds(s); ok {
		fmt.Fprintf(&w.body, "c.Size(%q, %s != nil, len(%s), %d, %d)\n", name, field, field, least, most)
	}
}

func bounds(s *shape) (least, most int, ok bool) {
	most = -1
	if s.Min != nil {
		least = int(*s.Min)
	}
	if s.Max != nil {
		most = int(*s.Max)
	}
	return least, most, least > 0 || most >= 0
}

// checked tells whether there is anything to check in a shape as an element.
func (w *checkWriter) checked(name string) bool {
	s := w.p.model.Shapes[name]
	switch s.Type {
	case "structure":
		return true
	case "list":
		_, _, bounded := bounds(s)
		return bounded || w.checked(s.Member.Shape)
	case "string":
		_, _, bounded := bounds(s)
		return bounded || s.Pattern != "" || len(s.Enum) > 0
	}
	return s.Min != nil || s.Max != nil
}

func (w *checkWriter) pattern(text string) string {
	if v, ok := w.patterns[text]; ok {
		return v
	}
	v := fmt.Sprintf("pattern%d", len(w.patterns)+1)
	w.patterns[text] = v
	fmt.Fprintf(&w.pats, "var %s = awsproto.NewPattern(%q)\n", v, text)
	// What does not compile here would panic at the first request.
	regexp.MustCompile(codePoint.ReplaceAllString(text, `\x{$1}`))
	return v
}

func (w *checkWriter) enumOf(s *shape) string {
	for name, other := range w.p.model.Shapes {
		if other == s {
			return goName(name)
		}
	}
	panic("enum without a name")
}
