package build_test

import (
	"slices"
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestListRunners(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	s.poll("idle", 1)
	labelled := &slipway.PollBuildInput{Runner: new("idle"), Free: new(int32(1)), Labels: []string{"sandbox", "gpu"}}
	if _, err := s.PollBuild(s.ctx(), labelled); err != nil {
		t.Fatal(err)
	}
	s.start(&cb.StartBuildInput{ProjectName: new("app")})
	out := s.poll("busy", 1)
	s.start(&cb.StartBuildInput{ProjectName: new("app")})
	list, err := s.ListRunners(s.ctx(), &slipway.ListRunnersInput{})
	if err != nil || len(list.Runners) != 2 || *list.QueuedBuilds != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, r := range list.Runners {
		want := map[string]int{"idle": 0, "busy": 1}[*r.Name]
		if len(r.Builds) != want || want == 1 && r.Builds[0] != *out.Build.Id || r.SeenTime.IsZero() {
			t.Errorf("%+v", r)
		}
		if *r.Name == "idle" && !slices.Equal(r.Labels, labelled.Labels) {
			t.Errorf("the labels are %q, want %q", r.Labels, labelled.Labels)
		}
	}
}
