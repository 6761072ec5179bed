package e2e

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	_ "modernc.org/sqlite"
)

// left are the processes of a build, and what is left of sandboxes, dead ones included.
func (i *instance) left(build string) string {
	i.t.Helper()
	var all []string
	runner := strconv.Itoa(i.pids()["runner"])
	for _, dir := range must(filepath.Glob("/proc/[0-9]*"))(i.t) {
		env, _ := os.ReadFile(dir + "/environ")
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if strings.Contains(string(env), build) || len(fields) > 1 && fields[0] == "Z" && fields[1] == runner {
			all = append(all, string(stat[:strings.LastIndexByte(string(stat), ')')+1]))
		}
	}
	return strings.Join(all, ", ")
}

// says waits until the log of a build has a text.
func (i *instance) says(build, text string) {
	i.t.Helper()
	eventually(i.t, build+" says "+text, func() error {
		if out, err := i.slipway("logs", build); err != nil || !strings.Contains(out, text) {
			return errors.Join(err, errors.New(tail(out, 5)))
		}
		return nil
	})
}

// stubborn is a build that ignores signals and leaves processes behind, each of which has a session of its own.
const stubborn = `version: 0.2
phases:
  build:
    commands:
      - trap '' TERM INT HUP
      - setsid sh -c 'trap "" TERM HUP; sleep 1000' & (setsid setsid sleep 1000 >/dev/null 2>&1 &)
      - nohup sleep 1000 >/dev/null 2>&1 &
      - 'echo here we are; test -n "$SHORT" || sleep 1000'
    finally: [echo finally not]
  post_build:
    commands: [echo not]
`

func TestBuildStops(t *testing.T) {
	t.Parallel()
	i, ctx := up(t, "--builds", "1"), t.Context()
	c := i.inline("stubborn", stubborn)
	running := *i.start1("stubborn")
	i.says(running, "here we are")
	b := must(c.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{running}}))(t).Builds[0]
	if b.BuildComplete || b.BuildStatus != types.StatusTypeInProgress || *b.CurrentPhase != "BUILD" ||
		b.EndTime != nil || b.Phases[len(b.Phases)-1].PhaseType != "BUILD" || b.Phases[len(b.Phases)-1].EndTime != nil {
		t.Errorf("running: %+v", b)
	}
	queued := *i.start1("stubborn")
	b = must(c.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{queued}}))(t).Builds[0]
	if *b.CurrentPhase != "QUEUED" || b.BuildStatus != types.StatusTypeInProgress || len(b.Phases) != 2 {
		t.Errorf("queued: %+v", b)
	}
	_, err := c.RetryBuild(ctx, &codebuild.RetryBuildInput{Id: &queued})
	says(t, err, "InvalidInputException")
	if out := must(c.BatchDeleteBuilds(ctx,
		&codebuild.BatchDeleteBuildsInput{Ids: []string{queued, running}}))(t); len(out.BuildsDeleted) != 0 ||
		*out.BuildsNotDeleted[0].StatusCode != "BUILD_IN_PROGRESS" {
		t.Errorf("deleted in progress: %+v", out)
	}
	if s := must(c.StopBuild(ctx,
		&codebuild.StopBuildInput{Id: &queued}))(t).Build; s.BuildStatus != types.StatusTypeStopped ||
		!s.BuildComplete || !strings.HasPrefix(steps(*s), "QUEUED=STOPPED(") ||
		!strings.HasSuffix(steps(*s), ") COMPLETED") {
		t.Errorf("stopped in the queue: %s %s", s.BuildStatus, steps(*s))
	}
	must(c.StopBuild(ctx, &codebuild.StopBuildInput{Id: &running}))(t)
	b = i.ended(running)
	if b.BuildStatus != types.StatusTypeStopped ||
		steps(b) != "DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD=STOPPED FINALIZING COMPLETED" {
		t.Errorf("stopped: %s %s", b.BuildStatus, steps(b))
	}
	if left := i.left(running); left != "" {
		t.Errorf("after the stop there are %s", left)
	}
	if log := i.printed(running); strings.Contains(log, "\nfinally not") || strings.Contains(log, "\nnot\n") {
		t.Errorf("commands ran after the stop:\n%s", log)
	}
	// What has ended stays as it is.
	if s := must(c.StopBuild(ctx,
		&codebuild.StopBuildInput{Id: &running}))(t).Build; s.BuildStatus != types.StatusTypeStopped ||
		!s.EndTime.Equal(*b.EndTime) {
		t.Errorf("stopped twice: %+v", s)
	}
	b = i.build(&codebuild.StartBuildInput{ProjectName: new("stubborn"),
		EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: new("SHORT"), Value: new("yes")}}})
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("it is %s", b.BuildStatus)
	}
	if left := i.left(*b.Id); left != "" {
		t.Errorf("after the end there are %s", left)
	}
	again := *must(c.RetryBuild(ctx, &codebuild.RetryBuildInput{Id: b.Id, IdempotencyToken: new("once")}))(t).Build.Id
	if same := *must(c.RetryBuild(ctx,
		&codebuild.RetryBuildInput{Id: b.Id, IdempotencyToken: new("once")}))(t).Build.Id; same != again {
		t.Errorf("the same token retried as %s and %s", again, same)
	}
	if b := i.ended(again); b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("retried: %s", steps(b))
	}
	if got := must(c.UpdateProject(ctx,
		&codebuild.UpdateProjectInput{Name: new("stubborn"), ConcurrentBuildLimit: new(int32(1))}))(
		t); *got.Project.ConcurrentBuildLimit != 1 {
		t.Errorf("%+v", got.Project)
	}
	last := *i.start1("stubborn")
	_, err = c.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: new("stubborn")})
	says(t, err, "AccountLimitExceededException")
	i.says(last, "here we are")
	// The end of all: it ends as stopped, and nothing is left of it.
	pids := i.pids()
	i.stop()
	for name, pid := range pids {
		gone(t, name, pid)
	}
	if left := i.left(last); left != "" {
		t.Errorf("after the end of slipway up there are %s", left)
	}
	i.start()
	if b := i.ended(last); b.BuildStatus != types.StatusTypeStopped {
		t.Errorf("it is %s: %s", b.BuildStatus, steps(b))
	}
}

// TestBuildQueueTimesOut lets a build wait in the queue longer than it may, behind one that has the only place.
func TestBuildQueueTimesOut(t *testing.T) {
	t.Parallel()
	i := up(t, "--builds", "1")
	i.inline("wait", stubborn, func(in *codebuild.CreateProjectInput) { in.QueuedTimeoutInMinutes = new(int32(5)) })
	i.says(*i.start1("wait"), "here we are")
	queued := *i.start1("wait")
	// Five minutes pass while the server is dead.
	db := must(sql.Open("sqlite", filepath.Join(i.data, "slipway.db")+"?_pragma=busy_timeout(10000)"))(t)
	defer db.Close()
	r := must(db.ExecContext(t.Context(), `UPDATE jobs SET run_at = $1 WHERE kind = 'build.queued' AND key = $2`,
		time.Now().Add(-time.Minute).UnixMilli(), queued))(t)
	if n := must(r.RowsAffected())(t); n != 1 {
		t.Fatalf("%d builds wait", n)
	}
	_ = syscall.Kill(i.pids()["server"], syscall.SIGKILL)
	i.ready()
	b := i.ended(queued)
	if b.BuildStatus != types.StatusTypeTimedOut || !strings.HasPrefix(steps(b), "QUEUED=TIMED_OUT(") {
		t.Errorf("%s %s", b.BuildStatus, steps(b))
	}
}

// TestBuildWaitsForTheServer kills the server while builds fetch their sources from it and give it their artifacts.
func TestBuildWaitsForTheServer(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	i.bucket("out", false)
	must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := i.checkout("web")
	i.commit(dir, "first",
		map[string]string{
			"buildspec.yml": "version: 0.2\nphases: {build: {commands: [echo built]}}\nartifacts: {files: " +
				"[buildspec.yml]}\n",
		})
	i.git(dir, "push", "-q", "origin", "main")
	i.inline("web", "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: new(i.url + "/v1/repos/web")}
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("out"), Name: new("web.zip"),
			Packaging: types.ArtifactPackagingZip}
	})
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 40 * time.Millisecond} {
		id := *i.start1("web")
		server := i.pids()["server"]
		<-time.After(after)
		_ = syscall.Kill(server, syscall.SIGKILL)
		if b := i.ended(id); b.BuildStatus != types.StatusTypeSucceeded {
			t.Errorf("killed after %s: %s\n%s", after, steps(b), i.printed(id))
		}
	}
}
