package server_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// TestMalformedBeforeAbsent: what the request alone shows to be wrong is said before what is not there.
func TestMalformedBeforeAbsent(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	role := aws.String("arn:aws:iam::123456789012:role/deploy")
	group := func(app, name string, role *string) error {
		_, err := w.api.CreateDeploymentGroup(ctx,
			&codedeploy.CreateDeploymentGroupInput{ApplicationName: &app, DeploymentGroupName: &name,
				ServiceRoleArn: role})
		return err
	}
	deploy := func(change func(*codedeploy.CreateDeploymentInput)) error {
		in := &codedeploy.CreateDeploymentInput{ApplicationName: aws.String("absent"),
			DeploymentGroupName: aws.String("absent"),
			Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3,
				S3Location: &types.S3Location{Bucket: aws.String("b"), Key: aws.String("k"),
					BundleType: types.BundleTypeZip}}}
		change(in)
		_, err := w.api.CreateDeployment(ctx, in)
		return err
	}
	_, badApp := w.api.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("my app")})
	_, badGet := w.api.GetApplication(ctx, &codedeploy.GetApplicationInput{ApplicationName: aws.String("a/b")})
	_, badUpdate := w.api.UpdateDeploymentGroup(ctx,
		&codedeploy.UpdateDeploymentGroupInput{ApplicationName: aws.String("absent"),
			CurrentDeploymentGroupName: aws.String("absent"), ServiceRoleArn: aws.String("x")})
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"an application's name":        {badApp, "InvalidApplicationNameException"},
		"an application's name, asked": {badGet, "InvalidApplicationNameException"},
		"a group's name":               {group("absent", "a b", role), "InvalidDeploymentGroupNameException"},
		"a role that is no ARN":        {group("absent", "g", aws.String("deploy")), "InvalidRoleException"},
		"a user as the role": {group("absent", "g", aws.String("arn:aws:iam::123456789012:user/deploy")),
			"InvalidRoleException"},
		"an absent application": {group("absent", "g", role), "ApplicationDoesNotExistException"},
		"a role of an update":   {badUpdate, "InvalidRoleException"},
		"no group": {
			deploy(func(in *codedeploy.CreateDeploymentInput) { in.DeploymentGroupName = nil }),
			"DeploymentGroupNameRequiredException",
		},
		"no revision": {deploy(func(in *codedeploy.CreateDeploymentInput) { in.Revision = nil }),
			"RevisionRequiredException"},
		"a revision without a place": {
			deploy(func(in *codedeploy.CreateDeploymentInput) { in.Revision.S3Location = nil }),
			"InvalidRevisionException",
		},
		"a rollback without events": {deploy(func(in *codedeploy.CreateDeploymentInput) {
			in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true}
		}), "InvalidAutoRollbackConfigException"},
		"nothing but absent": {deploy(func(*codedeploy.CreateDeploymentInput) {}), "ApplicationDoesNotExistException"},
	} {
		if code(c.err) != c.want {
			t.Errorf("%s: %v, want %s", name, c.err, c.want)
		}
	}
}

// TestAHostIsDeregisteredInTheMiddle: its part ends at once with the reason, and nobody waits for it.
func TestAHostIsDeregisteredInTheMiddle(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", nil))
	c := w.speak(h)
	c.acknowledge(c.poll())
	if _, err := w.api.DeregisterOnPremisesInstance(t.Context(),
		&codedeploy.DeregisterOnPremisesInstanceInput{InstanceName: aws.String("web1")}); err != nil {
		t.Fatal(err)
	}
	if d := w.wait(id); d.Status != types.DeploymentStatusFailed {
		t.Fatalf("%s", d.Status)
	}
	if m := *event1(w.target(id, "web1"),
		"ApplicationStop").Diagnostics.Message; m != "The host web1 was deregistered while the deployment was in "+
		"progress." {
		t.Error(m)
	}
}
