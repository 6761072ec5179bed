package deploy

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"sync"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// maxDeploymentBatch is AWS's limit.
const maxDeploymentBatch = 25

var deploymentID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^d-[A-Z0-9]{9}$`) })

func checkDeploymentID(id *string) error {
	if id == nil {
		return &cd.DeploymentIdRequiredException{Message: "A deployment ID must be given."}
	}
	if !deploymentID().MatchString(*id) {
		return &cd.InvalidDeploymentIdException{Message: "Specified DeploymentId is not in the valid format: " + *id}
	}
	return nil
}

func (s *Service) find(ctx context.Context, q store.Queryer, id *string) (*deployment, error) {
	if err := checkDeploymentID(id); err != nil {
		return nil, err
	}
	return loadDeployment(ctx, q, *id)
}

// GetDeployment implements codedeploy:GetDeployment.
func (s *Service) GetDeployment(ctx context.Context, in *cd.GetDeploymentInput) (*cd.GetDeploymentOutput, error) {
	d, err := s.find(ctx, s.db, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	return &cd.GetDeploymentOutput{DeploymentInfo: d.info}, nil
}

// BatchGetDeployments implements codedeploy:BatchGetDeployments; unknown IDs are left out.
func (s *Service) BatchGetDeployments(ctx context.Context,
	in *cd.BatchGetDeploymentsInput) (*cd.BatchGetDeploymentsOutput, error) {
	out := &cd.BatchGetDeploymentsOutput{DeploymentsInfo: []cd.DeploymentInfo{}}
	if err := tooMany(len(in.DeploymentIds), maxDeploymentBatch); err != nil || len(in.DeploymentIds) == 0 {
		return out, err
	}
	for _, id := range in.DeploymentIds {
		if err := checkDeploymentID(&id); err != nil {
			return nil, err
		}
	}
	all, err := store.All(ctx, s.db, scanDeployment,
		`SELECT `+deploymentColumns+` WHERE d.id IN `+store.In(1, len(in.DeploymentIds)),
		store.Args(in.DeploymentIds)...)
	if err != nil {
		return nil, err
	}
	byID := map[string]*deployment{}
	for _, d := range all {
		byID[d.id] = d
	}
	for _, id := range in.DeploymentIds {
		if d := byID[id]; d != nil {
			out.DeploymentsInfo = append(out.DeploymentsInfo, *d.info)
			delete(byID, id)
		}
	}
	return out, nil
}

// conditions collects the conditions of a query with their arguments.
type conditions struct {
	where string // each begins with AND
	args  []any
}

// add adds a condition, in which %d stands for the number of its argument.
func (c *conditions) add(condition string, value any) {
	c.args = append(c.args, value)
	c.where += " AND " + fmt.Sprintf(condition, len(c.args))
}

// ListDeployments implements codedeploy:ListDeployments, the newest first.
func (s *Service) ListDeployments(ctx context.Context, in *cd.ListDeploymentsInput) (*cd.ListDeploymentsOutput, error) {
	out := &cd.ListDeploymentsOutput{Deployments: []string{}}
	if in.ExternalId != nil { // set by CloudFormation alone
		return out, nil
	}
	c, err := s.listedDeployments(ctx, in)
	if err != nil {
		return nil, err
	}
	type row struct{ id, place string }
	fetch := func(after string, limit int) ([]row, error) {
		if after == "" {
			after = "~"
		}
		n := len(c.args)
		query := fmt.Sprintf(
			`SELECT id, place FROM deploy_deployments WHERE place < $%d%s ORDER BY place DESC LIMIT $%d`,
			n+1, c.where, n+2)
		return store.All(ctx, s.db, func(r *sql.Rows) (x row, err error) {
			return x, r.Scan(&x.id, &x.place)
		}, query, append(c.args[:n:n], after, limit)...)
	}
	filter := []any{c.where, c.args}
	rows, next, err := page(s, "ListDeployments", filter, in.NextToken, fetch, func(r row) string { return r.place })
	out.NextToken = next
	for _, r := range rows {
		out.Deployments = append(out.Deployments, r.id)
	}
	return out, err
}

// listedDeployments are the conditions for the deployments that a list asks for.
func (s *Service) listedDeployments(ctx context.Context, in *cd.ListDeploymentsInput) (*conditions, error) {
	c := &conditions{}
	switch {
	case in.ApplicationName == nil && in.DeploymentGroupName != nil:
		return nil, &cd.ApplicationNameRequiredException{
			Message: "A deployment group name needs an application name besides.",
		}
	case in.ApplicationName != nil && in.DeploymentGroupName == nil:
		return nil, &cd.DeploymentGroupNameRequiredException{
			Message: "An application name needs a deployment group name besides.",
		}
	case in.ApplicationName != nil:
		a, err := findApplication(ctx, s.db, in.ApplicationName)
		if err != nil {
			return nil, err
		}
		g, err := findGroup(ctx, s.db, a, in.DeploymentGroupName)
		if err != nil {
			return nil, err
		}
		c.add("grp = $%d", g.id)
	}
	if err := c.addTimes(in.CreateTimeRange); err != nil {
		return nil, err
	}
	if n := len(in.IncludeOnlyStatuses); n > 0 {
		c.where += " AND status IN " + store.In(len(c.args)+1, n)
		for _, status := range in.IncludeOnlyStatuses {
			c.args = append(c.args, string(status))
		}
	}
	return c, nil
}

func (c *conditions) addTimes(r *cd.TimeRange) error {
	if r == nil {
		return nil
	}
	if r.Start != nil && r.End != nil && r.End.Before(r.Start.Time) {
		return &cd.InvalidTimeRangeException{Message: "The time range ends before it begins."}
	}
	if r.Start != nil {
		c.add("created >= $%d", r.Start.UnixMilli())
	}
	if r.End != nil {
		c.add("created <= $%d", r.End.UnixMilli())
	}
	return nil
}

// StopDeployment implements codedeploy:StopDeployment. Hosts that run a command end it; nothing else begins.
// autoRollbackEnabled, where it is given, takes the place of the deployment's own setting.
func (s *Service) StopDeployment(ctx context.Context, in *cd.StopDeploymentInput) (*cd.StopDeploymentOutput, error) {
	out := &cd.StopDeploymentOutput{Status: cd.StopStatusSucceeded,
		StatusMessage: new("The deployment has been stopped.")}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		d, err := s.find(ctx, tx, in.DeploymentId)
		if err != nil {
			return err
		}
		if !d.live {
			return &cd.DeploymentAlreadyCompletedException{
				Message: "The deployment " + d.id + " has ended already, as " + string(d.info.Status) + ".",
			}
		}
		if in.AutoRollbackEnabled != nil {
			d.info.AutoRollbackConfiguration = &cd.AutoRollbackConfiguration{Enabled: in.AutoRollbackEnabled,
				Events: []cd.AutoRollbackEvent{cd.AutoRollbackEventDeploymentStopOnRequest}}
		}
		d.state.Ask(rollout.Stop{
			Status:  cd.DeploymentStatusStopped,
			Code:    cd.ErrorCodeManualStop,
			Message: "The deployment was stopped on request.",
			Halt:    true,
		})
		if err := s.react(ctx, tx, d); err != nil {
			return err
		}
		if d.live {
			out.Status, out.StatusMessage = cd.StopStatusPending, new(d.pending())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pending says what a deployment that was stopped waits for.
func (d *deployment) pending() string {
	b := d.state.BlueGreen
	switch {
	case b == nil:
		return fmt.Sprintf("The deployment stops as soon as the %d hosts that run a command have ended it.",
			d.state.InProgress)
	case b.Undoing:
		return "The deployment stops as soon as the traffic is back on the original hosts."
	case d.state.Stop == nil:
		return "The traffic has been shifted, and the applications of the original hosts are being stopped: the " +
			"deployment goes on to its end."
	}
	return "The deployment stops as soon as the hosts that run a command have ended it."
}

// ContinueDeployment implements codedeploy:ContinueDeployment: a blue/green deployment that is ready shifts its traffic
// (READY_WAIT), or one whose originals stand by terminates them (TERMINATION_WAIT).
func (s *Service) ContinueDeployment(ctx context.Context,
	in *cd.ContinueDeploymentInput) (*cd.ContinueDeploymentOutput, error) {
	stage := rollout.Ready
	switch in.DeploymentWaitType {
	case "", cd.DeploymentWaitTypeReadyWait:
	case cd.DeploymentWaitTypeTerminationWait:
		stage = rollout.Wait
	default:
		return nil, &cd.InvalidDeploymentWaitTypeException{Message: string(in.DeploymentWaitType) +
			" is nothing that a deployment waits for; there are READY_WAIT and TERMINATION_WAIT."}
	}
	return nil, s.goOn(ctx, in.DeploymentId, stage)
}

// SkipWaitTimeForInstanceTermination implements codedeploy:SkipWaitTimeForInstanceTermination.
func (s *Service) SkipWaitTimeForInstanceTermination(ctx context.Context,
	in *cd.SkipWaitTimeForInstanceTerminationInput) (*cd.SkipWaitTimeForInstanceTerminationOutput, error) {
	return nil, s.goOn(ctx, in.DeploymentId, rollout.Wait)
}

// goOn ends the wait of a blue/green deployment in a stage.
func (s *Service) goOn(ctx context.Context, id *string, stage rollout.Stage) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		d, err := s.find(ctx, tx, id)
		if err != nil {
			return err
		}
		b := d.state.BlueGreen
		switch {
		case !d.live:
			return &cd.DeploymentAlreadyCompletedException{
				Message: "The deployment " + d.id + " has ended already, as " + string(d.info.Status) + ".",
			}
		case b == nil:
			return &cd.UnsupportedActionForDeploymentTypeException{
				Message: "Only deployments of the type BLUE_GREEN wait; " + d.id + " is IN_PLACE.",
			}
		case b.Stage != stage || !d.state.Continue():
			return &cd.DeploymentIsNotInReadyStateException{Message: "The deployment " + d.id +
				" does not wait for this now."}
		}
		return s.react(ctx, tx, d)
	})
}
