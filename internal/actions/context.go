package actions

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// node evaluates a node of a file: its expressions, and the kinds of its scalars.
func evaluate(n workflow.Node, s expression.Scope) (expression.Value, error) {
	switch n.Kind {
	case workflow.Text:
		return expression.Resolve(n.Text, s)
	case workflow.Number:
		return n.Number, nil
	case workflow.Bool:
		return n.Text == "true", nil
	case workflow.List:
		list := &expression.Array{}
		for _, item := range n.Items {
			v, err := evaluate(item, s)
			if err != nil {
				return nil, err
			}
			list.Items = append(list.Items, v)
		}
		return list, nil
	case workflow.Mapping:
		return evaluateMapping(n, s)
	}
	return nil, nil
}

func evaluateMapping(n workflow.Node, s expression.Scope) (expression.Value, error) {
	o := expression.NewObject()
	for _, m := range n.Members {
		v, err := evaluate(m.Value, s)
		if err != nil {
			return nil, err
		}
		o.Set(m.Key, v)
	}
	return o, nil
}

// evaluateText evaluates a node that is used as a text.
func evaluateText(n workflow.Node, s expression.Scope) (string, error) {
	v, err := evaluate(n, s)
	return expression.Text(v), err
}

// evaluateEnv adds the variables of an env to those that are there. One cannot refer to another of the same env.
func evaluateEnv(to *variables, n workflow.Node, s expression.Scope) error {
	v, err := evaluate(n, s)
	if err != nil {
		return err
	}
	if o, ok := v.(*expression.Object); ok {
		for _, key := range o.Keys() {
			value, _ := o.Get(key)
			to.set(key, expression.Text(value))
		}
	}
	return nil
}

// object is the context env.
func (v *variables) object() *expression.Object {
	o := expression.NewExact()
	for _, name := range v.names {
		o.Set(name, v.values[name])
	}
	return o
}

func textObject(of map[string]string) *expression.Object {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	sortFolded(names)
	return expression.Strings(names, of)
}

// contexts are the values that expressions may name, by name.
type contexts map[string]expression.Value

// only picks the contexts that are there where an expression stands.
func (c contexts) only(names ...string) expression.Scope {
	some := map[string]expression.Value{}
	for _, n := range names {
		some[n] = c[n]
	}
	return expression.Scope{Contexts: some}
}

// Which contexts there are where. See "Context availability" in GitHub's contexts reference.
var (
	inWorkflowEnv = []string{"github", "secrets", "vars", "inputs"}
	inJobIf       = []string{"github", "needs", "vars", "inputs"}
	inStrategy    = inJobIf
	inJob         = []string{"github", "needs", "strategy", "matrix", "vars", "inputs"}
	inJobEnv      = append([]string{"secrets"}, inJob...)
	inDefaults    = append([]string{"env"}, inJob...)
	inContainer   = append([]string{"env", "secrets", "job", "runner"}, inJob...)
	inOutputs     = append([]string{"env", "secrets", "job", "runner", "steps"}, inJob...)
	inSteps       = inOutputs
	inStepIf      = append([]string{"env", "job", "runner", "steps"}, inJob...)
)

// architecture is this machine's in the words of the context runner.
func architecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return "X64"
	case "arm64":
		return "ARM64"
	case "386":
		return "X86"
	case "arm":
		return "ARM"
	}
	return strings.ToUpper(runtime.GOARCH)
}

// runnerContext says where the job runs.
func (j *job) runnerContext() *expression.Object {
	debug := expression.Value(nil)
	if j.d.debug {
		debug = "1"
	}
	return expression.NewObject().Set("os", "Linux").Set("arch", architecture()).Set("name", "Slipway").
		Set("environment", "self-hosted").Set("temp", j.temp).Set("tool_cache", j.d.tools).Set("debug", debug).
		Set("workspace", filepath.Dir(j.workspace))
}

// hashFiles is the function of that name: files of the workspace alone.
func (j *job) hashFiles(patterns []string) (string, error) {
	follow := false
	if len(patterns) > 0 && strings.HasPrefix(patterns[0], "--") {
		if patterns[0] != "--follow-symbolic-links" {
			return "", errUnknownOption(patterns[0])
		}
		follow, patterns = true, patterns[1:]
	}
	var lines []string
	for _, p := range patterns {
		for line := range strings.SplitSeq(p, "\n") {
			lines = append(lines, line)
		}
	}
	return hashFiles(os.DirFS(j.workspace), j.workspace, lines, follow)
}
