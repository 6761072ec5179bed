package pipeline

import (
	"context"
	"errors"
	"fmt"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// ListRuleTypes implements codepipeline:ListRuleTypes: all that a definition may name, as ListActionTypes does.
func (s *Service) ListRuleTypes(_ context.Context, in *cp.ListRuleTypesInput) (*cp.ListRuleTypesOutput, error) {
	out := &cp.ListRuleTypesOutput{RuleTypes: []cp.RuleType{}}
	if in.RuleOwnerFilter != "" && in.RuleOwnerFilter != cp.RuleOwnerAws {
		return out, nil
	}
	all := pipelinefile.Rules()
	for i := range all {
		out.RuleTypes = append(out.RuleTypes, listedRule(&all[i]))
	}
	return out, nil
}

func listedRule(t *pipelinefile.RuleType) cp.RuleType {
	listed := cp.RuleType{
		Id:                   t.ID(),
		Settings:             &cp.RuleTypeSettings{},
		InputArtifactDetails: artifactDetails(t.Inputs),
	}
	for _, k := range t.Keys {
		kind := cp.RuleConfigurationPropertyTypeString
		if k.Boolean {
			kind = cp.RuleConfigurationPropertyTypeBoolean
		}
		listed.RuleConfigurationProperties = append(listed.RuleConfigurationProperties, cp.RuleConfigurationProperty{
			Name:        &k.Name,
			Required:    &k.Required,
			Key:         new(k.Required),
			Secret:      &k.Secret,
			Queryable:   new(false),
			Description: &k.Doc,
			Type:        kind,
		})
	}
	return listed
}

// ListRuleExecutions implements codepipeline:ListRuleExecutions, the newest first.
func (s *Service) ListRuleExecutions(
	ctx context.Context,
	in *cp.ListRuleExecutionsInput,
) (*cp.ListRuleExecutionsOutput, error) {
	if _, err := load(ctx, s.db, *in.PipelineName); err != nil {
		return nil, err
	}
	only := ""
	if f := in.Filter; f != nil {
		if f.LatestInPipelineExecution != nil {
			only = awsproto.Value(f.LatestInPipelineExecution.PipelineExecutionId)
		}
		only = first(awsproto.Value(f.PipelineExecutionId), only)
	}
	filter, at := []string{*in.PipelineName, only}, place{newest, 0}
	if !s.Pager.Place("ListRuleExecutions", filter, in.NextToken, &at) {
		return nil, invalidToken()
	}
	limit := executionsAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &cp.ListRuleExecutionsOutput{RuleExecutionDetails: []cp.RuleExecutionDetail{}}
	for {
		all, err := s.pageOfActions(ctx, *in.PipelineName, only, at, limit)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if next := listRules(out, e, at, limit); next != nil {
				out.NextToken = s.Pager.Token("ListRuleExecutions", filter, *next)
				return out, nil
			}
			at = place{e.Sequence, 1}
		}
		if only != "" || len(all) == 0 {
			return out, nil
		}
	}
}

// listRules adds the rule executions of an execution to a list, as listRuns does with those of actions.
func listRules(out *cp.ListRuleExecutionsOutput, e *engine.Execution, at place, limit int) *place {
	end := len(e.Rules)
	if e.Sequence == at.Sequence && at.Below > 0 {
		end = at.Below - 1
	}
	for i := end - 1; i >= 0; i-- {
		if len(out.RuleExecutionDetails) == limit {
			return &place{e.Sequence, i + 2}
		}
		out.RuleExecutionDetails = append(out.RuleExecutionDetails, e.Rules[i].RuleExecutionDetail)
	}
	return nil
}

// moments are the conditions that can be overridden.
var moments = map[cp.ConditionType]engine.When{
	cp.ConditionTypeBeforeEntry: engine.BeforeEntry,
	cp.ConditionTypeOnSuccess:   engine.OnSuccess,
}

// OverrideStageCondition implements codepipeline:OverrideStageCondition: the execution enters or leaves the stage
// whatever its condition says.
func (s *Service) OverrideStageCondition(
	ctx context.Context,
	in *cp.OverrideStageConditionInput,
) (*cp.OverrideStageConditionOutput, error) {
	by := awsproto.Value(callerARN(ctx))
	return nil, s.change(ctx, *in.PipelineName, func(_ store.Tx, r *row) ([]engine.Effect, error) {
		if _, err := stageOf(r.Declaration, *in.StageName); err != nil {
			return nil, err
		}
		effects, err := engine.Override(&r.Pipeline, *in.StageName, *in.PipelineExecutionId, moments[in.ConditionType],
			by, s.world())
		switch {
		case errors.Is(err, engine.ErrNotLatest):
			err = &cp.NotLatestPipelineExecutionException{
				Message: "The execution " + *in.PipelineExecutionId + " is not the latest in stage " + *in.StageName,
			}
		case errors.Is(err, engine.ErrNotOverridable):
			err = &cp.ConditionNotOverridableException{
				Message: fmt.Sprintf("The condition %s of stage %s has not failed in this execution, and is not being "+
					"checked", in.ConditionType, *in.StageName),
			}
		case errors.Is(err, engine.ErrFull):
			err = &cp.ConcurrentPipelineExecutionsLimitExceededException{Message: tooMany(r.Declaration)}
		}
		return effects, err
	}, *in.PipelineExecutionId)
}

// conditionState shows how the condition of a moment stands in a visit; nil if it was not checked.
func (s *Service) conditionState(e *engine.Execution, v *engine.Visit, when engine.When) *cp.StageConditionState {
	c := v.Checks[when]
	if c == nil {
		return nil
	}
	state := cp.ConditionState{LatestExecution: &cp.ConditionExecution{Status: c.Status, LastStatusChange: c.Changed}}
	whole := &cp.StageConditionsExecution{Status: c.Status}
	if c.Summary != "" {
		state.LatestExecution.Summary, whole.Summary = &c.Summary, &c.Summary
	}
	for _, id := range c.Rules {
		if x := e.Rule(id); x != nil {
			state.RuleStates = append(state.RuleStates, s.ruleState(x))
		}
	}
	return &cp.StageConditionState{LatestExecution: whole, ConditionStates: []cp.ConditionState{state}}
}

func (s *Service) ruleState(x *engine.Rule) cp.RuleState {
	now := &cp.RuleExecution{
		RuleExecutionId:  x.RuleExecutionId,
		Status:           x.Status,
		LastStatusChange: x.LastUpdateTime,
	}
	if x.Output != nil && x.Output.ExecutionResult != nil {
		result := x.Output.ExecutionResult
		now.Summary, now.ErrorDetails = result.ExternalExecutionSummary, result.ErrorDetails
		now.ExternalExecutionId, now.ExternalExecutionUrl = result.ExternalExecutionId, result.ExternalExecutionUrl
	}
	return cp.RuleState{RuleName: x.RuleName, LatestExecution: now}
}
