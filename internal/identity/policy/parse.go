package policy

import (
	"fmt"
	"slices"
	"strings"
)

const (
	version2012 = "2012-10-17"
	version2008 = "2008-10-17"
)

// parser turns the nodes of a document into a policy, and notes the faults.
type parser struct {
	kind      Kind
	variables bool // of version 2012-10-17
	faults    faults
	sids      map[string]bool
}

// Parse reads a document. The error is a *Error.
func Parse(kind Kind, text string) (*Policy, error) {
	out, _, faults := parse(kind, text)
	if err := faults.reported(); err != nil {
		return nil, err
	}
	return out, nil
}

// parse reads a document with all its faults. Its root has no members if it is no JSON.
func parse(kind Kind, text string) (*Policy, node, faults) {
	p := &parser{kind: kind, sids: map[string]bool{}}
	root, err := readJSON(text)
	if err != nil {
		message := syntaxErrors
		if kind != Identity {
			message = invalidJSON
		}
		p.faults.add(rankSyntax, err.at, message, err.hint)
		return nil, node{}, p.faults
	}
	out := &Policy{kind: kind, text: text}
	p.document(root, out)
	return out, root, p.faults
}

func (p *parser) syntax(at Position, format string, args ...any) {
	p.faults.add(rankSyntax, at, syntaxErrors, fmt.Sprintf(format, args...))
}

func (p *parser) document(root node, out *Policy) {
	if root.kind != object {
		p.syntax(root.start, "a policy is a JSON object, this is %s", root.kind)
		return
	}
	var statements, version *node
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Version":
			version = &m.value
		case "Id":
			if m.value.kind != text {
				p.syntax(m.value.start, "Id is a string, this is %s", m.value.kind)
			}
		case "Statement":
			statements = &m.value
		default:
			p.syntax(m.at, "a policy has no element %q; it has Version, Id and Statement", m.name)
		}
	}
	p.version(version, root.start)
	if statements == nil {
		p.empty(root.start, "the policy has no Statement element")
		return
	}
	items := statements.items
	if statements.kind != list {
		items = []node{*statements}
	}
	if len(items) == 0 {
		p.empty(statements.start, "the policy has no statement")
	}
	for i := range items {
		p.statement(&items[i], out)
	}
}

func (p *parser) empty(at Position, hint string) {
	message := syntaxErrors
	if p.kind != Identity {
		message = "Could not parse the policy: Statement is empty!"
	}
	p.faults.add(rankSyntax, at, message, hint)
}

func (p *parser) version(n *node, root Position) {
	if n == nil {
		if p.kind == Identity {
			p.faults.add(rankVersion, root, newerVersion, `add "Version": "2012-10-17"`)
		}
		return
	}
	switch {
	case n.kind == text && n.text == version2012:
		p.variables = true
	case n.kind == text && n.text == version2008:
		if p.kind == Identity {
			p.faults.add(rankVersion, n.start, newerVersion, "write 2012-10-17")
		}
	default:
		p.syntax(n.start, `Version is "2012-10-17" (or "2008-10-17", without variables); no other date is one`)
	}
}

// elements of a statement, by name.
type elements map[string]*member

func (p *parser) statement(n *node, out *Policy) {
	if n.kind != object {
		p.syntax(n.start, "a statement is an object, this is %s", n.kind)
		return
	}
	e := elements{}
	for i := range n.members {
		m := &n.members[i]
		if !slices.Contains(elementNames, m.name) {
			p.syntax(m.at, "a statement has no element %q; it has %s", m.name, strings.Join(elementNames, ", "))
		}
		e[m.name] = m
	}
	for _, name := range []string{"Action", "Resource", "Principal"} {
		if both := e["Not"+name]; both != nil && e[name] != nil {
			p.syntax(both.at, "a statement has %s or Not%s, not both", name, name)
		}
	}
	s := statement{start: n.start, end: n.end, before: n.before}
	if s.before.Line == 0 {
		s.before = Position{Line: n.start.Line, Column: n.start.Column + 1}
	}
	p.sid(e["Sid"], &s)
	deny := p.effect(e["Effect"], n)
	p.principal(e, n, &s)
	p.actions(e, n, &s)
	p.resources(e, n, &s)
	if m := e["Condition"]; m != nil {
		p.conditions(&m.value, &s)
	}
	if deny {
		out.denies = append(out.denies, len(out.statements))
	} else {
		out.allows = append(out.allows, len(out.statements))
	}
	out.statements = append(out.statements, s)
}

var elementNames = []string{
	"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}

func (p *parser) sid(m *member, s *statement) {
	if m == nil {
		return
	}
	if m.value.kind != text {
		p.syntax(m.value.start, "Sid is a string, this is %s", m.value.kind)
		return
	}
	s.sid = m.value.text
	if s.sid == "" {
		return
	}
	if p.sids[s.sid] {
		p.faults.add(rankSid, m.value.start, uniqueSids, fmt.Sprintf("%q is the Sid of a statement before", s.sid))
	}
	p.sids[s.sid] = true
	plain := strings.IndexFunc(s.sid, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) < 0
	if !plain && p.kind != Resource {
		p.faults.add(rankSid, m.value.start, plainSids, "use the letters A to Z and digits alone")
	}
}

func (p *parser) effect(m *member, statement *node) (deny bool) {
	if m == nil {
		if p.kind == Identity {
			p.syntax(statement.start, `the statement has no Effect; it is "Allow" or "Deny"`)
		} else {
			p.faults.add(rankSyntax, statement.start, "Missing required field Effect", `it is "Allow" or "Deny"`)
		}
		return false
	}
	v := &m.value
	switch {
	case v.kind == text && (v.text == "Allow" || v.text == "Deny"):
		return v.text == "Deny"
	case v.kind == text && (strings.EqualFold(v.text, "Allow") || strings.EqualFold(v.text, "Deny")):
		p.faults.add(rankLegacy, v.start, legacyParsing, `Effect is "Allow" or "Deny", with these letters`)
	default:
		p.syntax(v.start, `Effect is "Allow" or "Deny"`)
	}
	return false
}

// texts returns the strings of a string or a list of strings.
func (p *parser) texts(name string, n *node) []node {
	items := []node{*n}
	if n.kind == list {
		items = n.items
	}
	for i := range items {
		if items[i].kind != text {
			p.syntax(items[i].start, "%s is a string or a list of strings, this is %s", name, items[i].kind)
			return nil
		}
	}
	return items
}
