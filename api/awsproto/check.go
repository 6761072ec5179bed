package awsproto

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Violation is one broken constraint of a request.
type Violation struct {
	Path       string // pipeline.stages.1.member.name: list positions count from one, as AWS counts them
	Leaf       string // the member: name
	Missing    bool   // a required member is absent
	Constraint string // in AWS's words
}

func (v Violation) String() string { return v.Constraint }

// Check collects the violations of one request. Generated code calls it. Paths are only built for violations, to save
// time.
type Check struct {
	path       []string
	violations []Violation
}

// maxViolations bounds the answer to a hostile request.
const maxViolations = 20

func (c *Check) at(member string) string {
	if len(c.path) == 0 {
		return member
	}
	return strings.Join(c.path, ".") + "." + member
}

func (c *Check) add(member string, missing bool, value, must string) {
	if len(c.violations) >= maxViolations {
		return
	}
	path := c.at(member)
	c.violations = append(c.violations, Violation{
		Path: path, Leaf: c.leaf(member), Missing: missing,
		Constraint: fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must %s", value, path, must),
	})
}

// leaf is the nearest named member. The element of a list has the list's name.
func (c *Check) leaf(member string) string {
	if member != "member" {
		return member
	}
	for _, p := range slices.Backward(c.path) {
		if _, err := strconv.Atoi(p); err != nil && p != "member" {
			return p
		}
	}
	return member
}

// Push enters a member. Pop leaves it.
func (c *Check) Push(member string) { c.path = append(c.path, member) }

// PushIndex enters element i of a list member.
func (c *Check) PushIndex(member string, i int) {
	c.path = append(c.path, member, strconv.Itoa(i+1), "member")
}

// PushKey enters the value of a key in a map member.
func (c *Check) PushKey(member, key string) { c.path = append(c.path, member, key, "member") }

// Pop leaves what Push entered.
func (c *Check) Pop() { c.path = c.path[:len(c.path)-1] }

// PopElement leaves what PushIndex or PushKey entered.
func (c *Check) PopElement() { c.path = c.path[:len(c.path)-3] }

// Required reports an absent member.
func (c *Check) Required(member string, present bool) {
	if !present {
		c.add(member, true, "null", "not be null")
	}
}

// Length checks a text's length in characters. A negative max is no upper limit. A nil text is valid.
func (c *Check) Length(member string, s *string, least, most int) {
	if s != nil {
		c.size(member, quote(*s), utf8.RuneCountInString(*s), least, most)
	}
}

// Size checks the number of elements of a list, a map or a blob that is present.
func (c *Check) Size(member string, present bool, n, least, most int) {
	if present {
		c.size(member, "'["+strconv.Itoa(n)+" elements]'", n, least, most)
	}
}

func (c *Check) size(member, value string, n, least, most int) {
	if n < least {
		c.add(member, false, value, fmt.Sprintf("have length greater than or equal to %d", least))
	}
	if most >= 0 && n > most {
		c.add(member, false, value, fmt.Sprintf("have length less than or equal to %d", most))
	}
}

// Range checks a number. A nil bound is none.
func Range[N int32 | int64 | float64](c *Check, member string, n *N, least, most *N) {
	if n == nil {
		return
	}
	if least != nil && *n < *least {
		c.add(member, false, fmt.Sprintf("'%v'", *n), fmt.Sprintf("have value greater than or equal to %v", *least))
	}
	if most != nil && *n > *most {
		c.add(member, false, fmt.Sprintf("'%v'", *n), fmt.Sprintf("have value less than or equal to %v", *most))
	}
}

// Match checks a text against a pattern of the model.
func (c *Check) Match(member string, s *string, p *Pattern) {
	if s != nil && !p.Match(*s) {
		c.add(member, false, quote(*s), "satisfy regular expression pattern: "+p.text)
	}
}

// Enum checks a text against the values of an enum. An empty text is an absent member.
func (c *Check) Enum(member, s string, values []string) {
	if s != "" && !slices.Contains(values, s) {
		c.add(member, false, quote(s), "satisfy enum value set: ["+strings.Join(values, ", ")+"]")
	}
}

func quote(s string) string {
	if len(s) > 256 {
		s = s[:256] + "…"
	}
	return "'" + strings.ToValidUTF8(s, "\uFFFD") + "'"
}

// Pattern is a regular expression of a model, compiled when it is first needed. It matches whole texts.
type Pattern struct {
	text    string
	compile func() *regexp.Regexp
}

// NewPattern keeps an expression that the generator has already compiled once. The models' expressions are Java's,
// which writes a code point \uXXXX where Go writes \x{XXXX}.
func NewPattern(text string) *Pattern {
	return &Pattern{text, sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\A(?:` + codePoint().ReplaceAllString(text, `\x{$1}`) + `)\z`)
	})}
}

var codePoint = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`) })

// Match reports whether the whole of s matches.
func (p *Pattern) Match(s string) bool { return p.compile().MatchString(s) }

// Violations returns what was found, in the order of the model.
func (c *Check) Violations() []Violation { return c.violations }

// Summary puts violations together as AWS does.
func Summary(vs []Violation) string {
	texts := make([]string, len(vs))
	for i, v := range vs {
		texts[i] = v.Constraint
	}
	plural := "s"
	if len(vs) == 1 {
		plural = ""
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(vs), plural, strings.Join(texts, "; "))
}
