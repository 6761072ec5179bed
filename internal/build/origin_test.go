package build

import (
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestOriginOfABuild(t *testing.T) {
	t.Parallel()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for name, c := range map[string]struct {
		version   string
		variables map[string]string
		want      slipway.Origin
	}{
		"a branch":   {version: "refs/heads/main", want: slipway.Origin{Commit: commit, Branch: "main"}},
		"a commit":   {version: commit, want: slipway.Origin{Commit: commit}},
		"a pipeline": {version: "arn:aws:s3:::b/o", want: slipway.Origin{Commit: commit}},
		"a pull request": {version: "pr/7", variables: map[string]string{
			"CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/tax", "CODEBUILD_WEBHOOK_BASE_REF": "refs/heads/main"},
			want: slipway.Origin{Commit: commit, Branch: "tax", Base: "main"}},
	} {
		r := &row{build: cb.Build{SourceVersion: &c.version, ResolvedSourceVersion: new(commit)}}
		r.work.Variables = c.variables
		if got := originOf(r); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
