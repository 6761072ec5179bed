package deploy

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// maxDescription is AWS's limit, in characters.
const maxDescription = 256

// CreateDeployment implements codedeploy:CreateDeployment.
func (s *Service) CreateDeployment(ctx context.Context,
	in *cd.CreateDeploymentInput) (*cd.CreateDeploymentOutput, error) {
	var id string
	err := s.scoped(ctx, in, func(tx store.Tx, x scope) (err error) {
		id, err = s.create(ctx, tx, in, &cd.DeploymentInfo{Creator: cd.DeploymentCreatorUser}, x)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cd.CreateDeploymentOutput{DeploymentId: &id}, nil
}

// CreateForPipeline creates a deployment once for a key: asked again with the same key it returns the same deployment.
func (s *Service) CreateForPipeline(ctx context.Context, key string,
	in *cd.CreateDeploymentInput) (deploymentID string, err error) {
	err = s.scoped(ctx, in, func(tx store.Tx, x scope) error {
		ok, err := store.Find(ctx, tx, []any{&deploymentID}, `SELECT deployment FROM deploy_keys WHERE key = $1`, key)
		if err != nil || ok {
			return err
		}
		deploymentID, err = s.create(ctx, tx, in, &cd.DeploymentInfo{Creator: cd.DeploymentCreatorUser}, x)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO deploy_keys (key, deployment) VALUES ($1, $2)`, key, deploymentID)
		return err
	})
	return deploymentID, err
}

// create makes a deployment and begins it. info carries what the request does not say: the creator, and of a rollback
// what it rolls back.
func (s *Service) create(ctx context.Context, tx store.Tx, in *cd.CreateDeploymentInput, info *cd.DeploymentInfo,
	x scope) (string, error) {
	wanted := *in
	in = &wanted
	a, g, c, err := s.prepare(ctx, tx, in)
	if err != nil {
		return "", err
	}
	now := s.Now()
	d := &deployment{
		id:      newDeploymentID(),
		app:     a.id,
		grp:     g.id,
		place:   newPlace(now),
		live:    true,
		info:    info,
		traffic: x.traffic,
	}
	if in.DeploymentMode == cd.DeploymentModeRestart {
		d.reuse = *g.LastSuccessfulDeployment.DeploymentId
	}
	d.describe(a, g, c, in, awsproto.At(now))
	if err := s.remember(ctx, tx, a.id, in.Revision, new(registeredBy+d.id), true); err != nil {
		return "", err
	}
	units, err := s.units(ctx, tx, g, c, d, x.targets)
	if err != nil {
		return "", err
	}
	if err := d.insert(ctx, tx, now); err != nil {
		return "", err
	}
	for i, u := range units {
		if err := insertUnit(ctx, tx, u, i); err != nil {
			return "", err
		}
	}
	g.LastAttemptedDeployment = &cd.LastDeploymentInfo{
		DeploymentId: &d.id,
		Status:       info.Status,
		CreateTime:   info.CreateTime,
	}
	if err := g.save(ctx, tx); err != nil {
		return "", err
	}
	if err := tx.Enqueue(ctx, store.Job{Kind: limitJob, Key: d.id, RunAt: now.Add(d.limit())}); err != nil {
		return "", err
	}
	if watched(d.info, g) != nil {
		if err := tx.Enqueue(ctx, store.Job{Kind: alarmJob, Key: d.id}); err != nil {
			return "", err
		}
	}
	if err := s.trigger(ctx, tx, g, d, cd.TriggerEventTypeDeploymentStart); err != nil {
		return "", err
	}
	return d.id, s.react(ctx, tx, d)
}

// describe fills in what the API shows of a deployment that begins now.
func (d *deployment) describe(a *application, g *group, c *cd.DeploymentConfigInfo, in *cd.CreateDeploymentInput,
	now *awsproto.Time) {
	info := d.info
	info.DeploymentId = &d.id
	info.ApplicationName = a.ApplicationName
	info.DeploymentGroupName = g.DeploymentGroupName
	info.DeploymentConfigName = c.DeploymentConfigName
	info.DeploymentMode = in.DeploymentMode
	info.DeploymentStyle = g.DeploymentStyle
	info.ComputePlatform = a.ComputePlatform
	info.Revision = in.Revision
	info.PreviousRevision = g.TargetRevision
	info.Description = in.Description
	info.Status = cd.DeploymentStatusInProgress
	info.CreateTime, info.StartTime = now, now
	info.IgnoreApplicationStopFailures = orFalse(in.IgnoreApplicationStopFailures)
	info.UpdateOutdatedInstancesOnly = orFalse(in.UpdateOutdatedInstancesOnly)
	info.AutoRollbackConfiguration = g.AutoRollbackConfiguration
	replace(&info.AutoRollbackConfiguration, in.AutoRollbackConfiguration)
	info.OverrideAlarmConfiguration = in.OverrideAlarmConfiguration
	info.InstanceTerminationWaitTimeStarted = new(false)
	info.FileExistsBehavior = cmp.Or(in.FileExistsBehavior, cd.FileExistsBehaviorDisallow)
	info.BlueGreenDeploymentConfiguration = g.BlueGreenDeploymentConfiguration
	info.LoadBalancerInfo = g.LoadBalancerInfo
}

func orFalse(b *bool) *bool {
	if b == nil {
		return new(false)
	}
	return b
}

// prepare finds what a deployment is made of, and refuses what can't be carried out.
func (s *Service) prepare(ctx context.Context, tx store.Tx,
	in *cd.CreateDeploymentInput) (*application, *group, *cd.DeploymentConfigInfo, error) {
	a, g, c, err := s.parts(ctx, tx, in)
	if err == nil {
		err = s.allowed(a, g, c, in)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	live, err := store.Strings(ctx, tx, `SELECT id FROM deploy_deployments WHERE grp = $1 AND live = 1`, g.id)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(live) > 0 {
		return nil, nil, nil, &cd.DeploymentLimitExceededException{
			Message: fmt.Sprintf("The Deployment Group '%s' already has an active Deployment '%s'",
				*g.DeploymentGroupName, live[0]),
		}
	}
	return a, g, c, nil
}

// parts reads the application, the group and the configuration of a deployment, and completes the request.
func (s *Service) parts(ctx context.Context, q store.Queryer,
	in *cd.CreateDeploymentInput) (a *application, g *group, c *cd.DeploymentConfigInfo, err error) {
	if err := wellFormed(in); err != nil {
		return nil, nil, nil, err
	}
	if a, err = findApplication(ctx, q, in.ApplicationName); err != nil {
		return nil, nil, nil, err
	}
	if g, err = findGroup(ctx, q, a, in.DeploymentGroupName); err != nil {
		return nil, nil, nil, err
	}
	if in.DeploymentMode == cd.DeploymentModeRestart {
		if err := restart(g, in); err != nil {
			return nil, nil, nil, err
		}
	}
	name := g.DeploymentConfigName
	replace(&name, in.DeploymentConfigName)
	c, err = findConfig(ctx, q, name)
	return a, g, c, err
}

// wellFormed refuses what the request alone shows to be wrong: what is malformed or missing is said before what is
// absent.
func wellFormed(in *cd.CreateDeploymentInput) error {
	switch restarts := in.DeploymentMode == cd.DeploymentModeRestart; {
	case len([]rune(awsproto.Value(in.Description))) > maxDescription:
		return &cd.DescriptionTooLongException{Message: "A description may have 256 characters."}
	case in.DeploymentGroupName == nil:
		return &cd.DeploymentGroupNameRequiredException{Message: "A deployment group name must be given."}
	case restarts && in.Revision != nil:
		return &cd.InvalidRevisionException{
			Message: "A deployment of the mode RESTART takes the revision of the last successful deployment. Leave " +
				"revision out.",
		}
	case !restarts:
		if err := checkRevision(in.Revision); err != nil {
			return err
		}
	}
	return cmp.Or(checkRollback(in.AutoRollbackConfiguration), checkAlarms(in.OverrideAlarmConfiguration))
}

// restart takes the revision of the last successful deployment for one of the mode RESTART, which starts the
// application again from the copy that is on the hosts.
func restart(g *group, in *cd.CreateDeploymentInput) error {
	if g.TargetRevision == nil || g.LastSuccessfulDeployment == nil {
		return &cd.RevisionRequiredException{Message: "The deployment group " + *g.DeploymentGroupName +
			" has no successful deployment that could be started anew. Deploy a revision first."}
	}
	in.Revision = g.TargetRevision
	return nil
}

// allowed refuses a deployment that can't be carried out.
func (s *Service) allowed(a *application, g *group, c *cd.DeploymentConfigInfo, in *cd.CreateDeploymentInput) error {
	if in.TargetInstances != nil {
		return &cd.InvalidTargetInstancesException{
			Message: "Target instances can't be given: a deployment group of the type BLUE_GREEN names its two sides " +
				"by onPremisesTagSet, and each deployment takes the one that is idle.",
		}
	}
	if c.ComputePlatform != a.ComputePlatform {
		return &cd.InvalidDeploymentConfigNameException{
			Message: fmt.Sprintf("The deployment configuration %s is for %s, the application for %s.",
				*c.DeploymentConfigName, c.ComputePlatform, a.ComputePlatform),
		}
	}
	p := s.platform(a.ComputePlatform)
	if p == nil {
		return unsupported("deployments to " + string(a.ComputePlatform) + " yet; those to servers it does.")
	}
	if g.DeploymentStyle.DeploymentType == cd.DeploymentTypeInPlace && c.TrafficRoutingConfig != nil {
		return &cd.InvalidDeploymentConfigNameException{
			Message: "The deployment configuration " + *c.DeploymentConfigName +
				" shifts traffic, which deployments in place do not. Choose another one, or make the deployment " +
				"group BLUE_GREEN.",
		}
	}
	if err := p.Check(g.DeploymentGroupInfo, in.Revision); err != nil {
		return err
	}
	if c.ZonalConfig != nil {
		return unsupported("zonal deployment configurations yet: " + *c.DeploymentConfigName +
			" has a zonalConfig. Choose another configuration.")
	}
	return nil
}

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// newDeploymentID is d- and nine letters or digits.
func newDeploymentID() string {
	id := []byte("d-")
	for len(id) < 11 {
		var b [1]byte
		_, _ = rand.Read(b[:]) // never fails: it ends the process instead
		if int(b[0]) < 256/len(idLetters)*len(idLetters) {
			id = append(id, idLetters[int(b[0])%len(idLetters)])
		}
	}
	return string(id)
}

// newPlace sorts deployments by their creation.
func newPlace(now time.Time) string {
	return fmt.Sprintf("%015d-%s", now.UnixMilli(), rand.Text()[:12])
}
