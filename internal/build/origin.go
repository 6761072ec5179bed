package build

import (
	"regexp"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

var commitID = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// originOf reads what a build is made of. Its source version is a branch, a tag, a commit or a pull request; a webhook
// tells the branches of a pull request.
func originOf(r *row) slipway.Origin {
	of := slipway.Origin{Commit: awsproto.Value(r.build.ResolvedSourceVersion)}
	version := awsproto.Value(r.build.SourceVersion)
	if !commitID.MatchString(version) && !strings.HasPrefix(version, "arn:") {
		of.Branch = branch(version)
	}
	if head := r.work.Variables["CODEBUILD_WEBHOOK_HEAD_REF"]; head != "" {
		of.Branch = branch(head)
	}
	of.Base = branch(r.work.Variables["CODEBUILD_WEBHOOK_BASE_REF"])
	return of
}

func branch(ref string) string { return strings.TrimPrefix(ref, "refs/heads/") }
