package pipeline_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"slipway/api/cloudwatch"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/provider/rule"
)

// bells are alarms whose states a test sets.
type bells struct {
	mu     sync.Mutex
	states map[string]cloudwatch.StateValue
}

func (b *bells) AlarmStates(_ context.Context, names []string) (map[string]cloudwatch.StateValue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]cloudwatch.StateValue{}
	for _, name := range names {
		if state, ok := b.states[name]; ok {
			all[name] = state
		}
	}
	return all, nil
}

// ring sets the state of the alarm "errors", and tells the house.
func (h *house) ring(state cloudwatch.StateValue) {
	h.t.Helper()
	h.bells.mu.Lock()
	h.bells.states = map[string]cloudwatch.StateValue{"errors": state}
	h.bells.mu.Unlock()
	if err := h.Ended(h.t.Context(), rule.AlarmChange("errors")); err != nil {
		h.t.Fatal(err)
	}
}

// aRule is a rule of a provider, with keys and values of its configuration.
func aRule(provider string, configuration ...string) cp.RuleDeclaration {
	r := cp.RuleDeclaration{
		Name: new("Check-" + provider),
		RuleTypeId: &cp.RuleTypeId{
			Category: cp.RuleCategoryRule, Owner: cp.RuleOwnerAws, Provider: &provider, Version: new("1"),
		},
		Configuration: map[string]string{},
	}
	for pair := range slices.Chunk(configuration, 2) {
		r.Configuration[pair[0]] = pair[1]
	}
	return r
}

func isLetter(letter string) cp.RuleDeclaration {
	return compare("#{mail.Letter}", "EQ", letter)
}

func compare(variable, operator, value string) cp.RuleDeclaration {
	return aRule("VariableCheck", "Variable", variable, "Operator", operator, "Value", value)
}

func alarmRule(minutes string) cp.RuleDeclaration {
	return aRule("CloudWatchAlarm", "AlarmName", "errors", "AlarmStates", "ALARM", "WaitTime", minutes)
}

func one(result cp.Result, rules ...cp.RuleDeclaration) []cp.Condition {
	return []cp.Condition{{Result: result, Rules: rules}}
}

func entry(result cp.Result, rules ...cp.RuleDeclaration) func(*cp.StageDeclaration) {
	return func(s *cp.StageDeclaration) {
		s.BeforeEntry = &cp.BeforeEntryConditions{Conditions: one(result, rules...)}
	}
}

// conditioned is a pipeline whose second stage has conditions.
func conditioned(t *testing.T, dsn string, now func() time.Time, with func(*cp.StageDeclaration)) (*house, *robots) {
	t.Helper()
	work := workers()
	h := open(t, dsn, now, letters(), work)
	d := post("post", "in")
	with(&d.Stages[1])
	h.create(d)
	return h, work
}

// stage is how the second stage stands.
func (h *house) stage() cp.StageState {
	h.t.Helper()
	out, err := h.GetPipelineState(h.t.Context(), &cp.GetPipelineStateInput{Name: new("post")})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.StageStates[1]
}

func (h *house) override(kind cp.ConditionType) error {
	_, err := h.OverrideStageCondition(h.t.Context(), &cp.OverrideStageConditionInput{
		PipelineName:        new("post"),
		StageName:           new("Robots"),
		PipelineExecutionId: h.executions("post")[0].PipelineExecutionId,
		ConditionType:       kind,
	})
	return err
}

func TestConditions(t *testing.T) {
	onBoth(t, cases{
		"an entry condition fails the stage, and is overridden":   entryFails,
		"an entry condition skips the stage":                      entrySkips,
		"a deployment window lets the execution in when it opens": windowOpens,
		"an alarm keeps the execution out until it is over":       alarmEnds,
		"an alarm after the success rolls the stage back":         alarmRollsBack,
		"a failure condition rolls back what it is for":           failureCondition,
		"a rule times out": ruleTimesOut,
		"a rule that cannot be judged fails with the reason":       ruleIsBroken,
		"what no provider judges is refused, and what is no rule":  rulesAreRefused,
		"a deleted pipeline leaves no rule, and a stop ends rules": rulesEnd,
	})
}

func entryFails(t *testing.T, dsn string) {
	h, work := conditioned(t, dsn, time.Now, entry(cp.ResultFail, isLetter("first"), isLetterOf("another")))
	id := h.newest("post", cp.PipelineExecutionStatusFailed)
	st := h.stage()
	c := st.BeforeEntryConditionState
	if st.LatestExecution.Status != cp.StageExecutionStatusFailed || c == nil ||
		c.LatestExecution.Status != cp.ConditionExecutionStatusFailed || len(c.ConditionStates[0].RuleStates) != 2 {
		t.Fatalf("the stage is %s, its condition %+v", st.LatestExecution.Status, c)
	}
	rules, err := h.ListRuleExecutions(t.Context(), &cp.ListRuleExecutionsInput{
		PipelineName: new("post"), Filter: &cp.RuleExecutionFilter{PipelineExecutionId: &id},
	})
	if err != nil || len(rules.RuleExecutionDetails) != 2 {
		t.Fatalf("%d rule executions, %v", len(rules.RuleExecutionDetails), err)
	}
	x := rules.RuleExecutionDetails[0]
	if got := *x.Output.ExecutionResult.ExternalExecutionSummary; x.Status != cp.RuleExecutionStatusFailed ||
		got != `"first" is not equal to "another"` || x.Input.ResolvedConfiguration["Variable"] != "first" {
		t.Errorf("the second rule is %s: %s", x.Status, got)
	}
	wantError[*cp.ConditionNotOverridableException](t, h.override(cp.ConditionTypeOnSuccess), "ON_SUCCESS")
	if err := h.override(cp.ConditionTypeBeforeEntry); err != nil {
		t.Fatal(err)
	}
	h.endRobot(work, "")
	if got := h.newest("post", cp.PipelineExecutionStatusSucceeded); got != id {
		t.Errorf("%s succeeded, want %s", got, id)
	}
	if c := h.stage().BeforeEntryConditionState; c.LatestExecution.Status != cp.ConditionExecutionStatusOverridden {
		t.Errorf("the condition is %s", c.LatestExecution.Status)
	}
}

func isLetterOf(letter string) cp.RuleDeclaration {
	r := isLetter(letter)
	r.Name = new("Other")
	return r
}

func entrySkips(t *testing.T, dsn string) {
	h, _ := conditioned(t, dsn, time.Now, entry(cp.ResultSkip, isLetter("another")))
	id := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if st := h.stage(); st.LatestExecution.Status != cp.StageExecutionStatusSkipped || len(h.runs("post", id)) != 1 {
		t.Errorf("the stage is %s after %d actions", st.LatestExecution.Status, len(h.runs("post", id)))
	}
}

func windowOpens(t *testing.T, dsn string) {
	h, work := conditioned(t, dsn, time.Now, entry(cp.ResultFail, aRule("DeploymentWindow", "Cron", "0/2 * * * * ?")))
	h.endRobot(work, "")
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
}

func alarmEnds(t *testing.T, dsn string) {
	work := workers()
	h := open(t, dsn, time.Now, letters(), work)
	h.ring(cloudwatch.StateValueAlarm)
	d := post("post", "in")
	entry(cp.ResultFail, alarmRule("600"))(&d.Stages[1])
	h.create(d)
	h.until("the alarm keeps it out", func() bool {
		c := h.stage().BeforeEntryConditionState
		return c != nil && c.ConditionStates[0].RuleStates[0].LatestExecution.Summary != nil
	})
	h.ring(cloudwatch.StateValueOk)
	h.endRobot(work, "")
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
}

func alarmRollsBack(t *testing.T, dsn string) {
	work := workers()
	h := open(t, dsn, time.Now, letters(), work)
	h.ring(cloudwatch.StateValueOk)
	d := post("post", "in")
	d.Stages[1].OnSuccess = &cp.SuccessConditions{Conditions: one(cp.ResultRollback, alarmRule("600"))}
	h.create(d)
	h.endRobot(work, "")
	h.until("the alarm is watched", func() bool { return h.stage().OnSuccessConditionState != nil })
	if err := h.override(cp.ConditionTypeOnSuccess); err != nil {
		t.Fatal(err)
	}
	first := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	h.endRobot(work, "")
	h.until("the alarm is watched again", func() bool {
		c := h.stage().OnSuccessConditionState
		return c != nil && c.LatestExecution.Status == cp.ConditionExecutionStatusInProgress
	})
	h.ring(cloudwatch.StateValueAlarm)
	h.endRobot(work, "")
	h.isRollback(h.newest("post", cp.PipelineExecutionStatusSucceeded), first, cp.TriggerTypeAutomatedRollback)
}

func failureCondition(t *testing.T, dsn string) {
	mail, work := letters(), workers()
	h := open(t, dsn, time.Now, mail, work)
	d := post("post", "in")
	d.Stages[1].OnFailure = &cp.FailureConditions{Conditions: one(cp.ResultRollback, isLetter("third"))}
	h.create(d)
	h.endRobot(work, "")
	first := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	for _, letter := range []string{"second", "third"} {
		mail.put("in", letter)
		if err := h.Changed(t.Context(), box("in")); err != nil {
			t.Fatal(err)
		}
		h.endRobot(work, "it fell")
		if letter == "second" {
			h.newest("post", cp.PipelineExecutionStatusFailed)
		}
	}
	h.endRobot(work, "")
	h.isRollback(h.newest("post", cp.PipelineExecutionStatusSucceeded), first, cp.TriggerTypeAutomatedRollback)
	if n := len(h.executions("post")); n != 4 {
		t.Errorf("%d executions, want one rollback, of the third letter", n)
	}
}

func ruleTimesOut(t *testing.T, dsn string) {
	var mu sync.Mutex
	late := time.Duration(0)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(late)
	}
	h := open(t, dsn, now, letters(), workers())
	h.ring(cloudwatch.StateValueAlarm)
	d := post("post", "in")
	slow := alarmRule("600")
	slow.TimeoutInMinutes = new(int32(30))
	entry(cp.ResultFail, slow)(&d.Stages[1])
	h.create(d)
	h.until("the alarm keeps it out", func() bool { return h.stage().BeforeEntryConditionState != nil })
	mu.Lock()
	late = time.Hour
	mu.Unlock()
	h.ring(cloudwatch.StateValueAlarm)
	h.newest("post", cp.PipelineExecutionStatusFailed)
	if got := *h.stage().BeforeEntryConditionState.LatestExecution.Summary; got !=
		"The rule Check-CloudWatchAlarm failed: The rule timed out after 30 minutes" {
		t.Errorf("summary %q", got)
	}
}

func ruleIsBroken(t *testing.T, dsn string) {
	h, _ := conditioned(t, dsn, time.Now, entry(cp.ResultFail, alarmRule("1")))
	h.newest("post", cp.PipelineExecutionStatusFailed)
	c := h.stage().BeforeEntryConditionState
	x := c.ConditionStates[0].RuleStates[0].LatestExecution
	if c.LatestExecution.Status != cp.ConditionExecutionStatusErrored || x.ErrorDetails == nil {
		t.Errorf("the condition is %s, the rule %+v", c.LatestExecution.Status, x)
	}
}

func rulesAreRefused(t *testing.T, dsn string) {
	h, _ := conditioned(t, dsn, time.Now, entry(cp.ResultFail, aRule("LambdaInvoke", "FunctionName", "f")))
	x := h.executions("post")[0]
	if x.Status != cp.PipelineExecutionStatusFailed {
		t.Errorf("it is %s", x.Status)
	}
	_, err := h.StartPipelineExecution(t.Context(), &cp.StartPipelineExecutionInput{Name: new("post")})
	wantError[*cp.ValidationException](t, err, "the rule provider LambdaInvoke of rule Check-LambdaInvoke")
	for says, with := range map[string]func(*cp.StageDeclaration){
		"is not available":          entry(cp.ResultFail, aRule("Oracle")),
		"must have Cron":            entry(cp.ResultFail, aRule("DeploymentWindow")),
		"has 2 fields":              entry(cp.ResultFail, aRule("DeploymentWindow", "Cron", "* *")),
		"no time zone":              entry(cp.ResultFail, aRule("DeploymentWindow", "Cron", "* * * * * ?", "TimeZone", "X")),
		"SKIP is for":               entry(cp.ResultSkip, alarmRule("1")),
		"is not one of":             entry(cp.ResultRollback, isLetter("x")),
		"has no configuration":      entry(cp.ResultFail, aRule("DeploymentWindow", "Cron", "* * * * * ?", "Colour", "red")),
		"exists already":            entry(cp.ResultFail, isLetter("x"), isLetter("y")),
		"references a namespace":    entry(cp.ResultFail, compare("#{robot.X}", "EQ", "")),
		"must be the output":        entry(cp.ResultFail, withInput(isLetter("x"))),
		"must be EQ, NE, CONTAINS":  entry(cp.ResultFail, compare("", "GT", "")),
		"the regular expression of": entry(cp.ResultFail, compare("", "MATCHES", "(?=a)")),
		"a state is ALARM":          entry(cp.ResultFail, aRule("CloudWatchAlarm", "AlarmName", "a", "AlarmStates", "RED")),
		"a number of minutes":       entry(cp.ResultFail, alarmRule("soon")),
	} {
		d := post("post", "in")
		with(&d.Stages[1])
		_, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d})
		wantError[*cp.InvalidStageDeclarationException](t, err, says)
	}
	out, err := h.ListRuleTypes(t.Context(), &cp.ListRuleTypesInput{})
	if err != nil || len(out.RuleTypes) != 6 {
		t.Errorf("%d rule types, %v", len(out.RuleTypes), err)
	}
}

func withInput(r cp.RuleDeclaration) cp.RuleDeclaration {
	r.InputArtifacts = []cp.InputArtifact{{Name: new("Nothing")}}
	return r
}

func rulesEnd(t *testing.T, dsn string) {
	never := aRule("DeploymentWindow", "Cron", "0 0 0 1 1 ? 2199")
	h, _ := conditioned(t, dsn, time.Now, entry(cp.ResultFail, never))
	waits := func() bool {
		c := h.stage().BeforeEntryConditionState
		return c != nil && c.LatestExecution.Status == cp.ConditionExecutionStatusInProgress &&
			c.ConditionStates[0].RuleStates[0].LatestExecution.Summary != nil
	}
	h.until("it waits for the window", waits)
	h.stop("post", false)
	h.newest("post", cp.PipelineExecutionStatusStopped)
	if c := h.stage().BeforeEntryConditionState; c.LatestExecution.Status != cp.ConditionExecutionStatusCancelled ||
		c.ConditionStates[0].RuleStates[0].LatestExecution.Status != cp.RuleExecutionStatusAbandoned {
		t.Errorf("the condition is %s", c.LatestExecution.Status)
	}
	h.startPost()
	h.until("it waits for the window again", waits)
	if _, err := h.DeletePipeline(t.Context(), &cp.DeletePipelineInput{Name: new("post")}); err != nil {
		t.Error(err)
	}
}
