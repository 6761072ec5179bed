package pipeline

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// Facts tells of executions, by their IDs, their number and the change that they carry. Those that are not there are
// left out. It takes one query.
func (s *Service) Facts(ctx context.Context, ids []string) (map[string]slipway.Work, error) {
	all := map[string]slipway.Work{}
	if len(ids) == 0 {
		return all, nil
	}
	executions, err := s.executionsByID(ctx, ids)
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
	for _, run := range e.Runs {
		if run.ActionName != nil && first.ActionName != nil && *run.ActionName == *first.ActionName &&
			run.Action != nil {
			w.Repository = s.registry.described(run.Action, run.Input.ResolvedConfiguration).Repository
			break
		}
	}
	return w
}

// Approvals are the approvals that wait, of one pipeline or of all (""), the oldest pipelines' names first, and how
// many pipelines have failed. It is two queries, the second only if something waits.
func (s *Service) Approvals(ctx context.Context, pipeline string) (waiting []slipway.Waiting, failed int64, err error) {
	where, args := `attention <= $1`, []any{boardPlace(engine.Asks)}
	if pipeline != "" {
		where, args = `name = $1`, []any{pipeline}
	}
	type asking struct{ pipeline, stage, execution string }
	var all []asking
	var ids []string
	_, err = store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var name string
		var place int64
		stages := map[string]*engine.Stage{}
		if err := r.Scan(&name, &place, store.JSON(&stages)); err != nil {
			return struct{}{}, err
		}
		if place == boardPlace(engine.Failed) {
			failed++
		}
		for stage, st := range stages {
			if st.Attention == engine.Asks {
				all, ids = append(all, asking{name, stage, st.Latest}), append(ids, st.Latest)
			}
		}
		return struct{}{}, nil
	}, `SELECT name, attention, stages FROM pipelines WHERE `+where+` ORDER BY name`, args...)
	if err != nil || len(all) == 0 {
		return nil, failed, err
	}
	executions, err := s.executionsByID(ctx, ids)
	for _, a := range all {
		if e := executions[a.execution]; e != nil {
			waiting = append(waiting, s.approvalsIn(e, a.stage)...)
		}
	}
	return waiting, failed, err
}

func (s *Service) executionsByID(ctx context.Context, ids []string) (map[string]*engine.Execution, error) {
	args, marks := make([]any, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		args[i], marks[i] = id, fmt.Sprintf("$%d", i+1)
	}
	es, err := store.Documents[engine.Execution](ctx, s.db,
		`SELECT doc FROM pipeline_executions WHERE id IN (`+strings.Join(marks, ", ")+`)`, args...)
	all := map[string]*engine.Execution{}
	for _, e := range es {
		all[*e.PipelineExecutionId] = e
	}
	return all, err
}

// approvalsIn are the approvals of a stage that an execution waits for.
func (s *Service) approvalsIn(e *engine.Execution, stage string) []slipway.Waiting {
	if attentionOf(e, stage) != engine.Asks {
		return nil
	}
	var all []slipway.Waiting
	for _, run := range e.Runs {
		if *run.StageName != stage || run.Token == nil || run.Status != cp.ActionExecutionStatusInProgress {
			continue
		}
		w := s.factsOf(e)
		all = append(all,
			slipway.Waiting{Kind: slipway.WaitingKindApproval, PipelineName: e.PipelineName, StageName: run.StageName,
				ActionName:          run.ActionName,
				PipelineExecutionId: e.PipelineExecutionId, Since: run.StartTime,
				Change: &slipway.Change{Id: &w.ID, PipelineName: &w.Pipeline, ExecutionId: &w.ID,
					ExecutionNumber: &w.Number, RepositoryName: &w.Repository, CommitId: &w.Commit,
					Subject: &w.Subject}})
	}
	return all
}
