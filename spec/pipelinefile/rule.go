package pipelinefile

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/spec/quartz"
)

// RuleType declares a kind of rule of conditions. All are of the category Rule, the owner AWS and version 1. Source:
// "Rule structure reference" in the CodePipeline user guide.
type RuleType struct {
	Provider string
	Inputs   Range // of artifacts
	Keys     []Key
	// Skips is true where a condition with the rule may have the result SKIP.
	Skips bool
	// Check finds what the keys alone do not tell of a rule; nil for nothing. Values with variables are checked when
	// the variables are known.
	Check func(r *cp.RuleDeclaration, report Report)
}

// ID is the rule type's identifier.
func (t *RuleType) ID() *cp.RuleTypeId {
	return &cp.RuleTypeId{
		Category: cp.RuleCategoryRule,
		Owner:    cp.RuleOwnerAws,
		Provider: &t.Provider,
		Version:  new("1"),
	}
}

// RuleTypes is a list of rule types.
type RuleTypes []RuleType

// Find returns the type of an identifier, or nil. An owner or a version that is left out is AWS and 1.
func (all RuleTypes) Find(id *cp.RuleTypeId) *RuleType {
	if id == nil || id.Category != cp.RuleCategoryRule || id.Owner != "" && id.Owner != cp.RuleOwnerAws ||
		id.Version != nil && *id.Version != "1" {
		return nil
	}
	for i := range all {
		if all[i].Provider == awsproto.Value(id.Provider) {
			return &all[i]
		}
	}
	return nil
}

// Rules are the rule types that AWS provides, whether Slipway runs them or not.
var Rules = sync.OnceValue(func() RuleTypes {
	return RuleTypes{
		{
			Provider: "CloudWatchAlarm",
			Keys: []Key{
				must("AlarmName", "The alarm."),
				must("AlarmStates", "The states to look out for: ALARM, OK, INSUFFICIENT_DATA."),
				may("WaitTime", "For how many minutes."),
			},
			Check: checkAlarmRule,
		},
		{
			Provider: "CodeBuild",
			Inputs:   Range{1, 5},
			Keys: []Key{
				must("ProjectName", "The project."),
				may("PrimarySource", "The input artifact with the buildspec."),
				may("EnvironmentVariables", "JSON."),
				flag("BatchEnabled", "Whether the build is a batch."),
				flag("CombineArtifacts", "Whether a batch has one artifact."),
			},
		},
		{Provider: "Commands", Inputs: Range{0, 10}, Keys: settings("EnvironmentType", "ComputeType")},
		{
			Provider: "DeploymentWindow",
			Keys: []Key{
				must("Cron", "When the window is open, as a cron expression that begins with seconds."),
				may("TimeZone", "Region/City, UTC+05:30 or an abbreviation; UTC by default."),
			},
			Check: checkWindowRule,
		},
		{
			Provider: "LambdaInvoke",
			Inputs:   Range{0, 5},
			Keys:     []Key{must("FunctionName", "The function."), may("UserParameters", "What it is given.")},
			Skips:    true,
		},
		{
			Provider: "VariableCheck",
			Inputs:   Range{0, 5},
			Keys: []Key{
				must("Variable", "What is checked: #{namespace.key}."),
				must("Value", "What it is compared with."),
				must("Operator", "EQ, NE, CONTAINS or MATCHES."),
			},
			Skips: true,
			Check: checkVariableRule,
		},
	}
})

// configured checks a rule's configuration.
func (t *RuleType) configured(r *cp.RuleDeclaration, report Report) {
	for _, k := range t.Keys {
		if _, ok := r.Configuration[k.Name]; k.Required && !ok {
			report(k.Name, "its configuration must have %s", k.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Configuration)) {
		if !slices.ContainsFunc(t.Keys, func(k Key) bool { return k.Name == name }) {
			report(name, "%s has no configuration %s", t.Provider, name)
		}
	}
	if len(r.Commands) > 0 && t.Provider != "Commands" {
		report("", "commands are for the rule Commands alone")
	}
	if t.Check != nil {
		t.Check(r, report)
	}
}

// fixedValue is a configuration value; false if it is absent or has variables.
func fixedValue(r *cp.RuleDeclaration, key string) (string, bool) {
	value, ok := r.Configuration[key]
	return value, ok && len(Variables(value)) == 0
}

func checkAlarmRule(r *cp.RuleDeclaration, report Report) {
	if text, ok := fixedValue(r, "AlarmStates"); ok {
		if _, wrong := AlarmStates(text); wrong != "" {
			report("AlarmStates", "AlarmStates has %q; a state is ALARM, OK or INSUFFICIENT_DATA", wrong)
		}
	}
	if text, ok := fixedValue(r, "WaitTime"); ok {
		if n, err := strconv.Atoi(text); err != nil || n < 0 {
			report("WaitTime", "WaitTime is %q; it must be a number of minutes", text)
		}
	}
}

// AlarmStates reads a list of alarm states. It returns the first that is none, if there is one.
func AlarmStates(text string) (states []string, wrong string) {
	for one := range strings.SplitSeq(strings.Trim(text, "[] "), ",") {
		one = strings.Trim(one, `" `)
		if !slices.Contains([]string{"ALARM", "OK", "INSUFFICIENT_DATA"}, one) {
			return nil, one
		}
		states = append(states, one)
	}
	return states, ""
}

func checkWindowRule(r *cp.RuleDeclaration, report Report) {
	if text, ok := fixedValue(r, "Cron"); ok {
		if _, err := quartz.Parse(text); err != nil {
			report("Cron", "Cron: %v", err)
		}
	}
	if text, ok := fixedValue(r, "TimeZone"); ok {
		if _, err := quartz.Zone(text); err != nil {
			report("TimeZone", "TimeZone: %v", err)
		}
	}
}

func checkVariableRule(r *cp.RuleDeclaration, report Report) {
	operator, ok := fixedValue(r, "Operator")
	if ok && !slices.Contains([]string{"EQ", "NE", "CONTAINS", "MATCHES"}, operator) {
		report("Operator", "Operator is %q; it must be EQ, NE, CONTAINS or MATCHES", operator)
	}
	if text, ok := fixedValue(r, "Value"); ok && operator == "MATCHES" {
		if _, err := regexp.Compile(text); err != nil {
			report("Value", "Slipway does not implement the regular expression of Value: %v", err)
		}
	}
}
