package build_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
)

// fleet is one as CreateFleet takes it.
func fleet(name string, base int32) *cb.CreateFleetInput {
	return &cb.CreateFleetInput{Name: &name, BaseCapacity: &base, EnvironmentType: cb.EnvironmentTypeLinuxContainer,
		ComputeType: cb.ComputeTypeBuildGeneral1Large}
}

func (s *stage) createFleet(in *cb.CreateFleetInput) *cb.Fleet {
	s.t.Helper()
	out, err := s.api.CreateFleet(s.ctx(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Fleet
}

func (s *stage) getFleet(name string) *cb.Fleet {
	s.t.Helper()
	out, err := s.api.BatchGetFleets(s.ctx(), &cb.BatchGetFleetsInput{Names: []string{name}})
	if err != nil || len(out.Fleets) != 1 {
		s.t.Fatalf("fleet %s: %+v, %v", name, out, err)
	}
	return &out.Fleets[0]
}

// inFleet starts a build for a fleet.
func (s *stage) inFleet(f *cb.Fleet) *cb.Build {
	s.t.Helper()
	return s.start(&cb.StartBuildInput{ProjectName: new("app"), FleetOverride: &cb.ProjectFleet{FleetArn: f.Arn}})
}

// hold sets how long polls are held.
func hold(d time.Duration) func(*build.Config) { return func(c *build.Config) { c.Hold = d } }

// ask polls as a runner with labels and room, and returns the ID of the build that it got, "" for none.
func (s *stage) ask(runner string, slots int32, labels ...string) string {
	s.t.Helper()
	out, err := s.PollBuild(s.ctx(), &slipway.PollBuildInput{Runner: &runner, Free: new(int32(1)), Slots: &slots,
		Labels: append([]string{"sandbox"}, labels...), Running: s.having(runner)})
	if err != nil {
		s.t.Fatal(err)
	}
	if out.Build == nil {
		return ""
	}
	s.acknowledge(runner, *out.Build.Id)
	return *out.Build.Id
}

// having are the builds of a runner.
func (s *stage) having(runner string) []string {
	s.t.Helper()
	out, err := s.ListRunners(s.ctx(), &slipway.ListRunnersInput{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range out.Runners {
		if *r.Name == runner {
			return r.Builds
		}
	}
	return nil
}

func (s *stage) succeed(runner, id string) {
	s.t.Helper()
	s.complete(runner, id, slipway.Result{Status: cb.StatusTypeSucceeded})
}

func TestFleetsAreKeptAsGiven(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := fleet("gpu", 2)
	in.OverflowBehavior = cb.FleetOverflowBehaviorOnDemand
	in.ScalingConfiguration = &cb.ScalingConfigurationInput{ScalingType: cb.FleetScalingTypeTargetTrackingScaling,
		MaxCapacity: new(int32(5)), TargetTrackingScalingConfigs: []cb.TargetTrackingScalingConfiguration{{
			MetricType: cb.FleetScalingMetricTypeFleetUtilizationRate, TargetValue: new(50.0)}}}
	in.VpcConfig = &cb.VpcConfig{VpcId: new("vpc-1"), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
	in.Tags = []cb.Tag{{Key: new("team"), Value: new("red")}}
	in.ImageId = new("ami-1")
	made := s.createFleet(in)
	prefix := "arn:aws:codebuild:eu-central-1:123456789012:fleet/gpu:"
	if !strings.HasPrefix(*made.Arn, prefix) || *made.Arn != prefix+*made.Id {
		t.Errorf("ARN %s, ID %s", *made.Arn, *made.Id)
	}
	f := s.getFleet(*made.Arn)
	if f.Status.StatusCode != cb.FleetStatusCodeActive || f.Status.Context != cb.FleetContextCodeInsufficientCapacity ||
		!strings.Contains(*f.Status.Message, "slipway runner --fleet gpu") {
		t.Errorf("status of a fleet without runners: %+v", f.Status)
	}
	if *f.ScalingConfiguration.DesiredCapacity != 2 || *f.ScalingConfiguration.MaxCapacity != 5 ||
		*f.VpcConfig.VpcId != "vpc-1" || *f.Tags[0].Value != "red" || *f.ImageId != "ami-1" ||
		f.OverflowBehavior != cb.FleetOverflowBehaviorOnDemand || f.ComputeType != cb.ComputeTypeBuildGeneral1Large {
		t.Errorf("%+v", f)
	}
	s.pass(time.Second)
	if _, err := s.api.UpdateFleet(s.ctx(), &cb.UpdateFleetInput{Arn: made.Arn, BaseCapacity: new(int32(3)),
		ScalingConfiguration: &cb.ScalingConfigurationInput{}, Tags: []cb.Tag{}}); err != nil {
		t.Fatal(err)
	}
	f = s.getFleet("gpu")
	if *f.BaseCapacity != 3 || f.ScalingConfiguration != nil || len(f.Tags) != 0 || f.VpcConfig == nil ||
		!f.LastModified.After(f.Created.Time) {
		t.Errorf("after the update: %+v", f)
	}
	if _, err := s.api.DeleteFleet(s.ctx(), &cb.DeleteFleetInput{Arn: made.Arn}); err != nil {
		t.Fatal(err)
	}
	out, err := s.api.BatchGetFleets(s.ctx(), &cb.BatchGetFleetsInput{Names: []string{"gpu", *made.Arn}})
	if err != nil || len(out.Fleets) != 0 || !slices.Equal(out.FleetsNotFound, []string{"gpu", *made.Arn}) {
		t.Errorf("after it was deleted: %+v, %v", out, err)
	}
}

func TestFleetsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.createFleet(fleet("taken", 1))
	scaled := func(c cb.ScalingConfigurationInput) func(*cb.CreateFleetInput) {
		return func(in *cb.CreateFleetInput) { in.ScalingConfiguration = &c }
	}
	target := func(v float64) func(*cb.CreateFleetInput) {
		return scaled(cb.ScalingConfigurationInput{ScalingType: cb.FleetScalingTypeTargetTrackingScaling,
			MaxCapacity: new(int32(9)), TargetTrackingScalingConfigs: []cb.TargetTrackingScalingConfiguration{{
				MetricType: cb.FleetScalingMetricTypeFleetUtilizationRate, TargetValue: &v}}})
	}
	for name, c := range map[string]struct {
		change func(*cb.CreateFleetInput)
		want   string
	}{
		"a name that is taken": {func(in *cb.CreateFleetInput) { in.Name = new("taken") }, "Fleet already exists: arn:"},
		"a short name":         {func(in *cb.CreateFleetInput) { in.Name = new("x") }, "name"},
		"no capacity":          {func(in *cb.CreateFleetInput) { in.BaseCapacity = new(int32(0)) }, "baseCapacity"},
		"macOS":                {func(in *cb.CreateFleetInput) { in.EnvironmentType = cb.EnvironmentTypeMacArm }, "MAC_ARM"},
		"a proxy": {func(in *cb.CreateFleetInput) {
			in.ProxyConfiguration = &cb.ProxyConfiguration{DefaultBehavior: cb.FleetProxyRuleBehaviorDenyAll}
		}, "proxyConfiguration is not enforced"},
		"attributes without any": {func(in *cb.CreateFleetInput) {
			in.ComputeType = cb.ComputeTypeAttributeBasedCompute
		}, "needs a computeConfiguration"},
		"an instance without its type": {func(in *cb.CreateFleetInput) {
			in.ComputeType = cb.ComputeTypeCustomInstanceType
		}, "computeConfiguration.instanceType"},
		"a role that is none": {func(in *cb.CreateFleetInput) { in.FleetServiceRole = new("me") }, "fleetServiceRole"},
		"scaling downwards": {scaled(cb.ScalingConfigurationInput{MaxCapacity: new(int32(1)),
			ScalingType: cb.FleetScalingTypeTargetTrackingScaling}), "maxCapacity 1 must not be less than baseCapacity 2"},
		"scaling without a type": {scaled(cb.ScalingConfigurationInput{MaxCapacity: new(int32(3))}), "scalingType"},
		"no utilization":         {target(0), "over 0"},
		"too much utilization":   {target(120), "up to 100"},
	} {
		in := fleet("other", 2)
		c.change(in)
		if _, err := s.api.CreateFleet(s.ctx(), in); err == nil || !strings.Contains(awsproto.Message(err), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	unknown := "arn:aws:codebuild:eu-central-1:123456789012:fleet/no:1"
	_, err := s.api.UpdateFleet(s.ctx(), &cb.UpdateFleetInput{Arn: &unknown})
	if _, ok := errors.AsType[*cb.ResourceNotFoundException](err); !ok {
		t.Errorf("an update of an unknown fleet: %v", err)
	}
	if _, err := s.api.DeleteFleet(s.ctx(), &cb.DeleteFleetInput{Arn: &unknown}); err != nil {
		t.Errorf("the deletion of an unknown fleet: %v", err)
	}
	_, err = s.api.DeleteFleet(s.ctx(), &cb.DeleteFleetInput{Arn: new("gpu")})
	if _, ok := errors.AsType[*cb.InvalidInputException](err); !ok {
		t.Errorf("the deletion of no ARN: %v", err)
	}
}

func TestListFleetsPagesAndSorts(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"cc", "aa", "bb"} {
		s.createFleet(fleet(name, 1))
		s.pass(time.Second)
	}
	names := func(by cb.FleetSortByType, order cb.SortOrderType) (all []string) {
		t.Helper()
		in := &cb.ListFleetsInput{SortBy: by, SortOrder: order, MaxResults: new(int32(2))}
		for {
			out, err := s.api.ListFleets(s.ctx(), in)
			if err != nil || len(out.Fleets) > 2 {
				t.Fatalf("%+v, %v", out, err)
			}
			for _, arn := range out.Fleets {
				all = append(all, strings.SplitN(strings.SplitN(arn, "fleet/", 2)[1], ":", 2)[0])
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return all
			}
		}
	}
	for _, c := range []struct {
		by    cb.FleetSortByType
		order cb.SortOrderType
		want  string
	}{
		{"", "", "aa bb cc"},
		{cb.FleetSortByTypeName, cb.SortOrderTypeDescending, "cc bb aa"},
		{cb.FleetSortByTypeCreatedTime, cb.SortOrderTypeAscending, "cc aa bb"},
		{cb.FleetSortByTypeLastModifiedTime, cb.SortOrderTypeDescending, "bb aa cc"},
	} {
		if got := strings.Join(names(c.by, c.order), " "); got != c.want {
			t.Errorf("by %q %q: %s, want %s", c.by, c.order, got, c.want)
		}
	}
}
