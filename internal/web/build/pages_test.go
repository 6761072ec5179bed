package build

import (
	"context"
	"strings"
	"testing"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

// builds has one build, which failed.
type builds struct{ codebuild.Unimplemented }

const buildID = "web:11111111-2222-3333-4444-555555555555"

func (builds) ListBuilds(context.Context, *codebuild.ListBuildsInput) (*codebuild.ListBuildsOutput, error) {
	return &codebuild.ListBuildsOutput{Ids: []string{buildID}}, nil
}

func (builds) BatchGetBuilds(_ context.Context,
	in *codebuild.BatchGetBuildsInput) (*codebuild.BatchGetBuildsOutput, error) {
	if in.Ids[0] != buildID {
		return &codebuild.BatchGetBuildsOutput{BuildsNotFound: in.Ids}, nil
	}
	return &codebuild.BatchGetBuildsOutput{Builds: []codebuild.Build{{
		Id:          new(buildID),
		ProjectName: new("web"),
		BuildNumber: new(int64(7)),
		BuildStatus: codebuild.StatusTypeFailed,
		StartTime:   webtest.At(time.Minute),
		EndTime:     webtest.At(0),
		Logs:        &codebuild.LogsLocation{GroupName: new("/aws/codebuild/web"), StreamName: new("1111")},
		Phases: []codebuild.BuildPhase{{
			PhaseType:         codebuild.BuildPhaseTypeBuild,
			PhaseStatus:       codebuild.StatusTypeFailed,
			StartTime:         webtest.At(time.Minute),
			EndTime:           webtest.At(0),
			DurationInSeconds: new(int64(60)),
		}},
	}}}, nil
}

// BatchGetBuildBatches has one batch, of which the build is one.
func (builds) BatchGetBuildBatches(_ context.Context,
	in *codebuild.BatchGetBuildBatchesInput) (*codebuild.BatchGetBuildBatchesOutput, error) {
	if in.Ids[0] != buildID {
		return &codebuild.BatchGetBuildBatchesOutput{BuildBatchesNotFound: in.Ids}, nil
	}
	return &codebuild.BatchGetBuildBatchesOutput{BuildBatches: []codebuild.BuildBatch{{
		Id:               new(buildID),
		ProjectName:      new("web"),
		BuildBatchNumber: new(int64(3)),
		BuildBatchStatus: codebuild.StatusTypeFailed,
		StartTime:        webtest.At(time.Minute),
		EndTime:          webtest.At(0),
		Phases: []codebuild.BuildBatchPhase{{PhaseType: codebuild.BuildBatchPhaseTypeInProgress,
			Contexts: []codebuild.PhaseContext{{Message: new("Builds of the batch did not succeed: unit (FAILED).")}}}},
		BuildGroups: []codebuild.BuildGroup{
			{Identifier: new("unit"), CurrentBuildSummary: &codebuild.BuildSummary{
				Arn: new("arn:aws:codebuild:r:1:build/" + buildID), BuildStatus: codebuild.StatusTypeFailed}},
			{Identifier: new("whole"), DependsOn: []string{"unit"}},
		},
	}}}, nil
}

// tale knows the log of the build, and why it failed.
type tale struct{ slipway.Unimplemented }

func (tale) DescribeChanges(context.Context, *slipway.DescribeChangesInput) (*slipway.DescribeChangesOutput, error) {
	return &slipway.DescribeChangesOutput{Changes: map[string]slipway.Change{
		buildID: {Subject: new("Greet more kindly"), Author: new("ada"), CommitId: new("1234567890"),
			Cause: new("go test: TestGreeting failed")},
	}}, nil
}

func (tale) ReadLog(context.Context, *slipway.ReadLogInput) (*slipway.ReadLogOutput, error) {
	return &slipway.ReadLogOutput{
		Lines: []slipway.Line{
			{Number: new(int64(0)), Text: new("go test ./...")},
			{Number: new(int64(1)), Text: new("--- FAIL: TestGreeting <b>")},
		},
		NextLine:   new(int64(2)),
		TotalLines: new(int64(2)),
		Complete:   new(true),
	}, nil
}

func (tale) ExplainBuild(context.Context, *slipway.ExplainBuildInput) (*slipway.ExplainBuildOutput, error) {
	return &slipway.ExplainBuildOutput{
		Status:  new("FAILED"),
		Phase:   new("BUILD"),
		Command: new("go test ./..."),
		Line:    new(int64(1)),
		Lines:   []slipway.Line{{Number: new(int64(1)), Text: new("--- FAIL: TestGreeting <b>")}},
	}, nil
}

func (tale) CompareWithGreen(context.Context,
	*slipway.CompareWithGreenInput) (*slipway.CompareWithGreenOutput, error) {
	return &slipway.CompareWithGreenOutput{}, nil
}

func TestPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Builds: builds{}, Slipway: tale{}})
	p.Shows("/builds", "web", "Failed", "Greet more kindly")
	p.Shows("/builds/"+buildID, "go test ./...", "--- FAIL: TestGreeting <b>", "Greet more kindly")
	p.Shows("/batches/"+buildID, "web, batch 3", "did not succeed: unit (FAILED)", "└ ", "Not started", "Retry failed",
		"go test: TestGreeting failed")
	if got := p.Status("/batches/web:00000000-2222-3333-4444-555555555555"); got != 404 {
		t.Errorf("a batch that is not there answers %d", got)
	}
	if got := p.Status("/builds/web:00000000-2222-3333-4444-555555555555"); got != 404 {
		t.Errorf("a build that is not there answers %d", got)
	}
}

// sandboxes has one sandbox, in which a command failed; its ID is not the build's.
type sandboxes struct{ builds }

const sandboxID = "web:22222222-2222-3333-4444-555555555555"

func (sandboxes) ListSandboxesForProject(context.Context,
	*codebuild.ListSandboxesForProjectInput) (*codebuild.ListSandboxesForProjectOutput, error) {
	return &codebuild.ListSandboxesForProjectOutput{Ids: []string{sandboxID}}, nil
}

func (sandboxes) BatchGetSandboxes(_ context.Context,
	in *codebuild.BatchGetSandboxesInput) (*codebuild.BatchGetSandboxesOutput, error) {
	if in.Ids[0] != sandboxID {
		return &codebuild.BatchGetSandboxesOutput{SandboxesNotFound: in.Ids}, nil
	}
	return &codebuild.BatchGetSandboxesOutput{Sandboxes: []codebuild.Sandbox{{Id: new(sandboxID), ProjectName: new("web"),
		Status: new("RUN_SANDBOX"), RequestTime: webtest.At(time.Minute), SourceVersion: new("refs/heads/topic")}}}, nil
}

func (sandboxes) ListCommandExecutionsForSandbox(context.Context, *codebuild.ListCommandExecutionsForSandboxInput) (
	*codebuild.ListCommandExecutionsForSandboxOutput, error) {
	return &codebuild.ListCommandExecutionsForSandboxOutput{CommandExecutions: []codebuild.CommandExecution{{
		Command: new("go test ./..."), Status: new("FAILED"), ExitCode: new("2"), SubmitTime: webtest.At(time.Minute),
		StandardOutputContent: new("--- FAIL: <Total>"), StandardErrContent: new(strings.Repeat("x", 2*maxTail) + "the end"),
	}}}, nil
}

func TestSandboxPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Builds: sandboxes{}, Slipway: tale{}})
	p.Shows("/projects/web/sandboxes", "Ready", "refs/heads/topic", "Start a sandbox")
	p.Shows("/sandboxes/"+sandboxID, "Ready", "go test ./...", "exit 2", "--- FAIL: <Total>", "…x", "xthe end", "Stop")
	if got := p.Status("/sandboxes/" + buildID); got != 404 {
		t.Errorf("a sandbox that is not there answers %d", got)
	}
	resp := p.Get("/builds/" + sandboxID)
	if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != sandboxURL(sandboxID) {
		t.Errorf("the page of a build that is a sandbox leads to %q with %d", to, resp.StatusCode)
	}
}

// A project says on whose runners its builds wait, also if the fleet is gone.
func TestFleetOfAProject(t *testing.T) {
	of := func(b codebuild.API) string {
		p := webtest.Open(t, Routes, kit.Config{Builds: b, Slipway: tale{}})
		return p.Read("/projects/web")
	}
	if got := of(fleeted{}); !strings.Contains(got, "Its builds run on the fleet big.") {
		t.Error(got)
	}
	if got := of(fleeted{gone: true}); !strings.Contains(got, "The fleet big is gone") {
		t.Error(got)
	}
}

type fleeted struct {
	hooked
	gone bool
}

func (fleeted) BatchGetProjects(context.Context,
	*codebuild.BatchGetProjectsInput) (*codebuild.BatchGetProjectsOutput, error) {
	return &codebuild.BatchGetProjectsOutput{Projects: []codebuild.Project{{Name: new("web"),
		Environment: &codebuild.ProjectEnvironment{Fleet: &codebuild.ProjectFleet{
			FleetArn: new("arn:aws:codebuild:eu-central-1:123456789012:fleet/big:1111")}}}}}, nil
}

func (f fleeted) BatchGetFleets(_ context.Context,
	in *codebuild.BatchGetFleetsInput) (*codebuild.BatchGetFleetsOutput, error) {
	if f.gone {
		return &codebuild.BatchGetFleetsOutput{FleetsNotFound: in.Names}, nil
	}
	return &codebuild.BatchGetFleetsOutput{Fleets: []codebuild.Fleet{{Arn: &in.Names[0]}}}, nil
}

// hooked has a project with a webhook, one of whose deliveries started nothing.
type hooked struct{ builds }

func (hooked) ListBuildsForProject(context.Context,
	*codebuild.ListBuildsForProjectInput) (*codebuild.ListBuildsForProjectOutput, error) {
	return &codebuild.ListBuildsForProjectOutput{Ids: []string{buildID}}, nil
}

func (hooked) BatchGetProjects(context.Context,
	*codebuild.BatchGetProjectsInput) (*codebuild.BatchGetProjectsOutput, error) {
	return &codebuild.BatchGetProjectsOutput{Projects: []codebuild.Project{{Name: new("web"),
		Webhook: &codebuild.Webhook{PayloadUrl: new("http://slipway.example/webhooks/codebuild/x"),
			FilterGroups: [][]codebuild.WebhookFilter{{
				{Type: codebuild.WebhookFilterTypeEvent, Pattern: new("PUSH")},
				{Type: codebuild.WebhookFilterTypeFilePath, Pattern: new("^web/"), ExcludeMatchedPattern: new(true)},
			}}}}}}, nil
}

type deliveries struct{ tale }

func (deliveries) ListWebhookDeliveries(context.Context,
	*slipway.ListWebhookDeliveriesInput) (*slipway.ListWebhookDeliveriesOutput, error) {
	return &slipway.ListWebhookDeliveriesOutput{Deliveries: []slipway.WebhookDelivery{
		{Event: new("PUSH"), Ref: new("refs/heads/main"), Outcome: new("IGNORED"),
			Reason: new("Filter not matched: FILE_PATH"), Time: webtest.At(time.Minute)},
		{Event: new("PUSH"), Outcome: new("STARTED"), Work: new(buildID), Time: webtest.At(time.Hour)},
	}}, nil
}

func TestAProjectsPageShowsItsWebhook(t *testing.T) {
	t.Parallel()
	p := webtest.Open(t, Routes, kit.Config{Builds: hooked{}, Slipway: deliveries{}})
	p.Shows("/projects/web", "http://slipway.example/webhooks/codebuild/x", "EVENT is one of PUSH",
		"FILE_PATH does not match ^web/", "nothing started", "Filter not matched: FILE_PATH", "started a build", buildID)
}
