// Package deploytest has the tests that every deploy.Platform passes, and the traffic that they need.
package deploytest

import (
	"strings"
	"testing"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy"
)

// Subject is a platform with what it can deploy and where.
type Subject struct {
	Service   *deploy.Service // with a balancer, and the releases below
	Releases  *Releases
	InPlace   Kind // finds two targets
	BlueGreen Kind // finds two targets on each side
	// Good is a revision that can be deployed, another one each time. Bad is one whose install events fail.
	Good func() *cd.RevisionLocation
	Bad  func() *cd.RevisionLocation
}

// Kind is a kind of deployment groups: the compute platform of their application, and what they need to find targets.
type Kind struct {
	Platform cd.ComputePlatform
	Group    cd.CreateDeploymentGroupInput
}

// Run takes a platform through deployments in place and blue/green, through stops and rollbacks. open returns a new
// subject for each test.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"in place", inPlace},
		{"a failure in place is rolled back", rolledBack},
		{"blue/green", blueGreen},
		{"a failure on the idle side touches no traffic", failedBlueGreen},
		{"a stop before the shift", stoppedWhenReady},
		{"a stop during the shift puts the traffic back", stoppedInShift},
		{"the originals are terminated", terminated},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func inPlace(t *testing.T, s Subject) {
	x := NewGroup(t, s.Service, s.InPlace)
	x.Ends(x.Deploy(s.Good()), cd.DeploymentStatusSucceeded)
	id := x.Deploy(s.Good())
	d := x.Ends(id, cd.DeploymentStatusSucceeded)
	if d.PreviousRevision == nil || *d.DeploymentOverview.Succeeded != 2 {
		t.Errorf("%+v %+v", d.PreviousRevision, d.DeploymentOverview)
	}
	for name, target := range x.Targets(id) {
		if target.Status != cd.TargetStatusSucceeded || !strings.Contains(target.Events, "Install:Succeeded") {
			t.Errorf("%s is %s: %s", name, target.Status, target.Events)
		}
	}
}

func rolledBack(t *testing.T, s Subject) {
	x := NewGroup(t, s.Service, s.InPlace, rollBackOn(cd.AutoRollbackEventDeploymentFailure))
	x.Ends(x.Deploy(s.Good()), cd.DeploymentStatusSucceeded)
	id := x.Deploy(s.Bad())
	d := x.Ends(id, cd.DeploymentStatusFailed)
	for name, target := range x.Targets(id) {
		if target.Status == cd.TargetStatusFailed && !strings.Contains(target.Events, ":Failed") {
			t.Errorf("%s failed in no event: %s", name, target.Events)
		}
	}
	x.Ends(x.Rollback(d), cd.DeploymentStatusSucceeded)
}

func blueGreen(t *testing.T, s Subject) {
	x := s.blueGreenGroup(t)
	x.Ends(x.Deploy(s.Good()), cd.DeploymentStatusSucceeded)
	first := <-s.Releases.begun
	id := x.Deploy(s.Good())
	d := x.Ends(id, cd.DeploymentStatusSucceeded)
	if second := <-s.Releases.begun; second.From != first.To || second.To != first.From {
		t.Errorf("the first moved traffic to %s, the second from %s to %s", first.To, second.From, second.To)
	}
	if *d.DeploymentOverview.Succeeded != 4 {
		t.Errorf("%+v", d.DeploymentOverview)
	}
	for name, target := range x.Targets(id) {
		want := "Install:Succeeded BeforeAllowTraffic:Succeeded AllowTraffic:Succeeded AfterAllowTraffic:Succeeded"
		if target.Label == cd.TargetLabelBlue {
			want = "BeforeBlockTraffic:Succeeded BlockTraffic:Succeeded AfterBlockTraffic:Succeeded"
		}
		for event := range strings.FieldsSeq(want) {
			if !strings.Contains(target.Events, event) {
				t.Errorf("%s (%s) went through %s; want %s", name, target.Label, target.Events, event)
			}
		}
	}
}

func failedBlueGreen(t *testing.T, s Subject) {
	x := s.blueGreenGroup(t)
	x.Ends(x.Deploy(s.Good()), cd.DeploymentStatusSucceeded)
	<-s.Releases.begun
	id := x.Deploy(s.Bad())
	x.Ends(id, cd.DeploymentStatusFailed)
	for name, target := range x.Targets(id) {
		if target.Label == cd.TargetLabelBlue && target.Status != cd.TargetStatusSkipped {
			t.Errorf("the original %s is %s: %s", name, target.Status, target.Events)
		}
	}
	select {
	case shift := <-s.Releases.begun:
		t.Errorf("traffic was moved: %+v", shift)
	default:
	}
}

func stoppedWhenReady(t *testing.T, s Subject) {
	x := s.blueGreenGroup(t, func(in *cd.CreateDeploymentGroupInput) {
		in.BlueGreenDeploymentConfiguration = &cd.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption: &cd.DeploymentReadyOption{
				ActionOnTimeout:   cd.DeploymentReadyActionStopDeployment,
				WaitTimeInMinutes: new(int32(60)),
			},
		}
	})
	id := x.Deploy(s.Good())
	x.Becomes(id, cd.DeploymentStatusReady)
	x.Stop(id)
	d := x.Ends(id, cd.DeploymentStatusStopped)
	if d.ErrorInformation.Code != cd.ErrorCodeManualStop {
		t.Errorf("%+v", d.ErrorInformation)
	}
}

func stoppedInShift(t *testing.T, s Subject) {
	x := s.blueGreenGroup(t, rollBackOn(cd.AutoRollbackEventDeploymentStopOnRequest))
	x.Ends(x.Deploy(s.Good()), cd.DeploymentStatusSucceeded)
	first := <-s.Releases.begun
	s.Releases.Hold(true)
	id := x.Deploy(s.Good())
	if shift := <-s.Releases.begun; shift.DeploymentID != id {
		t.Fatalf("%+v", shift)
	}
	s.Releases.Hold(false)
	x.Stop(id)
	if back := <-s.Releases.back; back != id {
		t.Fatalf("the traffic of %s goes back, not that of %s", back, id)
	}
	d := x.Ends(id, cd.DeploymentStatusStopped)
	mirror := x.Rollback(d)
	if shift := <-s.Releases.begun; shift.DeploymentID != mirror || shift.To != first.To || !shift.AtOnce {
		t.Errorf("%+v", shift)
	}
	x.Ends(mirror, cd.DeploymentStatusSucceeded)
	for name, target := range x.Targets(mirror) {
		if strings.Contains(target.Events, "Install") {
			t.Errorf("the way back installs on %s: %s", name, target.Events)
		}
	}
}

func terminated(t *testing.T, s Subject) {
	x := s.blueGreenGroup(t, func(in *cd.CreateDeploymentGroupInput) {
		in.BlueGreenDeploymentConfiguration = &cd.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &cd.BlueInstanceTerminationOption{
				Action: cd.InstanceActionTerminate,
			},
		}
	})
	x.Ends(x.Deploy(s.Good()), cd.DeploymentStatusSucceeded)
	id := x.Deploy(s.Good())
	x.Ends(id, cd.DeploymentStatusSucceeded)
	for name, target := range x.Targets(id) {
		if target.Label == cd.TargetLabelBlue && !strings.HasSuffix(target.Events, "ApplicationStop:Succeeded") {
			t.Errorf("%s was not stopped: %s", name, target.Events)
		}
	}
}

func rollBackOn(events ...cd.AutoRollbackEvent) func(*cd.CreateDeploymentGroupInput) {
	return func(in *cd.CreateDeploymentGroupInput) {
		in.AutoRollbackConfiguration = &cd.AutoRollbackConfiguration{Enabled: new(true), Events: events}
	}
}

// blueGreenGroup makes a group whose traffic is shifted between two target groups.
func (s Subject) blueGreenGroup(t *testing.T, change ...func(*cd.CreateDeploymentGroupInput)) *Group {
	t.Helper()
	shifted := func(in *cd.CreateDeploymentGroupInput) {
		in.DeploymentStyle = &cd.DeploymentStyle{
			DeploymentType:   cd.DeploymentTypeBlueGreen,
			DeploymentOption: cd.DeploymentOptionWithTrafficControl,
		}
		in.LoadBalancerInfo = &cd.LoadBalancerInfo{TargetGroupPairInfoList: []cd.TargetGroupPairInfo{{
			TargetGroups: []cd.TargetGroupInfo{{Name: new("blue")}, {Name: new("green")}},
			ProdTrafficRoute: &cd.TrafficRoute{
				ListenerArns: []string{"arn:aws:elasticloadbalancing:r:1:listener/app/x/0/0"},
			},
		}}}
	}
	return NewGroup(t, s.Service, s.BlueGreen, append(change, shifted)...)
}
