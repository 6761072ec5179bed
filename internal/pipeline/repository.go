package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/forge"
	"slipway/internal/pipeline/engine"
	"slipway/internal/pipeline/gittrigger"
	"slipway/internal/store"
)

// connected is the kind of place that a repository of a connection is.
const connected = "connection"

// ConnectedRepository is the place that changes of a repository of a connection change.
func ConnectedRepository(arn, repository string) Place {
	return Place{Kind: connected, Name: arn + " " + repository}
}

// TriggerDetail is the trigger detail of an execution that an event of a forge started, as JSON.
type TriggerDetail struct {
	ConnectionARN string `json:"connectionArn"`
	Repository    string `json:"fullRepositoryId"`
	Event         string `json:"event"`
	Ref           string `json:"ref"`
	CommitID      string `json:"commitId"`
	PullRequest   string `json:"pullRequestId,omitempty"`
	Destination   string `json:"destinationBranchName,omitempty"`
	Actor         string `json:"actor,omitempty"`
}

// Connected is a repository of a connection that pipelines watch.
type Connected struct {
	ARN, Repository string
	Pipelines       []string
}

// connectedWatch is a source action that takes from a repository of a connection.
type connectedWatch struct {
	Connected
	watcher watcher
}

// ConnectedRepositories are the repositories of connections that pipelines watch.
func (s *Service) ConnectedRepositories(ctx context.Context) ([]Connected, error) {
	type row struct{ place, pipeline string }
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.place, &x.pipeline) },
		`SELECT place, pipeline FROM pipeline_watches WHERE kind = $1 ORDER BY place, pipeline`, connected)
	if err != nil {
		return nil, err
	}
	var all []Connected
	for _, x := range rows {
		arn, repository, _ := strings.Cut(x.place, " ")
		last := len(all) - 1
		if last < 0 || all[last].ARN != arn || all[last].Repository != repository {
			all, last = append(all, Connected{ARN: arn, Repository: repository}), last+1
		}
		if !slices.Contains(all[last].Pipelines, x.pipeline) {
			all[last].Pipelines = append(all[last].Pipelines, x.pipeline)
		}
	}
	return all, nil
}

// Happening is an event of a repository of a connection.
type Happening struct {
	Connection string // its ID
	Event      *forge.Event
	// Files lists what the event changed.
	Files func(ctx context.Context) ([]string, error)
	// Note writes which pipelines were started and which not, with the writes of tx.
	Note func(ctx context.Context, tx store.Tx, all []slipway.DeliveredPipeline) error
}

// decided is what was decided for a pipeline.
type decided struct {
	pipeline, arn string
	starts        bool
	why           []string
	actions       []string // that take the event's commit
}

// RepositoryChanged starts the pipelines whose triggers let an event through, each once, and notes which, in one
// transaction. Called by a job, it ends the job with what it writes.
func (s *Service) RepositoryChanged(ctx context.Context, h Happening) error {
	all, err := s.decide(ctx, h)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		noted := make([]slipway.DeliveredPipeline, 0, len(all))
		for _, d := range all {
			n, err := s.happen(ctx, tx, h, d)
			if err != nil {
				return err
			}
			noted = append(noted, n)
		}
		if err := h.Note(ctx, tx, noted); err != nil {
			return err
		}
		return store.End(ctx, tx)
	})
	if errors.Is(err, store.ErrJobGone) {
		return nil // another server told it
	}
	return err
}

const selectConnected = `SELECT place, pipeline, action FROM pipeline_watches WHERE kind = $1 ORDER BY pipeline, action`

// watching are the source actions that take from a repository of a connection. The connection's ARN may have either
// name of its service.
func (s *Service) watching(ctx context.Context, h Happening) ([]connectedWatch, error) {
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (w connectedWatch, err error) {
		var place string
		err = r.Scan(&place, &w.watcher.pipeline, &w.watcher.action)
		w.ARN, w.Repository, _ = strings.Cut(place, " ")
		return w, err
	}, selectConnected, connected)
	return slices.DeleteFunc(all, func(w connectedWatch) bool {
		return !strings.HasSuffix(w.ARN, ":connection/"+h.Connection) ||
			!strings.EqualFold(w.Repository, h.Event.Repository.Name)
	}), err
}

// decide decides for each pipeline that watches the repository.
func (s *Service) decide(ctx context.Context, h Happening) (all []*decided, err error) {
	watching, err := s.watching(ctx, h)
	if err != nil {
		return nil, err
	}
	var known []string
	var asked bool
	files := func() ([]string, error) {
		if !asked {
			if known, err = h.Files(ctx); err != nil {
				return nil, err
			}
			asked = true
		}
		return known, nil
	}
	for _, w := range watching {
		d, a, err := s.source(ctx, w)
		if err != nil {
			return nil, err
		}
		if a == nil {
			continue // it was changed meanwhile
		}
		v, err := gittrigger.Decide(d, a, h.Event, files)
		if failed, ok := errors.AsType[*forge.RemoteError](err); ok && failed.Refused {
			v, err = gittrigger.Verdict{Why: "What the event changed cannot be known: " + failed.Message}, nil
		}
		if err != nil {
			return nil, err
		}
		if n := len(all); n == 0 || all[n-1].pipeline != w.watcher.pipeline {
			all = append(all, &decided{pipeline: w.watcher.pipeline, arn: w.ARN})
		}
		of := all[len(all)-1]
		of.starts, of.why = of.starts || v.Starts, append(of.why, v.Why)
		if v.Starts {
			of.actions = append(of.actions, *a.Name)
		}
	}
	return all, nil
}

// source is the definition of a pipeline that watches, and the action; nil if it is not there any more.
func (s *Service) source(ctx context.Context,
	w connectedWatch) (*cp.PipelineDeclaration, *cp.ActionDeclaration, error) {
	d, err := store.Document[cp.PipelineDeclaration](ctx, s.db, `SELECT doc FROM pipelines WHERE name = $1`,
		w.watcher.pipeline)
	if err != nil || d == nil {
		return nil, nil, err
	}
	for i := range d.Stages[0].Actions {
		if a := &d.Stages[0].Actions[i]; *a.Name == w.watcher.action {
			return d, a, nil
		}
	}
	return nil, nil, nil
}

// happen starts a pipeline if that was decided, and says what was done.
func (s *Service) happen(ctx context.Context, tx store.Tx, h Happening, d *decided) (slipway.DeliveredPipeline, error) {
	noted := slipway.DeliveredPipeline{PipelineName: &d.pipeline, Reason: new(strings.Join(d.why, " "))}
	if !d.starts {
		return noted, nil
	}
	r, err := load(ctx, tx, d.pipeline)
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone {
		noted.Reason = new("The pipeline was deleted meanwhile.")
		return noted, nil
	}
	if err != nil {
		return noted, err
	}
	e := h.Event
	detail, err := json.Marshal(TriggerDetail{
		ConnectionARN: d.arn,
		Repository:    e.Repository.Name,
		Event:         e.Word(),
		Ref:           e.Ref,
		CommitID:      e.After,
		PullRequest:   e.Number,
		Destination:   strings.TrimPrefix(e.Base, forge.BranchPrefix),
		Actor:         e.Actor,
	})
	if err != nil {
		return noted, err
	}
	by := cause{trigger: cp.ExecutionTrigger{TriggerType: cp.TriggerTypeWebhookV2, TriggerDetail: new(string(detail))}}
	for _, action := range d.actions {
		by.sources = append(by.sources, cp.SourceRevisionOverride{
			ActionName:    &action,
			RevisionType:  cp.SourceRevisionTypeCommitId,
			RevisionValue: &e.After,
		})
	}
	started, effects := s.start(r, by)
	noted.PipelineExecutionId = started.PipelineExecutionId
	return noted, s.save(ctx, tx, d.pipeline, r, effects)
}

// SourceState is what an execution has come to, for a commit that it took over a connection.
type SourceState struct {
	Action, ARN, Repository, Commit string
	Status                          cp.PipelineExecutionStatus
}

// SourceStates are the commits that an execution took over connections.
func (s *Service) SourceStates(ctx context.Context, pipeline, id string) (all []SourceState, err error) {
	e, err := executionOf(ctx, s.db, pipeline, id)
	if _, gone := errors.AsType[*cp.PipelineExecutionNotFoundException](err); gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return statesOf(e), nil
}

func statesOf(e *engine.Execution) (all []SourceState) {
	for _, r := range e.Revisions {
		for _, run := range e.Runs {
			if run.Action == nil || run.Action.ActionTypeId == nil || r.ActionName == nil || r.RevisionId == nil ||
				*run.ActionName != *r.ActionName || *run.Action.ActionTypeId.Provider != "CodeStarSourceConnection" {
				continue
			}
			c := run.Input.ResolvedConfiguration
			all = append(all, SourceState{*r.ActionName, c["ConnectionArn"], c["FullRepositoryId"],
				awsproto.Value(r.RevisionId), e.Status})
			break
		}
	}
	return all
}
