package main

import (
	"testing"

	"slipway/api/codebuild"
)

func TestBuildsOfABatchStandBelowThoseBeforeThem(t *testing.T) {
	t.Parallel()
	tree := batchTree(&codebuild.BuildBatch{Complete: new(true), BuildGroups: []codebuild.BuildGroup{
		{Identifier: new("lint"), CurrentBuildSummary: &codebuild.BuildSummary{
			BuildStatus: codebuild.StatusTypeFailed, Arn: new("arn:aws:codebuild:r:1:build/web:1")}},
		{Identifier: new("pack"), DependsOn: []string{"lint"}},
	}})
	for i, want := range []string{"lint  Failed  web:1", "  pack  Not started  never started: lint did not succeed"} {
		if tree[i][1] != want {
			t.Errorf("line %d: %q, want %q", i, tree[i][1], want)
		}
	}
}
