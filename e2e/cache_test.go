package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	bt "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// TestLocalCache sees what one build left in the next one: of a project, in a pipeline, and of a build after the server
// was started anew.
func TestLocalCache(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	const spec = `{"version": "0.2", "phases": {"build": {"commands": ["mkdir -p ~/.tool", "echo x >>~/.tool/n", "echo has $(wc -l <~/.tool/n)"]}},
		"cache": {"paths": ["/root/.tool/**/*"]}}`
	local := &bt.ProjectCache{Type: bt.CacheTypeLocal,
		Modes: []bt.CacheMode{bt.CacheModeLocalCustomCache, bt.CacheModeLocalDockerLayerCache}}
	c := f.inline("tool", spec, func(in *codebuild.CreateProjectInput) { in.Cache = local })
	build := func(words ...string) {
		t.Helper()
		has(t, f.printed(*f.build(&codebuild.StartBuildInput{ProjectName: new("tool")}).Id), words...)
	}
	build("The cache mode LOCAL_DOCKER_LAYER_CACHE is ignored.", "Local cache: nothing to restore", "has 1\n",
		"Local cache: kept /root/.tool")
	build("Local cache: restored /root/.tool", "has 2\n")
	f.stop()
	f.instance.start()
	build("has 3\n")

	f.inline("piped", spec, func(in *codebuild.CreateProjectInput) {
		in.Source.Type, in.Artifacts.Type, in.Cache = bt.SourceTypeCodepipeline, bt.ArtifactsTypeCodepipeline, local
	})
	compile := act("Compile", types.ActionCategoryBuild, "CodeBuild", "src", "",
		map[string]string{"ProjectName": "piped"})
	f.create(declare("line", source(), stage("Build", compile)))
	f.newest("line", 1, types.PipelineExecutionStatusSucceeded)
	must(f.StartPipelineExecution(t.Context(), &codepipeline.StartPipelineExecutionInput{Name: new("line")}))(t)
	f.newest("line", 2, types.PipelineExecutionStatusSucceeded)
	ids := must(c.ListBuildsForProject(t.Context(),
		&codebuild.ListBuildsForProjectInput{ProjectName: new("piped")}))(t).Ids
	has(t, f.printed(ids[0]), "Local cache: restored /root/.tool", "has 2\n")
}
