package e2e

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cb "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	cc "github.com/aws/aws-sdk-go-v2/service/codecommit"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	cp "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// way is a pipeline from a push to a host, in whose middle processes are killed.
type way struct {
	*instance
	t        testing.TB
	checkout string
	root     string // of the host
	key      []string
	agent    *agentProcess
	pushes   int
	pipeline *cp.Client
	builds   *cb.Client
	deploys  *cd.Client
}

const wayName = "way"

// lines that a build prints, so that a log shows what ran, and how often.
const wayBuildspec = `version: 0.2
phases:
  build:
    commands:
      - for i in 1 2 3 4 5 6 7 8 9 10; do echo "line $i of $CODEBUILD_BUILD_ID"; done
      - echo "second command of $CODEBUILD_BUILD_ID"
  post_build:
    commands:
      - echo "third command of $CODEBUILD_BUILD_ID"
artifacts:
  files: ['**/*']
`

const wayAppspec = `version: 0.0
os: linux
files:
  - source: content.txt
    destination: /srv/way
file_exists_behavior: OVERWRITE
hooks:
  BeforeInstall:
    - location: hook.sh
  ApplicationStart:
    - location: hook.sh
  ValidateService:
    - location: hook.sh
`

func newWay(t testing.TB) *way {
	i := prepare(t, "slipway_fault")
	i.start()
	return newWayOn(t, i)
}

func newWayOn(t testing.TB, i *instance) *way {
	t.Helper()
	w := &way{instance: i, t: t, root: folder(t)}
	w.clients()
	ctx := t.Context()
	must(cc.NewFromConfig(i.sdk()).CreateRepository(ctx,
		&cc.CreateRepositoryInput{RepositoryName: aws.String(wayName)}))(t)
	must(s3.NewFromConfig(i.sdk(), func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: aws.String(wayName)}))(t)
	must(w.builds.CreateProject(ctx,
		&cb.CreateProjectInput{Name: aws.String(wayName),
			ServiceRole: aws.String("arn:aws:iam::" + account + ":role/slipway"),
			Source:      &cbtypes.ProjectSource{Type: cbtypes.SourceTypeCodepipeline},
			Artifacts:   &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeCodepipeline},
			Environment: &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeLinuxContainer,
				Image: aws.String("host"), ComputeType: cbtypes.ComputeTypeBuildGeneral1Small}}))(t)
	w.host()
	must(w.deploys.CreateApplication(ctx, &cd.CreateApplicationInput{ApplicationName: aws.String(wayName)}))(t)
	must(w.deploys.CreateDeploymentGroup(ctx,
		&cd.CreateDeploymentGroupInput{ApplicationName: aws.String(wayName), DeploymentGroupName: aws.String(wayName),
			ServiceRoleArn:       aws.String("arn:aws:iam::" + account + ":role/slipway"),
			DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce"),
			OnPremisesInstanceTagFilters: []cdtypes.TagFilter{{Key: aws.String("way"), Value: aws.String("yes"),
				Type: cdtypes.TagFilterTypeKeyAndValue}}}))(t)
	w.checkout = i.checkout(wayName)
	w.push()
	// The push's event would start a pipeline that is created before it is told.
	eventually(t, "the push is told", func() error {
		jobs, err := i.slipway("api", "slipway", "ListJobs", "{}")
		if err == nil && strings.Contains(jobs, `"event.`) {
			err = errors.New("its event waits: " + jobs)
		}
		return err
	})
	must(w.pipeline.CreatePipeline(ctx, &cp.CreatePipelineInput{Pipeline: wayPipeline()}))(t)
	w.settles(true)
	return w
}

func (w *way) clients() {
	w.pipeline, w.builds, w.deploys = cp.NewFromConfig(w.sdk()), cb.NewFromConfig(w.sdk()), cd.NewFromConfig(w.sdk())
}

func wayPipeline() *cptypes.PipelineDeclaration {
	action := func(name string, category cptypes.ActionCategory, provider string,
		configuration map[string]string) cptypes.ActionDeclaration {
		return cptypes.ActionDeclaration{Name: aws.String(name), Configuration: configuration,
			ActionTypeId: &cptypes.ActionTypeId{Category: category, Owner: cptypes.ActionOwnerAws,
				Provider: aws.String(provider), Version: aws.String("1")}}
	}
	source := action("Source", cptypes.ActionCategorySource, "CodeCommit",
		map[string]string{"RepositoryName": wayName, "BranchName": "main"})
	source.OutputArtifacts = []cptypes.OutputArtifact{{Name: aws.String("src")}}
	build := action("Build", cptypes.ActionCategoryBuild, "CodeBuild", map[string]string{"ProjectName": wayName})
	build.InputArtifacts = []cptypes.InputArtifact{{Name: aws.String("src")}}
	build.OutputArtifacts = []cptypes.OutputArtifact{{Name: aws.String("out")}}
	deploy := action("Deploy", cptypes.ActionCategoryDeploy, "CodeDeploy",
		map[string]string{"ApplicationName": wayName, "DeploymentGroupName": wayName})
	deploy.InputArtifacts = []cptypes.InputArtifact{{Name: aws.String("out")}}
	return &cptypes.PipelineDeclaration{Name: aws.String(wayName),
		RoleArn:       aws.String("arn:aws:iam::" + account + ":role/slipway"),
		ArtifactStore: &cptypes.ArtifactStore{Type: cptypes.ArtifactStoreTypeS3, Location: aws.String(wayName)},
		Stages: []cptypes.StageDeclaration{
			{Name: aws.String("Source"), Actions: []cptypes.ActionDeclaration{source}},
			{Name: aws.String("Build"), Actions: []cptypes.ActionDeclaration{build}},
			{Name: aws.String("Deploy"), Actions: []cptypes.ActionDeclaration{deploy}}}}
}

// host registers the one host.
func (w *way) host() {
	w.t.Helper()
	out, err := w.slipway("api", "slipway", "CreateHost", `{"name": "host", "tags": {"way": "yes"}}`)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	var host struct{ AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal([]byte(out), &host); err != nil {
		w.t.Fatal(err)
	}
	w.key = []string{"AWS_ACCESS_KEY_ID=" + host.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + host.SecretAccessKey}
	w.keepAgent(nil)
}

func (w *way) keepAgent(env []string) {
	w.agent = w.instance.keepAgent("host", w.root, append(append([]string{"SLIPWAY_CA=" + w.trust}, w.key...), env...))
}

// push changes the content and pushes it.
func (w *way) push() {
	w.t.Helper()
	w.pushes++
	w.commit(w.checkout, fmt.Sprintf("change %d", w.pushes), map[string]string{
		"buildspec.yml": wayBuildspec, "appspec.yml": wayAppspec, "content.txt": fmt.Sprintf("content %d\n", w.pushes),
		"hook.sh": "#!/bin/sh\necho \"$DEPLOYMENT_ID $LIFECYCLE_EVENT\" >> \"$SLIPWAY_ROOT/ran\"\n",
	})
	if _, err := w.gitFails(w.checkout, "push", "-q", "origin", "main"); err != nil {
		// The server died while it took the push. Whether the ref moved or not, pushing again is what a person does.
		eventually(w.t, "the push", func() error {
			out, err := w.gitFails(w.checkout, "push", "-q", "origin", "main")
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
}

// settles waits until there is one execution for each push and the newest has ended, and looks at all that it left.
// With success it must have succeeded; else it may have failed if something says honestly that it is uncertain.
func (w *way) settles(success bool) {
	w.t.Helper()
	var newest cptypes.PipelineExecutionSummary
	eventually(w.t, "the execution's end", func() error {
		all, err := w.executions()
		if err != nil {
			return err
		}
		if len(all) < w.pushes {
			return fmt.Errorf("%d executions for %d pushes", len(all), w.pushes)
		}
		newest = all[0]
		if newest.Status == cptypes.PipelineExecutionStatusInProgress {
			return errors.New("it is in progress")
		}
		if len(all) != w.pushes {
			w.t.Fatalf("%d executions for %d pushes: one push started twice", len(all), w.pushes)
		}
		return nil
	})
	reason := w.look(*newest.PipelineExecutionId)
	switch {
	case newest.Status == cptypes.PipelineExecutionStatusSucceeded:
		text, err := os.ReadFile(filepath.Join(w.root, "srv/way/content.txt"))
		if want := fmt.Sprintf("content %d\n", w.pushes); err != nil || string(text) != want {
			w.t.Errorf("the host has %q, not %q (%v)", text, want, err)
		}
	case success:
		w.t.Errorf("the execution is %s: %s", newest.Status, reason)
	case !strings.Contains(reason, "FAULT") && !strings.Contains(reason, "Deployment"):
		w.t.Errorf("the execution is %s, and does not say honestly why: %s", newest.Status, reason)
	}
	w.once()
	w.tidy()
}

// executions are all of them, the newest first.
func (w *way) executions() (all []cptypes.PipelineExecutionSummary, err error) {
	for p := cp.NewListPipelineExecutionsPaginator(w.pipeline,
		&cp.ListPipelineExecutionsInput{PipelineName: aws.String(wayName)}); p.HasMorePages(); {
		page, err := p.NextPage(w.t.Context())
		if err != nil {
			return nil, err
		}
		all = append(all, page.PipelineExecutionSummaries...)
	}
	return all, nil
}

// look checks the builds of an execution: every line of the log is there once. It returns why an action failed.
func (w *way) look(execution string) (reason string) {
	w.t.Helper()
	out := must(w.pipeline.ListActionExecutions(w.t.Context(),
		&cp.ListActionExecutionsInput{PipelineName: aws.String(wayName),
			Filter: &cptypes.ActionExecutionFilter{PipelineExecutionId: &execution}}))(w.t)
	for _, a := range out.ActionExecutionDetails {
		if a.Output == nil || a.Output.ExecutionResult == nil {
			continue
		}
		if e := a.Output.ExecutionResult.ErrorDetails; e != nil {
			reason += *a.ActionName + ": " + *e.Message + "; "
		}
		if *a.ActionName == "Build" && a.Status == cptypes.ActionExecutionStatusSucceeded {
			w.log(*a.Output.ExecutionResult.ExternalExecutionId)
		}
		if *a.ActionName == "Deploy" && a.Status == cptypes.ActionExecutionStatusSucceeded {
			w.target(*a.ActionExecutionId)
		}
	}
	return reason
}

// target looks at the one host that a deploy action has deployed to.
func (w *way) target(run string) {
	w.t.Helper()
	out := must(w.pipeline.ListDeployActionExecutionTargets(w.t.Context(),
		&cp.ListDeployActionExecutionTargetsInput{ActionExecutionId: &run, PipelineName: aws.String(wayName)}))(w.t)
	if len(out.Targets) != 1 || *out.Targets[0].Status != "Succeeded" || *out.Targets[0].TargetId != "host" ||
		len(out.Targets[0].Events) < 4 || out.Targets[0].EndTime == nil {
		w.t.Errorf("the targets are %+v", out.Targets)
	}
	if w.pushes == 1 && noCLI() == "" {
		if got := w.text("targets[].targetId",
			"codepipeline list-deploy-action-execution-targets --action-execution-id "+run); got != "host" {
			w.t.Errorf("the CLI lists %q", got)
		}
	}
}

func (w *way) log(build string) {
	w.t.Helper()
	text, err := w.slipway("logs", build)
	if err != nil {
		w.t.Fatalf("%v: %s", err, text)
	}
	count := map[string]int{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		count[s.Text()]++
	}
	want := []string{"second command of " + build, "third command of " + build}
	for i := range 10 {
		want = append(want, fmt.Sprintf("line %d of %s", i+1, build))
	}
	for _, line := range want {
		if count[line] != 1 {
			w.t.Errorf("the log has %q %d times:\n%s", line, count[line], text)
			return
		}
	}
}

// once fails if a script of a deployment ran twice.
func (w *way) once() {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "ran"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if seen[line] {
			w.t.Errorf("ran twice: %s", line)
		}
		seen[line] = true
	}
}

// tidy fails if something temporary is left. What a server that died was still writing, and no row names, stays in
// objects/incoming for a day: it may be another server's.
func (w *way) tidy() {
	w.t.Helper()
	eventually(w.t, "everything temporary is gone", func() error {
		if blobs, err := w.unsettled(); err != nil || len(blobs) > 0 {
			return errors.Join(fmt.Errorf("objects/incoming holds blobs of objects: %v", blobs), err)
		}
		if files := builtFiles(w.t, w.data); len(files) > 0 {
			return fmt.Errorf("files of builds are left: %v", files)
		}
		entries, err := os.ReadDir(filepath.Join(w.data, "runner/records"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("runner/records holds %d, the first is %s", len(entries), entries[0].Name())
		}
		return nil
	})
}

// unsettled are the blobs in objects/incoming that the database knows, which belong to their place. Of PostgreSQL it
// does not ask.
func (w *way) unsettled() (known []string, err error) {
	entries, err := os.ReadDir(filepath.Join(w.data, "objects/incoming"))
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	path := filepath.Join(w.data, "slipway.db")
	if _, err := os.Stat(path); err != nil {
		return nil, nil
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, e := range entries {
		var n int
		if err := db.QueryRow(
			`SELECT (SELECT COUNT(*) FROM objects WHERE blob = $1) + (SELECT COUNT(*) FROM parts WHERE blob = $1)`,
			e.Name()).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			known = append(known, e.Name())
		}
	}
	return known, nil
}

// restart starts all processes anew, with more in their environment.
func (w *way) restart(env ...string) {
	w.t.Helper()
	w.agent.end()
	w.stop()
	w.env = env
	w.start()
	w.keepAgent(env)
}
