package report

import (
	"context"
	"database/sql"
	"strings"

	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// BatchGetReports implements codebuild:BatchGetReports.
func (s *Service) BatchGetReports(ctx context.Context, in *cb.BatchGetReportsInput) (*cb.BatchGetReportsOutput, error) {
	found, err := store.Documents[cb.Report](ctx, s.db,
		`SELECT doc FROM reports WHERE arn IN `+store.In(1, len(in.ReportArns)),
		store.Args(in.ReportArns)...)
	if err != nil {
		return nil, err
	}
	byARN := map[string]*cb.Report{}
	for _, r := range found {
		byARN[*r.Arn] = r
	}
	out := &cb.BatchGetReportsOutput{Reports: []cb.Report{}, ReportsNotFound: []string{}}
	for _, arn := range in.ReportArns {
		if r := byARN[arn]; r != nil {
			out.Reports = append(out.Reports, *r)
		} else {
			out.ReportsNotFound = append(out.ReportsNotFound, arn)
		}
	}
	return out, nil
}

// DeleteReport implements codebuild:DeleteReport. A report that does not exist is not an error.
func (s *Service) DeleteReport(ctx context.Context, in *cb.DeleteReportInput) (*cb.DeleteReportOutput, error) {
	if err := s.checkARN("report", *in.Arn); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM reports WHERE arn = $1`, *in.Arn); err != nil {
			return err
		}
		return s.dropFiles(ctx, tx, `report = $1`, *in.Arn)
	})
}

// ListReports implements codebuild:ListReports, the newest first unless asked otherwise.
func (s *Service) ListReports(ctx context.Context, in *cb.ListReportsInput) (*cb.ListReportsOutput, error) {
	arns, next, err := s.list(ctx, "ListReports", "", in.Filter, in.SortOrder, in.NextToken, limit(in.MaxResults))
	return &cb.ListReportsOutput{Reports: arns, NextToken: next}, err
}

// ListReportsForReportGroup implements codebuild:ListReportsForReportGroup, the newest first unless asked otherwise.
func (s *Service) ListReportsForReportGroup(ctx context.Context,
	in *cb.ListReportsForReportGroupInput) (*cb.ListReportsForReportGroupOutput, error) {
	if _, err := s.find(ctx, s.db, *in.ReportGroupArn); err != nil {
		return nil, err
	}
	arns, next, err := s.list(ctx, "ListReportsForReportGroup", *in.ReportGroupArn, in.Filter, in.SortOrder,
		in.NextToken, limit(in.MaxResults))
	return &cb.ListReportsForReportGroupOutput{Reports: arns, NextToken: next}, err
}

func (s *Service) list(ctx context.Context, op, group string, f *cb.ReportFilter, order cb.SortOrderType, token *string,
	n int) ([]string, *string, error) {
	status := ""
	if f != nil {
		status = string(f.Status)
	}
	filter := []string{group, status, string(order)}
	direction, sign, from := "DESC", "<", int64(1)<<62
	if order == cb.SortOrderTypeAscending {
		direction, sign, from = "ASC", ">", 0
	}
	if !s.Pager.Place(op, filter, token, &from) {
		return nil, nil, badToken()
	}
	// A report whose life is over is there until the next one is recorded, but is not shown.
	where := `seq ` + sign + ` $1 AND created >= $3`
	args := []any{from, n + 1, s.Now().Add(-Life).UnixMilli()}
	if group != "" {
		args = append(args, group)
		where += ` AND grp = $4`
	}
	if status != "" {
		args = append(args, status)
		where += map[bool]string{true: ` AND status = $4`, false: ` AND status = $5`}[group == ""]
	}
	type item struct {
		arn string
		seq int64
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (i item, err error) { return i, r.Scan(&i.arn, &i.seq) },
		`SELECT arn, seq FROM reports WHERE `+where+` ORDER BY seq `+direction+` LIMIT $2`, args...)
	if err != nil {
		return nil, nil, err
	}
	var next *string
	if len(all) > n {
		all = all[:n]
		next = s.Pager.Token(op, filter, all[n-1].seq)
	}
	arns := []string{}
	for _, i := range all {
		arns = append(arns, i.arn)
	}
	return arns, next, nil
}

// DescribeTestCases implements codebuild:DescribeTestCases, with the filter's status and keyword (a part of the name).
func (s *Service) DescribeTestCases(ctx context.Context,
	in *cb.DescribeTestCasesInput) (*cb.DescribeTestCasesOutput, error) {
	if err := s.checkARN("report", *in.ReportArn); err != nil {
		return nil, err
	}
	status, keyword := "", ""
	if in.Filter != nil {
		if in.Filter.Status != nil {
			status = *in.Filter.Status
		}
		if in.Filter.Keyword != nil {
			keyword = *in.Filter.Keyword
		}
	}
	filter := []string{*in.ReportArn, status, keyword}
	from := 0
	if !s.Pager.Place("DescribeTestCases", filter, in.NextToken, &from) {
		return nil, badToken()
	}
	all, err := store.Document[[]cb.TestCase](ctx, s.db, `SELECT cases FROM reports WHERE arn = $1`, *in.ReportArn)
	if err != nil {
		return nil, err
	}
	if all == nil {
		return nil, &cb.ResourceNotFoundException{Message: "Report cannot be found: " + *in.ReportArn}
	}
	out := &cb.DescribeTestCasesOutput{TestCases: []cb.TestCase{}}
	n := limit(in.MaxResults)
	for i := from; i < len(*all); i++ {
		c := (*all)[i]
		if status != "" && *c.Status != status || keyword != "" && !strings.Contains(fullName(c), keyword) {
			continue
		}
		if len(out.TestCases) == n {
			out.NextToken = s.Pager.Token("DescribeTestCases", filter, i)
			break
		}
		out.TestCases = append(out.TestCases, c)
	}
	return out, nil
}
