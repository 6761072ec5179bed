package workflow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"slipway/spec/yamlfile"
)

// Parse reads a workflow. The error is an Errors with every mistake that was found; file is its name in them.
func Parse(file string, text []byte) (*Workflow, error) {
	r := &reader{file: file}
	w := &Workflow{File: file}
	if root := r.root(text); root.Has() {
		r.workflow(w, root)
	}
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return w, nil
}

// IsPath tells whether a path names a workflow file: one in .github/workflows. After # it may name a job.
func IsPath(path string) bool {
	path, _, _ = strings.Cut(path, "#")
	return (strings.HasPrefix(path, ".github/workflows/") || strings.Contains(path, "/.github/workflows/")) &&
		(strings.HasSuffix(path, ".yml") || strings.HasSuffix(path, ".yaml")) && !strings.ContainsAny(path, "\n{")
}

// keys calls what reads each member of a mapping, and refuses those that nothing reads.
func (r *reader) keys(n Node, what string, known map[string]func(Node)) {
	switch n.Kind {
	case Absent, Null:
		return
	case Mapping:
	default:
		r.fail(n.Place, "%s must be a mapping (key: value)", what)
		return
	}
	for _, m := range n.Members {
		if read, ok := known[m.Key]; ok {
			if read != nil {
				read(m.Value)
			}
			continue
		}
		names := make([]string, 0, len(known))
		for k := range known {
			names = append(names, k)
		}
		slices.Sort(names)
		hint := ""
		if near := yamlfile.Closest(m.Key, names); near != "" {
			hint = "; did you mean " + near + "?"
		}
		r.fail(m.Place, "%s has no key %s%s", what, yamlfile.Quote(m.Key), hint)
	}
}

// text reads a scalar.
func (r *reader) text(n Node, what string) string {
	switch n.Kind {
	case List, Mapping:
		r.fail(n.Place, "%s must be a text", what)
		return ""
	}
	return n.Text
}

// set returns what stores a node.
func set(to *Node) func(Node) { return func(n Node) { *to = n } }

func (r *reader) into(to *string, what string) func(Node) {
	return func(n Node) { *to = r.text(n, what) }
}

func (r *reader) ignore(w *Workflow, what, why string) func(Node) {
	return func(n Node) {
		w.Ignored = append(w.Ignored, Error{File: r.file, Line: n.Line, Column: n.Column,
			Message: what + " has no effect: " + why})
	}
}

const (
	noPermissions = "a build has the rights of its project's role"
	noConcurrency = "the builds of a project are limited by its concurrentBuildLimit"
)

func (r *reader) workflow(w *Workflow, root Node) {
	if root.Kind != Mapping {
		r.fail(root.Place, "a workflow is a mapping with on and jobs")
		return
	}
	r.keys(root, "a workflow", map[string]func(Node){
		"name": r.into(&w.Name, "name"), "run-name": nil,
		"on": func(n Node) { r.on(w, n) }, "true": func(n Node) { r.on(w, n) }, // YAML 1.1 reads on as true
		"permissions": r.ignore(w, "permissions", noPermissions),
		"concurrency": r.ignore(w, "concurrency", noConcurrency),
		"env":         set(&w.Env),
		"defaults":    func(n Node) { w.Defaults = r.defaults(n) },
		"jobs":        func(n Node) { r.jobs(w, n) },
	})
	if len(w.Jobs) == 0 && len(r.errs) == 0 {
		r.fail(root.Place, "jobs is missing: the workflow would do nothing")
	}
}

func (r *reader) defaults(n Node) (run Node) {
	r.keys(n, "defaults", map[string]func(Node){"run": func(n Node) {
		run = n
		r.keys(n, "defaults.run", map[string]func(Node){"shell": nil, "working-directory": nil})
	}})
	return run
}

// on reads the events; who starts a build decides when, so that only what they declare counts.
func (r *reader) on(w *Workflow, n Node) {
	call := func(of Node) {
		w.Call = &Call{}
		r.keys(of, "workflow_call", map[string]func(Node){
			"inputs":  func(n Node) { w.Call.Inputs = r.inputs(n) },
			"secrets": func(n Node) { w.Call.Secrets = r.inputs(n) },
			"outputs": func(n Node) {
				for _, m := range n.Members {
					w.Call.Outputs = append(w.Call.Outputs, Member{m.Place, m.Key, m.Value.Member("value")})
				}
			},
		})
	}
	names := n.Items
	if n.Kind == Text {
		names = []Node{n}
	}
	for _, name := range names {
		if name.Text == "workflow_call" {
			call(Node{})
		}
	}
	for _, m := range n.Members {
		switch m.Key {
		case "workflow_call":
			call(m.Value)
		case "workflow_dispatch":
			w.Inputs = r.inputs(m.Value.Member("inputs"))
		}
	}
}

func (r *reader) inputs(n Node) (all []Input) {
	if n.Has() && n.Kind != Mapping && n.Kind != Null {
		r.fail(n.Place, "inputs must be a mapping (name: …)")
	}
	for _, m := range n.Members {
		required := m.Value.Member("required")
		all = append(all, Input{
			Place:      m.Place,
			Name:       m.Key,
			Type:       m.Value.Member("type").Text,
			Default:    m.Value.Member("default"),
			Required:   required.Text == "true",
			Deprecated: m.Value.Member("deprecationMessage").Text,
		})
	}
	return all
}

// identifier is what the name of a job or step must look like.
var identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`) })

func (r *reader) jobs(w *Workflow, n Node) {
	if n.Kind != Mapping {
		r.fail(n.Place, "jobs must be a mapping (id: job)")
		return
	}
	for _, m := range n.Members {
		if !identifier().MatchString(m.Key) {
			r.fail(m.Place, "the job's ID %s must have letters, digits, - and _ only, and begin with a letter or _",
				yamlfile.Quote(m.Key))
		}
		j := &Job{Place: m.Place, ID: m.Key}
		r.job(w, j, m.Value)
		w.Jobs = append(w.Jobs, j)
	}
	r.needs(w)
}

func (r *reader) job(w *Workflow, j *Job, n Node) {
	what := "the job " + j.ID
	if n.Kind != Mapping {
		r.fail(j.Place, "%s must be a mapping with runs-on and steps", what)
		return
	}
	r.keys(n, what, map[string]func(Node){
		"name": set(&j.Name), "if": set(&j.If), "runs-on": set(&j.RunsOn), "env": set(&j.Env),
		"needs":    func(n Node) { j.Needs = r.names(n, what+": needs") },
		"defaults": func(n Node) { j.Defaults = r.defaults(n) },
		"outputs":  set(&j.Outputs), "strategy": set(&j.Strategy), "timeout-minutes": set(&j.Timeout),
		"continue-on-error": set(&j.ContinueOnError), "container": set(&j.Container), "services": set(&j.Services),
		"environment": set(&j.Environment), "uses": r.into(&j.Uses, "uses"), "with": set(&j.With),
		"secrets": set(&j.Secrets), "snapshot": r.ignore(w, "snapshot", "no images of runners are kept"),
		"permissions": r.ignore(w, "permissions", noPermissions),
		"concurrency": r.ignore(w, "concurrency", noConcurrency),
		"steps":       func(n Node) { j.Steps = r.steps(n, true) },
	})
	switch {
	case j.Uses != "" && (len(j.Steps) > 0 || j.RunsOn.Has()):
		r.fail(j.Place, "%s calls a workflow with uses, and can have no steps and no runs-on", what)
	case j.Uses == "" && !j.RunsOn.Has():
		r.fail(j.Place, "%s needs runs-on", what)
	case j.Uses == "" && len(j.Steps) == 0:
		r.fail(j.Place, "%s has no steps", what)
	}
	r.keys(j.Strategy, "strategy", map[string]func(Node){"matrix": nil, "fail-fast": nil, "max-parallel": nil})
}

func (r *reader) names(n Node, what string) (all []string) {
	if n.Kind == Text {
		return []string{n.Text}
	}
	if n.Kind != List {
		r.fail(n.Place, "%s must be a name or a list of names", what)
	}
	for _, i := range n.Items {
		all = append(all, r.text(i, what))
	}
	return all
}

// needs refuses what a job needs and is not there, and circles.
func (r *reader) needs(w *Workflow) {
	for _, j := range w.Jobs {
		for _, id := range j.Needs {
			if w.Job(id) == nil {
				r.fail(j.Place, "the job %s needs the job %s, which is not there", j.ID, yamlfile.Quote(id))
				return
			}
		}
	}
	done := map[string]bool{}
	for range w.Jobs {
		for _, j := range w.Jobs {
			if !slices.ContainsFunc(j.Needs, func(id string) bool { return !done[id] }) {
				done[j.ID] = true
			}
		}
	}
	for _, j := range w.Jobs {
		if !done[j.ID] {
			r.fail(j.Place, "the job %s waits for itself: its needs lead in a circle", j.ID)
			return
		}
	}
}
