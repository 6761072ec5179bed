package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// TestWhyABatchFailed asks which builds of a batch failed and why, and which never started, and retries it.
func TestWhyABatchFailed(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.inline("why", `version: 0.2
batch: {build-graph: [{identifier: unit}, {identifier: lint}, {identifier: pack, depend-on: [unit, lint]},
  {identifier: ship, depend-on: [pack]}]}
phases: {build: {commands: ['if [ $CODEBUILD_BATCH_BUILD_IDENTIFIER = lint ]; then echo no such style; exit 3; fi']}}
`, func(in *codebuild.CreateProjectInput) {
		in.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	})
	id := *i.batch("why").Id
	why := must(i.slipway("why", id))(t)
	has(t, why, id+": Failed", "lint (FAILED)", "pack never started: lint did not succeed",
		"ship never started: lint did not succeed", "lint, why:", "exit code 3", "no such style")
	if strings.Contains(why, "unit never") {
		t.Errorf("it blames the build that succeeded:\n%s", why)
	}
	has(t, must(i.slipway("watch", id))(t), "unit  Succeeded", "lint  Failed", "  pack  Not started  never started: lint")
	has(t, must(i.slipway("retry", id))(t), "runs again", "slipway watch "+id)
	if b := i.batchEnded(id); groups(b) !=
		"FAILED DOWNLOAD_SOURCE:SUCCEEDED unit:SUCCEEDED lint:FAILED+ pack:- ship:-" {
		t.Errorf("after the retry: %s", groups(b))
	}
	out, err := i.slipway("why", "why:00000000-0000-0000-0000-000000000000")
	if err == nil {
		t.Error("an unknown ID is explained")
	}
	has(t, out, "no build and no batch")
}
