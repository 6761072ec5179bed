package workflow

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"slipway/spec/yamlfile"
)

// ParseSteps reads the steps that stand in another file, such as a buildspec. A step there has id, if, name, uses or
// run, shell, with and env.
func ParseSteps(file string, tree *yamlfile.File, n ast.Node) ([]Step, Errors) {
	r := &reader{file: file, tree: tree}
	return r.steps(r.node(n, 0), false), r.errs
}

// steps reads a list of steps; all says that they may have all that those of a workflow have.
func (r *reader) steps(n Node, all bool) (steps []Step) {
	if n.Kind != List {
		r.fail(n.Place, "steps must be a list")
		return nil
	}
	ids := map[string]bool{}
	for _, item := range n.Items {
		s := Step{Place: item.Place}
		if item.Kind != Mapping {
			r.fail(item.Place, "a step is a mapping with run or uses")
			continue
		}
		known := map[string]func(Node){
			"id": r.into(&s.ID, "id"), "name": set(&s.Name), "if": set(&s.If), "uses": r.into(&s.Uses, "uses"),
			"run": set(&s.Run), "shell": set(&s.Shell), "with": set(&s.With), "env": set(&s.Env),
		}
		if all {
			known["working-directory"] = set(&s.WorkingDirectory)
			known["continue-on-error"] = set(&s.ContinueOnError)
			known["timeout-minutes"] = set(&s.Timeout)
		}
		r.keys(item, "a step", known)
		r.step(&s, ids)
		steps = append(steps, s)
	}
	return steps
}

func (r *reader) step(s *Step, ids map[string]bool) {
	switch {
	case s.Uses != "" && s.Run.Has():
		r.fail(s.Place, "a step has either run or uses, not both")
	case s.Uses == "" && !s.Run.Has():
		r.fail(s.Place, "a step needs run or uses")
	case s.Uses == "" && s.With.Has():
		r.fail(s.With.Place, "with is for steps with uses; give a script its values by env")
	case s.Uses != "" && (s.Shell.Has() || s.WorkingDirectory.Has()):
		r.fail(s.Place, "shell and working-directory are for steps with run")
	}
	r.text(s.Run, "run")
	if s.ID == "" {
		return
	}
	if !identifier().MatchString(s.ID) || strings.HasPrefix(s.ID, "__") {
		r.fail(s.Place, "the step's id %s must have letters, digits, - and _ only, and not begin with a digit or __",
			yamlfile.Quote(s.ID))
	}
	if ids[strings.ToLower(s.ID)] {
		r.fail(s.Place, "a step before this one has the id %s, too", yamlfile.Quote(s.ID))
	}
	ids[strings.ToLower(s.ID)] = true
}
