package view

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// shows reports whether the caller may see a build, a deployment or an execution.
func shows(ctx context.Context, w slipway.Work) bool {
	switch workKind(w.ID) {
	case slipway.WorkKindBuild:
		project, _, _ := strings.Cut(w.ID, ":")
		return awsproto.May(ctx, "codebuild:BatchGetBuilds", "project/"+project)
	case slipway.WorkKindDeployment:
		return awsproto.May(ctx, "codedeploy:GetDeployment", "deploymentgroup:"+w.Application+"/"+w.Group)
	}
	return awsproto.May(ctx, "codepipeline:GetPipelineExecution", w.Pipeline)
}
