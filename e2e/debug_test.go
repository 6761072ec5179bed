package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"slipway/internal/runner/executor/executortest"
)

// breaks is the buildspec of a build that pauses between what it prepares and what it does with it.
const breaks = `version: 0.2
phases:
  build:
    commands:
      - mkdir deep && cd deep && export FOUND=nothing
      - codebuild-breakpoint
      - test -f ../mended && echo "the build went on in ${PWD##*/}"
`

// paused waits until a build is paused, and returns it.
func (i *instance) paused(id string) types.Build {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	var b types.Build
	eventually(i.t, "the build is paused", func() error {
		out, err := c.BatchGetBuilds(i.t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return err
		}
		b = out.Builds[0]
		for _, p := range b.Phases {
			for _, x := range p.Contexts {
				if b.BuildStatus == types.StatusTypeInProgress && *x.StatusCode == "PAUSED" {
					return nil
				}
			}
		}
		return fmt.Errorf("it is %s in %s", b.BuildStatus, *b.CurrentPhase)
	})
	return b
}

// debugBuild starts a build with a debug session and waits for its pause.
func (i *instance) debugBuild(project string) types.Build {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	b := must(c.StartBuild(i.t.Context(), &codebuild.StartBuildInput{ProjectName: &project,
		DebugSessionEnabled: new(true)}))(i.t).Build
	return i.paused(*b.Id)
}

// testDebugSession is what holds of a build that pauses, wherever it runs.
func testDebugSession(t *testing.T, i *instance, change ...func(*codebuild.CreateProjectInput)) {
	i.inline("web", breaks, change...)
	b := i.debugBuild("web")
	if !*b.DebugSession.SessionEnabled || *b.DebugSession.SessionTarget != "codebuild:"+*b.Id {
		t.Errorf("the debug session is %+v", b.DebugSession)
	}
	has(t, newPerson(t, i).page("/builds/"+*b.Id), "Paused by codebuild-breakpoint", "slipway debug "+*b.Id,
		"aws ssm start-session --target codebuild:"+*b.Id)
	c := i.console(t, i.program, "debug", *b.Id)
	c.shows("is paused")
	c.shows("$ ", "# ")
	c.types("echo \"in ${PWD##*/}: $FOUND\"; touch ../mended\n")
	c.shows("in deep: nothing")
	c.types("codebuild-resume\n")
	c.shows("The build has ended.")
	c.exits()
	i.is(t, *b.Id, types.StatusTypeSucceeded)
	text := must(i.slipway("logs", *b.Id))(t)
	for _, want := range []string{"The build is paused. Open a terminal in it: slipway debug " + *b.Id,
		"The build goes on", "the build went on in deep"} {
		has(t, text, want)
	}
	// Without a debug session nothing pauses.
	plain := i.build(&codebuild.StartBuildInput{ProjectName: new("web")})
	if plain.BuildStatus != types.StatusTypeFailed || plain.DebugSession != nil {
		t.Errorf("without a debug session: %s, %+v", plain.BuildStatus, plain.DebugSession)
	}
}

// is waits until a build has ended with a status.
func (i *instance) is(t *testing.T, id string, status types.StatusType) {
	t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	eventually(t, "the build has ended", func() error {
		b := must(c.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{id}}))(t).Builds[0]
		if b.BuildStatus != status || i.left(id) != "" {
			return errors.New(string(b.BuildStatus) + " " + i.left(id))
		}
		return nil
	})
}

func TestDebugSession(t *testing.T) {
	t.Parallel()
	testDebugSession(t, up(t))
}

func TestDebugSessionInAContainer(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := prepare(t, "")
	i.args = []string{"--engine", engine}
	i.start()
	testDebugSession(t, i, inContainer)
}

// The aws CLI starts a session with a paused build by the target that the build shows, with AWS's own plugin. A retry
// pauses again. What cannot be connected to is said.
func TestSessionWithABuild(t *testing.T) {
	t.Parallel()
	smp := plugin(t)
	i := up(t)
	i.inline("web", breaks)
	b := i.debugBuild("web")
	i.env = append(i.env, "PATH="+filepath.Dir(smp)+":"+os.Getenv("PATH"))
	c := i.console(t, "aws", "ssm", "start-session", "--target", *b.DebugSession.SessionTarget)
	c.shows("Starting session with SessionId: ")
	c.shows("$ ", "# ")
	c.types("echo \"found $FOUND\"\n")
	c.shows("found nothing")

	// A session is ended by its ID; one that is not open cannot be opened any more.
	sdk := ssm.NewFromConfig(i.sdk())
	_, id, _ := strings.Cut(c.shown(), "SessionId: ")
	id = strings.Fields(id)[0]
	must(sdk.TerminateSession(t.Context(), &ssm.TerminateSessionInput{SessionId: &id}))(t)
	c.shows("The session was terminated.")
	c.exits()
	out := must(sdk.StartSession(t.Context(), &ssm.StartSessionInput{Target: b.DebugSession.SessionTarget}))(t)
	has(t, i.aws("ssm", "terminate-session", "--session-id", *out.SessionId), *out.SessionId)
	answer := must(json.Marshal(map[string]string{"SessionId": *out.SessionId, "TokenValue": *out.TokenValue,
		"StreamUrl": *out.StreamUrl}))(t)
	late := i.console(t, smp, string(answer), region, "StartSession")
	late.shows("its token is not valid")
	late.exits()

	for _, bad := range []ssm.StartSessionInput{
		{Target: new("codebuild:web:none")},
		{Target: new("i-0123456789abcdef0")},
		{Target: b.DebugSession.SessionTarget, DocumentName: new("AWS-StartSSHSession")},
	} {
		if _, err := sdk.StartSession(t.Context(), &bad); err == nil {
			t.Errorf("a session was started with %s %v", *bad.Target, bad.DocumentName)
		}
	}

	// Its time goes on while a build is paused; so does the right to stop it. A retry pauses again, in a batch each build.
	builds := codebuild.NewFromConfig(i.sdk())
	must(builds.StopBuild(t.Context(), &codebuild.StopBuildInput{Id: b.Id}))(t)
	i.is(t, *b.Id, types.StatusTypeStopped)
	again := must(builds.RetryBuild(t.Context(), &codebuild.RetryBuildInput{Id: b.Id}))(t).Build
	i.paused(*again.Id)
	i.killProcess("server")
	i.ready()
	i.paused(*again.Id) // the server is told of it again
	must(builds.StopBuild(t.Context(), &codebuild.StopBuildInput{Id: again.Id}))(t)
	i.is(t, *again.Id, types.StatusTypeStopped)
}

// Builds of a batch have debug sessions if the batch has, or if the buildspec says so.
func TestDebugSessionsOfABatch(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.inline("web", `version: 0.2
batch:
  build-list:
    - {identifier: quiet, ignore-failure: true}
    - {identifier: paused, debug-session: true}
phases: {build: {commands: [codebuild-breakpoint]}}
`, func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	})
	c := codebuild.NewFromConfig(i.sdk())
	for _, all := range []bool{false, true} {
		batch := must(c.StartBuildBatch(t.Context(), &codebuild.StartBuildBatchInput{ProjectName: new("web"),
			DebugSessionEnabled: &all}))(t).BuildBatch
		if *batch.DebugSessionEnabled != all {
			t.Errorf("debugSessionEnabled is %t", *batch.DebugSessionEnabled)
		}
		eventually(t, "the builds are as they should", func() error {
			got := must(c.BatchGetBuildBatches(t.Context(), &codebuild.BatchGetBuildBatchesInput{
				Ids: []string{*batch.Id}}))(t).BuildBatches[0]
			for _, g := range got.BuildGroups {
				if x := g.CurrentBuildSummary; x == nil || *g.Identifier == "quiet" && !all &&
					x.BuildStatus != types.StatusTypeSucceeded {
					return errors.New(*g.Identifier + " is not there yet")
				} else if name, ok := strings.CutPrefix(*x.Arn, buildARN); ok && (*g.Identifier == "paused" ||
					all && *g.Identifier == "quiet") {
					i.paused(name)
				}
			}
			if len(got.BuildGroups) < 3 {
				return errors.New("the batch has not been read yet")
			}
			return nil
		})
		must(c.StopBuildBatch(t.Context(), &codebuild.StopBuildBatchInput{Id: batch.Id}))(t)
	}
}

const buildARN = "arn:aws:codebuild:" + region + ":" + account + ":build/"

// page reads a page.
func (p *person) page(path string) string {
	p.t.Helper()
	resp := must(p.client.Get(p.url + path))(p.t)
	defer resp.Body.Close()
	body := must(io.ReadAll(resp.Body))(p.t)
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s", path, resp.Status)
	}
	return string(body)
}
