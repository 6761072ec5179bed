package build

import (
	"context"
	"database/sql"
	"fmt"

	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

const aPage = 100 // names or IDs on a page of a list

func badToken() error { return invalid("The nextToken is not valid for this list.") }

// place is where a list of projects goes on.
type place struct {
	Key  int64  `json:"k,omitzero"`
	Name string `json:"n"`
}

// ListProjects implements codebuild:ListProjects.
func (s *Service) ListProjects(ctx context.Context, in *cb.ListProjectsInput) (*cb.ListProjectsOutput, error) {
	filter := []string{string(in.SortBy), string(in.SortOrder)}
	var from *place
	if !s.Pager.Place("ListProjects", filter, in.NextToken, &from) {
		return nil, badToken()
	}
	column := map[cb.ProjectSortByType]string{cb.ProjectSortByTypeCreatedTime: "created",
		cb.ProjectSortByTypeLastModifiedTime: "modified"}[in.SortBy]
	if column == "" {
		column = "0"
	}
	direction, sign := "ASC", ">"
	if in.SortOrder == cb.SortOrderTypeDescending {
		direction, sign = "DESC", "<"
	}
	where, args := "", []any{aPage + 1}
	if from != nil {
		where = fmt.Sprintf(`WHERE %[1]s %[2]s $2 OR %[1]s = $2 AND name %[2]s $3`, column, sign)
		args = append(args, from.Key, from.Name)
	}
	order := fmt.Sprintf("%s %s, name %s", column, direction, direction)
	if column == "0" {
		order = "name " + direction
		if from != nil {
			where, args = `WHERE name `+sign+` $2`, []any{aPage + 1, from.Name}
		}
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (p place, err error) { return p, r.Scan(&p.Key, &p.Name) },
		`SELECT `+column+`, name FROM projects `+where+` ORDER BY `+order+` LIMIT $1`, args...)
	if err != nil {
		return nil, err
	}
	out := &cb.ListProjectsOutput{Projects: []string{}}
	if len(all) > aPage {
		all = all[:aPage]
		out.NextToken = s.Pager.Token("ListProjects", filter, all[aPage-1])
	}
	for _, p := range all {
		out.Projects = append(out.Projects, p.Name)
	}
	return out, nil
}

// ListBuilds implements codebuild:ListBuilds, the newest first unless asked otherwise.
func (s *Service) ListBuilds(ctx context.Context, in *cb.ListBuildsInput) (*cb.ListBuildsOutput, error) {
	l := listing{operation: "ListBuilds", kind: kindBuild, order: in.SortOrder, limit: aPage}
	ids, next, err := s.ids(ctx, l, in.NextToken)
	return &cb.ListBuildsOutput{Ids: ids, NextToken: next}, err
}

// ListBuildsForProject implements codebuild:ListBuildsForProject.
func (s *Service) ListBuildsForProject(ctx context.Context,
	in *cb.ListBuildsForProjectInput) (*cb.ListBuildsForProjectOutput, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	l := listing{operation: "ListBuildsForProject", kind: kindBuild, project: *p.Name, order: in.SortOrder,
		limit: aPage}
	ids, next, err := s.ids(ctx, l, in.NextToken)
	return &cb.ListBuildsForProjectOutput{Ids: ids, NextToken: next}, err
}

// listing is a list of the IDs of builds, or of sandboxes.
type listing struct {
	operation, kind string
	project         string // "" for those of all projects
	order           cb.SortOrderType
	limit           int // IDs on a page
}

// ids returns a page of a list, the newest first unless asked otherwise, and the token of the next page.
func (s *Service) ids(ctx context.Context, l listing, token *string) ([]string, *string, error) {
	filter := []string{l.project, string(l.order)}
	direction, sign, from := "DESC", "<", int64(1)<<62
	if l.order == cb.SortOrderTypeAscending {
		direction, sign, from = "ASC", ">", 0
	}
	if !s.Pager.Place(l.operation, filter, token, &from) {
		return nil, nil, badToken()
	}
	where, args := "", []any{from, l.limit + 1, l.kind}
	if l.project != "" {
		where, args = "project = $4 AND ", append(args, l.project)
	}
	type item struct {
		id  string
		seq int64
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (i item, err error) { return i, r.Scan(&i.id, &i.seq) },
		`SELECT id, seq FROM builds WHERE `+where+`kind = $3 AND seq `+sign+` $1 ORDER BY seq `+direction+
			` LIMIT $2`, args...)
	if err != nil {
		return nil, nil, err
	}
	var next *string
	if len(all) > l.limit {
		all = all[:l.limit]
		next = s.Pager.Token(l.operation, filter, all[l.limit-1].seq)
	}
	ids := []string{}
	for _, i := range all {
		ids = append(ids, i.id)
	}
	return ids, next, nil
}
