package pipeline

import (
	"context"
	"fmt"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// RuleProvider judges the rules of one type. A new one is a file in package provider/rule; package app adds it to its
// list.
type RuleProvider interface {
	// Type declares the rules that the provider judges. It is called once.
	Type() pipelinefile.RuleType
	// Judge says how a rule stands. It is called when the rule starts, at the time that it asked for, and once
	// Service.Ended was told what it waits for. After a crash it is called again. A *Refusal, or an error of a service
	// that is no 500 or 503, fails the rule; after any other error Judge is called again.
	Judge(ctx context.Context, r *Rule) (Verdict, error)
}

// When is the moment at which a condition is checked.
type When = engine.When

// Moments of conditions.
const (
	BeforeEntry = engine.BeforeEntry
	OnSuccess   = engine.OnSuccess
	OnFailure   = engine.OnFailure
)

// Rule is a rule execution in the hands of its provider.
type Rule struct {
	// Action is the rule as if it were an action: its ID is the rule execution's, its name the rule's.
	Action
	When    When
	Started time.Time
	Waits   string // the ID of what an earlier Judge waits for; "" for nothing
}

// Verdict is how a rule stands: ended, or until when and for what it waits.
type Verdict struct {
	Ended   bool
	Passed  bool
	Summary string
	// Wait is what the rule waits for; Service.Ended tells of it. Time is when Judge is called at the latest.
	Wait *Wait
	Time time.Time
	URL  string // as Outcome.URL
}

// Passes and Fails are the verdicts of rules that have ended.
func Passes(format string, args ...any) Verdict {
	return Verdict{Ended: true, Passed: true, Summary: fmt.Sprintf(format, args...)}
}

// Fails is the verdict of a rule that failed.
func Fails(format string, args ...any) Verdict {
	return Verdict{Ended: true, Summary: fmt.Sprintf(format, args...)}
}

// judgeRule does the jobs ruleJob and ruleTimer.
func (s *Service) judgeRule(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	e, err := s.executionThere(ctx, to)
	if err != nil || e == nil {
		return store.Done, err
	}
	x := e.Rule(to.Run)
	if x == nil || !x.InProgress() {
		return store.Done, nil
	}
	r := s.rule(to, e, x)
	v, err := s.judge(ctx, r, e, x)
	if refused := final(err, j.Last); refused != nil {
		return store.Done, s.judged(ctx, to, r, Verdict{Ended: true}, refused.Failure)
	}
	if err != nil {
		return store.Done, fmt.Errorf("rule %s of pipeline %s: %w", *x.RuleName, to.Pipeline, err)
	}
	return store.Done, s.judged(ctx, to, r, s.inTime(x, v), nil)
}

// rule is a rule execution for its provider.
func (s *Service) rule(to ref, e *engine.Execution, x *engine.Rule) *Rule {
	return &Rule{
		Action: Action{
			ID:        to.Run,
			Pipeline:  to.Pipeline,
			Execution: to.Execution,
			Stage:     *x.StageName,
			Name:      *x.RuleName,
			Role:      awsproto.Value(x.Role),
			OwnRole:   awsproto.Value(x.Declared.RoleArn),
			Revisions: e.ArtifactRevisions,
		},
		When:    x.When,
		Started: x.StartTime.Time,
		Waits:   x.Waits,
	}
}

// judge resolves a rule's configuration and artifacts and asks its provider.
func (s *Service) judge(ctx context.Context, r *Rule, e *engine.Execution, x *engine.Rule) (v Verdict, err error) {
	p := s.registry.ruleOf(x.Declared)
	if p == nil { // one that an earlier version of Slipway had
		return v, Refuse("InvalidActionConfiguration", "Slipway does not implement the rule %s",
			awsproto.Value(x.Declared.RuleTypeId.Provider))
	}
	if r.Configuration, err = resolve(e, x.Declared.Configuration); err != nil {
		return v, err
	}
	if r.Inputs, err = artifacts(e, x.Declared.InputArtifacts); err != nil {
		return v, err
	}
	err = contain.Do(func() error {
		acting, err := s.actingAs(ctx, &r.Action, x.Role, x.Declared.RoleArn)
		if err != nil {
			return err
		}
		v, err = p.Judge(acting, r)
		return err
	})
	return v, err
}

// inTime fails a rule that has not ended within its timeoutInMinutes.
func (s *Service) inTime(x *engine.Rule, v Verdict) Verdict {
	minutes := x.Declared.TimeoutInMinutes
	if minutes == nil || v.Ended {
		return v
	}
	end := x.StartTime.Add(time.Duration(*minutes) * time.Minute)
	if !s.Now().Before(end) {
		return Fails("The rule timed out after %d minutes", *minutes)
	}
	if v.Time.IsZero() || end.Before(v.Time) {
		v.Time = end
	}
	return v
}

// judged records how a rule stands. With it the job ends.
func (s *Service) judged(ctx context.Context, to ref, r *Rule, v Verdict, refused *Refusal) error {
	return gone(s.change(ctx, to.Pipeline, func(tx store.Tx, row *row) ([]engine.Effect, error) {
		if err := store.End(ctx, tx); err != nil {
			return nil, err
		}
		e := row.Executions[to.Execution]
		if e == nil || e.Rule(to.Run) == nil || !e.Rule(to.Run).InProgress() {
			return nil, nil
		}
		x := e.Rule(to.Run)
		x.Input.ResolvedConfiguration, x.Input.InputArtifacts = r.Configuration, r.Inputs
		if !v.Ended {
			return nil, s.waitForRule(ctx, tx, to, x, v)
		}
		if err := forgetRule(ctx, tx, to.Run); err != nil {
			return nil, err
		}
		return engine.FinishRule(&row.Pipeline, to.Execution, to.Run, s.ruleResult(x, v, refused), s.world())
	}))
}

// ruleResult is how a rule ended, for the engine.
func (s *Service) ruleResult(x *engine.Rule, v Verdict, refused *Refusal) engine.RuleResult {
	result := engine.RuleResult{Status: cp.RuleExecutionStatusFailed}
	if x.URL = first(v.URL, x.URL); x.URL != "" {
		result.Output.ExternalExecutionId, result.Output.ExternalExecutionUrl = &x.Waits, new(below(s.URL, x.URL))
	}
	switch {
	case refused != nil:
		result.Output.ExternalExecutionSummary = &refused.Message
		result.Output.ErrorDetails = &cp.ErrorDetails{Code: &refused.Code, Message: &refused.Message}
		return result
	case v.Passed:
		result.Status = cp.RuleExecutionStatusSucceeded
	}
	result.Output.ExternalExecutionSummary = &v.Summary
	return result
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

const insertRuleWait = `INSERT INTO pipeline_rule_waits (kind, external, pipeline, execution, rule)
	VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`

// waitForRule records what a rule waits for, and until when. What it begins to wait for may have happened already: the
// rule is judged once more.
func (s *Service) waitForRule(ctx context.Context, tx store.Tx, to ref, x *engine.Rule, v Verdict) error {
	x.Output = &cp.RuleExecutionOutput{ExecutionResult: &cp.RuleExecutionResult{ExternalExecutionSummary: &v.Summary}}
	x.URL = first(v.URL, x.URL)
	if v.Wait != nil && x.Waits == "" {
		x.Waits = v.Wait.ID
		_, err := tx.Exec(ctx, insertRuleWait, v.Wait.Kind, v.Wait.ID, to.Pipeline, to.Execution, to.Run)
		if err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, store.Job{Kind: ruleJob, Key: to.Run, Payload: to}); err != nil {
			return err
		}
	}
	if v.Time.IsZero() {
		return nil
	}
	return tx.Enqueue(ctx, store.Job{Kind: ruleTimer, Key: to.Run, Payload: to, RunAt: v.Time})
}

// forgetRule takes back what waits for a rule execution.
func forgetRule(ctx context.Context, tx store.Tx, rule string) error {
	for _, kind := range []string{ruleJob, ruleTimer} {
		if err := tx.Cancel(ctx, kind, rule); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM pipeline_rule_waits WHERE rule = $1`, rule)
	return err
}

// wakeRules lets the rules be judged that wait for something.
func (s *Service) wakeRules(ctx context.Context, w Wait) error {
	waiting, err := store.All(ctx, s.db, scanRef,
		`SELECT pipeline, execution, rule FROM pipeline_rule_waits WHERE kind = $1 AND external = $2`, w.Kind, w.ID)
	if err != nil || len(waiting) == 0 {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, to := range waiting {
			if err := tx.Enqueue(ctx, store.Job{Kind: ruleJob, Key: to.Run, Payload: to}); err != nil {
				return err
			}
		}
		return nil
	})
}
