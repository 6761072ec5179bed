package deploytest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy"
)

// patient is how long a deployment may take.
const patient = 30 * time.Second

// Group is a deployment group.
type Group struct {
	t       *testing.T
	service *deploy.Service
}

// NewGroup makes an application and a group of a kind in it. Without a configuration, all targets are deployed to at
// once.
func NewGroup(t *testing.T, s *deploy.Service, kind Kind, change ...func(*cd.CreateDeploymentGroupInput)) *Group {
	t.Helper()
	in := kind.Group
	in.ApplicationName, in.DeploymentGroupName = new("shop"), new("prod")
	in.ServiceRoleArn = new("arn:aws:iam::123456789012:role/deploy")
	if kind.Platform == cd.ComputePlatformServer && in.DeploymentConfigName == nil {
		in.DeploymentConfigName = new("CodeDeployDefault.AllAtOnce")
	}
	for _, f := range change {
		f(&in)
	}
	_, err := s.CreateApplication(t.Context(),
		&cd.CreateApplicationInput{ApplicationName: in.ApplicationName, ComputePlatform: kind.Platform})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateDeploymentGroup(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	return &Group{t, s}
}

// Deploy deploys a revision and returns the deployment's ID.
func (g *Group) Deploy(r *cd.RevisionLocation) string {
	g.t.Helper()
	out, err := g.service.CreateDeployment(g.t.Context(), &cd.CreateDeploymentInput{
		ApplicationName:     new("shop"),
		DeploymentGroupName: new("prod"),
		Revision:            r,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return *out.DeploymentId
}

// Stop stops a deployment.
func (g *Group) Stop(id string) {
	g.t.Helper()
	if _, err := g.service.StopDeployment(g.t.Context(), &cd.StopDeploymentInput{DeploymentId: &id}); err != nil {
		g.t.Fatal(err)
	}
}

// Ends waits until a deployment has ended, and fails the test unless it ends as wanted.
func (g *Group) Ends(id string, want cd.DeploymentStatus) *cd.DeploymentInfo {
	g.t.Helper()
	d := g.Becomes(id, cd.DeploymentStatusSucceeded, cd.DeploymentStatusFailed, cd.DeploymentStatusStopped)
	if d.Status != want {
		message := ""
		if d.ErrorInformation != nil {
			message = *d.ErrorInformation.Message
		}
		g.t.Fatalf("%s ended as %s, not %s: %s %+v", id, d.Status, want, message, g.Targets(id))
	}
	return d
}

// Becomes waits until a deployment has one of several states.
func (g *Group) Becomes(id string, states ...cd.DeploymentStatus) *cd.DeploymentInfo {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patient)
	defer cancel()
	changed, stop := g.service.Hints.Listen("deployment/" + id)
	defer stop()
	for {
		out, err := g.service.GetDeployment(ctx, &cd.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			g.t.Fatal(err)
		}
		if slices.Contains(states, out.DeploymentInfo.Status) {
			return out.DeploymentInfo
		}
		select {
		case <-changed:
		case <-ctx.Done():
			g.t.Fatalf("%s is %s, not one of %v: %+v", id, out.DeploymentInfo.Status, states, g.Targets(id))
		}
	}
}

// Rollback is the deployment that rolls another one back.
func (g *Group) Rollback(d *cd.DeploymentInfo) string {
	g.t.Helper()
	if d.RollbackInfo == nil || d.RollbackInfo.RollbackDeploymentId == nil {
		g.t.Fatalf("%s has no rollback: %+v", *d.DeploymentId, d.RollbackInfo)
	}
	return *d.RollbackInfo.RollbackDeploymentId
}

// Target is what the API shows of a target.
type Target struct {
	Status cd.TargetStatus
	Label  cd.TargetLabel
	Events string // each with its state, as in "Install:Succeeded AfterInstall:Pending"
}

// Targets are those of a deployment, by name.
func (g *Group) Targets(id string) map[string]Target {
	g.t.Helper()
	ctx := context.WithoutCancel(g.t.Context())
	list, err := g.service.ListDeploymentTargets(ctx, &cd.ListDeploymentTargetsInput{DeploymentId: &id})
	if err != nil {
		g.t.Fatal(err)
	}
	all := map[string]Target{}
	for _, name := range list.TargetIds {
		out, err := g.service.GetDeploymentTarget(ctx,
			&cd.GetDeploymentTargetInput{DeploymentId: &id, TargetId: &name})
		if err != nil {
			g.t.Fatal(err)
		}
		all[name] = read(out.DeploymentTarget)
	}
	return all
}

func read(t *cd.DeploymentTarget) Target {
	var x Target
	var events []cd.LifecycleEvent
	switch {
	case t.InstanceTarget != nil:
		i := t.InstanceTarget
		x.Status, x.Label, events = i.Status, i.InstanceLabel, i.LifecycleEvents
	case t.EcsTarget != nil:
		x.Status, events = t.EcsTarget.Status, t.EcsTarget.LifecycleEvents
	case t.LambdaTarget != nil:
		x.Status, events = t.LambdaTarget.Status, t.LambdaTarget.LifecycleEvents
	}
	var all []string
	for _, e := range events {
		all = append(all, *e.LifecycleEventName+":"+string(e.Status))
	}
	x.Events = strings.Join(all, " ")
	return x
}
