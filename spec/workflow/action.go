package workflow

import "strings"

// ParseAction reads action.yml. The error is an Errors.
func ParseAction(file string, text []byte) (*Action, error) {
	r := &reader{file: file}
	a := &Action{File: file}
	root := r.root(text)
	if root.Has() && root.Kind != Mapping {
		r.fail(root.Place, "an action is a mapping with runs")
	}
	a.Name = root.Member("name").Text
	a.Inputs = r.inputs(root.Member("inputs"))
	for _, m := range root.Member("outputs").Members {
		a.Outputs = append(a.Outputs, Member{m.Place, m.Key, m.Value.Member("value")})
	}
	if runs := root.Member("runs"); runs.Kind == Mapping {
		r.runs(&a.Runs, runs)
	} else if len(r.errs) == 0 {
		r.fail(root.Place, "runs is missing")
	}
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return a, nil
}

func (r *reader) runs(to *Runs, n Node) {
	to.Place = n.Place
	text := func(key string) string { return r.text(n.Member(key), "runs."+key) }
	to.Using = strings.ToLower(text("using"))
	to.Main, to.Pre, to.Post = text("main"), text("pre"), text("post")
	to.PreIf, to.PostIf = text("pre-if"), text("post-if")
	to.Image, to.Entrypoint = text("image"), text("entrypoint")
	to.PreEntrypoint, to.PostEntrypoint = text("pre-entrypoint"), text("post-entrypoint")
	to.Args, to.Env = n.Member("args"), n.Member("env")
	switch {
	case to.Using == "composite":
		to.Steps = r.steps(n.Member("steps"), true)
		for _, s := range to.Steps {
			if s.Run.Has() && !s.Shell.Has() {
				r.fail(s.Place, "a step with run of a composite action needs shell")
			}
			if s.Timeout.Has() {
				r.fail(s.Timeout.Place, "a step of a composite action has no timeout-minutes")
			}
		}
	case strings.HasPrefix(to.Using, "node"):
		if to.Main == "" {
			r.fail(n.Place, "runs.main is missing")
		}
	case to.Using == "docker":
		if to.Image == "" {
			r.fail(n.Place, "runs.image is missing")
		}
	default:
		r.fail(n.Place, "runs.using must be composite, docker, node20 or node24, not %q", to.Using)
	}
}
