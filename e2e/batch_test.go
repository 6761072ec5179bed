package e2e

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// batches makes a project without a source whose buildspec has a batch.
func (i *instance) batches(name, batch string, change ...func(*codebuild.CreateProjectInput)) *codebuild.Client {
	i.t.Helper()
	return i.inline(name, "version: 0.2\nbatch: "+batch+`
phases:
  build:
    commands:
      - echo "this is $CODEBUILD_BATCH_BUILD_IDENTIFIER with $WHAT"
      - test ! -e "$BAD"
artifacts: {files: ['*.txt']}
`, append([]func(*codebuild.CreateProjectInput){func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	}}, change...)...)
}

// batch starts a batch and waits for its end.
func (i *instance) batch(project string) types.BuildBatch {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	return i.batchEnded(*must(c.StartBuildBatch(i.t.Context(),
		&codebuild.StartBuildBatchInput{ProjectName: &project}))(i.t).BuildBatch.Id)
}

func (i *instance) batchEnded(id string) (b types.BuildBatch) {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	eventually(i.t, "the batch's end", func() error {
		out, err := c.BatchGetBuildBatches(i.t.Context(), &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}})
		if err != nil {
			return err
		}
		if b = out.BuildBatches[0]; !b.Complete {
			return fmt.Errorf("it is in %s: %s", *b.CurrentPhase, groups(b))
		}
		return nil
	})
	return b
}

// groups are the builds of a batch in one line; each + is an earlier try.
func groups(b types.BuildBatch) string {
	all := []string{string(b.BuildBatchStatus)}
	for _, g := range b.BuildGroups {
		status := "-"
		if g.CurrentBuildSummary != nil {
			status = string(g.CurrentBuildSummary.BuildStatus)
		}
		all = append(all, *g.Identifier+":"+status+strings.Repeat("+", len(g.PriorBuildSummaryList)))
	}
	return strings.Join(all, " ")
}

// said is what the builds of a batch printed, by their identifiers.
func (i *instance) said(b types.BuildBatch) map[string]string {
	all := map[string]string{}
	for _, g := range b.BuildGroups {
		if g.CurrentBuildSummary != nil {
			_, id, _ := strings.Cut(*g.CurrentBuildSummary.Arn, ":build/")
			all[*g.Identifier] = i.printed(id)
		}
	}
	return all
}

func TestBuildBatches(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	c := i.batches("list", "{build-list: [{identifier: one, env: {variables: {WHAT: first}}}, "+
		"{identifier: two, ignore-failure: true, env: {variables: {BAD: /}}}]}")
	b := i.batch("list")
	if groups(b) != "SUCCEEDED DOWNLOAD_SOURCE:SUCCEEDED one:SUCCEEDED two:FAILED" || *b.BuildBatchNumber != 1 {
		t.Errorf("list: %s", groups(b))
	}
	has(t, i.said(b)["one"], "this is one with first")
	var phases []string
	for _, p := range b.Phases {
		phases = append(phases, fmt.Sprintf("%s:%s", p.PhaseType, p.PhaseStatus))
	}
	if got := strings.Join(phases, " "); got !=
		"SUBMITTED:SUCCEEDED DOWNLOAD_BATCHSPEC:SUCCEEDED IN_PROGRESS:SUCCEEDED SUCCEEDED:" {
		t.Errorf("phases %s", got)
	}
	i.batches("graph", "{build-graph: [{identifier: a}, {identifier: b, depend-on: [a], env: {variables: {BAD: /}}}, "+
		"{identifier: c, depend-on: [b]}, {identifier: d, depend-on: [a]}]}")
	b = i.batch("graph")
	if groups(b) != "FAILED DOWNLOAD_SOURCE:SUCCEEDED a:SUCCEEDED b:FAILED c:- d:SUCCEEDED" {
		t.Errorf("graph: %s", groups(b))
	}
	for _, name := range []string{*b.Id, *b.Arn} {
		out, err := i.slipway("builds", name)
		if err != nil {
			t.Errorf("slipway builds %s: %v", name, err)
		}
		has(t, out, "DOWNLOAD_SOURCE", "Not started", "Builds of the batch did not succeed: b (FAILED).")
	}
	again := must(c.RetryBuildBatch(ctx, &codebuild.RetryBuildBatchInput{Id: b.Id,
		RetryType: types.RetryBuildBatchTypeRetryFailedBuilds}))(t).BuildBatch
	if b = i.batchEnded(*again.Id); groups(b) !=
		"FAILED DOWNLOAD_SOURCE:SUCCEEDED a:SUCCEEDED b:FAILED+ c:- d:SUCCEEDED" {
		t.Errorf("retried: %s", groups(b))
	}
	again = must(c.RetryBuildBatch(ctx, &codebuild.RetryBuildBatchInput{Id: b.Id}))(t).BuildBatch
	if b = i.batchEnded(*again.Id); groups(b) !=
		"FAILED DOWNLOAD_SOURCE:SUCCEEDED+ a:SUCCEEDED+ b:FAILED++ c:- d:SUCCEEDED+" {
		t.Errorf("retried as a whole: %s", groups(b))
	}
	i.batches("matrix", "{build-matrix: {dynamic: {env: {variables: {WHAT: [x, y], OTHER: [1, 2]}}}}}")
	var said []string
	for name, text := range i.said(i.batch("matrix")) {
		if name != "DOWNLOAD_SOURCE" {
			said = append(said, name+": "+text[strings.LastIndex(text, "this is"):][:len("this is build1 with x")])
		}
	}
	slices.Sort(said)
	if got := strings.Join(said, ", "); got != "build1: this is build1 with x, build2: this is build2 with x, "+
		"build3: this is build3 with y, build4: this is build4 with y" {
		t.Errorf("matrix: %s", got)
	}
	i.batches("fanout", "{build-fanout: {parallelism: 3}}")
	if b = i.batch("fanout"); groups(b) != "SUCCEEDED DOWNLOAD_SOURCE:SUCCEEDED build1:SUCCEEDED build2:SUCCEEDED "+
		"build3:SUCCEEDED" {
		t.Errorf("fanout: %s", groups(b))
	}
	i.batches("none", "{build-list: []}")
	if b = i.batch("none"); groups(b) != "FAILED DOWNLOAD_SOURCE:FAILED" {
		t.Errorf("without builds: %s", groups(b))
	}
	if ids := must(c.ListBuildBatchesForProject(ctx, &codebuild.ListBuildBatchesForProjectInput{
		ProjectName: new("graph")}))(t).Ids; len(ids) != 1 {
		t.Errorf("batches of graph: %v", ids)
	}
	if ids := must(c.ListBuildBatches(ctx, &codebuild.ListBuildBatchesInput{
		Filter: &types.BuildBatchFilter{Status: types.StatusTypeFailed}}))(t).Ids; len(ids) != 2 {
		t.Errorf("failed batches: %v", ids)
	}
	gone := must(c.DeleteBuildBatch(ctx, &codebuild.DeleteBuildBatchInput{Id: b.Id}))(t)
	if *gone.StatusCode != "BATCH_DELETED" || len(gone.BuildsDeleted) != 1 {
		t.Errorf("deleted: %+v", gone)
	}
	_, err := c.StartBuildBatch(ctx, &codebuild.StartBuildBatchInput{ProjectName: new("unknown")})
	says(t, err, "ResourceNotFoundException")
	_, err = c.StopBuildBatch(ctx, &codebuild.StopBuildBatchInput{Id: b.Id})
	says(t, err, "ResourceNotFoundException")
	_, err = c.RetryBuildBatch(ctx, &codebuild.RetryBuildBatchInput{Id: b.Id})
	says(t, err, "ResourceNotFoundException")
}

// TestBuildBatchStops stops a batch by hand, and one by fast-fail.
func TestBuildBatchStops(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	waits := func(name, batch string) *codebuild.Client {
		return i.inline(name, "version: 0.2\nbatch: "+batch+
			"\nphases: {build: {commands: ['echo here $FAIL', 'test -n \"$FAIL\" || sleep 1000', 'exit 3']}}\n",
			func(in *codebuild.CreateProjectInput) {
				in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
			})
	}
	c := waits("hand", "{build-graph: [{identifier: a}, {identifier: b, depend-on: [a]}]}")
	id := *must(c.StartBuildBatch(ctx, &codebuild.StartBuildBatchInput{ProjectName: new("hand")}))(t).BuildBatch.Id
	eventually(t, "the batch's first build", func() error {
		b := must(c.BatchGetBuildBatches(ctx, &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}}))(t).BuildBatches[0]
		if *b.CurrentPhase != "IN_PROGRESS" {
			return fmt.Errorf("it is in %s", *b.CurrentPhase)
		}
		return nil
	})
	must(c.StopBuildBatch(ctx, &codebuild.StopBuildBatchInput{Id: &id}))(t)
	if b := i.batchEnded(id); groups(b) != "STOPPED DOWNLOAD_SOURCE:SUCCEEDED a:STOPPED b:-" {
		t.Errorf("stopped: %s", groups(b))
	}
	waits("fast", "{fast-fail: true, build-list: [{identifier: a}, {identifier: b, env: {variables: {FAIL: soon}}}]}")
	if b := i.batch("fast"); groups(b) != "FAILED DOWNLOAD_SOURCE:SUCCEEDED a:STOPPED b:FAILED" {
		t.Errorf("fast-fail: %s", groups(b))
	}
}

// TestBuildBatchArtifacts puts the zips of two builds into one.
func TestBuildBatchArtifacts(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.bucket("out", false)
	i.inline("zips", `version: 0.2
batch: {build-list: [{identifier: one}, {identifier: two}]}
phases: {build: {commands: ['echo $CODEBUILD_BATCH_BUILD_IDENTIFIER > $CODEBUILD_BATCH_BUILD_IDENTIFIER.txt']}}
artifacts: {files: ['*.txt']}
`, func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole, CombineArtifacts: new(true)}
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("out"),
			Name: new("all.zip"), Packaging: types.ArtifactPackagingZip}
	})
	b := i.batch("zips")
	if groups(b) != "SUCCEEDED DOWNLOAD_SOURCE:SUCCEEDED one:SUCCEEDED two:SUCCEEDED" {
		t.Fatalf("zips: %s %+v", groups(b), b.Phases)
	}
	of := b.BuildGroups[2].CurrentBuildSummary.PrimaryArtifact
	if *of.Identifier != "two" || *of.Location != "arn:aws:s3:::out/two/all.zip" ||
		*b.Artifacts.Location != "arn:aws:s3:::out/all.zip" {
		t.Errorf("artifacts %+v, %+v", of, b.Artifacts)
	}
	text := i.object("out", "all.zip")
	z := must(zip.NewReader(strings.NewReader(text), int64(len(text))))(t)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if fmt.Sprint(names) != "[one.txt two.txt]" {
		t.Errorf("combined: %v", names)
	}
}

// TestBuildBatchKilled kills the server at each point on a batch's way: the batch goes on, and ends once.
func TestBuildBatchKilled(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.start()
	i.bucket("out", false)
	i.inline("graph", `version: 0.2
batch: {build-graph: [{identifier: a}, {identifier: b, depend-on: [a]}]}
phases: {build: {commands: ['echo $CODEBUILD_BATCH_BUILD_IDENTIFIER > $CODEBUILD_BATCH_BUILD_IDENTIFIER.txt']}}
artifacts: {files: ['*.txt']}
`, func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole, CombineArtifacts: new(true)}
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("out"),
			Name: new("all.zip"), Packaging: types.ArtifactPackagingZip}
	})
	c := codebuild.NewFromConfig(i.sdk())
	for _, point := range []string{"batch.before-submit:1", "batch.submitted:1", "batch.stepping:1", "batch.stepping:2",
		"batch.stepping:3", "batch.stepping:4", "batch.stepping:5", "batch.combined:1", "build.ending:1", "build.ending:3",
		"build.completed:1", "build.completed:2"} {
		t.Run(point, func(t *testing.T) {
			i.t = t
			mark := filepath.Join(folder(t), "died")
			i.stop()
			i.env = []string{"SLIPWAY_FAULT=" + point, "SLIPWAY_FAULT_FILE=" + mark}
			i.start()
			in := &codebuild.StartBuildBatchInput{ProjectName: new("graph"), IdempotencyToken: &point}
			var id string
			eventually(t, "the batch's start", func() error {
				out, err := c.StartBuildBatch(t.Context(), in)
				if err == nil {
					id = *out.BuildBatch.Id
				}
				return err
			})
			eventually(t, "the batch's end", func() error {
				out, err := c.BatchGetBuildBatches(t.Context(), &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}})
				if err == nil && !out.BuildBatches[0].Complete {
					err = fmt.Errorf("%s", groups(out.BuildBatches[0]))
				}
				if err == nil && groups(out.BuildBatches[0]) !=
					"SUCCEEDED DOWNLOAD_SOURCE:SUCCEEDED a:SUCCEEDED b:SUCCEEDED" {
					t.Errorf("it ended as %s", groups(out.BuildBatches[0]))
				}
				return err
			})
			if _, err := os.Stat(mark); err != nil {
				t.Errorf("nobody came by %s", point)
			}
			builds := must(c.ListBuildsForProject(t.Context(), &codebuild.ListBuildsForProjectInput{
				ProjectName: new("graph")}))(t).Ids
			if len(builds)%3 != 0 {
				t.Errorf("%d builds", len(builds))
			}
		})
	}
	i.t = t
}
