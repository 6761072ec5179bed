package buildspec

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"slipway/spec/yamlfile"
)

// maxErrors bounds how many mistakes are told.
const maxErrors = 200

// reader goes through a file's tree and collects what is wrong.
type reader struct {
	file     string
	tree     *yamlfile.File
	errs     Errors
	warnings Errors
	placed   map[string]Place
}

// root parses the text into a tree; nil if that fails, with the error noted.
func (r *reader) root(text []byte) ast.Node {
	var bad *yamlfile.Problem
	if r.tree, bad = yamlfile.Read(text); bad != nil {
		r.fail(bad.Place, "%s", bad.Message)
		return nil
	}
	switch docs := r.tree.Docs; {
	case len(docs) == 0:
		r.fail(Place{Line: 1, Column: 1}, "%s", empty)
		return nil
	case len(docs) > 1:
		r.fail(yamlfile.At(docs[1]), "a second YAML document begins here; a build specification is one")
		return nil
	default:
		return docs[0]
	}
}

func (r *reader) fail(at Place, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs,
			Error{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
	}
}

// warn notes what is wrong and stops no build.
func (r *reader) warn(at Place, format string, args ...any) {
	if len(r.warnings) < maxErrors {
		r.warnings = append(r.warnings,
			Error{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
	}
}

func (r *reader) place(n ast.Node) Place { return yamlfile.At(n) }

// plain takes anchors, aliases and tags away from a node; nil is a null.
func (r *reader) plain(n ast.Node) ast.Node {
	p, bad := r.tree.Plain(n)
	if bad != nil {
		r.fail(bad.Place, "%s", bad.Message)
	}
	return p
}

// member is a key of a mapping with its value.
type member struct {
	Place
	key   string
	value ast.Node // plain; nil for null
	at    Place    // of the value
}

// members reads a mapping; a null is an empty one. what says what should be one.
func (r *reader) members(n ast.Node, what string) []member { return r.membersAt(n, what, 0) }

func (r *reader) membersAt(n ast.Node, what string, depth int) (ms []member) {
	if n == nil {
		return nil
	}
	values, ok := yamlfile.Members(n)
	if !ok {
		r.fail(r.place(n), "%s must be a mapping (key: value), not %s", what, kind(n))
		return nil
	}
	if depth > yamlfile.MaxDepth {
		r.fail(r.place(n), "<< leads to itself")
		return nil
	}
	all := memberSet{reader: r, index: map[string]int{}, merged: map[string]bool{}}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			for _, s := range r.mergeSources(v.Value) {
				for _, m := range r.membersAt(s, "what << brings in", depth+1) {
					all.add(m, true)
				}
			}
			continue
		}
		m := member{Place: r.place(v.Key), value: r.plain(v.Value)}
		var ok bool
		if m.key, ok = text(r.plain(v.Key)); !ok {
			r.fail(m.Place, "a key must be a text")
			continue
		}
		m.at = m.Place
		if m.value != nil {
			m.at = r.place(m.value)
		}
		all.add(m, false)
	}
	return all.members
}

// mergeSources are the mappings that << brings in: one, or a list of them.
func (r *reader) mergeSources(value ast.Node) []ast.Node {
	from := r.plain(value)
	list, ok := from.(*ast.SequenceNode)
	if !ok {
		return []ast.Node{from}
	}
	var sources []ast.Node
	for _, s := range list.Values {
		sources = append(sources, r.plain(s))
	}
	return sources
}

// memberSet collects the members of a mapping. A member of its own takes the place of one that << brought in.
type memberSet struct {
	reader  *reader
	members []member
	index   map[string]int
	merged  map[string]bool
}

func (s *memberSet) add(m member, byMerge bool) {
	i, twice := s.index[m.key]
	switch {
	case !twice:
		s.index[m.key], s.merged[m.key] = len(s.members), byMerge
		s.members = append(s.members, m)
	case byMerge:
	case s.merged[m.key]:
		s.members[i], s.merged[m.key] = m, false
	default:
		s.reader.fail(m.Place, "%s stands here a second time (first in line %d)", quote(m.key), s.members[i].Line)
	}
}

// items reads a list; a null is an empty one, and with single a scalar one of one.
func (r *reader) items(m member, what string, single bool) []ast.Node {
	switch x := m.value.(type) {
	case nil:
		return nil
	case *ast.SequenceNode:
		return x.Values
	default:
		if _, ok := text(x); ok && single {
			return []ast.Node{x}
		}
		r.fail(m.at, "%s must be a list, not %s", what, kind(x))
		return nil
	}
}

// strings reads a list of texts.
func (r *reader) strings(m member, what string) []string {
	var out []string
	for _, n := range r.items(m, what, true) {
		p := r.plain(n)
		s, ok := text(p)
		if !ok || s == "" {
			r.fail(r.place(n), "each entry of %s must be a text, not %s", what, kind(p))
			continue
		}
		out = append(out, s)
	}
	return out
}

// scalar reads a member's text; a null is "".
func (r *reader) scalar(m member, what string) string {
	if m.value == nil {
		return ""
	}
	s, ok := text(m.value)
	if !ok {
		r.fail(m.at, "%s must be a text, not %s", what, kind(m.value))
	}
	return s
}

// flag reads yes or no, as YAML 1.1 has it.
func (r *reader) flag(m member, what string) bool {
	s := r.scalar(m, what)
	switch strings.ToLower(s) {
	case "yes", "true", "on":
		return true
	case "no", "false", "off", "":
		return false
	}
	r.fail(m.at, "%s must be yes or no, not %s", what, quote(s))
	return false
}

// keys goes through a mapping's members. One that is not known there is left out, with a warning, as CodeBuild does:
// "The following keys cannot be identified".
func (r *reader) keys(ms []member, where string, known map[string]func(member)) {
	for _, m := range ms {
		if read := known[m.key]; read != nil {
			read(m)
			continue
		}
		names := sortedKeys(known)
		if meant := yamlfile.Closest(m.key, names); meant != "" {
			r.warn(m.Place, "unknown key %s in %s is ignored: did you mean %s?", quote(m.key), where, meant)
		} else {
			r.warn(m.Place, "unknown key %s in %s is ignored; known are %s", quote(m.key), where,
				strings.Join(names, ", "))
		}
	}
}
