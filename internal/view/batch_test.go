package view_test

import (
	"testing"

	"slipway/api/codebuild"
	"slipway/internal/view"
)

func TestWhyABuildOfABatchNeverStarted(t *testing.T) {
	t.Parallel()
	group := func(name string, status codebuild.StatusType, on ...string) codebuild.BuildGroup {
		g := codebuild.BuildGroup{Identifier: &name, DependsOn: on}
		if status != "" {
			arn := "arn:aws:codebuild:r:1:build/web:" + name
			g.CurrentBuildSummary = &codebuild.BuildSummary{BuildStatus: status, Arn: &arn}
		}
		return g
	}
	groups := []codebuild.BuildGroup{
		group("unit", codebuild.StatusTypeSucceeded),
		group("lint", codebuild.StatusTypeFailed),
		group("build", codebuild.StatusTypeInProgress, "unit"),
		group("package", "", "build"),
		group("deploy", "", "package", "lint"),
		group("notify", "", "deploy"),
	}
	for _, over := range []bool{false, true} {
		want := map[string]string{"package": "waits for build", "deploy": "never started: lint did not succeed",
			"notify": "never started: lint did not succeed"}
		if over {
			want["package"] = "never started: the batch ended before"
		}
		depth := map[string]int{"build": 1, "package": 2, "deploy": 3, "notify": 4}
		for _, b := range view.BatchBuilds(&codebuild.BuildBatch{BuildGroups: groups, Complete: &over}) {
			if b.Because != want[b.Identifier] || b.Depth != depth[b.Identifier] ||
				b.Failed() != (b.Identifier == "lint") {
				t.Errorf("over %t: %+v, want %q", over, b, want[b.Identifier])
			}
		}
	}
}
