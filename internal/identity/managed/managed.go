// Package managed has the policies that exist in every account: AWS's, with statements of our own, and Slipway's.
package managed

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

//go:embed policies.txt
var awsPolicies string

//go:embed slipway.txt
var slipwayPolicies string

// Policy is a managed policy. It cannot be changed.
type Policy struct {
	Name           string
	Path           string // "/", "/service-role/", "/slipway/" …
	ARN            string
	Description    string
	Document       string
	DefaultVersion string
	Created        time.Time
}

// prefix is that of the ARNs of policies that belong to no account.
const prefix = "arn:aws:iam::aws:policy"

// ARN returns the ARN of a policy of Slipway's own: ARN("SlipwayReaders").
func ARN(name string) string { return prefix + "/slipway/" + name }

// All returns the policies in the order of their tables.
func All() []Policy { return policies() }

var policies = sync.OnceValue(func() []Policy {
	var out []Policy
	for _, text := range []string{awsPolicies, slipwayPolicies} {
		for _, block := range strings.Split("\n"+text, "\npolicy ")[1:] {
			out = append(out, read(block))
		}
	}
	return out
})

// created is when the policies of this version were written.
var created = time.Date(2026, time.November, 30, 0, 0, 0, 0, time.UTC)

// read reads a policy from its name on.
func read(block string) Policy {
	name, rest, _ := strings.Cut(block, "\n")
	slash := strings.LastIndexByte(name, '/')
	p := Policy{
		Name:           name[slash+1:],
		Path:           "/" + name[:slash+1],
		ARN:            prefix + "/" + name,
		DefaultVersion: "v1",
		Created:        created,
	}
	doc := document{Version: "2012-10-17"}
	for line := range strings.Lines(rest) {
		switch words := strings.Fields(line); {
		case len(words) == 0 || words[0] == "#":
		case p.Description == "":
			p.Description = strings.TrimSpace(line)
		case words[0] == "allow" || words[0] == "deny":
			doc.Statement = append(doc.Statement, statement{Effect: effects[words[0]]})
			doc.last().take(words[1:])
		default:
			doc.last().take(words)
		}
	}
	for i := range doc.Statement {
		doc.Statement[i].finish(i)
	}
	p.Document = doc.text()
	return p
}

var effects = map[string]string{"allow": "Allow", "deny": "Deny"}

type document struct {
	Version   string
	Statement []statement
}

func (d *document) last() *statement { return &d.Statement[len(d.Statement)-1] }

func (d *document) text() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	if err := e.Encode(d); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

type statement struct {
	Sid       string
	Effect    string
	Action    []string                       `json:",omitzero"`
	NotAction []string                       `json:",omitzero"`
	Resource  []string                       `json:",omitzero"`
	Condition map[string]map[string][]string `json:",omitzero"`

	part      part
	condition []string // OPERATOR KEY of the values that follow
}

// part is what the words of a statement are at a place.
type part int

const (
	actions part = iota
	notActions
	resources
	operator
	key
	values
)

// take takes the next words of the statement.
func (s *statement) take(words []string) {
	for _, w := range words {
		switch {
		case w == "except":
			s.part = notActions
		case w == "on":
			s.part = resources
		case w == "when" || w == "and":
			s.part, s.condition = operator, nil
		case s.part == actions:
			s.Action = append(s.Action, w)
		case s.part == notActions:
			s.NotAction = append(s.NotAction, w)
		case s.part == resources:
			s.Resource = append(s.Resource, w)
		default:
			s.compare(w)
		}
	}
}

func (s *statement) compare(w string) {
	switch s.part {
	case operator, key:
		s.condition = append(s.condition, w)
		s.part++
	default:
		op, k := s.condition[0], s.condition[1]
		if s.Condition == nil {
			s.Condition = map[string]map[string][]string{}
		}
		if s.Condition[op] == nil {
			s.Condition[op] = map[string][]string{}
		}
		s.Condition[op][k] = append(s.Condition[op][k], w)
	}
}

func (s *statement) finish(i int) {
	s.Sid = fmt.Sprintf("Statement%d", i+1)
	if s.Resource == nil {
		s.Resource = []string{"*"}
	}
}
