package buildspec

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"slipway/spec/workflow"
)

func (r *reader) phases(s *Spec, m member) {
	p := &s.Phases
	r.keys(r.members(m.value, "phases"), "phases", map[string]func(member){
		"install":    func(m member) { r.phase(&p.Install, m) },
		"pre_build":  func(m member) { r.phase(&p.PreBuild, m) },
		"build":      func(m member) { r.phase(&p.Build, m) },
		"post_build": func(m member) { r.phase(&p.PostBuild, m) },
	})
}

func (r *reader) phase(p *Phase, m member) {
	where := "phases." + m.key
	p.Place = m.Place
	known := map[string]func(member){
		"run-as":     func(m member) { p.RunAs = r.scalar(m, where+".run-as"); r.mark("run-as", m) },
		"on-failure": func(m member) { r.onFailure(&p.OnFailure, m, where) },
		"commands":   func(m member) { p.Commands = r.commands(m, where+".commands", "Commands") },
		"steps":      func(m member) { r.steps(p, m) },
		"finally":    func(m member) { p.Finally = r.commands(m, where+".finally", "Finally") },
	}
	if m.key == "install" {
		known["runtime-versions"] = func(m member) {
			r.mark("phases.install.runtime-versions", m)
			for _, v := range r.members(m.value, where+".runtime-versions") {
				p.RuntimeVersions = append(p.RuntimeVersions,
					Variable{Place: v.Place, Name: v.key, Value: r.scalar(v, where+".runtime-versions."+v.key)})
			}
		}
	}
	for _, o := range r.members(m.value, where) {
		if o.key == "runtime-versions" && m.key != "install" {
			r.warn(o.Place, "runtime-versions is ignored here; it belongs in phases.install")
			known[o.key] = func(member) {}
		}
	}
	r.keys(r.members(m.value, where), where, known)
	if len(p.Commands) > 0 && len(p.Steps) > 0 {
		r.fail(m.Place, "%s has commands and steps; a phase has either", where)
	}
}

// steps reads the steps of GitHub Actions. See "Use GitHub Actions in a buildspec" in the CodeBuild user guide.
func (r *reader) steps(p *Phase, m member) {
	if m.value == nil {
		return
	}
	steps, errs := workflow.ParseSteps(r.file, r.tree, m.value)
	p.Steps = steps
	for _, e := range errs {
		r.fail(Place{Line: e.Line, Column: e.Column}, "%s", e.Message)
	}
}

func (r *reader) commands(m member, what, words string) []Command {
	var out []Command
	for i, n := range r.items(m, what, true) {
		p := r.plain(n)
		at := r.place(n)
		switch p.(type) {
		case nil: // an empty entry does nothing
			continue
		case *ast.MappingNode, *ast.MappingValueNode:
			// The first half is CodeBuild's own words.
			r.fail(at,
				"Expected %s[%d] to be of string type: found subkeys instead at line %d, value of the key tag on line "+
					"%d might be empty. YAML reads \"a: b\" as a key and a value; put the whole command in quotes",
				words, i, at.Line, at.Line)
			continue
		}
		s, ok := text(p)
		if !ok {
			r.fail(at, "Expected %s[%d] to be of string type: found %s", words, i, kind(p))
			continue
		}
		if strings.TrimSpace(s) == "" {
			continue
		}
		out = append(out, Command{Place: at, Text: s})
	}
	return out
}

// onFailure reads ABORT, CONTINUE, RETRY, RETRY-COUNT, RETRY-REGEX and RETRY-COUNT-REGEX.
func (r *reader) onFailure(f *OnFailure, m member, where string) {
	s := r.scalar(m, where+".on-failure")
	action, rest, more := strings.Cut(s, "-")
	switch a := Action(action); {
	case (a == Abort || a == Continue) && !more:
		f.Action = a
	case a == Retry:
		*f = OnFailure{Action: Retry, Count: 3, Pattern: ".*"}
		if !more {
			return
		}
		number, pattern, both := strings.Cut(rest, "-")
		count, err := strconv.Atoi(number)
		switch {
		case err == nil && both:
			f.Count, f.Pattern = count, pattern
		case err == nil:
			f.Count = count
		default:
			f.Pattern = rest
		}
		if f.Count < 0 || f.Count > 100 {
			r.fail(m.at, "%s.on-failure: a build is retried 0 to 100 times, not %d", where, f.Count)
		}
		if _, err := regexp.Compile(f.Pattern); err != nil {
			r.fail(m.at, "%s.on-failure: %s is no regular expression: %v", where, quote(f.Pattern), err)
		}
	default:
		r.fail(m.at,
			"%s.on-failure must be ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex, not %s",
			where, quote(s))
	}
}
