package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// pkg is a package being written.
type pkg struct {
	target
	model *model
	ops   []string // with shapes
	names []string // the shapes that these reach, sorted
}

func newPackage(t target, m *model) *pkg {
	p := &pkg{target: t, model: m}
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		if t.only == nil || slices.Contains(t.only, name) {
			p.ops = append(p.ops, name)
		}
	}
	p.complete()
	reached := map[string]bool{}
	for _, name := range p.ops {
		op := m.Operations[name]
		p.reach(op.Input.Shape, reached)
		p.reach(op.Output.Shape, reached)
		for _, e := range op.Errors {
			p.reach(e.Shape, reached)
		}
	}
	p.names = slices.Sorted(maps.Keys(reached))
	return p
}

// complete gives every operation an input and an output of its own.
func (p *pkg) complete() {
	for _, name := range p.ops {
		op := p.model.Operations[name]
		op.Input = p.own(op.Input, name, "Input", "Request")
		op.Output = p.own(op.Output, name, "Output", "Response", "Result")
	}
}

// own gives an operation a shape of its own where it has none, and calls it the same in every service.
func (p *pkg) own(r *ref, op, ours string, theirs ...string) *ref {
	switch {
	case r == nil:
		p.model.Shapes[op+ours] = &shape{Type: "structure", Members: members{}}
	case strings.HasPrefix(r.Shape, op) && slices.Contains(theirs, r.Shape[len(op):]):
		p.model.Shapes[op+ours] = p.model.Shapes[r.Shape]
	default:
		return r
	}
	return &ref{Shape: op + ours}
}

func (p *pkg) reach(name string, reached map[string]bool) {
	if reached[name] {
		return
	}
	reached[name] = true
	s := p.model.Shapes[name]
	for _, m := range s.Members {
		p.reach(m.Shape, reached)
	}
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		if r != nil {
			p.reach(r.Shape, reached)
		}
	}
}

func (p *pkg) files(rights map[string][]right) map[string]string {
	return map[string]string{
		"access.go":  p.asks(rights),
		"shapes.go":  p.shapes(),
		"enums.go":   p.enums(),
		"errors.go":  p.errors(),
		"checks.go":  p.checks(),
		"service.go": p.service(),
		"client.go":  p.client(),
	}
}

func (p *pkg) head(imports ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\n", p.pkg)
	if len(imports) > 0 {
		b.WriteString("import (\n")
		for _, i := range imports {
			fmt.Fprintf(&b, "%q\n", i)
		}
		b.WriteString(")\n\n")
	}
	return b.String()
}

const wire = "slipway/api/awsproto"

// goName is a name of the model as an exported Go name.
func goName(s string) string {
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			return r
		}
		return '_'
	}, string(r))
}

// inList is the Go type of a shape as an element of a list or map; asMember as a member of a structure, where
// absent and empty are two things.
func (p *pkg) inList(name string) string {
	s := p.model.Shapes[name]
	switch s.Type {
	case "structure":
		return goName(name)
	case "list":
		return "[]" + p.inList(s.Member.Shape)
	case "map":
		return "map[" + p.inList(s.Key.Shape) + "]" + p.inList(s.Value.Shape)
	case "string":
		if len(s.Enum) > 0 {
			return goName(name)
		}
		return "string"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "double", "float":
		return "float64"
	case "boolean":
		return "bool"
	case "timestamp":
		return "awsproto.Time"
	case "blob":
		return "[]byte"
	case "document":
		return "json.RawMessage"
	}
	panic("unknown type " + s.Type + " of " + name)
}

func (p *pkg) asMember(name string) string {
	s := p.model.Shapes[name]
	t := p.inList(name)
	if s.Type == "list" || s.Type == "map" || s.Type == "blob" || s.Type == "document" || len(s.Enum) > 0 {
		return t
	}
	return "*" + t
}

func (p *pkg) uses(kind string) bool {
	for _, n := range p.names {
		if p.model.Shapes[n].Type == kind {
			return true
		}
	}
	return false
}

func (p *pkg) shapes() string {
	var imports []string
	if p.uses("document") {
		imports = append(imports, "encoding/json")
	}
	if p.uses("timestamp") {
		imports = append(imports, wire)
	}
	var b strings.Builder
	b.WriteString(p.head(imports...))
	for _, name := range p.names {
		s := p.model.Shapes[name]
		if s.Type != "structure" || s.Exception {
			continue
		}
		fmt.Fprintf(&b, "// %s is the shape of that name.\ntype %s struct {\n", goName(name), goName(name))
		for _, m := range s.Members {
			fmt.Fprintf(&b, "%s %s `json:\"%s,omitzero\"%s`\n", goName(m.Name), p.asMember(m.Shape), m.Name, p.wireTags(m))
		}
		b.WriteString("}\n\n")
	}
	return b.String()
}

// wireTags are the names of a member in the protocol ec2, where they differ from its own: in XML and in a form. In Query
// they are the names of a map's keys and values.
func (p *pkg) wireTags(m member) (tags string) {
	if s := p.model.Shapes[m.Shape]; s.Type == "map" && p.model.Metadata.Protocol == "query" &&
		s.Key.Location != "" && s.Key.Location != "key" {
		return fmt.Sprintf(" entry:\"%s,%s\"", s.Key.Location, s.Value.Location)
	}
	if p.model.Metadata.Protocol != "ec2" {
		return ""
	}
	answer, request := cmp.Or(m.Location, m.Name), m.Query
	if request == "" {
		request = strings.ToUpper(answer[:1]) + answer[1:]
	}
	if answer != m.Name {
		tags += fmt.Sprintf(" xml:%q", answer)
	}
	if request != m.Name {
		tags += fmt.Sprintf(" form:%q", request)
	}
	return tags
}

func (p *pkg) enums() string {
	var b strings.Builder
	b.WriteString(p.head())
	for _, name := range p.names {
		s := p.model.Shapes[name]
		if len(s.Enum) == 0 {
			continue
		}
		fmt.Fprintf(&b, "// %s is an enum; \"\" is an absent one.\ntype %s string\n\nconst (\n", goName(name),
			goName(name))
		taken := map[string]bool{}
		for _, v := range s.Enum {
			c := goName(name) + enumName(v)
			if p.model.Shapes[c] != nil || taken[c] {
				c += "_"
			}
			taken[c] = true
			fmt.Fprintf(&b, "%s %s = %q\n", c, goName(name), v)
		}
		fmt.Fprintf(&b, ")\n\nvar values%s = []string{", goName(name))
		for _, v := range s.Enum {
			fmt.Fprintf(&b, "%q,", v)
		}
		fmt.Fprintf(&b,
			"}\n\n// Values are all values of the enum.\nfunc (%s) Values() []string { return values%s }\n\n",
			goName(name), goName(name))
	}
	return b.String()
}

// enumName is IN_PROGRESS or InProgress as InProgress.
func enumName(v string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(
		v, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(part) > 1 && part == strings.ToUpper(part) {
			part = part[:1] + strings.ToLower(part[1:])
		}
		b.WriteString(goName(part))
	}
	return b.String()
}

func (p *pkg) errors() string {
	var b strings.Builder
	b.WriteString(p.head())
	var cases strings.Builder
	for _, name := range p.names {
		s := p.model.Shapes[name]
		if !s.Exception {
			continue
		}
		code, status := p.wireError(name)
		t := goName(name)
		fmt.Fprintf(&b, `// %[1]s travels as %[2]q with HTTP status %[3]d.
type %[1]s struct { Message string }

func (e *%[1]s) Error() string { return e.Message }
func (*%[1]s) ErrorCode() string { return %[2]q }
func (*%[1]s) HTTPStatus() int { return %[3]d }
`, t, code, status)
		if p.smithy != "" && code != name {
			fmt.Fprintf(&b, "func (*%s) ErrorShape() string { return %q }\n", t, name)
		}
		b.WriteString("\n")
		fmt.Fprintf(&cases, "case %q:\nreturn &%s{message}\n", code, t)
	}
	b.WriteString("func newError(code, message string) error {\nswitch code {\n" + cases.String() +
		"}\nreturn nil\n}\n")
	return b.String()
}

func (p *pkg) wireError(name string) (code string, status int) {
	s := p.model.Shapes[name]
	code, status = name, 400
	if s.Error != nil && s.Error.Code != "" {
		code = s.Error.Code
	}
	if s.Error != nil && s.Error.Status != 0 {
		status = s.Error.Status
	}
	return code, status
}
