package jenkins_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/jenkins"
)

var began = time.UnixMilli(1_000_000)

func submitted() *jenkins.Build {
	b := &jenkins.Build{Project: "web", Phase: jenkins.Submit, Reached: began.UnixMilli()}
	b.Enqueued(began, 7)
	return b
}

func executable(number int64) jenkins.Item {
	var in jenkins.Item
	in.Executable.Number = number
	return in
}

func TestABuildFollowsWhatJenkinsSays(t *testing.T) {
	t.Parallel()
	b := submitted()
	b.Waited(began, jenkins.Item{Why: "no executor"}, "http://ci", "/job/web")
	if b.Phase != jenkins.Queued || b.Say != "Waits in Jenkins' queue: no executor" {
		t.Errorf("in the queue: %s, %q", b.Phase, b.Say)
	}
	b.Waited(began, executable(3), "http://ci", "/job/web")
	if b.Phase != jenkins.Running || b.URL != "http://ci/job/web/3/" || b.Say != "web #3 is running" {
		t.Errorf("it runs: %s, %q, %q", b.Phase, b.URL, b.Say)
	}
	b.Ran(began, "SUCCESS")
	if b.Phase != jenkins.Over || b.Failure != nil || b.Ended == 0 {
		t.Errorf("it succeeded: %s, %v", b.Phase, b.Failure)
	}
}

func TestHowABuildEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(b *jenkins.Build)
		says string // "" for a success
	}{
		"unstable":  {func(b *jenkins.Build) { b.Ran(began, "UNSTABLE") }, "ended as UNSTABLE"},
		"aborted":   {func(b *jenkins.Build) { b.Ran(began, "ABORTED") }, "ended as ABORTED"},
		"cancelled": {func(b *jenkins.Build) { b.Waited(began, jenkins.Item{Cancelled: true}, "", "") }, "was cancelled"},
		"away": {func(b *jenkins.Build) {
			b.Away(began.Add(61*time.Minute), errors.New("refused"))
		}, "has not answered for 1h1m0s: refused"},
		"with an artifact": {func(b *jenkins.Build) {
			b.Outputs = []cp.ArtifactDetail{{Name: new("out")}}
			b.Ran(began, "SUCCESS")
			if b.Phase != jenkins.Collect {
				t.Errorf("after its success it is in %s, want the archive to be collected", b.Phase)
			}
			b.Collected(began)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := submitted()
			c.end(b)
			switch {
			case b.Phase != jenkins.Over:
				t.Errorf("it is in %s, want it over", b.Phase)
			case c.says == "" && b.Failure != nil:
				t.Errorf("it failed: %v", b.Failure)
			case c.says != "" && (b.Failure == nil || !strings.Contains(b.Failure.Message, c.says)):
				t.Errorf("it ended with %v, want %q", b.Failure, c.says)
			}
		})
	}
}

// TestRandomAnswers lets Jenkins answer anything, and not at all: the phases go forward only, a build that is over has
// a time, and it is over at the latest an hour after the last answer.
func TestRandomAnswers(t *testing.T) {
	t.Parallel()
	order := map[jenkins.Phase]int{jenkins.Queued: 1, jenkins.Running: 2, jenkins.Over: 3}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		b, now, answered := submitted(), began, began
		for range 50 {
			before := order[b.Phase]
			now = now.Add(time.Duration(r.IntN(20)) * time.Minute)
			switch pick := r.IntN(4); {
			case b.Phase == jenkins.Over:
			case pick < 2:
				b.Away(now, errors.New("away"))
			case b.Phase == jenkins.Queued:
				answered = now
				b.Waited(now, []jenkins.Item{{Why: "busy"}, executable(1), {Cancelled: true}}[r.IntN(3)], "", "")
			case pick == 2:
				answered = now
				b.Moved(now, r.IntN(2) == 0)
			default:
				answered = now
				b.Ran(now, []string{"SUCCESS", "FAILURE"}[r.IntN(2)])
			}
			if order[b.Phase] < before {
				t.Fatalf("seed %d: it went back to %s", seed, b.Phase)
			}
			if b.Phase == jenkins.Over && b.Ended == 0 {
				t.Fatalf("seed %d: it is over without a time", seed)
			}
			if b.Phase != jenkins.Over && b.Quiet > 0 && b.Reached < answered.UnixMilli() {
				t.Fatalf("seed %d: it forgot when Jenkins answered", seed)
			}
		}
	}
}
