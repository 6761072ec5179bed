package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity is how bad a finding is.
type Severity string

// The severities. A document with an Error is refused.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Finding is something that an author of a policy should know.
type Finding struct {
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // what to do
}

// Sentence is what there is to say, for people. Of an error, the hint says what is wrong.
func (f Finding) Sentence() string {
	switch {
	case f.Hint == "":
		return f.Message
	case f.Severity == SeverityError:
		return strings.TrimSuffix(f.Message, ".") + ": " + f.Hint
	}
	return f.Message + " " + f.Hint
}

// maxFindings bounds what a check reports.
const maxFindings = 200

// checker looks at a document that AWS would take for what its author can hardly mean.
type checker struct {
	kind      Kind
	variables bool
	findings  []Finding
}

// Check returns all that is to be said about a document, in the order of its text: its errors, and what has no effect
// or more effect than it seems to.
func Check(kind Kind, text string) []Finding {
	_, root, faults := parse(kind, text)
	c := &checker{kind: kind}
	for _, e := range faults.all {
		c.add(Position{e.Line, e.Column}, SeverityError, e.Message, e.Hint)
	}
	if root.kind == object {
		c.document(&root, text)
	}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.findings
}

func (c *checker) add(at Position, s Severity, message, hint string) {
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, Finding{
			Line:     at.Line,
			Column:   at.Column,
			Severity: s,
			Message:  message,
			Hint:     hint,
		})
	}
}

func (c *checker) warn(at Position, message, hint string) { c.add(at, SeverityWarning, message, hint) }

// The most characters that IAM takes, without white space.
const (
	managedLimit = 6144
	trustLimit   = 2048
)

func (c *checker) document(root *node, text string) {
	size := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			size++
		}
	}
	limit := map[Kind]int{Identity: managedLimit, Trust: trustLimit}[c.kind]
	if limit > 0 && size > limit {
		c.warn(root.start, fmt.Sprintf("The policy has %d characters without spaces (limit %d).", size, limit),
			"Use wildcards in actions, or part it into several policies.")
	}
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Version":
			c.variables = m.value.text == version2012
		case "Id":
			if c.kind == Identity {
				c.add(m.at, SeverityInfo, "Id has no effect in a policy of a user, group or role.", "")
			}
		}
	}
	for i := range root.members {
		if m := &root.members[i]; m.name == "Statement" {
			for _, n := range listOf(&m.value) {
				c.statement(n)
			}
		}
	}
}

// listOf returns the elements of a list, or the one that stands alone.
func listOf(n *node) []*node {
	if n.kind != list {
		return []*node{n}
	}
	out := make([]*node, len(n.items))
	for i := range n.items {
		out[i] = &n.items[i]
	}
	return out
}

func (c *checker) statement(n *node) {
	if n.kind != object {
		return
	}
	e := elements{}
	for i := range n.members {
		e[n.members[i].name] = &n.members[i]
	}
	allow := e["Effect"] != nil && e["Effect"].value.text == "Allow"
	if m := e["NotAction"]; m != nil && allow {
		c.warn(m.at, "Allows all other actions of all services, also those that come later.",
			"Name the actions with Action, or deny these with a Deny statement.")
	}
	if m := e["NotPrincipal"]; m != nil && allow {
		c.warn(m.at, "Allows everybody else, also without credentials.", "Name the principals with Principal.")
	}
	if m := e["Principal"]; m != nil && allow && e["Condition"] == nil {
		c.principal(&m.value)
	}
	a := c.actions(e, allow)
	c.resources(e, a, allow)
	if m := e["Condition"]; m != nil {
		c.conditions(&m.value, a, allow)
	}
	c.passRole(e, a, allow)
}

// principal warns of a statement that is for everybody.
func (c *checker) principal(n *node) {
	values := []*node{n}
	if n.kind == object {
		values = nil
		for i := range n.members {
			values = append(values, listOf(&n.members[i].value)...)
		}
	}
	for _, v := range values {
		if v.kind == text && v.text == "*" {
			c.warn(v.start, "Allows everybody, also other accounts and requests without credentials.",
				"Name accounts, users or roles, or add a condition such as aws:PrincipalArn or aws:SourceArn.")
		}
	}
}

// passRole warns of a right to hand any role to any service: with it, a user gets the rights of any role.
func (c *checker) passRole(e elements, a *named, allow bool) {
	m := e["Resource"]
	if !allow || m == nil || a.passRole == nil || e["Condition"] != nil {
		return
	}
	for _, r := range listOf(&m.value) {
		if r.text == "*" {
			c.warn(a.passRole.start, "Lets every role be passed to every service.",
				"Name the roles in Resource, or add a condition on iam:PassedToService.")
		}
	}
}

func quoted(s string) string { return fmt.Sprintf("%q", strings.ToValidUTF8(s, "?")) }
