package pipeline

import (
	"context"
	"fmt"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// PutActionRevision implements codepipeline:PutActionRevision: a new revision starts the pipeline, once. A source that
// can take the revision of a start takes this one; that of a custom type is told by its job worker.
func (s *Service) PutActionRevision(ctx context.Context,
	in *cp.PutActionRevisionInput) (*cp.PutActionRevisionOutput, error) {
	out := &cp.PutActionRevisionOutput{}
	err := s.change(ctx, *in.PipelineName, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		a, err := revisedAction(r.Declaration, in)
		if err != nil {
			return nil, err
		}
		if why := s.unsupported(r.Declaration); why != "" {
			return nil, &cp.ValidationException{Message: why}
		}
		before, err := startedBy(ctx, tx, in)
		if err != nil || before != "" {
			out.NewRevision, out.PipelineExecutionId = new(false), &before
			return nil, err
		}
		e, effects := s.start(r, cause{
			trigger: cp.ExecutionTrigger{
				TriggerType:   cp.TriggerTypePutActionRevision,
				TriggerDetail: callerARN(ctx),
			},
			sources: s.revised(a, in.ActionRevision),
		})
		e.Announced = map[string]*cp.ActionRevision{*a.Name: in.ActionRevision}
		out.NewRevision, out.PipelineExecutionId = new(true), e.PipelineExecutionId
		_, err = tx.Exec(ctx, insertRevision, *in.PipelineName, *a.Name, *in.ActionRevision.RevisionChangeId,
			*e.PipelineExecutionId)
		return effects, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

const insertRevision = `INSERT INTO pipeline_revisions (pipeline, action, change_id, execution)
	VALUES ($1, $2, $3, $4)`

// startedBy is the execution that a change has started before; "" for a new change.
func startedBy(ctx context.Context, q store.Queryer, in *cp.PutActionRevisionInput) (id string, err error) {
	_, err = store.Find(ctx, q, []any{&id},
		`SELECT execution FROM pipeline_revisions WHERE pipeline = $1 AND action = $2 AND change_id = $3`,
		*in.PipelineName, *in.ActionName, *in.ActionRevision.RevisionChangeId)
	return id, err
}

// revisedAction is the source action that a revision is for.
func revisedAction(d *cp.PipelineDeclaration, in *cp.PutActionRevisionInput) (*cp.ActionDeclaration, error) {
	i, err := stageOf(d, *in.StageName)
	if err != nil {
		return nil, err
	}
	for j := range d.Stages[i].Actions {
		a := &d.Stages[i].Actions[j]
		switch {
		case *a.Name != *in.ActionName:
		case a.ActionTypeId.Category != cp.ActionCategorySource:
			return nil, &cp.ValidationException{
				Message: fmt.Sprintf("The action '%s' is no source, so that no revision can be put to it", *a.Name),
			}
		default:
			return a, nil
		}
	}
	return nil, &cp.ActionNotFoundException{
		Message: fmt.Sprintf("The stage '%s' has no action '%s'", *in.StageName, *in.ActionName),
	}
}

// revised asks a source for a revision, if it can be asked for one.
func (s *Service) revised(a *cp.ActionDeclaration, r *cp.ActionRevision) []cp.SourceRevisionOverride {
	for _, kind := range []cp.SourceRevisionType{
		cp.SourceRevisionTypeCommitId,
		cp.SourceRevisionTypeImageDigest,
		cp.SourceRevisionTypeS3ObjectVersionId,
	} {
		o := cp.SourceRevisionOverride{ActionName: a.Name, RevisionType: kind, RevisionValue: r.RevisionId}
		if s.registry.checkOverride(a, o) == nil {
			return []cp.SourceRevisionOverride{o}
		}
	}
	return nil
}

// forgetRevisions forgets the changes that PutActionRevision has started an execution by.
func forgetRevisions(ctx context.Context, tx store.Tx, pipeline string, e *engine.Execution) error {
	for action, r := range e.Announced {
		if _, err := tx.Exec(ctx, `DELETE FROM pipeline_revisions WHERE pipeline = $1 AND action = $2
			AND change_id = $3`, pipeline, action, *r.RevisionChangeId); err != nil {
			return err
		}
	}
	return nil
}
