package pipelinefile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

func (c *checker) inputs(a *cp.ActionDeclaration, path string) {
	for k, in := range a.InputArtifacts {
		if n := awsproto.Value(in.Name); c.made[n] == "" {
			c.say(Action, element(path+".inputArtifacts", k)+".name",
				"Input Artifact Name %s in action %s must be the output artifact of an action that runs before it", n,
				awsproto.Value(a.Name))
		}
	}
}

// references checks the variables in an action's configuration. A namespace must be that of an action which always runs
// before, or one of CodePipeline's own. The words are AWS's.
func (c *checker) references(stage string, a *cp.ActionDeclaration, path string) {
	for _, key := range slices.Sorted(maps.Keys(a.Configuration)) {
		for _, v := range Variables(a.Configuration[key]) {
			missing := c.missing(v[0], v[1])
			if missing == "" {
				continue
			}
			c.say(Action, path+".configuration."+key,
				"Valid format for a pipeline execution variable reference is a namespace and a key separated by a "+
					"period (.). The following pipeline execution variables are referencing a %s that does not exist. "+
					"StageName=[%s], ActionName=[%s], ActionConfigurationKey=[%s], VariableReferenceText=[%s.%s]",
				missing, stage, awsproto.Value(a.Name), key, v[0], v[1])
		}
	}
}

// missing says what a reference to a variable lacks: its variable, or its namespace; "" for nothing.
func (c *checker) missing(namespace, name string) string {
	switch {
	case namespace == "variables" && !c.declares(name):
		return "variable"
	case namespace == "codepipeline" && name != "PipelineExecutionId":
		return "variable"
	case namespace != "variables" && namespace != "codepipeline" && !c.ran[namespace]:
		return "namespace"
	}
	return ""
}

// declares reports whether the pipeline has a variable.
func (c *checker) declares(name string) bool {
	return slices.ContainsFunc(
		c.d.Variables, func(v cp.PipelineVariableDeclaration) bool { return awsproto.Value(v.Name) == name })
}

// action checks an action by itself, after its inputs.
func (c *checker) action(stage int, stageName string, a *cp.ActionDeclaration, path string) {
	name := awsproto.Value(a.Name)
	for k, out := range a.OutputArtifacts {
		n := awsproto.Value(out.Name)
		if by := c.made[n]; by != "" {
			c.say(Action, element(path+".outputArtifacts", k)+".name",
				"Output Artifact Name %s is made by action %s already: artifact names must be unique in a pipeline",
				n, by)
		}
		c.made[n] = name
	}
	c.namespace(a, path)
	id := a.ActionTypeId
	if id == nil {
		return // its absence is a violation of the model
	}
	c.place(stage, stageName, a, path)
	if t := c.types.Find(id); t != nil {
		c.typed(t, a, path)
	} else if id.Owner == cp.ActionOwnerAws {
		c.say(Action, path+".actionTypeId", "%s", NotAvailable(a))
	}
}

// NotAvailable says, in AWS's words, that there is no type of an action's identifier.
func NotAvailable(a *cp.ActionDeclaration) string {
	id := a.ActionTypeId
	return fmt.Sprintf(
		"ActionType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') in action '%s' is not available",
		id.Category, awsproto.Value(id.Provider), id.Owner, awsproto.Value(id.Version), awsproto.Value(a.Name))
}

func (c *checker) namespace(a *cp.ActionDeclaration, path string) {
	if a.Namespace == nil {
		return
	}
	switch n := *a.Namespace; {
	case n == "codepipeline" || n == "variables":
		c.say(Action, path+".namespace", "The namespace %s is reserved", n)
	case c.namespaces[n]:
		c.say(Action, path+".namespace", "The namespace %s is used by another action already", n)
	default:
		c.namespaces[n] = true
	}
}

// place checks that source actions are in the first stage, and no others.
func (c *checker) place(stage int, stageName string, a *cp.ActionDeclaration, path string) {
	category := a.ActionTypeId.Category
	isSource, first := category == cp.ActionCategorySource, stage == 0
	switch {
	case isSource && !first:
		c.say(Stage, path+".actionTypeId",
			"Stage %s has a source action: only the first stage may hold source actions", stageName)
	case first && !isSource:
		c.say(Stage, path+".actionTypeId",
			"The first stage, %s, may hold source actions only: %s is of category %s",
			stageName, awsproto.Value(a.Name), category)
	}
}

// typed checks an action against its type.
func (c *checker) typed(t *ActionType, a *cp.ActionDeclaration, path string) {
	name := awsproto.Value(a.Name)
	anyVersion := a.ActionTypeId.Owner == cp.ActionOwnerAws
	if v := awsproto.Value(a.ActionTypeId.Version); v != t.Version && (v != "2" || !anyVersion) {
		c.say(Action, path+".actionTypeId.version", "Action %s has version %s of %s, which has version %s", name, v,
			t.Provider, t.Version)
	}
	counts := func(list, what string, n int, allowed Range) {
		if n < int(allowed.Min) || n > int(allowed.Max) {
			c.say(Action, path+"."+list, "Action %s has %d %s artifact(s); %s takes from %d to %d", name, n, what,
				t.Provider, allowed.Min, allowed.Max)
		}
	}
	counts("inputArtifacts", "input", len(a.InputArtifacts), t.Inputs)
	counts("outputArtifacts", "output", len(a.OutputArtifacts), t.Outputs)
	c.commands(t, a, path)
	c.configuration(t, a, path+".configuration")
}

func (c *checker) configuration(t *ActionType, a *cp.ActionDeclaration, path string) {
	name := awsproto.Value(a.Name)
	for _, k := range t.Keys {
		if k.Required && a.Configuration[k.Name] == "" {
			c.say(Action, path, "Action configuration for action '%s' is missing required configuration '%s'", name,
				k.Name)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(a.Configuration)) {
		if t.Key(k) == nil {
			c.say(Action, path+"."+k, "Action configuration for action '%s' contains unknown configuration '%s'%s",
				name, k, nearest(k, t.Keys))
		}
		if len([]rune(a.Configuration[k])) > maxValue {
			c.say(Action, path+"."+k, "The value of '%s' in action '%s' is longer than %d characters", k, name,
				maxValue)
		}
	}
	for _, k := range t.Keys {
		if v, ok := a.Configuration[k.Name]; k.Boolean && ok && !isBoolean(v) && len(Variables(v)) == 0 {
			c.say(Action, path+"."+k.Name, "The value of '%s' in action '%s' must be true or false, not %q", k.Name,
				name, v)
		}
	}
	if t.Check != nil {
		t.Check(a, func(key, format string, args ...any) {
			at := path
			if key != "" {
				at += "." + key
			}
			c.say(Action, at, format, args...)
		})
	}
}

func isBoolean(value string) bool {
	return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
}
