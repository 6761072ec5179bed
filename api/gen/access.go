package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// right is a row of a service's table of rights in access/, api/gen/access/SERVICE.tsv: what an operation asks for.
//
//	OPERATION  ACTION[?MEMBER]  RESOURCES  KEYS
//
// ACTION is = for the action of the operation's own name, - for none, or another one. After ? stands a member of the
// request without which the right is not asked for. RESOURCES are separated by spaces:
//
//   - the action has no resources
//     codecommit:R:A:{repositoryName} an ARN without "arn:aws:"; R is the region, A the account
//     {resourceArn~}                  a member that is an ARN
//     @build{ids}                     what the server finds for a member: a build's project
//     X||Y                            two forms of one ARN: a policy may name either
//
// A member's path leads through structures and lists; a list makes several resources. {a|b} is the first of two that is
// given, {Path|/} has a default, {Url^} is without its scheme. A member that is not given is *: all of them. KEYS are
// condition keys, KEY=VALUE, where VALUE is text with members or an @name as above. KEY:={member} makes a key of each
// entry of a map.
type right struct {
	action, when string
	resources    []string
	keys         [][2]string
}

// access reads the table of rights of a package. Each operation must have a row.
func (p *pkg) access(dir string) (map[string][]right, error) {
	path := filepath.Join(dir, p.pkg+".tsv")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: each service needs a table of the rights that its operations ask for", err)
	}
	defer f.Close()
	rights := map[string][]right{}
	for s, n := bufio.NewScanner(f), 1; s.Scan(); n++ {
		line := s.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		fields := append(strings.Split(line, "\t"), "", "", "")
		op := fields[0]
		if p.model.Operations[op] == nil {
			return nil, fmt.Errorf("%s:%d: %s has no operation %s", path, n, p.pkg, op)
		}
		r := right{resources: strings.Fields(fields[2])}
		r.action, r.when, _ = strings.Cut(fields[1], "?")
		if r.action == "" || r.action != "-" && len(r.resources) == 0 {
			return nil, fmt.Errorf("%s:%d: a row has an operation, an action and its resources", path, n)
		}
		for _, k := range strings.Fields(fields[3]) {
			name, value, ok := strings.Cut(k, "=")
			if !ok {
				return nil, fmt.Errorf("%s:%d: %s is no KEY=VALUE", path, n, k)
			}
			r.keys = append(r.keys, [2]string{strings.ToLower(name), value})
		}
		rights[op] = append(rights[op], r)
	}
	for _, op := range p.ops {
		if rights[op] == nil {
			return nil, fmt.Errorf("%s: no row says which right %s:%s asks for", path, p.pkg, op)
		}
	}
	return rights, nil
}

// actionPrefix is what stands before the actions of a service.
func (p *pkg) actionPrefix() string {
	if p.prefix != "" {
		return p.prefix
	}
	return p.pkg
}

// asks writes a function for each operation, which adds what it asks for.
func (p *pkg) asks(rights map[string][]right) string {
	var b strings.Builder
	for _, op := range p.ops {
		input := p.model.Operations[op].Input.Shape
		w := askWriter{p: p, input: input}
		for _, r := range rights[op] {
			w.right(op, r)
		}
		w.tags()
		fmt.Fprintf(&b, "func ask%s(a *awsproto.Access, input any) {\n", op)
		if strings.Contains(w.b.String(), "in.") {
			fmt.Fprintf(&b, "in := input.(*%s)\n", goName(input))
		}
		b.WriteString(w.b.String() + "}\n\n")
	}
	return p.head(wire) + b.String()
}

type askWriter struct {
	p     *pkg
	input string
	b     strings.Builder
	depth int
}

func (w *askWriter) right(op string, r right) {
	if r.action == "-" {
		return
	}
	action := r.action
	if action == "=" {
		action = op
	}
	if !strings.Contains(action, ":") {
		action = w.p.actionPrefix() + ":" + action
	}
	if r.when != "" {
		fmt.Fprintf(&w.b, "if v := %s; len(v) > 0 {\n", w.values(r.when, ""))
		defer w.b.WriteString("}\n")
	}
	var resources []string
	for _, t := range r.resources {
		forms := strings.Split(t, "||")
		if len(forms) == 1 {
			resources = append(resources, w.template(t, true))
			continue
		}
		resources = append(resources, fmt.Sprintf("a.Forms(%s, %s)", w.template(forms[0], true),
			w.template(forms[1], true)))
	}
	fmt.Fprintf(&w.b, "a.Ask(%q, %s", action, strings.Join(resources, ", "))
	w.b.WriteString(")")
	for _, k := range r.keys {
		w.key(k[0], k[1])
	}
	w.b.WriteString("\n")
}

func (w *askWriter) key(name, value string) {
	if prefix, ok := strings.CutSuffix(name, ":"); ok {
		member := strings.Trim(value, "{}")
		fmt.Fprintf(&w.b, ".Map(%q, in.%s)", prefix+":", goName(member))
		return
	}
	fmt.Fprintf(&w.b, ".Key(%q, %s)", name, w.template(value, false))
}

// template writes an expression of type []string.
func (w *askWriter) template(t string, resource bool) string {
	if t == "*" {
		return "awsproto.Any"
	}
	if name, rest, ok := strings.Cut(strings.TrimPrefix(t, "@"), "{"); ok && t[0] == '@' {
		parts := strings.Split(strings.ReplaceAll(rest, "{", ""), "}")
		args := []string{fmt.Sprintf("%q", name)}
		for _, part := range parts[:len(parts)-1] {
			args = append(args, w.values(strings.TrimPrefix(part, ":"), ""))
		}
		return "a.Find(" + strings.Join(args, ", ") + ")"
	} else if t[0] == '@' {
		return fmt.Sprintf("a.Find(%q)", t[1:])
	}
	if path, ok := strings.CutSuffix(t, "~}"); ok {
		return "awsproto.Or(" + w.values(path[1:], "") + ", \"*\")"
	}
	var parts []string
	if head, rest, ok := strings.Cut(t, ":A:"); ok && resource {
		service, region, _ := strings.Cut(head, ":")
		parts = append(parts, fmt.Sprintf("a.Prefix(%q, %v)", service, region == "R"))
		t = rest
	}
	for t != "" {
		literal, rest, ok := strings.Cut(t, "{")
		if literal != "" {
			parts = append(parts, fmt.Sprintf("[]string{%q}", literal))
		}
		if !ok {
			break
		}
		var path string
		path, t, _ = strings.Cut(rest, "}")
		absent := "*"
		if !resource {
			absent = ""
		}
		parts = append(parts, w.values(path, absent))
	}
	return "awsproto.Join(" + strings.Join(parts, ", ") + ")"
}

// values writes an expression with the values of a member as []string. If none is given and absent is not "", it is
// absent alone.
func (w *askWriter) values(path, absent string) string {
	path, bare := strings.CutSuffix(path, "^")
	alternatives := strings.Split(path, "|")
	if len(alternatives) == 2 && !w.has(alternatives[1]) { // a default
		alternatives, absent = alternatives[:1], alternatives[1]
	}
	var all []string
	for _, alternative := range alternatives {
		all = append(all, w.path(strings.Split(alternative, ".")))
	}
	v := all[0]
	if len(all) > 1 {
		v = "awsproto.First(" + strings.Join(all, ", ") + ")"
	}
	if bare {
		v = "awsproto.Bare(" + v + ")"
	}
	if absent != "" {
		v = fmt.Sprintf("awsproto.Or(%s, %q)", v, absent)
	}
	return v
}

func (w *askWriter) has(name string) bool {
	return slices.ContainsFunc(w.p.model.Shapes[w.input].Members, func(m member) bool { return m.Name == name })
}

func (w *askWriter) path(path []string) string {
	m, ok := w.p.find(w.input, path[0])
	if !ok {
		panic(fmt.Sprintf("%s has no member %s", w.input, path[0]))
	}
	field, s := "in."+goName(m.Name), w.p.model.Shapes[m.Shape]
	if len(path) == 1 {
		return w.leaf(field, s)
	}
	var b strings.Builder
	b.WriteString("func() (v []string) {\n")
	w.walk(&b, field, m.Shape, path[1:])
	b.WriteString("return v\n}()")
	return b.String()
}

func (p *pkg) find(shape, name string) (member, bool) {
	for _, m := range p.model.Shapes[shape].Members {
		if m.Name == name {
			return m, true
		}
	}
	return member{}, false
}

// leaf writes a member of the input that is no structure.
func (w *askWriter) leaf(field string, s *shape) string {
	switch {
	case s.Type == "list" && len(w.p.model.Shapes[s.Member.Shape].Enum) > 0:
		return "awsproto.Strings(" + field + ")"
	case s.Type == "list" && w.p.model.Shapes[s.Member.Shape].Type == "string":
		return field
	case s.Type == "list", s.Type == "map":
		return fmt.Sprintf("awsproto.Given(%s != nil)", field)
	case s.Type == "structure":
		return fmt.Sprintf("awsproto.Given(%s != nil)", field)
	case s.Type == "blob":
		return fmt.Sprintf("[]string{string(%s)}", field)
	case len(s.Enum) > 0:
		return fmt.Sprintf("awsproto.One(string(%s))", field)
	case s.Type == "string":
		return fmt.Sprintf("awsproto.One(awsproto.Value(%s))", field)
	}
	return fmt.Sprintf("awsproto.Number(%s)", field)
}

// walk writes statements that add to v what lies at a path below an expression.
func (w *askWriter) walk(b *strings.Builder, expr, shapeName string, path []string) {
	s := w.p.model.Shapes[shapeName]
	if s.Type == "list" {
		w.depth++
		x := fmt.Sprintf("x%d", w.depth)
		fmt.Fprintf(b, "for _, %s := range %s {\n", x, expr)
		w.fields(b, x, s.Member.Shape, path)
		b.WriteString("}\n")
		return
	}
	fmt.Fprintf(b, "if %s != nil {\n", expr)
	w.fields(b, expr, shapeName, path)
	b.WriteString("}\n")
}

func (w *askWriter) fields(b *strings.Builder, expr, shapeName string, path []string) {
	m, ok := w.p.find(shapeName, path[0])
	if !ok {
		panic(fmt.Sprintf("%s has no member %s", shapeName, path[0]))
	}
	field := expr + "." + goName(m.Name)
	if len(path) == 1 {
		fmt.Fprintf(b, "v = append(v, %s...)\n", w.leaf(field, w.p.model.Shapes[m.Shape]))
		return
	}
	w.walk(b, field, m.Shape, path[1:])
}

// tags writes what tags a request gives or names, for aws:RequestTag and aws:TagKeys.
func (w *askWriter) tags() {
	for _, m := range w.p.model.Shapes[w.input].Members {
		s := w.p.model.Shapes[m.Shape]
		switch strings.ToLower(m.Name) {
		case "tags":
			w.tagList("in."+goName(m.Name), s)
		case "tagkeys":
			if s.Type == "list" && w.p.model.Shapes[s.Member.Shape].Type == "string" {
				fmt.Fprintf(&w.b, "a.TagKeys(in.%s)\n", goName(m.Name))
			}
		}
	}
}

func (w *askWriter) tagList(field string, s *shape) {
	if s.Type == "map" {
		fmt.Fprintf(&w.b, "for k, v := range %s {\na.Tag(string(k), string(v))\n}\n", field)
		return
	}
	if s.Type != "list" || w.p.model.Shapes[s.Member.Shape].Type != "structure" {
		return
	}
	var key, value string
	for _, m := range w.p.model.Shapes[s.Member.Shape].Members {
		switch strings.ToLower(m.Name) {
		case "key", "tagkey":
			key = goName(m.Name)
		case "value", "tagvalue":
			value = goName(m.Name)
		}
	}
	if key != "" && value != "" {
		fmt.Fprintf(&w.b, "for _, t := range %s {\na.Tag(awsproto.Value(t.%s), awsproto.Value(t.%s))\n}\n", field, key,
			value)
	}
}
