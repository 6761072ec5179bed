package release

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// PutReleasePolicy implements slipway:PutReleasePolicy: what the releases of a deployment group that begin from now on
// go by.
func (s *Service) PutReleasePolicy(ctx context.Context,
	in *slipway.PutReleasePolicyInput) (*slipway.PutReleasePolicyOutput, error) {
	if err := checkPolicy(in.Policy); err != nil {
		return nil, err
	}
	if s.GroupExists != nil {
		err := s.GroupExists(ctx, *in.ApplicationName, *in.DeploymentGroupName)
		switch awsproto.Code(err) {
		case "ApplicationDoesNotExistException", "DeploymentGroupDoesNotExistException":
			return nil, &slipway.DeploymentGroupNotFoundException{Message: err.Error()}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx,
			`INSERT INTO release_policies (application, grp, updated, updated_by, doc) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (application, grp) DO UPDATE
				SET updated = excluded.updated, updated_by = excluded.updated_by, doc = excluded.doc`,
			*in.ApplicationName, *in.DeploymentGroupName, s.Now().UnixMilli(), awsproto.CallerOf(ctx).Name,
			store.JSON(in.Policy))
		return err
	})
}

// checkPolicy refuses what the model's bounds do not.
func checkPolicy(p *slipway.ReleasePolicy) error {
	refuse := func(message string) error { return &awsproto.Error{Code: "ValidationException", Message: message} }
	if len(p.Steps) == 0 && p.Thresholds == nil && p.Comparison == nil {
		return refuse("A release policy needs steps, thresholds or a comparison; to have none, delete it.")
	}
	if t := p.Thresholds; t != nil && t.MaxErrorPercent == nil && t.MaxP95Milliseconds == nil &&
		t.MaxP99Milliseconds == nil {
		return refuse("thresholds needs maxErrorPercent, maxP95Milliseconds or maxP99Milliseconds.")
	}
	if c := p.Comparison; c != nil && c.Latency != nil && !*c.Latency && c.Errors != nil && !*c.Errors {
		return refuse("comparison compares nothing: latency and errors are both false.")
	}
	if len(p.Steps) > 0 {
		if _, err := shift.NewPlan(nil, p); err != nil {
			return refuse("The steps lead nowhere: " + err.Error() + ".")
		}
	}
	return nil
}

// GetReleasePolicy implements slipway:GetReleasePolicy.
func (s *Service) GetReleasePolicy(ctx context.Context,
	in *slipway.GetReleasePolicyInput) (*slipway.GetReleasePolicyOutput, error) {
	out := &slipway.GetReleasePolicyOutput{Policy: new(slipway.ReleasePolicy), UpdatedBy: new("")}
	var updated int64
	ok, err := store.Find(ctx, s.db, []any{&updated, out.UpdatedBy, store.JSON(out.Policy)},
		`SELECT updated, updated_by, doc FROM release_policies WHERE application = $1 AND grp = $2`,
		*in.ApplicationName, *in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &slipway.ReleasePolicyNotFoundException{
			Message: "The deployment group " + *in.DeploymentGroupName + " of " + *in.ApplicationName +
				" has no release policy.",
		}
	}
	out.UpdateTime = awsproto.At(time.UnixMilli(updated))
	return out, nil
}

// DeleteReleasePolicy implements slipway:DeleteReleasePolicy; one that is not there is no error.
func (s *Service) DeleteReleasePolicy(ctx context.Context,
	in *slipway.DeleteReleasePolicyInput) (*slipway.DeleteReleasePolicyOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM release_policies WHERE application = $1 AND grp = $2`, *in.ApplicationName,
			*in.DeploymentGroupName)
		return err
	})
}
