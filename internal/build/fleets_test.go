package build_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// Builds of a fleet go to its runners in their order, as many at a time as it may run; its runners take no others.
func TestAFleetsBuildsGoToItsRunners(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	f := s.createFleet(fleet("gpu", 2))
	plain := s.start(&cb.StartBuildInput{ProjectName: new("app")})
	var ids []string
	for range 3 {
		ids = append(ids, *s.inFleet(f).Id)
	}
	if got := s.ask("other", 4, "fleet=arm"); got != "" {
		t.Errorf("a runner of another fleet got %s", got)
	}
	for i, want := range []string{ids[0], ids[1], ""} {
		if got := s.ask("gpu-1", 4, "fleet=gpu"); got != want {
			t.Errorf("poll %d of the fleet's runner: %q, want %q", i, got, want)
		}
	}
	if got := s.ask("general", 4); got != *plain.Id {
		t.Errorf("the general runner got %q, want %q", got, *plain.Id)
	}
	if got := s.ask("general", 4); got != "" {
		t.Errorf("the general runner got %q of a fleet that queues", got)
	}
	if b := s.get(ids[0]); b.Environment.ComputeType != cb.ComputeTypeBuildGeneral1Large {
		t.Errorf("the build has the compute type %s, want its fleet's", b.Environment.ComputeType)
	}
	s.succeed("gpu-1", ids[0])
	if got := s.ask("gpu-1", 4, "fleet=gpu"); got != ids[2] {
		t.Errorf("after a build ended the fleet's runner got %q, want %q", got, ids[2])
	}
}

// A build of an ON_DEMAND fleet goes to any runner once the fleet has no free capacity, and not before.
func TestAFullFleetOverflows(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	in := fleet("gpu", 1)
	in.OverflowBehavior = cb.FleetOverflowBehaviorOnDemand
	f := s.createFleet(in)
	if got := s.ask("gpu-1", 1, "fleet=gpu"); got != "" {
		t.Fatal(got)
	}
	first, second := s.inFleet(f), s.inFleet(f)
	if got := s.ask("general", 1); got != "" {
		t.Errorf("the general runner got %q while the fleet has room", got)
	}
	if got := s.ask("gpu-1", 1, "fleet=gpu"); got != *first.Id {
		t.Errorf("the fleet's runner got %q, want %q", got, *first.Id)
	}
	out := s.poll("general", 1)
	if o := s.order(out); *out.Build.Id != *second.Id || !slices.ContainsFunc(o.Notes, func(n string) bool {
		return strings.Contains(n, "fleet gpu had no free capacity")
	}) {
		t.Errorf("the general runner got %s with the notes %q, want %s", *out.Build.Id, o.Notes, *second.Id)
	}
	states, err := s.ListFleetStates(s.ctx(), nil)
	if err != nil || len(states.Fleets) != 1 {
		t.Fatalf("%+v, %v", states, err)
	}
	if x := states.Fleets[0]; *x.Running != 1 || *x.Overflowing != 1 || *x.Queued != 0 || len(x.Runners) != 1 ||
		*x.Runners[0].Name != "gpu-1" || !slices.Equal(x.Runners[0].Builds, []string{*first.Id}) {
		t.Errorf("%+v", x)
	}
}

// A runner that waits is woken for a build of its fleet, and one of no fleet for one that overflows.
func TestWaitingRunnersAreWokenForAFleet(t *testing.T) {
	t.Parallel()
	s := open(t, hold(20*time.Second))
	s.create(project("app"))
	in := fleet("gpu", 1)
	in.OverflowBehavior = cb.FleetOverflowBehaviorOnDemand
	f := s.createFleet(in)
	got := make(chan string, 2)
	for runner, label := range map[string]string{"gpu-1": "fleet=gpu", "general": "linux"} {
		go func() { got <- runner + " " + s.ask(runner, 1, label) }()
	}
	for n := 0; n < 2; {
		out, err := s.ListRunners(s.ctx(), &slipway.ListRunnersInput{})
		if err != nil {
			t.Fatal(err)
		}
		n = 0
		for _, r := range out.Runners {
			n += len(r.Labels) / 2 // what it says of itself is written
		}
	}
	ids := []string{*s.inFleet(f).Id, *s.inFleet(f).Id}
	var all []string
	for range 2 {
		select {
		case x := <-got:
			all = append(all, x)
		case <-time.After(15 * time.Second):
			t.Fatalf("only %q took a build", all)
		}
	}
	slices.Sort(all)
	if want := []string{"general " + ids[1], "gpu-1 " + ids[0]}; !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}

// Scaling lets a fleet run more than its base, up to its maximum.
func TestAFleetScalesToItsMaximum(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	in := fleet("gpu", 1)
	in.ScalingConfiguration = &cb.ScalingConfigurationInput{ScalingType: cb.FleetScalingTypeTargetTrackingScaling,
		MaxCapacity: new(int32(2))}
	f := s.createFleet(in)
	for range 3 {
		s.inFleet(f)
	}
	if d := *s.getFleet("gpu").ScalingConfiguration.DesiredCapacity; d != 2 {
		t.Errorf("desiredCapacity %d for three builds, want 2", d)
	}
	n := 0
	for s.ask("gpu-1", 9, "fleet=gpu") != "" {
		n++
	}
	if n != 2 {
		t.Errorf("%d builds run at a time, want 2", n)
	}
}

// A build that waits for a fleet says which, and how a runner of it is started.
func TestABuildSaysWhichFleetItWaitsFor(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	f := s.createFleet(fleet("gpu", 1))
	b := s.inFleet(f)
	why := func(id string) string {
		out, err := s.ExplainBuild(s.ctx(), &slipway.ExplainBuildInput{Id: &id})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Summary
	}
	if got := why(*b.Id); !strings.Contains(got, "a runner of the fleet gpu, and none is there") ||
		!strings.Contains(got, "slipway runner --fleet gpu") {
		t.Errorf("without a runner: %s", got)
	}
	if got := s.ask("gpu-1", 4, "fleet=gpu"); got != *b.Id {
		t.Fatal(got)
	}
	waits := s.inFleet(f)
	s.ask("gpu-1", 4, "fleet=gpu")
	if got := why(*waits.Id); !strings.Contains(got, "The fleet gpu runs 1 of the 1 builds") {
		t.Errorf("with a full fleet: %s", got)
	}
	plain := s.start(&cb.StartBuildInput{ProjectName: new("app")})
	polled := make(chan string, 1)
	poll := func() { polled <- s.ask("gpu-1", 4, "fleet=gpu") }
	go poll()
	for !strings.Contains(why(*plain.Id), "reserved for the builds of fleets, as of gpu") {
		select {
		case got := <-polled: // its poll ended
			if got != "" {
				t.Fatalf("the fleet's runner got %s", got)
			}
			go poll()
		default:
		}
	}
	<-polled
}

// A deleted fleet ends the builds that wait for it; what runs goes on, and what starts later says it.
func TestADeletedFleetEndsWhatWaits(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	f := s.createFleet(fleet("gpu", 1))
	runs := s.inFleet(f)
	if got := s.ask("gpu-1", 4, "fleet=gpu"); got != *runs.Id {
		t.Fatal(got)
	}
	waits := map[string]bool{}
	for range 150 {
		waits[*s.inFleet(f).Id] = true
	}
	if _, err := s.api.DeleteFleet(s.ctx(), &cb.DeleteFleetInput{Arn: f.Arn}); err != nil {
		t.Fatal(err)
	}
	for n := len(waits); n > 0; n-- {
		e := s.end()
		if !waits[e.ID] || e.Status != "FAILED" {
			t.Errorf("%+v ended", e)
		}
		if b := s.get(e.ID); !strings.Contains(*b.Phases[1].Contexts[0].Message, "The fleet gpu was deleted") {
			t.Errorf("%+v", b.Phases)
		}
		delete(waits, e.ID)
	}
	s.succeed("gpu-1", *runs.Id)
	if e := s.end(); e.ID != *runs.Id || e.Status != "SUCCEEDED" {
		t.Errorf("the build that ran: %+v", e)
	}
	_, err := s.api.StartBuild(s.ctx(), &cb.StartBuildInput{ProjectName: new("app"),
		FleetOverride: &cb.ProjectFleet{FleetArn: f.Arn}})
	if err == nil || !strings.Contains(awsproto.Message(err), "does not exist; it may have been deleted") {
		t.Errorf("a build of the deleted fleet: %v", err)
	}
	_, err = s.api.RetryBuild(s.ctx(), &cb.RetryBuildInput{Id: runs.Id})
	if err == nil || !strings.Contains(awsproto.Message(err), *f.Arn+" of the project app does not exist") {
		t.Errorf("a retry in the deleted fleet: %v", err)
	}
}

// Whatever runners ask, no fleet runs more builds than it may, and all builds end.
func TestFleetsNeverRunMoreThanTheyMay(t *testing.T) {
	t.Parallel()
	s := open(t, hold(time.Second))
	s.create(project("app"))
	in := fleet("spill", 2)
	in.OverflowBehavior = cb.FleetOverflowBehaviorOnDemand
	fleets := map[string]*cb.Fleet{"fleet=queue": s.createFleet(fleet("queue", 2)), "fleet=spill": s.createFleet(in)}
	const each = 15
	for range each {
		for _, f := range fleets {
			s.inFleet(f)
		}
		s.start(&cb.StartBuildInput{ProjectName: new("app")})
	}
	done := make(chan struct{})
	var polling sync.WaitGroup
	for i := range 9 {
		label := []string{"fleet=queue", "fleet=spill", "linux"}[i%3]
		polling.Go(func() {
			name := fmt.Sprintf("r%d", i)
			for {
				select {
				case <-done:
					return
				default:
				}
				if id := s.ask(name, 1, label); id != "" {
					s.within(t, fleets)
					s.succeed(name, id)
				}
			}
		})
	}
	for range 3 * each {
		if e := s.end(); e.Status != "SUCCEEDED" {
			t.Errorf("%+v", e)
		}
	}
	close(done)
	polling.Wait()
}

// within looks whether fleets run at most their two builds.
func (s *stage) within(t *testing.T, fleets map[string]*cb.Fleet) {
	out, err := s.ListFleetStates(s.ctx(), nil)
	if err != nil || len(out.Fleets) != len(fleets) {
		t.Errorf("%+v, %v", out, err)
		return
	}
	for _, f := range out.Fleets {
		if *f.Running > 2 || *f.OverflowBehavior == "QUEUE" && *f.Overflowing > 0 {
			t.Errorf("%s runs %d builds and %d outside", *f.Name, *f.Running, *f.Overflowing)
		}
	}
}
