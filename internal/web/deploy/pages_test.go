package deploy

import (
	"context"
	"strings"
	"testing"
	"time"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

const deploymentID = "d-ABCDEFGHI"

// deployments has one deployment, which failed on one of two hosts.
type deployments struct{ codedeploy.Unimplemented }

func info() codedeploy.DeploymentInfo {
	return codedeploy.DeploymentInfo{
		DeploymentId:         new(deploymentID),
		ApplicationName:      new("shop"),
		DeploymentGroupName:  new("prod"),
		DeploymentConfigName: new("CodeDeployDefault.OneAtATime"),
		Status:               codedeploy.DeploymentStatusFailed,
		CreateTime:           webtest.At(time.Minute),
		CompleteTime:         webtest.At(time.Second),
		ErrorInformation: &codedeploy.ErrorInformation{
			Code:    codedeploy.ErrorCodeHealthConstraints,
			Message: new("Too few hosts are healthy."),
		},
		DeploymentOverview: &codedeploy.DeploymentOverview{Failed: new(int64(1)), Skipped: new(int64(1))},
		DeploymentStyle:    &codedeploy.DeploymentStyle{DeploymentType: codedeploy.DeploymentTypeInPlace},
		Revision: &codedeploy.RevisionLocation{
			RevisionType: codedeploy.RevisionLocationTypeS3,
			S3Location:   &codedeploy.S3Location{Bucket: new("bundles"), Key: new("v2.zip")},
		},
	}
}

func (deployments) ListDeployments(context.Context,
	*codedeploy.ListDeploymentsInput) (*codedeploy.ListDeploymentsOutput, error) {
	return &codedeploy.ListDeploymentsOutput{Deployments: []string{deploymentID}}, nil
}

func (deployments) BatchGetDeployments(context.Context,
	*codedeploy.BatchGetDeploymentsInput) (*codedeploy.BatchGetDeploymentsOutput, error) {
	return &codedeploy.BatchGetDeploymentsOutput{DeploymentsInfo: []codedeploy.DeploymentInfo{info()}}, nil
}

func (deployments) GetDeployment(_ context.Context,
	in *codedeploy.GetDeploymentInput) (*codedeploy.GetDeploymentOutput, error) {
	if *in.DeploymentId != deploymentID {
		return nil, &codedeploy.DeploymentDoesNotExistException{Message: "There is no " + *in.DeploymentId}
	}
	return &codedeploy.GetDeploymentOutput{DeploymentInfo: new(info())}, nil
}

func (deployments) ListDeploymentTargets(_ context.Context,
	in *codedeploy.ListDeploymentTargetsInput) (*codedeploy.ListDeploymentTargetsOutput, error) {
	out := &codedeploy.ListDeploymentTargetsOutput{TargetIds: []string{}}
	wanted := in.TargetFilters[codedeploy.TargetFilterNameTargetStatus]
	if len(wanted) == 0 || wanted[0] == "Failed" {
		out.TargetIds = []string{"web1"}
	}
	return out, nil
}

func target() codedeploy.DeploymentTarget {
	return codedeploy.DeploymentTarget{InstanceTarget: &codedeploy.InstanceTarget{
		DeploymentId: new(deploymentID),
		TargetId:     new("web1"),
		Status:       codedeploy.TargetStatusFailed,
		LifecycleEvents: []codedeploy.LifecycleEvent{{
			LifecycleEventName: new("ApplicationStart"),
			Status:             codedeploy.LifecycleEventStatusFailed,
			StartTime:          webtest.At(time.Minute),
			EndTime:            webtest.At(time.Second),
			Diagnostics: &codedeploy.Diagnostics{
				ErrorCode:  codedeploy.LifecycleErrorCodeScriptFailed,
				ScriptName: new("start.sh"),
				Message:    new("exit code 3"),
				LogTail:    new("the port is taken"),
			},
		}},
	}}
}

func (deployments) BatchGetDeploymentTargets(context.Context,
	*codedeploy.BatchGetDeploymentTargetsInput) (*codedeploy.BatchGetDeploymentTargetsOutput, error) {
	return &codedeploy.BatchGetDeploymentTargetsOutput{
		DeploymentTargets: []codedeploy.DeploymentTarget{target()},
	}, nil
}

func (deployments) GetDeploymentTarget(context.Context,
	*codedeploy.GetDeploymentTargetInput) (*codedeploy.GetDeploymentTargetOutput, error) {
	return &codedeploy.GetDeploymentTargetOutput{DeploymentTarget: new(target())}, nil
}

func (deployments) StopDeployment(context.Context,
	*codedeploy.StopDeploymentInput) (*codedeploy.StopDeploymentOutput, error) {
	return &codedeploy.StopDeploymentOutput{}, nil
}

// facts knows what was deployed.
type facts struct{ slipway.Unimplemented }

func (facts) DescribeChanges(context.Context, *slipway.DescribeChangesInput) (*slipway.DescribeChangesOutput, error) {
	return &slipway.DescribeChangesOutput{Changes: map[string]slipway.Change{
		deploymentID: {Subject: new("Greet more kindly"), CommitId: new("1234567890"), Cause: new("the port is taken")},
	}}, nil
}

func (facts) ListReleases(context.Context, *slipway.ListReleasesInput) (*slipway.ListReleasesOutput, error) {
	return &slipway.ListReleasesOutput{}, nil
}

func (facts) ListServing(context.Context, *slipway.ListServingInput) (*slipway.ListServingOutput, error) {
	return &slipway.ListServingOutput{}, nil
}

func (facts) ListVersions(context.Context, *slipway.ListVersionsInput) (*slipway.ListVersionsOutput, error) {
	return &slipway.ListVersionsOutput{}, nil
}

func (facts) ReadLog(context.Context, *slipway.ReadLogInput) (*slipway.ReadLogOutput, error) {
	return &slipway.ReadLogOutput{
		Lines:      []slipway.Line{{Number: new(int64(0)), Text: new("[stderr]the port is taken")}},
		NextLine:   new(int64(1)),
		TotalLines: new(int64(1)),
		Complete:   new(true),
	}, nil
}

func TestPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Deployments: deployments{}, Slipway: facts{}})
	p.Shows("/deployments", "Greet more kindly", "prod")
	p.Shows("/applications/shop/prod", "Greet more kindly")
	p.Shows("/deployments/"+deploymentID, "Failed", "web1", "the port is taken", "Redeploy")
	p.Shows("/deployments/"+deploymentID+"/hosts", "web1")
	p.Shows("/deployments/"+deploymentID+"/hosts/web1", "ApplicationStart", "exit code 3")
	p.Shows("/deployments/"+deploymentID+"/hosts/web1/ApplicationStart", "the port is taken")
	if got := p.Status("/deployments/d-000000000"); got != 404 {
		t.Errorf("a deployment that is not there answers %d", got)
	}
	if to := p.Send("/deployments/"+deploymentID+"/stop", nil); to != "/deployments/"+deploymentID {
		t.Errorf("a stop leads to %s", to)
	}
}

// before knows a version that did well, which a rollback goes to.
type before struct{ facts }

func (before) ListVersions(context.Context, *slipway.ListVersionsInput) (*slipway.ListVersionsOutput, error) {
	return &slipway.ListVersionsOutput{Versions: []slipway.DeployedVersion{
		{DeploymentId: new(deploymentID), LastGood: new(false)},
		{DeploymentId: new("d-GOOD"), LastGood: new(true)},
	}}, nil
}

// Only who may deploy to the group is offered to deploy once more, and to go back.
func TestRemediesAreOfferedToWhoMayDeploy(t *testing.T) {
	const group = "arn:aws:codedeploy:eu-central-1:123456789012:deploymentgroup:shop/prod"
	for _, may := range []bool{true, false} {
		p := webtest.Open(t, Routes, kit.Config{Deployments: deployments{}, Slipway: before{},
			May: func(_ context.Context, action, resource string) bool {
				return may && action == "codedeploy:CreateDeployment" && resource == group
			}})
		read := p.Read("/deployments/" + deploymentID)
		for _, button := range []string{"Redeploy", "Roll back to"} {
			if strings.Contains(read, button) != may {
				t.Errorf("%s is offered = %t, want %t: %s", button, !may, may, read)
			}
		}
	}
}
