// Package codedeploy is the provider of actions that deploy their input artifact to a deployment group of CodeDeploy.
// Source: "CodeDeploy action reference" in the CodePipeline user guide.
package codedeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"slipway/api/codedeploy"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Deployments is what the provider needs of the Deploy stage.
type Deployments interface {
	// CreateForPipeline starts a deployment, or returns the ID of the one that it started before for the key.
	CreateForPipeline(ctx context.Context, key string, in *codedeploy.CreateDeploymentInput) (string, error)
	GetDeployment(ctx context.Context, in *codedeploy.GetDeploymentInput) (*codedeploy.GetDeploymentOutput, error)
	ListDeploymentTargets(ctx context.Context,
		in *codedeploy.ListDeploymentTargetsInput) (*codedeploy.ListDeploymentTargetsOutput, error)
	BatchGetDeploymentTargets(ctx context.Context,
		in *codedeploy.BatchGetDeploymentTargetsInput) (*codedeploy.BatchGetDeploymentTargetsOutput, error)
}

// Provider implements pipeline.Provider, pipeline.Waiter and pipeline.Targeted.
type Provider struct{ Deployments Deployments }

// Deployment is what an action waits for.
func Deployment(id string) pipeline.Wait { return pipeline.Wait{Kind: "deployment", ID: id} }

// Types implements pipeline.Provider.
func (*Provider) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("CodeDeploy", cp.ActionCategoryDeploy)
}

// Unsupported implements pipeline.Provider. What a deployment group cannot do, the deployment says.
func (*Provider) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider.
func (*Provider) Describe(a *cp.ActionDeclaration) pipeline.Description {
	application, group := a.Configuration["ApplicationName"], a.Configuration["DeploymentGroupName"]
	return pipeline.Description{
		What:        application + "/" + group,
		URL:         "/applications/" + application + "/" + group,
		Application: application,
		Group:       group,
	}
}

// Start implements pipeline.Provider: it creates a deployment of the input artifact.
func (p *Provider) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	at := a.Inputs[0].S3location
	id, err := p.Deployments.CreateForPipeline(ctx, a.ID, &codedeploy.CreateDeploymentInput{
		ApplicationName:     new(a.Configuration["ApplicationName"]),
		DeploymentGroupName: new(a.Configuration["DeploymentGroupName"]),
		Description:         new(fmt.Sprintf("Pipeline %s, execution %s", a.Pipeline, a.Execution)),
		Revision: &codedeploy.RevisionLocation{
			RevisionType: codedeploy.RevisionLocationTypeS3,
			S3Location: &codedeploy.S3Location{
				Bucket:     at.Bucket,
				Key:        at.Key,
				BundleType: codedeploy.BundleTypeZip,
			},
		},
	})
	if err != nil {
		return pipeline.Outcome{}, err
	}
	return pipeline.Outcome{Wait: new(Deployment(id)), URL: "/deployments/" + id}, nil
}

// Result implements pipeline.Waiter.
func (p *Provider) Result(ctx context.Context, _ *pipeline.Action, id string) (*pipeline.Result, error) {
	out, err := p.Deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if _, gone := errors.AsType[*codedeploy.DeploymentDoesNotExistException](err); gone {
		return pipeline.Failed("JobFailed", "The deployment %s is gone", id), nil
	}
	if err != nil {
		return nil, err
	}
	switch d := out.DeploymentInfo; d.Status {
	case codedeploy.DeploymentStatusSucceeded:
		return &pipeline.Result{Variables: map[string]string{"DeploymentId": id}}, nil
	case codedeploy.DeploymentStatusFailed, codedeploy.DeploymentStatusStopped:
		why := ""
		if d.ErrorInformation != nil && d.ErrorInformation.Message != nil {
			why = ": " + *d.ErrorInformation.Message
		}
		return pipeline.Failed("JobFailed", "Deployment %s %s%s", id, strings.ToLower(string(d.Status)), why), nil
	}
	return nil, nil
}
