package policy

import (
	"slices"
	"strings"

	"slipway/internal/identity/policy/catalogue"
)

// named is what the actions of a statement are in the catalogue.
type named struct {
	entries  []catalogue.Entry
	whole    bool  // each action is known, and none is a wildcard for all services
	passRole *node // where iam:PassRole is named
}

// partial are services of which the catalogue knows some actions alone.
var partial = []string{"eks"}

func (c *checker) actions(e elements, allow bool) *named {
	m, not := e.either("Action")
	a := &named{whole: m != nil && !not}
	if m == nil {
		return a
	}
	for _, n := range listOf(&m.value) {
		if n.kind != text || !c.action(n, a) {
			a.whole = false
			continue
		}
		if strings.EqualFold(n.text, "iam:PassRole") && allow {
			a.passRole = n
		}
	}
	return a
}

// action adds the catalogue's actions that one of the policy's is for. It reports false if they cannot be known.
func (c *checker) action(n *node, a *named) bool {
	service, name, ok := strings.Cut(n.text, ":")
	service = strings.ToLower(service)
	if !ok || strings.ContainsAny(service, "*?") {
		return false
	}
	known := catalogue.Actions(service)
	if known == nil {
		hint := "Its statements have no effect here."
		if s := nearest(service, catalogue.Services()); s != "" {
			hint = "Did you mean " + s + "?"
		}
		c.add(n.start, SeverityInfo, "Slipway knows no service "+quoted(service)+".", hint)
		return false
	}
	g := parseGlob(name, grammar{wildcards: true, lower: true})
	found := false
	for _, entry := range known {
		if g.match(strings.ToLower(entry.Name)) {
			a.entries, found = append(a.entries, entry), true
		}
	}
	if found || slices.Contains(partial, service) {
		return found
	}
	hint := "It matches nothing."
	var names []string
	for _, entry := range known {
		names = append(names, entry.Name)
	}
	if s := nearest(name, names); s != "" {
		hint = "Did you mean " + service + ":" + s + "?"
	}
	c.warn(n.start, "There is no action "+quoted(n.text)+".", hint)
	return false
}

// resources compares the statement's resources with the types that its actions have.
func (c *checker) resources(e elements, a *named, allow bool) {
	m, not := e.either("Resource")
	if m == nil {
		return
	}
	all := false
	for _, n := range listOf(&m.value) {
		all = all || n.text == "*" || n.kind != text
		c.arn(n)
	}
	if all || not || !a.whole || len(a.entries) == 0 {
		return
	}
	for _, n := range listOf(&m.value) {
		if !anyTypeOf(a.entries, n.text) {
			c.warn(n.start, "No action of the statement is for such a resource.", "It is for "+typesOf(a.entries)+".")
		}
	}
	if allow {
		c.withoutResource(e)
	}
}

// withoutResource warns of actions that only "*" as the resource allows.
func (c *checker) withoutResource(e elements) {
	actions, _ := e.either("Action")
	for _, n := range listOf(&actions.value) {
		entry, ok := catalogue.Action(n.text)
		if ok && len(entry.Types) == 0 {
			c.warn(n.start, n.text+" has no resources; this does not allow it.",
				`Allow it in a statement with "Resource": "*".`)
		}
	}
}

// arn warns of variables where they are not replaced.
func (c *checker) arn(n *node) {
	p := splitARN(n.text)
	before := strings.Join(p.part[:arnParts-1], ":")
	switch {
	case strings.Contains(before, "${"):
		c.warn(n.start, "A variable is replaced after the fifth colon of an ARN alone.", "Use a wildcard here.")
	case strings.Contains(p.part[arnParts-1], "${") && !c.variables:
		c.warn(n.start, "Variables are text in this version of the language.", `Write "Version": "2012-10-17".`)
	}
}

func anyTypeOf(entries []catalogue.Entry, arn string) bool {
	if arn == "*" {
		return true
	}
	p := splitARN(arn)
	for ; p.count < arnParts; p.count++ {
		p.part[p.count] = "*"
	}
	for i := range entries {
		for _, t := range entries[i].Types {
			want := strings.SplitN(t.ARN, ":", 4)
			if len(want) == 4 && overlapARN(p, want) {
				return true
			}
		}
	}
	return false
}

func overlapARN(p parts, want []string) bool {
	wild := grammar{wildcards: true, variables: true}
	blank := func(pattern, want string) bool {
		return want != "" || strings.Trim(pattern, "*") == ""
	}
	// Some services sign for a name that differs from their prefix.
	service := parseGlob(want[0], grammar{})
	if !service.match(p.part[2]) || !blank(p.part[3], want[1]) || !blank(p.part[4], want[2]) {
		return false
	}
	mine, theirs := parseGlob(p.part[5], wild), parseGlob(want[3], wild)
	return overlap(mine.tokens, theirs.tokens)
}

// typesOf lists the resources of actions.
func typesOf(entries []catalogue.Entry) string {
	var out []string
	for i := range entries {
		for _, t := range entries[i].Types {
			parts := strings.SplitN(t.ARN, ":", 4)
			arn := "arn:aws:" + parts[0] + ":" + strings.NewReplacer("R", "REGION").Replace(parts[1]) + ":" +
				strings.NewReplacer("A", "ACCOUNT").Replace(parts[2]) + ":" + parts[3]
			if !slices.Contains(out, arn) {
				out = append(out, arn)
			}
		}
	}
	switch {
	case len(out) == 0:
		return `"*"`
	case len(out) > 3:
		out = append(out[:3], "…")
	}
	return strings.Join(out, ", ")
}

// overlap reports whether some text matches both patterns. Variables stand for any text of at least one character.
func overlap(a, b []token) bool {
	x, y := units(a), units(b)
	row := make([]bool, len(y)+1)
	// row[j] is whether what is left of x and y from j on can match the same text; built from the ends.
	for i := len(x); i >= 0; i-- {
		next := slices.Clone(row)
		for j := len(y); j >= 0; j-- {
			row[j] = overlaps(x, y, i, j, next, row)
		}
	}
	return row[0]
}

func overlaps(x, y []rune, i, j int, next, row []bool) bool {
	endX, endY := i == len(x), j == len(y)
	switch {
	case endX && endY:
		return true
	case !endX && x[i] == anyRun:
		return next[j] || !endY && row[j+1]
	case !endY && y[j] == anyRun:
		return row[j+1] || !endX && next[j]
	case endX || endY:
		return false
	}
	return next[j+1] && (x[i] == y[j] || min(x[i], y[j]) == anyOne)
}

const (
	anyRun rune = -1 - iota
	anyOne
)

// units writes a pattern as characters and wildcards.
func units(tokens []token) []rune {
	var out []rune
	for _, t := range tokens {
		switch t.kind {
		case literal:
			out = append(out, []rune(t.text)...)
		case star:
			out = append(out, anyRun)
		case one:
			out = append(out, anyOne)
		case variable:
			out = append(out, anyOne, anyRun)
		}
	}
	return out
}
