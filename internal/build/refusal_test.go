package build_test

import (
	"strings"
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestABuildThatNobodyTakesSaysWhy(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	id := *s.start(&cb.StartBuildInput{ProjectName: new("app")}).Id
	polled := make(chan error, 1)
	go func() {
		_, err := s.PollBuild(s.ctx(),
			&slipway.PollBuildInput{Runner: new("r1"), Free: new(int32(0)), Refuses: new("it has no sandbox")})
		polled <- err
	}()
	const want = "The runner r1 takes no builds: it has no sandbox"
	for {
		b := s.get(id)
		if contexts := b.Phases[len(b.Phases)-1].Contexts; len(contexts) == 1 && *contexts[0].Message == want {
			break
		}
		select {
		case err := <-polled:
			t.Fatalf("the runner's poll ended, and the build never said why it waits: %v", err)
		default:
		}
	}
	<-polled
	if b := s.get(id); len(b.Phases[len(b.Phases)-1].Contexts) != 0 {
		t.Error("the runner is gone, and the build still speaks of it")
	}
	if out := s.poll("r2", 1); out.Build == nil || *out.Build.Id != id {
		t.Errorf("a runner that takes builds got %+v", out)
	}
	e, err := s.ExplainBuild(s.ctx(), &slipway.ExplainBuildInput{Id: &id})
	if err != nil || strings.Contains(*e.Summary, "no sandbox") {
		t.Errorf("%v, %v", e, err)
	}
}
