package build_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

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
