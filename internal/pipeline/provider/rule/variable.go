// Package rule has the providers of the rules of stage conditions. Source: "Rule structure reference" in the
// CodePipeline user guide.
package rule

import (
	"context"
	"regexp"
	"strings"

	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// declared is the declaration of a rule type of AWS's.
func declared(provider string) pipelinefile.RuleType {
	for _, t := range pipelinefile.Rules() {
		if t.Provider == provider {
			return t
		}
	}
	return pipelinefile.RuleType{Provider: provider}
}

// Variable is the provider of the rule VariableCheck, which compares a variable with a value.
type Variable struct{}

// Type implements pipeline.RuleProvider.
func (Variable) Type() pipelinefile.RuleType { return declared("VariableCheck") }

// Judge implements pipeline.RuleProvider.
func (Variable) Judge(_ context.Context, r *pipeline.Rule) (pipeline.Verdict, error) {
	variable, value := r.Configuration["Variable"], r.Configuration["Value"]
	holds := false
	switch operator := r.Configuration["Operator"]; operator {
	case "EQ":
		holds = variable == value
	case "NE":
		holds = variable != value
	case "CONTAINS":
		holds = strings.Contains(variable, value)
	case "MATCHES":
		whole, err := regexp.Compile("^(?:" + value + ")$")
		if err != nil {
			return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration",
				"Slipway does not implement the regular expression %q: %v", value, err)
		}
		holds = whole.MatchString(variable)
	default:
		return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration", "There is no operator %q", operator)
	}
	if holds {
		return pipeline.Passes("%q is %s %q", variable, words[r.Configuration["Operator"]], value), nil
	}
	return pipeline.Fails("%q is not %s %q", variable, words[r.Configuration["Operator"]], value), nil
}

// words are the operators in a sentence: "a" is equal to "a".
var words = map[string]string{
	"EQ":       "equal to",
	"NE":       "different from",
	"CONTAINS": "a text with",
	"MATCHES":  "a match of",
}
