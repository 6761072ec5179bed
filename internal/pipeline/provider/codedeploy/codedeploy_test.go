package codedeploy_test

import (
	"context"
	"testing"

	"slipway/api/codedeploy"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	provider "slipway/internal/pipeline/provider/codedeploy"
)

// deployments answers with one deployment, and keeps what it was created with.
type deployments struct {
	provider.Deployments
	info *codedeploy.DeploymentInfo
	key  string
	in   *codedeploy.CreateDeploymentInput
}

func (d *deployments) CreateForPipeline(
	_ context.Context,
	key string,
	in *codedeploy.CreateDeploymentInput,
) (string, error) {
	d.key, d.in = key, in
	return "d-1", nil
}

func (d *deployments) GetDeployment(
	context.Context,
	*codedeploy.GetDeploymentInput,
) (*codedeploy.GetDeploymentOutput, error) {
	if d.info == nil {
		return nil, &codedeploy.DeploymentDoesNotExistException{Message: "gone"}
	}
	return &codedeploy.GetDeploymentOutput{DeploymentInfo: d.info}, nil
}

func TestStartDeploysTheInputArtifact(t *testing.T) {
	t.Parallel()
	d := &deployments{}
	o, err := (&provider.Provider{Deployments: d}).Start(t.Context(), &pipeline.Action{
		ID:            "run",
		Configuration: map[string]string{"ApplicationName": "shop", "DeploymentGroupName": "live"},
		Inputs:        []cp.ArtifactDetail{{S3location: &cp.S3Location{Bucket: new("artifacts"), Key: new("key")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *o.Wait != provider.Deployment("d-1") || o.URL != "/deployments/d-1" {
		t.Errorf("it waits for %+v at %s", *o.Wait, o.URL)
	}
	at := d.in.Revision.S3Location
	if d.key != "run" || *d.in.DeploymentGroupName != "live" || *at.Bucket != "artifacts" || *at.Key != "key" {
		t.Errorf("created for %s: %+v", d.key, d.in)
	}
}

func TestResultOfADeployment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		info    *codedeploy.DeploymentInfo
		ended   bool
		failure string
	}{
		"running":   {&codedeploy.DeploymentInfo{Status: codedeploy.DeploymentStatusInProgress}, false, ""},
		"succeeded": {&codedeploy.DeploymentInfo{Status: codedeploy.DeploymentStatusSucceeded}, true, ""},
		"stopped": {&codedeploy.DeploymentInfo{Status: codedeploy.DeploymentStatusStopped}, true,
			"Deployment d-1 stopped"},
		"failed": {&codedeploy.DeploymentInfo{Status: codedeploy.DeploymentStatusFailed,
			ErrorInformation: &codedeploy.ErrorInformation{Message: new("no host answers")}}, true,
			"Deployment d-1 failed: no host answers"},
		"gone": {nil, true, "The deployment d-1 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&provider.Provider{Deployments: &deployments{info: c.info}}).Result(t.Context(), nil, "d-1")
			if err != nil || (got != nil) != c.ended {
				t.Fatalf("%+v, %v, want it ended = %t", got, err, c.ended)
			}
			failure := ""
			if got != nil && got.Failure != nil {
				failure = got.Failure.Message
			}
			if failure != c.failure {
				t.Errorf("failure %q, want %q", failure, c.failure)
			}
			if c.ended && c.failure == "" && got.Variables["DeploymentId"] != "d-1" {
				t.Errorf("variables %v, want the deployment's ID", got.Variables)
			}
		})
	}
}
