package e2e

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// The aws CLI drives fleets, batches, coverage, caches and images; see registry.check.
func TestTheCLIDrivesTheRestOfCodeBuild(t *testing.T) {
	t.Parallel()
	i := up(t)
	cli(t)
	fleet := i.text("fleet.arn", "codebuild create-fleet --name fast --base-capacity 1 --environment-type LINUX_CONTAINER "+
		"--compute-type BUILD_GENERAL1_SMALL")
	if got := i.text("fleet.baseCapacity", "codebuild update-fleet --base-capacity 2 --arn "+fleet); got != "2" {
		t.Error(got)
	}
	if got := i.text("fleets[0].name", "codebuild batch-get-fleets --names "+fleet); got != "fast" {
		t.Error(got)
	}
	if got := i.text("fleets", "codebuild list-fleets"); got != fleet {
		t.Error(got)
	}
	i.command("codebuild delete-fleet --arn " + fleet)

	i.inline("cov", coverageSpec)
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("cov")})
	report := i.text("reports[0]",
		"codebuild list-reports-for-report-group --report-group-arn arn:aws:codebuild:"+region+":"+account+
			":report-group/cov-lines")
	if got := i.text("codeCoverages[0].linesCovered", "codebuild describe-code-coverages --report-arn "+report); got != "1" {
		t.Errorf("of %s: %s", *b.Id, got)
	}
	if got := i.text("stats.average", "codebuild get-report-group-trend --trend-field LINE_COVERAGE --report-group-arn "+
		"arn:aws:codebuild:"+region+":"+account+":report-group/cov-lines"); got != "50.0" && got != "50" {
		t.Error(got)
	}
	i.command("codebuild invalidate-project-cache --project-name cov")

	must(i.slipway("images", "set", "aws/codebuild/standard:7.0", "debian:12"))(t)
	if got := i.text("platforms[0].languages[0].images[0].name",
		"codebuild list-curated-environment-images"); got != "aws/codebuild/standard:7.0" {
		t.Error(got)
	}
	c := codebuild.NewFromConfig(i.sdk())
	curated := must(c.ListCuratedEnvironmentImages(t.Context(), &codebuild.ListCuratedEnvironmentImagesInput{}))(t)
	if len(curated.Platforms) != 1 || curated.Platforms[0].Platform != types.PlatformTypeUbuntu {
		t.Errorf("the images are %+v", curated.Platforms)
	}
	i.batchesByCLI(c)
}

// batchesByCLI drives the operations of batches.
func (i *instance) batchesByCLI(c *codebuild.Client) {
	t := i.t
	i.inline("many", `version: 0.2
batch: {fast-fail: false, build-list: [{identifier: a}, {identifier: b}]}
phases: {build: {commands: ['test "$CODEBUILD_BATCH_BUILD_IDENTIFIER" != b || sleep 1000']}}
`, func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	})
	ended := func(id string, want types.StatusType) {
		t.Helper()
		eventually(t, "the batch has ended", func() error {
			x := must(c.BatchGetBuildBatches(t.Context(), &codebuild.BatchGetBuildBatchesInput{
				Ids: []string{id}}))(t).BuildBatches[0]
			if x.BuildBatchStatus != want {
				return errors.New(string(x.BuildBatchStatus))
			}
			return nil
		})
	}
	id := i.text("buildBatch.id", "codebuild start-build-batch --project-name many")
	i.command("codebuild stop-build-batch --id " + id)
	ended(id, types.StatusTypeStopped)
	if got := i.text("buildBatches[0].buildBatchStatus", "codebuild batch-get-build-batches --ids "+id); got != "STOPPED" {
		t.Error(got)
	}
	if got := i.text("ids", "codebuild list-build-batches"); got != id {
		t.Error(got)
	}
	if got := i.text("ids", "codebuild list-build-batches-for-project --project-name many"); got != id {
		t.Error(got)
	}
	i.command("codebuild retry-build-batch --retry-type RETRY_ALL_BUILDS --id " + id)
	i.command("codebuild stop-build-batch --id " + id)
	ended(id, types.StatusTypeStopped)
	if got := i.text("statusCode", "codebuild delete-build-batch --id "+id); got == "" {
		t.Error("the batch is not deleted")
	}
}
