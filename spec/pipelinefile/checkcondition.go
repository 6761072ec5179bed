package pipelinefile

import (
	"maps"
	"slices"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// conditional reports whether a stage does something of its own when it is entered, succeeds or fails.
func conditional(s *cp.StageDeclaration) bool {
	return s.BeforeEntry != nil || s.OnSuccess != nil || s.OnFailure != nil
}

// Results that each kind of condition may have. Source: "Configure conditions for a stage" in the CodePipeline user
// guide, and FailureConditions in the API reference.
var (
	entryResults   = []cp.Result{cp.ResultFail, cp.ResultSkip}
	successResults = []cp.Result{cp.ResultFail, cp.ResultRollback}
	failureResults = []cp.Result{cp.ResultFail, cp.ResultRollback, cp.ResultRetry}
)

// entry checks the condition for the entry to a stage, and onSuccess the one that is checked when it succeeds.
func (c *checker) entry(i int, path string) {
	if b := c.d.Stages[i].BeforeEntry; b != nil {
		c.conditions(i, path+".beforeEntry", b.Conditions, entryResults)
	}
}

func (c *checker) onSuccess(i int, path string) {
	if s := c.d.Stages[i].OnSuccess; s != nil {
		c.conditions(i, path+".onSuccess", s.Conditions, successResults)
	}
}

// onFailure checks what happens when a stage fails. None of its actions is sure to have run then.
func (c *checker) onFailure(i int, path string) {
	s := &c.d.Stages[i]
	if s.OnFailure == nil {
		return
	}
	path += ".onFailure"
	c.conditions(i, path, s.OnFailure.Conditions, failureResults)
	if result := s.OnFailure.Result; result != "" {
		c.result(i, path, result, failureResults)
	}
	if s.OnFailure.RetryConfiguration != nil && s.OnFailure.Result != cp.ResultRetry {
		c.say(Stage, path+".retryConfiguration",
			"Stage %s has a retryConfiguration; its onFailure needs the result RETRY", awsproto.Value(s.Name))
	}
}

// conditions checks the conditions of a moment of stage i.
func (c *checker) conditions(i int, path string, all []cp.Condition, allowed []cp.Result) {
	for k := range all {
		one := element(path+".conditions", k)
		if all[k].Result != "" {
			c.result(i, one, all[k].Result, allowed)
		}
		seen := map[string]bool{}
		for l := range all[k].Rules {
			rule, at := &all[k].Rules[l], element(one+".rules", l)
			name := awsproto.Value(rule.Name)
			if seen[name] {
				c.say(Stage, at+".name", "A rule with the name %s exists already in this condition", name)
			}
			seen[name] = true
			c.rule(i, rule, at, all[k].Result)
		}
	}
}

// rule checks a rule of a condition with a result.
func (c *checker) rule(i int, r *cp.RuleDeclaration, path string, result cp.Result) {
	stage, name := awsproto.Value(c.d.Stages[i].Name), awsproto.Value(r.Name)
	t := Rules().Find(r.RuleTypeId)
	if t == nil {
		id := r.RuleTypeId
		if id == nil {
			return // its absence is a violation of the model
		}
		c.say(Stage, path+".ruleTypeId",
			"RuleType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') in rule '%s' is not available",
			id.Category, awsproto.Value(id.Provider), id.Owner, awsproto.Value(id.Version), name)
		return
	}
	report := func(key, format string, args ...any) {
		c.say(Stage, path+".configuration."+key, "Rule %s of stage %s: "+format, append([]any{name, stage}, args...)...)
	}
	if result == cp.ResultSkip && !t.Skips {
		c.say(Stage, path, "Rule %s of stage %s is a %s: the result SKIP is for VariableCheck and LambdaInvoke alone",
			name, stage, t.Provider)
	}
	t.configured(r, report)
	if n := int32(len(r.InputArtifacts)); n < t.Inputs.Min || n > t.Inputs.Max {
		c.say(Stage, path+".inputArtifacts", "Rule %s of stage %s has %d input artifacts; it takes from %d to %d", name,
			stage, n, t.Inputs.Min, t.Inputs.Max)
	}
	for _, in := range r.InputArtifacts {
		if c.made[awsproto.Value(in.Name)] == "" {
			c.say(Stage, path+".inputArtifacts",
				"Input Artifact Name %s in rule %s must be the output artifact of an action that runs before it",
				awsproto.Value(in.Name), name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.Configuration)) {
		for _, v := range Variables(r.Configuration[key]) {
			if missing := c.missing(v[0], v[1]); missing != "" {
				report(key, "#{%s.%s} references a %s that does not exist, or that is not sure to be set before",
					v[0], v[1], missing)
			}
		}
	}
}

// result checks a result of stage i.
func (c *checker) result(i int, path string, result cp.Result, allowed []cp.Result) {
	name := awsproto.Value(c.d.Stages[i].Name)
	switch {
	case !slices.Contains(allowed, result):
		c.say(Stage, path+".result", "Stage %s has the result %s, which is not one of %v", name, result, allowed)
	case result != cp.ResultRollback:
	case i == 0:
		c.say(Stage, path+".result", "Stage %s has the result ROLLBACK: the first stage cannot be rolled back", name)
	case c.d.ExecutionMode == cp.ExecutionModeParallel:
		c.say(Stage, path+".result",
			"Stage %s has the result ROLLBACK, which a pipeline in the execution mode PARALLEL cannot have", name)
	}
}
