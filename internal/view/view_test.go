package view

import (
	"context"
	"strings"
	"testing"

	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

func TestCauseIsOneSentence(t *testing.T) {
	line := func(s string) []slipway.Line { return []slipway.Line{{Text: &s}} }
	failedEvent := func(script, message, tail string) *codedeploy.LifecycleEvent {
		return &codedeploy.LifecycleEvent{
			LifecycleEventName: new("ValidateService"),
			Diagnostics:        &codedeploy.Diagnostics{ScriptName: &script, Message: &message, LogTail: &tail},
		}
	}
	for name, c := range map[string]struct {
		work slipway.Work
		want string
	}{
		"nothing": {slipway.Work{}, ""},
		"a test": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "make test", ExitCode: new(int32(1)), Lines: line("E   AssertionError"),
					FailedTests: 1,
					Test: &slipway.FailedTest{Name: new("test_sum_with_tax"),
						Message: new("AssertionError: 4.86 != 7.14\n  at x")}},
			}, "test_sum_with_tax: 4.86 != 7.14",
		},
		"three tests": {
			slipway.Work{
				Cause: &slipway.Cause{FailedTests: 3,
					Test: &slipway.FailedTest{Name: new("dues: TestCharge"),
						Message: new("Charge() = 1000, want 1125")}},
			},
			"TestCharge: Charge() = 1000, want 1125, and 2 more tests",
		},
		"a line": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "x", ExitCode: new(int32(3)), Lines: line("error: it is broken")},
			}, "error: it is broken (exit 3)",
		},
		"a command": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "false", ExitCode: new(int32(1)),
					Message: "Error while executing command: false"},
			}, "false: exit 1",
		},
		"a place": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "make", ExitCode: new(int32(2)), Lines: line("./cart.go:12:3: undefined: y"),
					Finding: &slipway.Finding{Kind: new("COMPILE_ERROR"), Message: new("undefined: y"), File: new("./cart.go"),
						Line: new(int32(12)), Column: new(int32(3))}},
			}, "cart.go:12:3: undefined: y",
		},
		"memory before tests": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "make test", FailedTests: 1, Test: &slipway.FailedTest{Name: new("test_tax")},
					Finding: &slipway.Finding{Kind: new("OUT_OF_MEMORY"), Message: new("JavaScript heap out of memory")}},
			}, "Out of memory: JavaScript heap out of memory",
		},
		"time": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "make test\n", Finding: &slipway.Finding{Kind: new("TIMED_OUT"), Message: new("x")}},
			}, "Timed out while this ran: make test",
		},
		"a tool": {
			slipway.Work{
				Cause: &slipway.Cause{Command: "mvn", ExitCode: new(int32(127)), Finding: &slipway.Finding{
					Kind: new("MISSING_TOOL"), Subject: new("mvn"), Message: new("mvn: not found")}},
			}, "mvn is not where the build runs: mvn: not found",
		},
		"no runner": {slipway.Work{Cause: &slipway.Cause{Message: "No runner took the build in 8 hours"}},
			"No runner took the build in 8 hours"},
		"a script": {slipway.Work{Host: "host-1",
			Event: failedEvent("scripts/validate.sh",
				"Script at specified location: scripts/validate.sh failed with exit code 7",
				"LifecycleEvent - ValidateService\nScript - scripts/validate.sh\n[stdout]waiting\n[stderr]the shop "+
					"does not answer\n"), Message: "The overall deployment failed because…"},
			"host-1, validate.sh, exit 7: the shop does not answer"},
		"no script": {slipway.Work{Host: "host-1",
			Event: failedEvent("", "The host did not answer within 5 minutes", "")},
			"host-1, ValidateService: The host did not answer within 5 minutes"},
		"AWS's": {slipway.Work{Message: "Build terminated with state: FAILED. BUILD: it broke"}, "BUILD: it broke"},
	} {
		if got := Cause(c.work); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	if got := Cause(slipway.Work{Message: strings.Repeat("long ", 200)}); len([]rune(got)) > longest {
		t.Errorf("%d characters", len([]rune(got)))
	}
}

func TestOneWordForAState(t *testing.T) {
	for status, want := range map[string]string{"Succeeded": "Succeeded", "SUCCEEDED": "Succeeded",
		"IN_PROGRESS": "Running", "InProgress": "Running", "FAILED": "Failed", "ROLLED_BACK": "Rolled back",
		"PROMOTED": "Released", "ASKING": "Waiting for a decision", "TIMED_OUT": "Timed out", "Stopped": "Stopped",
		"NEVER_HEARD": "Never heard"} {
		if got := StatusWord(status); got != want {
			t.Errorf("%s is %q, not %q", status, got, want)
		}
	}
}

// stages is what the service asks, with fixed answers.
type stages struct {
	works    map[string]slipway.Work
	waiting  []slipway.Waiting
	releases []slipway.ReleaseSummary
	tried    []slipway.Tried
	serving  []slipway.ServingGroup
	ready    []string

	build, green *slipway.PastBuild
	commits      []slipway.CommitSummary
}

func (s stages) Facts(_ context.Context, ids []string) (map[string]slipway.Work, error) {
	all := map[string]slipway.Work{}
	for _, id := range ids {
		if w, ok := s.works[id]; ok {
			all[id] = w
		}
	}
	return all, nil
}

func (s stages) Approvals(context.Context, string) ([]slipway.Waiting, int64, error) {
	return append([]slipway.Waiting{}, s.waiting...), 2, nil
}

func (s stages) ListReleases(context.Context, *slipway.ListReleasesInput) (*slipway.ListReleasesOutput, error) {
	return &slipway.ListReleasesOutput{Releases: s.releases}, nil
}

func (s stages) Serving(context.Context, []slipway.GroupRef) ([]slipway.ServingGroup, error) {
	return s.serving, nil
}

func (s stages) Versions(context.Context, string, string) ([]slipway.Tried, error) {
	return s.tried, nil
}
func (s stages) Ready(context.Context) ([]string, error) { return s.ready, nil }

func (s stages) BatchGetCommits(
	_ context.Context,
	in *codecommit.BatchGetCommitsInput,
) (*codecommit.BatchGetCommitsOutput, error) {
	out := &codecommit.BatchGetCommitsOutput{}
	for _, id := range in.CommitIds {
		out.Commits = append(
			out.Commits,
			codecommit.Commit{
				CommitId: &id,
				Message:  new("subject of " + id[:1]),
				Author:   &codecommit.UserInfo{Name: new("Ada")},
			},
		)
	}
	return out, nil
}

func (s stages) Progress(context.Context, string, string) ([]slipway.CommitExecution, error) {
	return nil, nil
}

func (s stages) Green(context.Context, string) (*slipway.PastBuild, *slipway.PastBuild, error) {
	return s.build, s.green, nil
}

func (s stages) ListCommits(context.Context, *slipway.ListCommitsInput) (*slipway.ListCommitsOutput, error) {
	return &slipway.ListCommitsOutput{Commits: s.commits}, nil
}

func (s stages) GetDiff(context.Context, *slipway.GetDiffInput) (*slipway.GetDiffOutput, error) {
	return &slipway.GetDiffOutput{
		TotalFiles: new(int32(1)),
		Files:      []slipway.DiffFile{{Path: new("app.py"), AddedLines: new(int32(1))}},
	}, nil
}

func service(s stages) *Service {
	return &Service{Executions: s, Builds: s, Deployments: s, Releases: s, Commits: s}
}

const execution = "11111111-2222-3333-4444-555555555555"

var commit = strings.Repeat("a", 40)

func TestEverythingThatWaitsIsInOneList(t *testing.T) {
	v := service(stages{
		works: map[string]slipway.Work{
			execution: {ID: execution, Execution: execution, Pipeline: "web", Number: 7, Repository: "web",
				Commit: commit},
			"d-AAAAAAAAA": {ID: "d-AAAAAAAAA", Execution: execution, Application: "web", Group: "live"},
			"d-CCCCCCCCC": {ID: "d-CCCCCCCCC", Application: "shop", Group: "live"},
		},
		waiting: []slipway.Waiting{
			{Kind: slipway.WaitingKindApproval, PipelineName: new("web"), PipelineExecutionId: new(execution)},
		},
		releases: []slipway.ReleaseSummary{
			{
				DeploymentId: new("d-AAAAAAAAA"),
				Status:       slipway.ReleaseStatusAsking,
				Message:      new("A person has to decide: too few requests"),
			},
			{DeploymentId: new("d-BBBBBBBBB"), Status: slipway.ReleaseStatusWaiting},
		},
		ready: []string{"d-CCCCCCCCC"},
	})
	attention, err := v.GetAttention(t.Context(), nil)
	if err != nil || *attention.Waiting != 3 || *attention.Failed != 2 {
		t.Fatalf("%+v, %v", attention, err)
	}
	all, err := v.ListWaiting(t.Context(), &slipway.ListWaitingInput{})
	if err != nil || int64(len(all.Waiting)) != *attention.Waiting {
		t.Fatalf("%d wait, the header says %d: %v", len(all.Waiting), *attention.Waiting, err)
	}
	web, err := v.ListWaiting(t.Context(), &slipway.ListWaitingInput{PipelineName: new("web")})
	if err != nil || len(web.Waiting) != 2 {
		t.Fatalf("%d wait in web: %v", len(web.Waiting), err)
	}
	for _, w := range web.Waiting {
		if *w.Change.ExecutionNumber != 7 || *w.Change.Author != "Ada" || *w.Change.Subject != "subject of a" {
			t.Errorf("%+v", w.Change)
		}
	}
}

// The case of a user: the version before the present one did well in this group, and its release was rolled
// back in another.
func TestLastGoodIsNotOneBack(t *testing.T) {
	tried := func(id string, o slipway.VersionOutcome, elsewhere ...slipway.TriedElsewhere) slipway.Tried {
		return slipway.Tried{Key: id, Deployment: id, Outcome: o, Elsewhere: elsewhere}
	}
	good, failed := slipway.VersionOutcomeGood, slipway.VersionOutcomeFailed
	for name, c := range map[string]struct {
		s    stages
		want string
	}{
		"bad elsewhere": {
			stages{tried: []slipway.Tried{tried("d-3", good),
				tried("d-2", good, slipway.TriedElsewhere{Group: "live", Deployment: "d-L", Outcome: failed}),
				tried("d-1", good)},
				releases: []slipway.ReleaseSummary{{DeploymentId: new("d-L"),
					Status: slipway.ReleaseStatusRolledBack}}}, "d-1",
		},
		"failed here": {
			stages{tried: []slipway.Tried{tried("d-3", good), tried("d-2", failed), tried("d-1", good)}}, "d-1",
		},
		"none":  {stages{tried: []slipway.Tried{tried("d-2", good), tried("d-1", failed)}}, ""},
		"first": {stages{tried: []slipway.Tried{tried("d-1", good)}}, ""},
		"half of the hosts": {stages{tried: []slipway.Tried{tried("d-2", failed), tried("d-1", good)},
			serving: served("d-2", "host-1", "d-1", "host-2")}, "d-1"},
		"served already": {stages{tried: []slipway.Tried{tried("d-3", failed), tried("d-2", good), tried("d-1", good)},
			serving: served("d-2", "host-1")}, "d-1"},
	} {
		out, err := service(
			c.s,
		).ListVersions(
			t.Context(),
			&slipway.ListVersionsInput{ApplicationName: new("web"), DeploymentGroupName: new("production")},
		)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range out.Versions {
			if *v.LastGood {
				got = *v.DeploymentId
			}
		}
		if got != c.want {
			t.Errorf("%s: back to %q, not %q", name, got, c.want)
		}
	}
}

func served(pairs ...string) []slipway.ServingGroup {
	var g slipway.ServingGroup
	for i := 0; i < len(pairs); i += 2 {
		g.Versions = append(g.Versions, slipway.ServedVersion{DeploymentId: &pairs[i], Hosts: []string{pairs[i+1]}})
	}
	return []slipway.ServingGroup{g}
}

func TestWhatChangedSinceGreen(t *testing.T) {
	const id = "web:11111111-2222-3333-4444-555555555555"
	old, between, now := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	built := func(commit, image, variable string, in slipway.Surroundings) *slipway.PastBuild {
		return &slipway.PastBuild{Surroundings: in, Build: codebuild.Build{
			Id:                    new(id),
			ResolvedSourceVersion: &commit,
			Environment: &codebuild.ProjectEnvironment{Image: &image,
				EnvironmentVariables: []codebuild.EnvironmentVariable{{Name: new("STAGE"), Value: &variable}}},
		}}
	}
	v := service(
		stages{
			works: map[string]slipway.Work{id: {ID: id, Repository: "web", Commit: now}},
			build: built(now, "go:1.26", "two", slipway.Surroundings{Image: "go:1.26@sha256:2"}),
			green: built(old, "go:1.25", "one",
				slipway.Surroundings{Image: "go:1.25@sha256:1", Caches: []string{"deps-1"}}),
			commits: []slipway.CommitSummary{
				{CommitId: &now, Message: new("Third")},
				{CommitId: &between, Message: new("Second")},
				{CommitId: &old},
			},
		},
	)
	out, err := v.CompareWithGreen(t.Context(), &slipway.CompareWithGreenInput{Id: new(id)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Commits) != 2 || *out.Commits[1].Subject != "Second" || len(out.Files) != 1 || out.MoreCommits != nil {
		t.Errorf("commits %+v, files %+v", out.Commits, out.Files)
	}
	var names []string
	for _, s := range out.Settings {
		names = append(names, *s.Name+" "+*s.Before+" "+*s.After)
	}
	if got := strings.Join(names, "; "); got != "image go:1.25 go:1.26; image digest sha256:1 sha256:2; "+
		"cache deps-1 none; variable STAGE one two" {
		t.Error(got)
	}
	v = service(stages{build: built(now, "", "", slipway.Surroundings{})})
	if out, err := v.CompareWithGreen(
		t.Context(),
		&slipway.CompareWithGreenInput{Id: new(id)},
	); err != nil ||
		out.GreenBuildId != nil {
		t.Errorf("without a green build: %+v, %v", out, err)
	}
}
