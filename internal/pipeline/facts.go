package pipeline

import (
	"context"
	"maps"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// Facts returns the number and the change of executions, by ID. Those that are not there are left out. It takes one
// query.
func (s *Service) Facts(ctx context.Context, ids []string) (map[string]slipway.Work, error) {
	all := map[string]slipway.Work{}
	if len(ids) == 0 {
		return all, nil
	}
	executions, err := executionsByID(ctx, s.db, ids)
	for id, e := range executions {
		all[id] = s.factsOf(e)
	}
	return all, err
}

func (s *Service) factsOf(e *engine.Execution) slipway.Work {
	w := slipway.Work{
		ID:        *e.PipelineExecutionId,
		Pipeline:  *e.PipelineName,
		Execution: *e.PipelineExecutionId,
		Number:    e.Sequence,
		Status:    string(e.Status),
		Started:   e.Started,
	}
	if len(e.Revisions) == 0 {
		return w
	}
	first := e.Revisions[0]
	if first.RevisionId != nil {
		w.Commit = *first.RevisionId
	}
	if first.RevisionSummary != nil {
		w.Subject = *first.RevisionSummary
	}
	for run := range e.Made() {
		if run.ActionName != nil && first.ActionName != nil && *run.ActionName == *first.ActionName &&
			run.Action != nil {
			w.Repository = s.registry.described(run.Action, run.Input.ResolvedConfiguration).Repository
			break
		}
	}
	return w
}

// asking is a stage in which an execution waits for an approval.
type asking struct{ pipeline, stage, execution string }

const selectAsking = `SELECT name, attention, stages FROM pipelines WHERE attention <= $1 AND (name = $2 OR $2 = '')
	ORDER BY name`

// Approvals returns the approvals that wait, of one pipeline or of all (""), by the names of pipelines, and how many of
// these have failed. It takes two queries, the second only if something waits.
func (s *Service) Approvals(ctx context.Context, pipeline string) (waiting []slipway.Waiting, failed int64, err error) {
	rows, err := s.db.Query(ctx, selectAsking, boardPlace(engine.Asks), pipeline)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var all []asking
	var ids []string
	for rows.Next() {
		var name string
		var place int64
		stages := map[string]*engine.Stage{}
		if err := rows.Scan(&name, &place, store.JSON(&stages)); err != nil {
			return nil, 0, err
		}
		if !s.shows(ctx, name) {
			continue
		}
		if place == boardPlace(engine.Failed) {
			failed++
		}
		for _, stage := range slices.Sorted(maps.Keys(stages)) {
			st := stages[stage]
			if st.Attention != engine.Asks && len(st.Holders) == 0 {
				continue
			}
			for _, id := range append([]string{st.Latest}, st.Holders...) {
				all, ids = append(all, asking{name, stage, id}), append(ids, id)
			}
		}
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		return nil, failed, err
	}
	executions, err := executionsByID(ctx, s.db, ids)
	for _, a := range all {
		if e := executions[a.execution]; e != nil {
			waiting = append(waiting, s.approvalsIn(e, a.stage)...)
		}
	}
	return waiting, failed, err
}

// shows reports whether the caller may see a pipeline.
func (s *Service) shows(ctx context.Context, name string) bool {
	return awsproto.May(ctx, "codepipeline:GetPipelineState", name)
}

// approvalsIn are the approvals of a stage that an execution waits for.
func (s *Service) approvalsIn(e *engine.Execution, stage string) []slipway.Waiting {
	if attentionOf(e, stage) != engine.Asks {
		return nil
	}
	facts := s.factsOf(e)
	var all []slipway.Waiting
	for _, run := range e.Runs {
		if *run.StageName != stage || !run.Asks() {
			continue
		}
		change := changeOf(facts)
		change.Subject = &facts.Subject
		told := s.registry.described(run.Action, run.Input.ResolvedConfiguration)
		all = append(all, slipway.Waiting{
			Kind:                slipway.WaitingKindApproval,
			PipelineName:        e.PipelineName,
			StageName:           run.StageName,
			ActionName:          run.ActionName,
			PipelineExecutionId: e.PipelineExecutionId,
			Since:               run.StartTime,
			Change:              change,
			Note:                given(told.Note),
			Link:                given(told.Link),
		})
	}
	return all
}

// given is a text, or nil for none.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
