package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
)

// A submodule on the same server is fetched, by a full and by a relative address, and so is what a command clones with
// git-credential-helper.
func TestBuildFetchesSubmodules(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	for _, name := range []string{"part", "whole"} {
		must(codecommit.NewFromConfig(i.sdk()).CreateRepository(ctx,
			&codecommit.CreateRepositoryInput{RepositoryName: &name}))(t)
	}
	part := i.checkout("part")
	i.commit(part, "part", map[string]string{"text": "of the part"})
	i.git(part, "push", "-q", "origin", "main")
	id := strings.TrimSpace(i.git(part, "rev-parse", "HEAD"))
	url := i.url + "/v1/repos/"
	whole := i.checkout("whole")
	i.commit(whole, "whole", map[string]string{
		".gitmodules": "[submodule \"full\"]\n\tpath = full\n\turl = " + url +
			"part\n[submodule \"relative\"]\n\tpath = relative\n\turl = ../part\n",
		"buildspec.yml": "version: 0.2\nenv: {git-credential-helper: yes}\nphases:\n  build:\n    commands:\n      - " +
			"echo full $(cat full/text)\n      - echo relative $(cat relative/text)\n      - git clone -q " + url +
			"part mine && echo mine $(cat mine/text)\n",
	})
	i.git(whole, "update-index", "--add", "--cacheinfo", "160000,"+id+",full", "--cacheinfo", "160000,"+id+",relative")
	i.git(whole, "commit", "-q", "-m", "submodules")
	i.git(whole, "push", "-q", "origin", "main")
	i.inline("whole", "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: new(url + "whole"),
			GitSubmodulesConfig: &types.GitSubmodulesConfig{FetchSubmodules: new(true)}}
	})
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("whole")})
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatal(b.BuildStatus, steps(b))
	}
	has(t, i.printed(*b.Id), "\nfull of the part\n", "\nrelative of the part\n", "\nmine of the part\n")
}
