package pipeline

import (
	"context"
	"encoding/json"
	"slices"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

const boardAPage = 100

// boardAfter is where a board goes on: after a pipeline.
type boardAfter struct {
	Place int64
	Name  string
}

// GetBoard implements slipway:GetBoard. Pipelines that failed come first, then those that wait for a person, those that
// run, and those at rest; each group is ordered by name. Each pipeline has its definition, what the providers say of
// its actions, the state of its stages as GetPipelineState shows it and, by ID, the executions that the state names.
// It takes three queries, however many pipelines there are.
func (s *Service) GetBoard(ctx context.Context, in *slipway.GetBoardInput) (*slipway.GetBoardOutput, error) {
	var after boardAfter
	if !s.Pager.Place("GetBoard", nil, in.NextToken, &after) {
		return nil, &slipway.InvalidNextTokenException{
			Message: "The next token is not valid: it was not made for this list",
		}
	}
	limit := boardAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	rows, err := s.boardRows(ctx, in.PipelineName, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetBoardOutput{Pipelines: []slipway.BoardPipeline{}}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		out.NextToken = s.Pager.Token("GetBoard", nil, boardAfter{last.place, *last.Declaration.Name})
	}
	rows = slices.DeleteFunc(rows, func(r *row) bool { return !s.shows(ctx, *r.Declaration.Name) })
	if err := s.boardExecutions(ctx, rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		p, err := s.boardPipeline(r)
		if err != nil {
			return nil, err
		}
		out.Pipelines = append(out.Pipelines, p)
	}
	return out, nil
}

const selectBoard = `SELECT doc, stages, sequence, created, updated, attention FROM pipelines
	WHERE attention > $1 OR attention = $1 AND name > $2 ORDER BY attention, name LIMIT $3`

// boardRows reads a page of pipelines, or the one that is named.
func (s *Service) boardRows(ctx context.Context, name *string, after boardAfter, limit int) ([]*row, error) {
	if name != nil {
		r, err := load(ctx, s.db, *name)
		return []*row{r}, err
	}
	rows, err := s.db.Query(ctx, selectBoard, after.Place, after.Name, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*row
	for rows.Next() {
		r := newRow()
		if err := rows.Scan(append(r.fields(), &r.place)...); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// boardExecutions reads the executions in flight of all pipelines, and those that their stages name.
func (s *Service) boardExecutions(ctx context.Context, rows []*row) error {
	byName := map[string]*row{}
	var names, ids []string
	for _, r := range rows {
		byName[*r.Declaration.Name] = r
		names = append(names, *r.Declaration.Name)
		ids = append(ids, r.named()...)
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
	for _, q := range []struct {
		where  string
		values []string
	}{{"live = 1 AND pipeline", names}, {"id", ids}} {
		for chunk := range slices.Chunk(q.values, 500) {
			if err := s.boardChunk(ctx, byName, q.where, chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) boardChunk(ctx context.Context, byName map[string]*row, where string, values []string) error {
	query := `SELECT doc FROM pipeline_executions WHERE ` + where + ` IN ` + store.In(1, len(values))
	es, err := store.Documents[engine.Execution](ctx, s.db, query, store.Args(values)...)
	for _, e := range es {
		if r := byName[*e.PipelineName]; r != nil {
			r.Executions[*e.PipelineExecutionId] = e
		}
	}
	return err
}

// named are the executions that a pipeline's stages name.
func (r *row) named() []string {
	var ids []string
	for _, stage := range r.Stages {
		ids = append(append(append(ids, stage.Latest), stage.Inbound...), stage.Holders...)
		for _, e := range stage.Actions {
			ids = append(ids, e)
		}
	}
	return ids
}

func (s *Service) boardPipeline(r *row) (slipway.BoardPipeline, error) {
	summaries := map[string]codepipeline.PipelineExecutionSummary{}
	for id, e := range r.Executions {
		summaries[id] = summary(e)
	}
	p := slipway.BoardPipeline{Name: r.Declaration.Name, Actions: s.describedActions(r.Declaration)}
	for _, part := range []struct {
		into *json.RawMessage
		from any
	}{{&p.Pipeline, s.masked(r.Declaration)}, {&p.State, s.state(r)}, {&p.Executions, summaries}} {
		text, err := json.Marshal(part.from)
		if err != nil {
			return p, err
		}
		*part.into = text
	}
	return p, nil
}

// describedActions are the actions of a definition as their providers describe them.
func (s *Service) describedActions(d *codepipeline.PipelineDeclaration) []slipway.DescribedAction {
	var all []slipway.DescribedAction
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			a := &d.Stages[i].Actions[j]
			told := s.registry.describe(a)
			all = append(all, slipway.DescribedAction{
				StageName:           d.Stages[i].Name,
				ActionName:          a.Name,
				What:                &told.What,
				RepositoryName:      given(told.Repository),
				ApplicationName:     given(told.Application),
				DeploymentGroupName: given(told.Group),
			})
		}
	}
	return all
}
