package build

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/identity/policy"
	"slipway/internal/store"
)

// maxPolicy bounds the text of a resource policy, in bytes.
const maxPolicy = 20 << 10

// shareable refuses an ARN that is not of a project or a report group here.
func (s *Service) shareable(ctx context.Context, q store.Queryer, arn string) error {
	if name, ok := strings.CutPrefix(arn, s.arn("project", "")); ok {
		_, err := s.project(ctx, q, name)
		return err
	}
	if strings.HasPrefix(arn, s.arn("report-group", "")) {
		_, known, err := s.Reports.Group(ctx, q, arn)
		if err == nil && !known {
			err = &cb.ResourceNotFoundException{Message: "Report group cannot be found: " + arn}
		}
		return err
	}
	return invalid("A resource policy is of a project or a report group of this account, not of %s.", arn)
}

// PutResourcePolicy implements codebuild:PutResourcePolicy. The policy takes part in the decision who may do what with
// the project or the report group.
func (s *Service) PutResourcePolicy(ctx context.Context,
	in *cb.PutResourcePolicyInput) (*cb.PutResourcePolicyOutput, error) {
	if len(*in.Policy) > maxPolicy {
		return nil, invalid("The resource policy has %d bytes; at most %d are taken.", len(*in.Policy), maxPolicy)
	}
	if _, err := policy.Parse(policy.Resource, *in.Policy); err != nil {
		return nil, invalid("Invalid resource policy: %v", err)
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.shareable(ctx, tx, *in.ResourceArn); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO resource_policies (arn, policy, modified) VALUES ($1, $2, $3)
			ON CONFLICT (arn) DO UPDATE SET policy = excluded.policy, modified = excluded.modified`, *in.ResourceArn,
			*in.Policy, s.Now().UnixMilli())
		s.policiesChanged(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.PutResourcePolicyOutput{ResourceArn: in.ResourceArn}, nil
}

// GetResourcePolicy implements codebuild:GetResourcePolicy.
func (s *Service) GetResourcePolicy(ctx context.Context,
	in *cb.GetResourcePolicyInput) (*cb.GetResourcePolicyOutput, error) {
	text, ok, err := s.ResourcePolicy(ctx, *in.ResourceArn)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &cb.ResourceNotFoundException{Message: "Resource policy cannot be found: " + *in.ResourceArn}
	}
	return &cb.GetResourcePolicyOutput{Policy: &text}, nil
}

// DeleteResourcePolicy implements codebuild:DeleteResourcePolicy; one that is not there is no error.
func (s *Service) DeleteResourcePolicy(ctx context.Context,
	in *cb.DeleteResourcePolicyInput) (*cb.DeleteResourcePolicyOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM resource_policies WHERE arn = $1`, *in.ResourceArn)
		s.policiesChanged(tx)
		return err
	})
}

// ListSharedProjects implements codebuild:ListSharedProjects: the projects that have a resource policy.
func (s *Service) ListSharedProjects(ctx context.Context,
	in *cb.ListSharedProjectsInput) (*cb.ListSharedProjectsOutput, error) {
	arns, next, err := s.shared(ctx, "ListSharedProjects", "project",
		sharedOrder{in.SortBy, in.SortOrder, in.MaxResults, in.NextToken})
	return &cb.ListSharedProjectsOutput{Projects: arns, NextToken: next}, err
}

// ListSharedReportGroups implements codebuild:ListSharedReportGroups: the report groups that have a resource policy.
func (s *Service) ListSharedReportGroups(ctx context.Context,
	in *cb.ListSharedReportGroupsInput) (*cb.ListSharedReportGroupsOutput, error) {
	arns, next, err := s.shared(ctx, "ListSharedReportGroups", "report-group",
		sharedOrder{in.SortBy, in.SortOrder, in.MaxResults, in.NextToken})
	return &cb.ListSharedReportGroupsOutput{ReportGroups: arns, NextToken: next}, err
}

type sharedOrder struct {
	by    cb.SharedResourceSortByType
	order cb.SortOrderType
	most  *int32
	token *string
}

// shared lists the ARNs of a kind that have a resource policy, a page at a time.
func (s *Service) shared(ctx context.Context, op, kind string, o sharedOrder) ([]string, *string, error) {
	filter := []string{string(o.by), string(o.order)}
	from := 0
	if !s.Pager.Place(op, filter, o.token, &from) {
		return nil, nil, badToken()
	}
	order := "arn"
	if o.by == cb.SharedResourceSortByTypeModifiedTime {
		order = "modified, arn"
	}
	prefix := s.arn(kind, "")
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (arn string, err error) { return arn, r.Scan(&arn) },
		`SELECT arn FROM resource_policies WHERE arn >= $1 AND arn < $2 ORDER BY `+order, prefix, prefix+"\x7f")
	if err != nil {
		return nil, nil, err
	}
	if o.order == cb.SortOrderTypeDescending {
		slices.Reverse(all)
	}
	most := aPage
	if n := awsproto.Value(o.most); n > 0 {
		most = min(int(n), aPage)
	}
	all = all[min(from, len(all)):]
	if len(all) <= most {
		return append([]string{}, all...), nil, nil
	}
	return all[:most], s.Pager.Token(op, filter, from+most), nil
}

// forget deletes what a project that is deleted was shared by.
func (s *Service) forget(ctx context.Context, tx store.Tx, project string) error {
	if err := deleteWebhook(ctx, tx, project); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM public_projects WHERE project = $1`, project); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM resource_policies WHERE arn = $1`, s.arn("project", project))
	s.policiesChanged(tx)
	return err
}
