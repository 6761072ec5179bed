package view

import (
	"testing"

	"slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestABuildAsPeopleSeeIt(t *testing.T) {
	web := codebuild.Build{
		Id:           new("web:1"),
		ProjectName:  new("web"),
		BuildNumber:  new(int64(7)),
		CurrentPhase: new("PRE_BUILD"),
		Initiator:    new("ada"),
	}
	status := func(s codebuild.StatusType) codebuild.Build {
		b := web
		b.BuildStatus = s
		return b
	}
	byShop := status(codebuild.StatusTypeSucceeded)
	byShop.Initiator = new("codepipeline/shop")
	broken := slipway.Change{CommitId: new("1234567890"), Subject: new("Add tax"), Cause: new("test_tax: 1 != 2")}
	fromShop := slipway.Change{PipelineName: new("shop"), ExecutionId: new("1234-5"), ExecutionNumber: new(int64(12))}
	for name, c := range map[string]struct {
		b                      codebuild.Build
		change                 slipway.Change
		kind                   Kind
		state, words, by, line string
	}{
		"running": {status(codebuild.StatusTypeInProgress), slipway.Change{Subject: new("Add tax")},
			Running, "Running", "Running, in pre build", "ada", "Add tax"},
		"failed": {status(codebuild.StatusTypeFailed), broken,
			Failed, "Failed", "Failed", "ada", "test_tax: 1 != 2"},
		"timed out": {status(codebuild.StatusTypeTimedOut), broken,
			Failed, "Timed out", "Timed out", "ada", "test_tax: 1 != 2"},
		"succeeded": {status(codebuild.StatusTypeSucceeded), broken,
			Succeeded, "Succeeded", "Succeeded", "ada", "Add tax"},
		"by an execution":              {byShop, fromShop, Succeeded, "Succeeded", "Succeeded", "shop #12", ""},
		"by an execution that is gone": {byShop, slipway.Change{}, Succeeded, "Succeeded", "Succeeded", "shop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := BuildOf(c.b, map[string]slipway.Change{"web:1": c.change})
			if b.Name != "web:7" || b.Kind != c.kind || b.State != c.state || b.By != c.by {
				t.Errorf("%s, %s %q by %q, want web:7, %s %q by %q",
					b.Name, b.Kind, b.State, b.By, c.kind, c.state, c.by)
			}
			if b.Words() != c.words || b.Line() != c.line {
				t.Errorf("%q, %q, want %q, %q", b.Words(), b.Line(), c.words, c.line)
			}
		})
	}
}

func TestAPhaseThatHasNotEndedRunsWhileItsBuildDoes(t *testing.T) {
	for name, c := range map[string]struct {
		build codebuild.StatusType
		phase codebuild.BuildPhase
		kind  Kind
		state string
		say   string
	}{
		"running": {codebuild.StatusTypeInProgress, codebuild.BuildPhase{}, Running, "Running", ""},
		"cut off": {codebuild.StatusTypeStopped, codebuild.BuildPhase{PhaseStatus: codebuild.StatusTypeInProgress},
			NotReached, "Not reached", ""},
		"failed": {codebuild.StatusTypeFailed, codebuild.BuildPhase{
			PhaseStatus: codebuild.StatusTypeFailed,
			Contexts:    []codebuild.PhaseContext{{}, {Message: new("it broke")}, {Message: new("and then")}},
		}, Failed, "Failed", "it broke"},
		"timed out": {codebuild.StatusTypeTimedOut, codebuild.BuildPhase{PhaseStatus: codebuild.StatusTypeTimedOut},
			Failed, "Timed out", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.phase.PhaseType = codebuild.BuildPhaseTypePreBuild
			b := BuildOf(codebuild.Build{
				BuildStatus: c.build,
				Phases:      []codebuild.BuildPhase{c.phase, {PhaseType: codebuild.BuildPhaseTypeCompleted}},
			}, nil)
			if len(b.Progress) != 1 {
				t.Fatalf("%d phases, want the one that is none of completion", len(b.Progress))
			}
			p := b.Progress[0]
			if p.Name != "Pre-build" || p.Kind != c.kind || p.State != c.state || p.Say != c.say {
				t.Errorf("%s %s %q %q, want Pre-build %s %q %q", p.Name, p.Kind, p.State, p.Say, c.kind, c.state, c.say)
			}
		})
	}
}

func TestAnExplanationSaysTheCauseOrTheSummary(t *testing.T) {
	line := []slipway.Line{{Text: new("error: it is broken")}}
	compared := &slipway.CompareWithGreenOutput{
		GreenBuildId:     new("web:0"),
		GreenBuildNumber: new(int64(6)),
		Files:            []slipway.ChangedFile{{Path: new("tax.go")}},
	}
	for name, c := range map[string]struct {
		out       slipway.ExplainBuildOutput
		since     *slipway.CompareWithGreenOutput
		say       string
		green     string
		unchanged bool
	}{
		"failed": {slipway.ExplainBuildOutput{Status: new("FAILED"), Lines: line, Summary: new("Build failed")},
			compared, "error: it is broken", "web:6", false},
		"failed at once": {slipway.ExplainBuildOutput{Status: new("FAULT"), Summary: new("No runner took the build")},
			&slipway.CompareWithGreenOutput{}, "No runner took the build", "", true},
		"did not fail": {slipway.ExplainBuildOutput{Status: new("SUCCEEDED"), Summary: new("It succeeded")},
			&slipway.CompareWithGreenOutput{}, "It succeeded", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			x := explanationOf(&c.out, c.since, Change{})
			if x.Say != c.say || x.Green() != c.green || x.Unchanged() != c.unchanged {
				t.Errorf("%q, green %q, unchanged %v; want %q, %q, %v",
					x.Say, x.Green(), x.Unchanged(), c.say, c.green, c.unchanged)
			}
		})
	}
}

func TestAChangeInOneLineAndInWords(t *testing.T) {
	for name, c := range map[string]struct {
		change       Change
		title, words string
	}{
		"nothing": {Change{}, "", ""},
		"a commit": {Change{Commit: "1234567890", Message: "Add tax", Author: "ada"}, "Add tax",
			"1234567 “Add tax” by ada"},
		"a rollback":      {Change{Commit: "1234567890", RollsBack: "d-1"}, "rollback of d-1", "1234567"},
		"only a revision": {Change{Revision: "s3://a/b"}, "s3://a/b", "s3://a/b"},
	} {
		if title, words := c.change.Title(), c.change.Words(); title != c.title || words != c.words {
			t.Errorf("%s: %q and %q, want %q and %q", name, title, words, c.title, c.words)
		}
	}
}
