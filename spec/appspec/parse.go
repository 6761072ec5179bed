package appspec

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"slipway/spec/yamlfile"
)

// Parse reads an application specification, for whichever platform it is. The error is an Errors with every mistake
// that was found; file is its name in them.
func Parse(file string, text []byte) (*Spec, error) {
	s, errs := parse(file, text)
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// Validate is Parse for people: it also refuses hooks of events that no deployment has, and tells what means nothing,
// in files with mistakes too.
func Validate(file string, text []byte) (warnings Errors, err error) {
	s, errs := parse(file, text)
	errs = append(errs, s.CheckEvents(file, Events())...)
	slices.SortStableFunc(errs, inOrder)
	if len(errs) > 0 {
		return s.Warnings, errs
	}
	return s.Warnings, nil
}

// parse reads as much of a file as can be read.
func parse(file string, text []byte) (*Spec, Errors) {
	r := &reader{file: file}
	s := &Spec{}
	if root := r.plain(r.root(text)); root != nil {
		r.spec(s, root)
	} else if len(r.errs) == 0 {
		r.fail(Place{Line: 1, Column: 1}, "%s", empty)
	}
	slices.SortStableFunc(r.errs, inOrder)
	slices.SortStableFunc(r.warnings, inOrder)
	s.Warnings = slices.Compact(r.warnings)
	return s, slices.Compact(r.errs)
}

const empty = "the file is empty; it needs at least version and os (or Resources)"

func inOrder(a, b Error) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

func (r *reader) spec(s *Spec, root ast.Node) {
	ms, ok := r.members(root, "the file")
	if !ok {
		return
	}
	s.Platform = Server
	for _, m := range ms {
		if strings.EqualFold(m.key, "Resources") {
			s.Platform = ECS // or Lambda, which the resources' type says
		}
	}
	if s.Platform == Server {
		r.server(s, ms)
	} else {
		r.service(s, ms)
	}
}

// version must be the number 0.0. AWS's agent takes nothing else for servers; elsewhere the same in quotes is common.
func (r *reader) version(m member, quoted bool) {
	text, scalar := r.text(m.value)
	_, isText := m.value.(*ast.StringNode)
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case m.value == nil:
		r.fail(m.Place, "version is empty; the only version is 0.0")
	case !scalar || err != nil || f != 0:
		r.fail(m.at, "version must be 0.0, the only version there is")
	case isText && !quoted:
		r.fail(m.at, "version must be the number 0.0, without quotes: AWS's agent refuses a text")
	}
}

func find(ms []member, key string) (member, bool) {
	for _, m := range ms {
		if m.key == key {
			return m, true
		}
	}
	return member{}, false
}

func (r *reader) unknown(ms []member, where string, known ...string) {
	for _, m := range ms {
		if !contains(known, m.key) {
			if meant := yamlfile.Closest(m.key, known); meant != "" {
				r.warn(m.Place, "%s is not a member of %s and is ignored: did you mean %s?", quote(m.key), where, meant)
				continue
			}
			r.warn(m.Place, "%s is not a member of %s and is ignored; known are %s", quote(m.key), where,
				strings.Join(known, ", "))
		}
	}
}
