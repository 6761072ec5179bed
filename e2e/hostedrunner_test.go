package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"slipway/internal/runner/executor/executortest"
)

// runnerSpec installs a program that stands in for GitHub's runner: it says what it was given, and what anybody sees of
// it.
const runnerSpec = `version: 0.2
phases:
  install:
    commands:
      - mkdir -p "$HOME/actions-runner"
      - |
        cat >"$HOME/actions-runner/run.sh" <<'END'
        #!/bin/sh
        echo "the job runs with $# arguments, ${#ACTIONS_RUNNER_INPUT_JITCONFIG} characters, as root: $RUNNER_ALLOW_RUNASROOT"
        echo "leaked $ACTIONS_RUNNER_INPUT_JITCONFIG"
        tr '\0' ' ' </proc/$$/cmdline
        touch written
        END
      - chmod +x "$HOME/actions-runner/run.sh"
  build:
    commands:
      - echo the buildspec builds
  post_build:
    commands:
      - echo "after the job ${ACTIONS_RUNNER_INPUT_JITCONFIG-nothing}, $CODEBUILD_WEBHOOK_EVENT"
`

// testHostedRunner is what holds of jobs of GitHub Actions wherever they run.
func testHostedRunner(t *testing.T, i *instance, change ...func(*codebuild.CreateProjectInput)) {
	const token = "ghp-0123456789"
	f := newForge(t, token, map[string]string{"main": waiting})
	c := i.inline("ci", runnerSpec, append(change, func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeGithubEnterprise, Location: &f.url,
			Buildspec: new(runnerSpec)}
	})...)
	must(c.ImportSourceCredentials(t.Context(), &codebuild.ImportSourceCredentialsInput{Token: new(token),
		ServerType: types.ServerTypeGithubEnterprise, AuthType: types.AuthTypePersonalAccessToken}))(t)
	w := must(c.CreateWebhook(t.Context(), &codebuild.CreateWebhookInput{ProjectName: new("ci"),
		ManualCreation: new(true), FilterGroups: [][]types.WebhookFilter{{{Type: types.WebhookFilterTypeEvent,
			Pattern: new("WORKFLOW_JOB_QUEUED")}}}}))(t).Webhook
	send := func(id string, labels ...string) string {
		return f.deliver(*w.PayloadUrl, *w.Secret, id, "workflow_job", f.job(id, labels...))
	}
	has(t, send("1", "ubuntu-latest"), "the job is not for this project")
	has(t, send("2", "codebuild-other-1-1"), "the job is not for this project")
	has(t, send("3", "codebuild-ci-1-1", "instance-size:huge"), "instance-size:huge is no size")
	has(t, send("4", "codebuild-ci-1-1", "image:windows-1.0"), "image:windows-1.0")
	has(t, send("5", "codebuild-ci-1-1", "fleet:none"), "fleet:none names no fleet")

	labels := []string{"codebuild-ci-4711-1", "buildspec-override:true", "instance-size:medium", "mine"}
	has(t, send("6", labels...), "Started ci:")
	b := i.ended(i.started("ci", 0))
	text := i.printed(*b.Id)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("the build is %s: %s", b.BuildStatus, tail(text, 30))
	}
	has(t, text, "the job runs with 0 arguments, 40 characters, as root: 1", "leaked ***",
		"after the job nothing, WORKFLOW_JOB_QUEUED")
	if strings.Contains(text, jitConfig) || strings.Contains(text, "the buildspec builds\n") {
		t.Errorf("the log has too much: %s", text)
	}
	if b.Environment.ComputeType != types.ComputeTypeBuildGeneral1Medium || *b.SourceVersion != f.heads["main"] {
		t.Errorf("the build is of %s, at %s", b.Environment.ComputeType, *b.SourceVersion)
	}
	if len(f.runners) != 1 || !slices.Equal(f.runners[0], labels) {
		t.Errorf("registered %q, want %q", f.runners, labels)
	}

	// Without a program it is said where it was looked for, and without the override the buildspec does not count.
	has(t, send("7", "codebuild-ci-4711-1 other"), "Started ci:")
	b = i.ended(i.started("ci", 1))
	if text := i.printed(*b.Id); b.BuildStatus != types.StatusTypeFailed {
		t.Errorf("the build is %s: %s", b.BuildStatus, text)
	} else {
		has(t, text, "There is no program of a runner of GitHub Actions (run.sh)")
	}
}

// A job of GitHub Actions that waits for a runner gets a build that is one, for this job alone.
func TestHostedRunner(t *testing.T) {
	t.Parallel()
	testHostedRunner(t, up(t))
}

func TestHostedRunnerInAContainer(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := prepare(t, "")
	i.args = []string{"--engine", engine}
	i.start()
	testHostedRunner(t, i, inContainer)
}
