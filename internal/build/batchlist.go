package build

import (
	"context"
	"database/sql"
	"fmt"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// ListBuildBatches implements codebuild:ListBuildBatches, the newest first unless asked otherwise.
func (s *Service) ListBuildBatches(ctx context.Context,
	in *cb.ListBuildBatchesInput) (*cb.ListBuildBatchesOutput, error) {
	ids, next, err := s.listBatches(ctx, "ListBuildBatches", "", in.Filter, in.SortOrder, in.MaxResults, in.NextToken)
	return &cb.ListBuildBatchesOutput{Ids: ids, NextToken: next}, err
}

// ListBuildBatchesForProject implements codebuild:ListBuildBatchesForProject.
func (s *Service) ListBuildBatchesForProject(ctx context.Context,
	in *cb.ListBuildBatchesForProjectInput) (*cb.ListBuildBatchesForProjectOutput, error) {
	project := ""
	if in.ProjectName != nil {
		p, err := s.project(ctx, s.db, *in.ProjectName)
		if err != nil {
			return nil, err
		}
		project = *p.Name
	}
	ids, next, err := s.listBatches(ctx, "ListBuildBatchesForProject", project, in.Filter, in.SortOrder, in.MaxResults,
		in.NextToken)
	return &cb.ListBuildBatchesForProjectOutput{Ids: ids, NextToken: next}, err
}

func (s *Service) listBatches(ctx context.Context, op, project string, only *cb.BuildBatchFilter,
	order cb.SortOrderType, most *int32, token *string) ([]string, *string, error) {
	page := aPage
	if n := awsproto.Value(most); n > 0 {
		page = min(page, int(n))
	}
	status := ""
	if only != nil {
		status = string(only.Status)
	}
	filter := []string{project, status, string(order)}
	direction, sign, from := "DESC", "<", int64(1)<<62
	if order == cb.SortOrderTypeAscending {
		direction, sign, from = "ASC", ">", 0
	}
	if !s.Pager.Place(op, filter, token, &from) {
		return nil, nil, badToken()
	}
	where, args := "", []any{from, page + 1}
	for _, c := range []struct{ column, value string }{{"project", project}, {"status", status}} {
		if c.value != "" {
			args = append(args, c.value)
			where += fmt.Sprintf("%s = $%d AND ", c.column, len(args))
		}
	}
	type item struct {
		id  string
		seq int64
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (i item, err error) { return i, r.Scan(&i.id, &i.seq) },
		`SELECT id, seq FROM batches WHERE `+where+`seq `+sign+` $1 ORDER BY seq `+direction+` LIMIT $2`, args...)
	if err != nil {
		return nil, nil, err
	}
	var next *string
	if len(all) > page {
		all = all[:page]
		next = s.Pager.Token(op, filter, all[page-1].seq)
	}
	ids := []string{}
	for _, i := range all {
		ids = append(ids, i.id)
	}
	return ids, next, nil
}
