package report

import (
	"context"
	"database/sql"
	"fmt"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

func group(ctx context.Context, q store.Queryer, arn string) (*cb.ReportGroup, error) {
	return store.Document[cb.ReportGroup](ctx, q, `SELECT doc FROM report_groups WHERE arn = $1`, arn)
}

// CreateReportGroup implements codebuild:CreateReportGroup.
func (s *Service) CreateReportGroup(ctx context.Context,
	in *cb.CreateReportGroupInput) (*cb.CreateReportGroupOutput, error) {
	if err := s.checkExport(in.ExportConfig); err != nil {
		return nil, err
	}
	g := s.newGroup(*in.Name, in.Type)
	g.ExportConfig, g.Tags = in.ExportConfig, in.Tags
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if old, err := group(ctx, tx, *g.Arn); err != nil || old != nil {
			if err == nil {
				err = &cb.ResourceAlreadyExistsException{Message: "Report group already exists: " + *g.Arn}
			}
			return err
		}
		return insertGroup(ctx, tx, g)
	})
	if err != nil {
		return nil, err
	}
	return &cb.CreateReportGroupOutput{ReportGroup: g}, nil
}

func (s *Service) newGroup(name string, kind cb.ReportType) *cb.ReportGroup {
	now := awsproto.At(s.Now())
	return &cb.ReportGroup{Arn: new(s.arn("report-group", name)), Name: &name, Type: kind,
		ExportConfig: &cb.ReportExportConfig{ExportConfigType: cb.ReportExportConfigTypeNoExport},
		Created:      now, LastModified: now, Status: cb.ReportGroupStatusTypeActive}
}

func insertGroup(ctx context.Context, tx store.Tx, g *cb.ReportGroup) error {
	_, err := tx.Exec(ctx, `INSERT INTO report_groups (arn, name, doc, created, modified) VALUES ($1, $2, $3, $4, $4)`,
		*g.Arn, *g.Name, store.JSON(g), g.Created.UnixMilli())
	return err
}

// UpdateReportGroup implements codebuild:UpdateReportGroup.
func (s *Service) UpdateReportGroup(ctx context.Context,
	in *cb.UpdateReportGroupInput) (*cb.UpdateReportGroupOutput, error) {
	if err := s.checkExport(in.ExportConfig); err != nil {
		return nil, err
	}
	var g *cb.ReportGroup
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if g, err = s.find(ctx, tx, *in.Arn); err != nil {
			return err
		}
		if in.ExportConfig != nil {
			g.ExportConfig = in.ExportConfig
		}
		if in.Tags != nil {
			g.Tags = in.Tags
		}
		g.LastModified = awsproto.At(s.Now())
		_, err = tx.Exec(ctx, `UPDATE report_groups SET doc = $2, modified = $3 WHERE arn = $1`, *g.Arn, store.JSON(g),
			g.LastModified.UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.UpdateReportGroupOutput{ReportGroup: g}, nil
}

// find returns a group, or ResourceNotFoundException.
func (s *Service) find(ctx context.Context, q store.Queryer, arn string) (*cb.ReportGroup, error) {
	if err := s.checkARN("report-group", arn); err != nil {
		return nil, err
	}
	g, err := group(ctx, q, arn)
	if err == nil && g == nil {
		err = &cb.ResourceNotFoundException{Message: "Report group cannot be found: " + arn}
	}
	return g, err
}

// DeleteReportGroup implements codebuild:DeleteReportGroup; one that holds reports is deleted only with deleteReports.
func (s *Service) DeleteReportGroup(ctx context.Context,
	in *cb.DeleteReportGroupInput) (*cb.DeleteReportGroupOutput, error) {
	if err := s.checkARN("report-group", *in.Arn); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if in.DeleteReports == nil || !*in.DeleteReports {
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM reports WHERE grp = $1 LIMIT 1) r`,
				*in.Arn).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return invalid("The report group %s holds reports. Delete them first, or set deleteReports.", *in.Arn)
			}
		}
		if err := s.dropFiles(ctx, tx, `report IN (SELECT arn FROM reports WHERE grp = $1)`, *in.Arn); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM reports WHERE grp = $1`, *in.Arn); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM report_groups WHERE arn = $1`, *in.Arn)
		return err
	})
}

// BatchGetReportGroups implements codebuild:BatchGetReportGroups.
func (s *Service) BatchGetReportGroups(ctx context.Context,
	in *cb.BatchGetReportGroupsInput) (*cb.BatchGetReportGroupsOutput, error) {
	found, err := store.Documents[cb.ReportGroup](ctx, s.db,
		`SELECT doc FROM report_groups WHERE arn IN `+store.In(1, len(in.ReportGroupArns)),
		store.Args(in.ReportGroupArns)...)
	if err != nil {
		return nil, err
	}
	byARN := map[string]*cb.ReportGroup{}
	for _, g := range found {
		byARN[*g.Arn] = g
	}
	out := &cb.BatchGetReportGroupsOutput{ReportGroups: []cb.ReportGroup{}, ReportGroupsNotFound: []string{}}
	for _, arn := range in.ReportGroupArns {
		if g := byARN[arn]; g != nil {
			out.ReportGroups = append(out.ReportGroups, *g)
		} else {
			out.ReportGroupsNotFound = append(out.ReportGroupsNotFound, arn)
		}
	}
	return out, nil
}

// ListReportGroups implements codebuild:ListReportGroups, by name unless asked otherwise.
func (s *Service) ListReportGroups(ctx context.Context,
	in *cb.ListReportGroupsInput) (*cb.ListReportGroupsOutput, error) {
	type place struct {
		Key int64  `json:"k"`
		ARN string `json:"a"`
	}
	filter := []string{string(in.SortBy), string(in.SortOrder)}
	var from *place
	if !s.Pager.Place("ListReportGroups", filter, in.NextToken, &from) {
		return nil, badToken()
	}
	column := "0" // an ARN ends in the name
	switch in.SortBy {
	case cb.ReportGroupSortByTypeCreatedTime:
		column = "created"
	case cb.ReportGroupSortByTypeLastModifiedTime:
		column = "modified"
	}
	direction, sign := "ASC", ">"
	if in.SortOrder == cb.SortOrderTypeDescending {
		direction, sign = "DESC", "<"
	}
	where, args := "", []any{limit(in.MaxResults) + 1}
	if from != nil {
		where = fmt.Sprintf(`WHERE (k %[1]s $2 OR k = $2 AND arn %[1]s $3)`, sign)
		args = append(args, from.Key, from.ARN)
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (p place, err error) { return p, r.Scan(&p.Key, &p.ARN) },
		`SELECT k, arn FROM (SELECT `+column+` AS k, arn FROM report_groups) g `+where+` ORDER BY k `+direction+
			`, arn `+direction+` LIMIT $1`, args...)
	if err != nil {
		return nil, err
	}
	out := &cb.ListReportGroupsOutput{ReportGroups: []string{}}
	if n := limit(in.MaxResults); len(all) > n {
		all = all[:n]
		out.NextToken = s.Pager.Token("ListReportGroups", filter, all[n-1])
	}
	for _, p := range all {
		out.ReportGroups = append(out.ReportGroups, p.ARN)
	}
	return out, nil
}
