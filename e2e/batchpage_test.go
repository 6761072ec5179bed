package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// The page of a batch says why each of its builds failed, and what never started because of it; the project's pages
// show its webhook and its caches.
func TestBatchOnThePage(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.batches("web", "{build-graph: [{identifier: lint}, {identifier: unit, env: {variables: {BAD: /}}}, "+
		"{identifier: package, depend-on: [lint, unit]}, {identifier: docs, depend-on: [lint]}]}")
	batch := i.batch("web")
	c := i.inline("cached", "version: 0.2\ncache: {key: deps-1, paths: ['deps/**/*']}\n"+
		"phases: {build: {commands: ['mkdir -p deps; echo fetched >deps/one']}}\n",
		func(in *codebuild.CreateProjectInput) {
			in.Cache = &types.ProjectCache{Type: types.CacheTypeLocal,
				Modes: []types.CacheMode{types.CacheModeLocalCustomCache}}
			in.Source = &types.ProjectSource{Type: types.SourceTypeGithub, Buildspec: in.Source.Buildspec,
				Location: new("https://github.com/acme/web.git")}
		})
	i.build(&codebuild.StartBuildInput{ProjectName: new("cached"), SourceTypeOverride: types.SourceTypeNoSource})
	must(c.CreateWebhook(t.Context(), &codebuild.CreateWebhookInput{ProjectName: new("cached"), ManualCreation: new(true),
		FilterGroups: [][]types.WebhookFilter{{{Type: types.WebhookFilterTypeEvent, Pattern: new("PUSH")},
			{Type: types.WebhookFilterTypeHeadRef, Pattern: new("^refs/heads/main$")}}}}))(t)
	b := newBrowser(t, i)
	b.visit("batch", "/batches/"+*batch.Id, `test ! -e "$BAD"`)
	b.shows("unit did not succeed")
	b.visit("project-webhook", "/projects/cached", "^refs/heads/main$")
	b.visit("project-caches", "/projects/cached/caches", "deps-1")
}
