package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// watch is something that starts a pipeline when it changes.
type watch struct{ kind, place, action string }

// Kinds of watches.
const (
	branchWatch = "branch"
	objectWatch = "object"
)

// watches tells what starts a pipeline. PollForSourceChanges says at AWS who notices a change, the pipeline or an
// EventBridge rule beside it; here the pipeline notices either way.
func watches(d *cp.PipelineDeclaration) []watch {
	var all []watch
	for i := range d.Stages[0].Actions {
		a := &d.Stages[0].Actions[i]
		c := a.Configuration
		switch *a.ActionTypeId.Provider {
		case "CodeCommit":
			all = append(all, watch{branchWatch, c["RepositoryName"] + " refs/heads/" + c["BranchName"], *a.Name})
		case "S3":
			all = append(all, watch{objectWatch, c["S3Bucket"] + "/" + c["S3ObjectKey"], *a.Name})
		}
	}
	return all
}

// watcher is a source action that a change concerns.
type watcher struct{ pipeline, action string }

func watchersOf(ctx context.Context, q store.Queryer, kind, place string) ([]watcher, error) {
	return store.All(ctx, q, func(r *sql.Rows) (w watcher, err error) { return w, r.Scan(&w.pipeline, &w.action) },
		`SELECT pipeline, action FROM pipeline_watches WHERE kind = $1 AND place = $2 ORDER BY pipeline, action`, kind,
		place)
}

// push is the event of a branch that moved.
type push struct {
	Repository string `json:"repository"`
	Ref        string `json:"ref"`
	New        string `json:"new"`
}

// pushed starts the pipelines that watch a branch: with the end of the event, so exactly once.
func (s *Service) pushed(ctx context.Context, _ string, p push) error {
	if p.New == "" || !strings.HasPrefix(p.Ref, "refs/heads/") {
		return nil
	}
	return s.triggered(ctx, branchWatch, p.Repository+" "+p.Ref)
}

// triggered starts every pipeline that watches a place, all in one transaction with the end of what told of the change.
func (s *Service) triggered(ctx context.Context, kind, place string) error {
	trigger := cp.ExecutionTrigger{TriggerType: cp.TriggerTypePollForSourceChanges}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		ws, err := watchersOf(ctx, tx, kind, place)
		if err != nil {
			return err
		}
		before := ""
		for _, w := range ws {
			if w.pipeline == before {
				continue // two of its sources are the same
			}
			before = w.pipeline
			r, err := load(ctx, tx, w.pipeline)
			if err != nil {
				return err
			}
			t := trigger
			t.TriggerDetail = &w.action
			_, effects := s.start(r, begin{trigger: t})
			if err := s.save(ctx, tx, w.pipeline, r, effects); err != nil {
				return err
			}
		}
		return store.End(ctx, tx)
	})
	if errors.Is(err, store.ErrJobGone) {
		return nil // another server told it
	}
	return err
}

// ObjectCreated tells, with the writes of tx, that an object was written: pipelines may have it as their source.
func (s *Service) ObjectCreated(ctx context.Context, tx store.Tx, o object.Object) error {
	place := o.Bucket + "/" + o.Key
	ws, err := watchersOf(ctx, tx, objectWatch, place)
	if err != nil || len(ws) == 0 {
		return err
	}
	return tx.Enqueue(ctx, store.Job{Kind: objectJob, Key: place + "?" + o.Version, Payload: place})
}

func (s *Service) objectCreated(ctx context.Context, j store.Running) (store.Outcome, error) {
	var place string
	if err := j.Decode(&place); err != nil {
		return store.Undecodable(err), nil
	}
	return store.Done, s.triggered(ctx, objectWatch, place)
}

// revision is what an execution's source was.
func revised(e *engine.Execution, run *engine.Run, rev cp.SourceRevision, artifact cp.ArtifactRevision) {
	for i, r := range e.Revisions {
		if *r.ActionName == *run.ActionName {
			e.Revisions[i], e.ArtifactRevisions[i] = rev, artifact // a retried source
			return
		}
	}
	e.Revisions = append(e.Revisions, rev)
	e.ArtifactRevisions = append(e.ArtifactRevisions, artifact)
}
