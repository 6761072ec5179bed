package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/internal/runner/executor/executortest"
)

// A build in a container that ignores signals and leaves processes behind ends when it is stopped and when its commands
// have ended, and nothing of it stays.
func TestStubbornBuildInAContainer(t *testing.T) {
	t.Parallel()
	engine := executortest.Docker(t)
	i := up(t, "--engine", engine, "--builds", "1")
	c := i.inline("stubborn", stubborn, inContainer)
	running := *i.start1("stubborn")
	i.says(running, "here we are")
	must(c.StopBuild(t.Context(), &codebuild.StopBuildInput{Id: &running}))(t)
	if b := i.ended(running); b.BuildStatus != types.StatusTypeStopped {
		t.Errorf("stopped: %s %s", b.BuildStatus, steps(b))
	}
	if log := i.printed(running); strings.Contains(log, "\nfinally not") || strings.Contains(log, "\nnot\n") {
		t.Errorf("commands ran after the stop:\n%s", log)
	}
	short := i.build(&codebuild.StartBuildInput{ProjectName: new("stubborn"),
		EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: new("SHORT"), Value: new("yes")}}})
	if short.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("it is %s: %s", short.BuildStatus, steps(short))
	}
	eventually(t, "nothing is left", func() error {
		left := i.left(running) + i.left(*short.Id)
		if all := containers(t, engine); left != "" || len(all) > 0 {
			return fmt.Errorf("there are %s in %q", left, all)
		}
		return nil
	})
}

// killedAt starts anew what is killed at a fault point, once. It returns the file that is there once it was.
func (i *instance) killedAt(point string) (mark string) {
	i.t.Helper()
	mark = filepath.Join(folder(i.t), "died")
	i.stop()
	i.env = []string{"SLIPWAY_FAULT=" + point, "SLIPWAY_FAULT_FILE=" + mark}
	i.start()
	return mark
}

// What a runner or a server does for a build when it is killed in the midst of it is done honestly or not at all, and
// the next build finds all in order.
func TestKilledInTheMidst(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.start()
	died := func(mark string) {
		t.Helper()
		if _, err := os.Stat(mark); err != nil {
			t.Error("nobody was killed")
		}
	}

	// The server dies while it gets a file of a test: the file arrives when it is back.
	i.inline("tests", `version: 0.2
phases:
  build:
    commands:
      - head -c 3000000 /dev/urandom >shot.png
      - echo '<testsuite><testcase name="adds"><failure/></testcase></testsuite>' >unit.xml
reports:
  ui: {files: unit.xml, attachments: [shot.png]}
`)
	mark := i.killedAt("testfile.arriving:3")
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("tests")})
	died(mark)
	if b.BuildStatus != types.StatusTypeSucceeded || len(b.ReportArns) != 1 {
		t.Fatalf("%s, %v\n%s", b.BuildStatus, b.ReportArns, i.printed(*b.Id))
	}
	to := filepath.Join(folder(t), "left")
	must(i.slipway("reports", b.ReportArns[0], "--save", to))(t)
	if all := must(filepath.Glob(filepath.Join(to, "*shot.png")))(t); len(all) != 1 {
		t.Errorf("%d files are kept", len(all))
	} else if size := must(os.Stat(all[0]))(t).Size(); size != 3000000 {
		t.Errorf("the file has %d bytes", size)
	}

	// The runner dies while it saves a cache: the build is uncertain, and the next one finds no half cache.
	must(s3.NewFromConfig(i.sdk(), func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(),
		&s3.CreateBucketInput{Bucket: new("caches")}))(t)
	source := i.objectSource("kept", map[string]string{"go.mod": "module x"})
	for n, point := range []string{"cache.blob:2", "cache.head:1", "cache.saved:1"} {
		name := fmt.Sprintf("kept-%d", n)
		i.inline(name, strings.Replace(keyedSpec, "echo x >>~/.mod/n",
			"echo x >>~/.mod/n; head -c 9000000 /dev/urandom >~/.mod/data", 1), func(in *codebuild.CreateProjectInput) {
			in.Source.Type, in.Source.Location = types.SourceTypeS3, &source
			in.Cache = &types.ProjectCache{Type: types.CacheTypeLocal,
				Modes: []types.CacheMode{types.CacheModeLocalCustomCache}}
		})
		mark := i.killedAt(point)
		b := i.build(&codebuild.StartBuildInput{ProjectName: &name})
		died(mark)
		if b.BuildStatus != types.StatusTypeFault {
			t.Errorf("%s: the build is %s", point, b.BuildStatus)
		}
		again := i.build(&codebuild.StartBuildInput{ProjectName: &name})
		text := i.printed(*again.Id)
		whole := strings.Contains(text, "cache: hit") && strings.Contains(text, "has 2\n")
		none := strings.Contains(text, "cache: miss") && strings.Contains(text, "has 1\n")
		if again.BuildStatus != types.StatusTypeSucceeded || whole != (point == "cache.saved:1") || none == whole {
			t.Errorf("%s: the next build is %s:\n%s", point, again.BuildStatus, text)
		}
	}
}
