package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

const role = "arn:aws:iam::" + account + ":role/slipway"

// fleet is an application with a deployment group of all hosts that are tagged role=web.
type fleet struct {
	*instance
	api   *codedeploy.Client
	hosts []*host
}

// fleet makes hosts with their agents, and a group that deploys to them.
func newFleet(t testing.TB, hosts int, config string, change ...func(*codedeploy.CreateDeploymentGroupInput)) *fleet {
	t.Helper()
	f := &fleet{instance: up(t)}
	f.api = codedeploy.NewFromConfig(f.sdk())
	f.bucket("bundles", false)
	for n := range hosts {
		h := f.host(fmt.Sprintf("web%d", n+1), map[string]string{"role": "web"})
		f.run(h)
		f.hosts = append(f.hosts, h)
	}
	must(f.api.CreateApplication(t.Context(),
		&codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop")}))(t)
	in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"),
		DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String(role), DeploymentConfigName: &config,
		OnPremisesInstanceTagFilters: []types.TagFilter{{Key: aws.String("role"), Value: aws.String("web"),
			Type: types.TagFilterTypeKeyAndValue}}}
	for _, c := range change {
		c(in)
	}
	must(f.api.CreateDeploymentGroup(t.Context(), in))(t)
	return f
}

func rollBack(events ...types.AutoRollbackEvent) func(*codedeploy.CreateDeploymentGroupInput) {
	return func(in *codedeploy.CreateDeploymentGroupInput) {
		in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true, Events: events}
	}
}

// revision is a bundle that installs a version and notes which events ran; scripts replace the ones of that.
func (f *fleet) revision(version string, scripts map[string]string) *types.RevisionLocation {
	f.t.Helper()
	spec := "version: 0.0\nos: linux\nfiles:\n  - source: /version\n    destination: /srv/shop\nhooks:\n"
	files := map[string]string{"version": version}
	events := []string{"ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"}
	for _, event := range []string{"BeforeAllowTraffic", "AfterAllowTraffic", "BeforeBlockTraffic",
		"AfterBlockTraffic"} {
		if scripts[event] != "" {
			events = append(events, event)
		}
	}
	for _, event := range events {
		body, ok := scripts[event]
		if !ok {
			body = `echo "` + version + ` $LIFECYCLE_EVENT" >> "$SLIPWAY_ROOT/events"`
		}
		spec += "  " + event + ":\n    - location: scripts/" + event + ".sh\n      timeout: 30\n"
		files["scripts/"+event+".sh"] = "#!/bin/sh\n" + body + "\n"
	}
	files["appspec.yml"] = spec
	key := version + ".zip"
	f.put("bundles", key, zipped(f.t, files))
	return &types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3,
		S3Location: &types.S3Location{Bucket: aws.String("bundles"), Key: &key, BundleType: types.BundleTypeZip}}
}

func (f *fleet) deploy(r *types.RevisionLocation) string {
	f.t.Helper()
	return *must(f.api.CreateDeployment(f.t.Context(),
		&codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
			Revision: r}))(f.t).DeploymentId
}

func (f *fleet) deployment(id string) *types.DeploymentInfo {
	f.t.Helper()
	return must(f.api.GetDeployment(f.t.Context(),
		&codedeploy.GetDeploymentInput{DeploymentId: &id}))(f.t).DeploymentInfo
}

// over waits until a deployment has ended.
func (f *fleet) over(id string) (d *types.DeploymentInfo) {
	f.t.Helper()
	eventually(f.t, "the deployment "+id+" ends", func() error {
		if d = f.deployment(id); d.CompleteTime == nil {
			return fmt.Errorf("%s %+v", d.Status, d.DeploymentOverview)
		}
		return nil
	})
	return d
}

func (f *fleet) target(id, host string) *types.InstanceTarget {
	f.t.Helper()
	return must(f.api.GetDeploymentTarget(f.t.Context(),
		&codedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: &host}))(f.t).DeploymentTarget.InstanceTarget
}

// versions tells what is installed on the hosts.
func (f *fleet) versions() string {
	var all []string
	for _, h := range f.hosts {
		text, err := os.ReadFile(filepath.Join(h.root, "srv/shop/version"))
		if err != nil {
			text = []byte("-")
		}
		all = append(all, string(text))
	}
	return strings.Join(all, " ")
}

// running waits until a host is within a lifecycle event.
func (f *fleet) running(id, host, event string) {
	f.t.Helper()
	eventually(f.t, host+" runs "+event, func() error {
		for _, e := range f.target(id, host).LifecycleEvents {
			if *e.LifecycleEventName == event && e.Status == types.LifecycleEventStatusInProgress {
				return nil
			}
		}
		return fmt.Errorf("%s: %s", f.deployment(id).Status, f.target(id, host).Status)
	})
}

func TestDeployToFourHosts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4, "CodeDeployDefault.HalfAtATime",
		rollBack(types.AutoRollbackEventDeploymentFailure, types.AutoRollbackEventDeploymentStopOnRequest))
	ctx := t.Context()
	one := f.revision("one", nil)
	if d := f.over(f.deploy(one)); d.Status != types.DeploymentStatusSucceeded || d.DeploymentOverview.Succeeded != 4 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	if got := f.versions(); got != "one one one one" {
		t.Fatal(got)
	}
	first := f.deployment(f.deploy(f.revision("two", nil)))
	if d := f.over(*first.DeploymentId); d.Status != types.DeploymentStatusSucceeded ||
		*d.PreviousRevision.S3Location.Key != "one.zip" {
		t.Fatalf("%+v", d)
	}
	for _, h := range f.hosts {
		events := string(must(os.ReadFile(filepath.Join(h.root, "events")))(t))
		if want := "one BeforeInstall one AfterInstall one ApplicationStart one ValidateService one ApplicationStop " +
			"two BeforeInstall two AfterInstall two ApplicationStart two ValidateService"; strings.Join(
			strings.Fields(events), " ") != want {
			t.Errorf("%s ran %q", h.name, events)
		}
	}

	// A host that fails: the others of its wave end, the rest is left alone, and what was touched gets the last good
	// revision back.
	bad := f.deploy(f.revision("bad",
		map[string]string{
			"ApplicationStart": `case "$SLIPWAY_ROOT" in *web1|*web2) echo "port 80 is taken" >&2; exit 7;; esac`,
		}))
	d := f.over(bad)
	if d.Status != types.DeploymentStatusFailed || d.ErrorInformation.Code != types.ErrorCodeHealthConstraints ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%+v %+v", d, d.ErrorInformation)
	}
	e := f.target(bad, "web1").LifecycleEvents
	i := slices.IndexFunc(e, func(e types.LifecycleEvent) bool { return *e.LifecycleEventName == "ApplicationStart" })
	if got := e[i].Diagnostics; got.ErrorCode != types.LifecycleErrorCodeScriptFailed ||
		*got.ScriptName != "scripts/ApplicationStart.sh" || !strings.Contains(*got.LogTail, "port 80 is taken") {
		t.Errorf("%+v", got)
	}
	back := f.over(*d.RollbackInfo.RollbackDeploymentId)
	if back.Status != types.DeploymentStatusSucceeded || back.Creator != types.DeploymentCreatorCodeDeployRollback ||
		*back.RollbackInfo.RollbackTriggeringDeploymentId != bad {
		t.Fatalf("%+v %+v", back, back.ErrorInformation)
	}
	if got := f.versions(); got != "two two two two" {
		t.Fatal(got)
	}

	// Stopped on request, with a rollback. The script waits for the stop, not for a time.
	gate := filepath.Join(folder(t), "gate")
	slow := f.deploy(f.revision("slow",
		map[string]string{"AfterInstall": `while [ ! -e "` + gate + `" ]; do sleep 0.05; done`}))
	f.running(slow, "web1", "AfterInstall")
	if _, err := f.api.CreateDeployment(ctx,
		&codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
			Revision: one}); err == nil {
		t.Error("two deployments of a group at once")
	} else {
		says(t, err, "DeploymentLimitExceededException")
	}
	stopping := must(f.api.StopDeployment(ctx,
		&codedeploy.StopDeploymentInput{DeploymentId: &slow, AutoRollbackEnabled: aws.Bool(true)}))(t)
	if stopping.Status != types.StopStatusPending {
		t.Errorf("%+v", stopping)
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if d = f.over(slow); d.Status != types.DeploymentStatusStopped || d.RollbackInfo == nil ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%+v", d)
	}
	if back := f.over(*d.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", back.ErrorInformation)
	}
	if got := f.versions(); got != "two two two two" {
		t.Fatal(got)
	}

	// A silent agent is said to be silent.
	f.hosts[3].quit(t)
	silent := f.deploy(f.revision("three", nil))
	eventually(t, "all but the silent host are done", func() error {
		if d := f.deployment(silent); d.DeploymentOverview.Succeeded != 3 {
			return fmt.Errorf("%+v", d.DeploymentOverview)
		}
		return nil
	})
	must(f.api.StopDeployment(ctx,
		&codedeploy.StopDeploymentInput{DeploymentId: &silent, AutoRollbackEnabled: aws.Bool(false)}))(t)
	if d = f.over(silent); d.Status != types.DeploymentStatusStopped && d.Status != types.DeploymentStatusSucceeded {
		t.Errorf("%+v", d)
	}

	listed := must(f.api.ListDeployments(ctx,
		&codedeploy.ListDeploymentsInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
			IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusFailed}}))(t)
	if !slices.Equal(listed.Deployments, []string{bad}) {
		t.Errorf("%v", listed.Deployments)
	}
	batch := must(f.api.BatchGetDeployments(ctx,
		&codedeploy.BatchGetDeploymentsInput{DeploymentIds: []string{bad, slow}}))(t)
	if len(batch.DeploymentsInfo) != 2 {
		t.Errorf("%+v", batch)
	}
	targets := must(f.api.ListDeploymentTargets(ctx, &codedeploy.ListDeploymentTargetsInput{DeploymentId: &slow}))(t)
	if !slices.Equal(slices.Sorted(slices.Values(targets.TargetIds)), []string{"web1", "web2", "web3", "web4"}) {
		t.Errorf("%v", targets.TargetIds)
	}
	all := must(f.api.BatchGetDeploymentTargets(ctx,
		&codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &slow, TargetIds: targets.TargetIds}))(t)
	if len(all.DeploymentTargets) != 4 {
		t.Errorf("%+v", all)
	}
	_, err := f.api.ContinueDeployment(ctx,
		&codedeploy.ContinueDeploymentInput{DeploymentId: &slow, DeploymentWaitType: types.DeploymentWaitTypeReadyWait})
	says(t, err, "DeploymentAlreadyCompletedException")
}

func TestCodeDeployDefinitions(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	f := newFleet(t, 1, "CodeDeployDefault.AllAtOnce")
	ctx, api := t.Context(), f.api
	shop, prod := aws.String("shop"), aws.String("prod")

	_, err := api.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: shop})
	says(t, err, "ApplicationAlreadyExistsException")
	must(api.CreateApplication(ctx,
		&codedeploy.CreateApplicationInput{ApplicationName: aws.String("old"),
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}))(t)
	must(api.UpdateApplication(ctx,
		&codedeploy.UpdateApplicationInput{ApplicationName: aws.String("old"), NewApplicationName: aws.String("new")}))(
		t)
	if got := must(api.GetApplication(ctx,
		&codedeploy.GetApplicationInput{ApplicationName: aws.String("new")}))(
		t); got.Application.ComputePlatform != types.ComputePlatformServer {
		t.Errorf("%+v", got.Application)
	}
	if got := must(api.ListApplications(ctx, &codedeploy.ListApplicationsInput{}))(t); !slices.Equal(got.Applications,
		[]string{"new", "shop"}) {
		t.Errorf("%v", got.Applications)
	}
	if got := must(api.BatchGetApplications(ctx,
		&codedeploy.BatchGetApplicationsInput{ApplicationNames: []string{"new", "shop"}}))(t); len(
		got.ApplicationsInfo) != 2 {
		t.Errorf("%+v", got)
	}
	arn := aws.String("arn:aws:codedeploy:" + region + ":" + account + ":application:new")
	must(api.TagResource(ctx,
		&codedeploy.TagResourceInput{ResourceArn: arn,
			Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}))(t)
	must(api.UntagResource(ctx, &codedeploy.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))(t)
	if got := must(api.ListTagsForResource(ctx,
		&codedeploy.ListTagsForResourceInput{ResourceArn: arn}))(t); len(got.Tags) != 1 || *got.Tags[0].Key != "x" {
		t.Errorf("%+v", got.Tags)
	}
	must(api.DeleteApplication(ctx, &codedeploy.DeleteApplicationInput{ApplicationName: aws.String("new")}))(t)

	must(api.CreateDeploymentConfig(ctx,
		&codedeploy.CreateDeploymentConfigInput{DeploymentConfigName: aws.String("TwoStay"),
			MinimumHealthyHosts: &types.MinimumHealthyHosts{Type: types.MinimumHealthyHostsTypeHostCount, Value: 2}}))(
		t)
	if got := must(api.GetDeploymentConfig(ctx,
		&codedeploy.GetDeploymentConfigInput{DeploymentConfigName: aws.String("TwoStay")}))(
		t); got.DeploymentConfigInfo.MinimumHealthyHosts.Value != 2 {
		t.Errorf("%+v", got)
	}
	if got := must(api.ListDeploymentConfigs(ctx,
		&codedeploy.ListDeploymentConfigsInput{}))(t).DeploymentConfigsList; !slices.Contains(got, "TwoStay") ||
		!slices.Contains(got, "CodeDeployDefault.OneAtATime") {
		t.Errorf("%v", got)
	}

	must(api.UpdateDeploymentGroup(ctx,
		&codedeploy.UpdateDeploymentGroupInput{ApplicationName: shop, CurrentDeploymentGroupName: prod,
			DeploymentConfigName: aws.String("TwoStay")}))(t)
	if got := must(api.GetDeploymentGroup(ctx,
		&codedeploy.GetDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: prod}))(
		t).DeploymentGroupInfo; *got.DeploymentConfigName != "TwoStay" {
		t.Errorf("%+v", got)
	}
	_, err = api.DeleteDeploymentConfig(ctx,
		&codedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String("TwoStay")})
	says(t, err, "DeploymentConfigInUseException")
	// One host, and two have to stay healthy: that can never be.
	v1 := f.revision("v1", nil)
	if d := f.over(f.deploy(v1)); d.Status != types.DeploymentStatusFailed ||
		d.ErrorInformation.Code != types.ErrorCodeHealthConstraintsInvalid {
		t.Errorf("%+v", d.ErrorInformation)
	}
	must(api.UpdateDeploymentGroup(ctx,
		&codedeploy.UpdateDeploymentGroupInput{ApplicationName: shop, CurrentDeploymentGroupName: prod,
			DeploymentConfigName: aws.String("CodeDeployDefault.OneAtATime")}))(t)
	must(api.DeleteDeploymentConfig(ctx,
		&codedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String("TwoStay")}))(t)
	if got := must(api.ListDeploymentGroups(ctx,
		&codedeploy.ListDeploymentGroupsInput{ApplicationName: shop}))(t); !slices.Equal(got.DeploymentGroups,
		[]string{"prod"}) {
		t.Errorf("%v", got.DeploymentGroups)
	}
	if got := must(api.BatchGetDeploymentGroups(ctx,
		&codedeploy.BatchGetDeploymentGroupsInput{ApplicationName: shop, DeploymentGroupNames: []string{"prod"}}))(
		t); len(got.DeploymentGroupsInfo) != 1 {
		t.Errorf("%+v", got)
	}

	v2 := f.revision("v2", nil)
	must(api.RegisterApplicationRevision(ctx,
		&codedeploy.RegisterApplicationRevisionInput{ApplicationName: shop, Revision: v2,
			Description: aws.String("the second")}))(t)
	if got := must(api.GetApplicationRevision(ctx,
		&codedeploy.GetApplicationRevisionInput{ApplicationName: shop, Revision: v2}))(
		t); *got.RevisionInfo.Description != "the second" {
		t.Errorf("%+v", got.RevisionInfo)
	}
	if got := must(api.ListApplicationRevisions(ctx,
		&codedeploy.ListApplicationRevisionsInput{ApplicationName: shop}))(t); len(got.Revisions) != 2 {
		t.Errorf("%+v", got.Revisions)
	}
	if got := must(api.BatchGetApplicationRevisions(ctx,
		&codedeploy.BatchGetApplicationRevisionsInput{ApplicationName: shop,
			Revisions: []types.RevisionLocation{*v1, *v2}}))(t); len(got.Revisions) != 2 {
		t.Errorf("%+v", got.Revisions)
	}

	user := aws.String("arn:aws:iam::" + account + ":user/machine")
	must(api.RegisterOnPremisesInstance(ctx,
		&codedeploy.RegisterOnPremisesInstanceInput{InstanceName: aws.String("machine"), IamUserArn: user}))(t)
	tags := []types.Tag{{Key: aws.String("rack"), Value: aws.String("7")}}
	must(api.AddTagsToOnPremisesInstances(ctx,
		&codedeploy.AddTagsToOnPremisesInstancesInput{InstanceNames: []string{"machine"}, Tags: tags}))(t)
	rack := []types.TagFilter{{Key: aws.String("rack"), Value: aws.String("7"), Type: types.TagFilterTypeKeyAndValue}}
	if got := must(api.ListOnPremisesInstances(ctx,
		&codedeploy.ListOnPremisesInstancesInput{TagFilters: rack}))(t); !slices.Equal(got.InstanceNames,
		[]string{"machine"}) {
		t.Errorf("%v", got.InstanceNames)
	}
	must(api.RemoveTagsFromOnPremisesInstances(ctx,
		&codedeploy.RemoveTagsFromOnPremisesInstancesInput{InstanceNames: []string{"machine"}, Tags: tags}))(t)
	if got := must(api.GetOnPremisesInstance(ctx,
		&codedeploy.GetOnPremisesInstanceInput{InstanceName: aws.String("machine")}))(
		t); len(got.InstanceInfo.Tags) != 0 || *got.InstanceInfo.IamUserArn != *user {
		t.Errorf("%+v", got.InstanceInfo)
	}
	if got := must(api.BatchGetOnPremisesInstances(ctx,
		&codedeploy.BatchGetOnPremisesInstancesInput{InstanceNames: []string{"machine", "web1"}}))(t); len(
		got.InstanceInfos) != 2 {
		t.Errorf("%+v", got.InstanceInfos)
	}
	must(api.DeregisterOnPremisesInstance(ctx,
		&codedeploy.DeregisterOnPremisesInstanceInput{InstanceName: aws.String("machine")}))(t)

	must(api.DeleteDeploymentGroup(ctx,
		&codedeploy.DeleteDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: prod}))(t)
	_, err = api.GetDeploymentGroup(ctx,
		&codedeploy.GetDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: prod})
	says(t, err, "DeploymentGroupDoesNotExistException")
}

// TestDeployWithTheCLI takes a bundle from a folder to a host with the aws CLI alone.
func TestDeployWithTheCLI(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, "CodeDeployDefault.AllAtOnce")
	dir := folder(t)
	for name, content := range map[string]string{"version": "from the CLI",
		"appspec.yml": "version: 0.0\nos: linux\nfiles:\n  - source: /version\n    destination: /srv/shop\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.aws("deploy", "push", "--application-name", "shop", "--s3-location", "s3://bundles/cli.zip", "--source", dir)
	id := strings.TrimSpace(f.aws("deploy", "create-deployment", "--application-name", "shop",
		"--deployment-group-name", "prod", "--s3-location", "bucket=bundles,key=cli.zip,bundleType=zip", "--query",
		"deploymentId", "--output", "text"))
	f.over(id) // the CLI's own waiter asks every 15 s
	f.aws("deploy", "wait", "deployment-successful", "--deployment-id", id)
	if got := f.versions(); got != "from the CLI" {
		t.Error(got)
	}
	if got := f.aws("deploy", "list-deployments", "--query", "deployments", "--output",
		"text"); strings.TrimSpace(got) != id {
		t.Error(got)
	}
}
