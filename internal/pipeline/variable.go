package pipeline

import (
	"fmt"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/spec/pipelinefile"
)

// resolveVariables gives each variable of a definition its value for one execution.
func resolveVariables(
	d *cp.PipelineDeclaration,
	given []cp.PipelineVariable,
) ([]cp.ResolvedPipelineVariable, error) {
	values := map[string]string{}
	for _, v := range given {
		values[*v.Name] = *v.Value
	}
	var all []cp.ResolvedPipelineVariable
	for _, v := range d.Variables {
		value, ok := values[*v.Name]
		delete(values, *v.Name)
		switch {
		case ok:
			all = append(all, cp.ResolvedPipelineVariable{Name: v.Name, ResolvedValue: &value})
		case v.DefaultValue != nil:
			all = append(all, cp.ResolvedPipelineVariable{Name: v.Name, ResolvedValue: v.DefaultValue})
		default:
			return nil, fmt.Errorf("variable %s has no default value, and none was given at the start", *v.Name)
		}
	}
	for name := range values {
		return nil, fmt.Errorf("the pipeline has no variable %s", name)
	}
	return all, nil
}

// resolve puts values in the place of the variables #{namespace.key} of an action's configuration ("Variables" in the
// CodePipeline user guide).
func resolve(e *engine.Execution, configuration map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(configuration))
	for key, value := range configuration {
		var err error
		if out[key], err = expand(e, "configuration "+key, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// expand puts values in the place of the variables of a text; what names it in an error.
func expand(e *engine.Execution, what, text string) (string, error) {
	var missing string
	out := pipelinefile.Expand(text, func(namespace, name string) (string, bool) {
		v, ok := lookup(e, namespace, name)
		if !ok && missing == "" {
			missing = "#{" + namespace + "." + name + "}"
		}
		return v, ok
	})
	if missing != "" {
		return "", Refuse("InvalidActionConfiguration",
			"The %s has the variable %s, which no action before it has set", what, missing)
	}
	return out, nil
}

// commands are those of an action, with the variables of its lines and its environment resolved; nil for none.
func commands(e *engine.Execution, a *cp.ActionDeclaration) (c *Commands, err error) {
	if len(a.Commands) == 0 {
		return nil, nil //nolint:nilnil // it has none
	}
	c = &Commands{Exported: a.OutputVariables}
	for _, line := range a.Commands {
		if line, err = expand(e, "command "+line, line); err != nil {
			return nil, err
		}
		c.Lines = append(c.Lines, line)
	}
	for _, v := range a.EnvironmentVariables {
		value, err := expand(e, "environment variable "+*v.Name, *v.Value)
		if err != nil {
			return nil, err
		}
		v.Value = &value
		c.Variables = append(c.Variables, v)
	}
	if len(a.OutputArtifacts) > 0 {
		c.Files = a.OutputArtifacts[0].Files
	}
	return c, nil
}

// lookup finds the value of a variable for an execution.
func lookup(e *engine.Execution, namespace, name string) (string, bool) {
	switch namespace {
	case "codepipeline":
		return *e.PipelineExecutionId, name == "PipelineExecutionId"
	case "variables":
		for _, v := range e.Variables {
			if *v.Name == name {
				return *v.ResolvedValue, true
			}
		}
		return "", false
	}
	for r := range e.Made() {
		mine := r.Action.Namespace != nil && *r.Action.Namespace == namespace
		if mine && r.Status == cp.ActionExecutionStatusSucceeded && r.Output != nil {
			v, ok := r.Output.OutputVariables[name]
			return v, ok
		}
	}
	return "", false
}
