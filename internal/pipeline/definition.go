package pipeline

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/pipeline/gittrigger"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// maxPipelines is the quota of pipelines in a region ("Quotas in CodePipeline").
const maxPipelines = 1000

// structure checks a definition and words the first problem as CodePipeline does.
func (s *Service) structure(d *cp.PipelineDeclaration) error {
	types := s.registry.catalogue()
	problems := pipelinefile.Check(d, types)
	if len(problems) == 0 {
		if wrong := gittrigger.Problem(d); wrong != "" {
			return &cp.InvalidStructureException{Message: wrong}
		}
		return unregistered(d, types)
	}
	p := problems[0]
	switch p.Kind {
	case pipelinefile.Stage:
		return &cp.InvalidStageDeclarationException{Message: p.Message}
	case pipelinefile.Action:
		return &cp.InvalidActionDeclarationException{Message: p.Message}
	}
	return &cp.InvalidStructureException{Message: p.Message}
}

// unregistered refuses an action of a type that is in no catalogue: neither AWS's, nor a provider's own, nor one of
// CreateCustomActionType.
func unregistered(d *cp.PipelineDeclaration, types pipelinefile.Catalogue) error {
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			a := &d.Stages[i].Actions[j]
			if types.Find(a.ActionTypeId) == nil {
				return &cp.InvalidActionDeclarationException{Message: pipelinefile.NotAvailable(a)}
			}
		}
	}
	return nil
}

// CreatePipeline implements codepipeline:CreatePipeline. A new pipeline starts at once.
func (s *Service) CreatePipeline(ctx context.Context, in *cp.CreatePipelineInput) (*cp.CreatePipelineOutput, error) {
	d := *in.Pipeline
	if err := s.structure(&d); err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, &d); err != nil {
		return nil, err
	}
	d.Version = new(int32(1))
	defaults(&d)
	name := *d.Name
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if err := mayCreate(ctx, tx, name); err != nil {
			return err
		}
		kept, now := s.sealed(&d, nil), s.Now().UnixMilli()
		if _, err := tx.Exec(ctx, insertPipeline, name, store.JSON(kept), now); err != nil {
			return err
		}
		if err := s.define(ctx, tx, kept); err != nil {
			return err
		}
		if err := setTags(ctx, tx, pipelineTags, name, in.Tags); err != nil {
			return err
		}
		r, err := load(ctx, tx, name)
		if err != nil {
			return err
		}
		_, effects := s.start(r, cause{trigger: cp.ExecutionTrigger{
			TriggerType:   cp.TriggerTypeCreatePipeline,
			TriggerDetail: callerARN(ctx),
		}})
		return s.save(ctx, tx, name, r, effects)
	})
	if err != nil {
		return nil, err
	}
	return &cp.CreatePipelineOutput{Pipeline: s.masked(&d), Tags: in.Tags}, nil
}

const insertPipeline = `INSERT INTO pipelines (name, doc, stages, sequence, created, updated)
	VALUES ($1, $2, '{}', 0, $3, $3)`

// mayCreate refuses a name that is in use, and one pipeline more than an account may have.
func mayCreate(ctx context.Context, tx store.Tx, name string) error {
	var n int64
	used, err := store.Find(ctx, tx, []any{&n}, `SELECT 1 FROM pipelines WHERE name = $1`, name)
	if err != nil {
		return err
	}
	if used {
		return &cp.PipelineNameInUseException{Message: "A pipeline with the name '" + name + "' already exists"}
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM pipelines`).Scan(&n); err != nil {
		return err
	}
	if n >= maxPipelines {
		return &cp.LimitExceededException{
			Message: fmt.Sprintf("This account has %d pipelines already, the most that it may have", maxPipelines),
		}
	}
	return nil
}

func callerARN(ctx context.Context) *string {
	if arn := awsproto.CallerOf(ctx).ARN; arn != "" {
		return &arn
	}
	return nil
}

func defaults(d *cp.PipelineDeclaration) {
	if d.PipelineType == "" {
		d.PipelineType = cp.PipelineTypeV1
	}
	if d.ExecutionMode == "" {
		d.ExecutionMode = cp.ExecutionModeSuperseded
	}
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			if a := &d.Stages[i].Actions[j]; a.RunOrder == nil {
				a.RunOrder = new(int32(1))
			}
		}
	}
}

const insertVersion = `INSERT INTO pipeline_versions (pipeline, version, doc) VALUES ($1, $2, $3)`

// define records a version of a pipeline and what starts it.
func (s *Service) define(ctx context.Context, tx store.Tx, d *cp.PipelineDeclaration) error {
	if _, err := tx.Exec(ctx, insertVersion, *d.Name, int64(*d.Version), store.JSON(d)); err != nil {
		return err
	}
	return s.watch(ctx, tx, d)
}

// GetPipeline implements codepipeline:GetPipeline, for any version.
func (s *Service) GetPipeline(ctx context.Context, in *cp.GetPipelineInput) (*cp.GetPipelineOutput, error) {
	r, err := load(ctx, s.db, *in.Name)
	if err != nil {
		return nil, err
	}
	d := r.Declaration
	if in.Version != nil && *in.Version != *d.Version {
		if d, err = s.version(ctx, *in.Name, *in.Version); err != nil {
			return nil, err
		}
	}
	return &cp.GetPipelineOutput{Pipeline: s.masked(d), Metadata: &cp.PipelineMetadata{
		PipelineArn: new(s.arn(*in.Name)),
		Created:     awsproto.At(time.UnixMilli(r.created)),
		Updated:     awsproto.At(time.UnixMilli(r.updated)),
	}}, nil
}

// Definition is what a pipeline is now, with its secrets masked.
func (s *Service) Definition(ctx context.Context, q store.Queryer, name string) (*cp.PipelineDeclaration, error) {
	d, err := store.Document[cp.PipelineDeclaration](ctx, q, `SELECT doc FROM pipelines WHERE name = $1`, name)
	switch {
	case err != nil:
		return nil, err
	case d == nil:
		return nil, notFound(name)
	}
	return s.masked(d), nil
}

// version reads a former version of a pipeline.
func (s *Service) version(ctx context.Context, name string, version int32) (*cp.PipelineDeclaration, error) {
	d, err := store.Document[cp.PipelineDeclaration](ctx, s.db,
		`SELECT doc FROM pipeline_versions WHERE pipeline = $1 AND version = $2`, name, int64(version))
	if err == nil && d == nil {
		err = &cp.PipelineVersionNotFoundException{
			Message: fmt.Sprintf("The pipeline '%s' has no version %d", name, version),
		}
	}
	return d, err
}

// UpdatePipeline implements codepipeline:UpdatePipeline. The version grows by one, and executions that have not ended
// go on by the new definition. A definition that differs in nothing stays the version that it is, which clients rely on
// that send what should be there, such as Ansible's module.
func (s *Service) UpdatePipeline(ctx context.Context, in *cp.UpdatePipelineInput) (*cp.UpdatePipelineOutput, error) {
	d := *in.Pipeline
	if err := s.structure(&d); err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, &d); err != nil {
		return nil, err
	}
	defaults(&d)
	err := s.change(ctx, *d.Name, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		d.Version = r.Declaration.Version
		kept := s.sealed(&d, r.Declaration)
		if unchanged, err := same(kept, r.Declaration); unchanged || err != nil {
			return nil, err
		}
		d.Version = new(*r.Declaration.Version + 1)
		kept.Version = d.Version
		r.Declaration, r.updated = kept, s.Now().UnixMilli()
		if err := s.define(ctx, tx, kept); err != nil {
			return nil, err
		}
		return engine.Reconcile(&r.Pipeline, s.world()), nil
	})
	if missing, ok := errors.AsType[*cp.PipelineNotFoundException](err); ok {
		// UpdatePipeline has no PipelineNotFoundException
		return nil, &cp.InvalidStructureException{Message: missing.Message}
	}
	if err != nil {
		return nil, err
	}
	return &cp.UpdatePipelineOutput{Pipeline: s.masked(&d)}, nil
}

// same reports whether two definitions are stored as the same text.
func same(a, b *cp.PipelineDeclaration) (bool, error) {
	one, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	other, err := json.Marshal(b)
	return bytes.Equal(one, other), err
}

// tablesOfPipelines are those whose rows belong to a pipeline.
var tablesOfPipelines = []string{
	"pipeline_waits",
	"pipeline_rule_waits",
	"pipeline_jobs",
	"pipeline_jenkins_builds",
	"pipeline_watches",
	"pipeline_revisions",
	"pipeline_deploys",
	"pipeline_executions",
	"pipeline_tags",
	"pipeline_versions",
}

// DeletePipeline implements codepipeline:DeletePipeline. A name that is not there is no error. What its actions started
// goes on by itself. Its webhooks end with it: they would start the next pipeline of its name.
func (s *Service) DeletePipeline(ctx context.Context, in *cp.DeletePipelineInput) (*cp.DeletePipelineOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if err := DeleteWebhooks(ctx, tx, `pipeline = $1`, *in.Name); err != nil {
			return err
		}
		for _, table := range tablesOfPipelines {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE pipeline = $1`, *in.Name); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `DELETE FROM pipelines WHERE name = $1`, *in.Name)
		s.Hints.Changed(tx, "pipeline/"+*in.Name, "pipelines")
		return err
	})
}

const pipelinesAPage = 1000

const selectSummaries = `SELECT doc, created, updated FROM pipelines WHERE name > $1 ORDER BY name LIMIT $2`

func scanSummary(rows *sql.Rows) (cp.PipelineSummary, error) {
	var d cp.PipelineDeclaration
	var created, updated int64
	err := rows.Scan(store.JSON(&d), &created, &updated)
	return cp.PipelineSummary{
		Name:          d.Name,
		Version:       d.Version,
		PipelineType:  d.PipelineType,
		ExecutionMode: d.ExecutionMode,
		Created:       awsproto.At(time.UnixMilli(created)),
		Updated:       awsproto.At(time.UnixMilli(updated)),
	}, err
}

// ListPipelines implements codepipeline:ListPipelines, by name.
func (s *Service) ListPipelines(ctx context.Context, in *cp.ListPipelinesInput) (*cp.ListPipelinesOutput, error) {
	after := ""
	if !s.Pager.Place("ListPipelines", nil, in.NextToken, &after) {
		return nil, invalidToken()
	}
	limit := pipelinesAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	all, err := store.All(ctx, s.db, scanSummary, selectSummaries, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &cp.ListPipelinesOutput{Pipelines: append([]cp.PipelineSummary{}, all...)}
	if len(all) > limit {
		out.Pipelines = all[:limit]
		out.NextToken = s.Pager.Token("ListPipelines", nil, *all[limit-1].Name)
	}
	return out, nil
}

func invalidToken() error {
	return &cp.InvalidNextTokenException{Message: "The next token is not valid: it was not made for this list"}
}

// stageOf finds a stage of a definition by its name, or returns StageNotFoundException.
func stageOf(d *cp.PipelineDeclaration, name string) (int, error) {
	var names []string
	for i := range d.Stages {
		if *d.Stages[i].Name == name {
			return i, nil
		}
		names = append(names, *d.Stages[i].Name)
	}
	return 0, &cp.StageNotFoundException{
		Message: fmt.Sprintf("The pipeline '%s' has no stage '%s'; it has %s",
			*d.Name, name, strings.Join(names, ", ")),
	}
}
