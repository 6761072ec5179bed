package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/internal/store/storetest"
)

func TestWhatIsNotDoneIsRefusedByName(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	if _, err := w.api.CreateDeploymentConfig(ctx,
		&codedeploy.CreateDeploymentConfigInput{DeploymentConfigName: aws.String("zonal"),
			MinimumHealthyHosts: &types.MinimumHealthyHosts{Type: types.MinimumHealthyHostsTypeHostCount},
			ZonalConfig:         &types.ZonalConfig{MonitorDurationInSeconds: aws.Int64(5)}}); err != nil {
		t.Fatal(err)
	}
	r := w.release("v1", nil)
	for name, c := range map[string]struct {
		change func(*codedeploy.CreateDeploymentInput)
		code   string
		says   string
	}{
		"GitHub": {func(in *codedeploy.CreateDeploymentInput) {
			in.Revision = &types.RevisionLocation{RevisionType: types.RevisionLocationTypeGitHub,
				GitHubLocation: &types.GitHubLocation{Repository: aws.String("a/b"), CommitId: aws.String("c")}}
		}, "NotImplementedException", "GitHub"},
		"zonal": {func(in *codedeploy.CreateDeploymentInput) { in.DeploymentConfigName = aws.String("zonal") },
			"NotImplementedException", "zonal"},
		"config": {func(in *codedeploy.CreateDeploymentInput) { in.DeploymentConfigName = aws.String("none") },
			"DeploymentConfigDoesNotExistException", "none"},
		"ECS config": {func(in *codedeploy.CreateDeploymentInput) {
			in.DeploymentConfigName = aws.String("CodeDeployDefault.ECSAllAtOnce")
		}, "InvalidDeploymentConfigNameException", "ECS"},
		"no revision": {func(in *codedeploy.CreateDeploymentInput) { in.Revision = nil }, "RevisionRequiredException",
			""},
		"no bucket": {func(in *codedeploy.CreateDeploymentInput) {
			in.Revision = &types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3,
				S3Location: &types.S3Location{}}
		}, "InvalidRevisionException", "bucket"},
		"description": {
			func(in *codedeploy.CreateDeploymentInput) { in.Description = aws.String(strings.Repeat("x", 257)) },
			"DescriptionTooLongException", "",
		},
		"targets": {func(in *codedeploy.CreateDeploymentInput) { in.TargetInstances = &types.TargetInstances{} },
			"InvalidTargetInstancesException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := &codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"),
				DeploymentGroupName: aws.String("prod"), Revision: r}
			c.change(in)
			if _, err := w.api.CreateDeployment(ctx, in); code(err) != c.code ||
				!strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %s", err, c.code)
			}
		})
	}
}

// TestWhatADeploymentInPlaceDoesNot: it waits for nobody, and knows no classic load balancers.
func TestWhatADeploymentInPlaceDoesNot(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	r := w.release("v1", nil)
	id := w.deploy(r)
	if _, err := w.api.ContinueDeployment(ctx,
		&codedeploy.ContinueDeploymentInput{DeploymentId: &id}); code(
		err) != "UnsupportedActionForDeploymentTypeException" {
		t.Error(err)
	}
	if _, err := w.api.SkipWaitTimeForInstanceTermination(ctx,
		&codedeploy.SkipWaitTimeForInstanceTerminationInput{DeploymentId: &id}); code(
		err) != "UnsupportedActionForDeploymentTypeException" {
		t.Error(err)
	}
	if _, err := w.api.GetDeployment(ctx,
		&codedeploy.GetDeploymentInput{DeploymentId: aws.String("x")}); code(err) != "InvalidDeploymentIdException" {
		t.Error(err)
	}
	if _, err := w.api.UpdateDeploymentGroup(ctx,
		&codedeploy.UpdateDeploymentGroupInput{ApplicationName: aws.String("shop"),
			CurrentDeploymentGroupName: aws.String("prod"),
			DeploymentStyle: &types.DeploymentStyle{
				DeploymentOption: types.DeploymentOptionWithTrafficControl,
			},
			LoadBalancerInfo: &types.LoadBalancerInfo{
				ElbInfoList: []types.ELBInfo{{Name: aws.String("lb")}},
			}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.CreateDeployment(ctx,
		&codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
			Revision: r}); code(err) != "NotImplementedException" ||
		!strings.Contains(err.Error(), "classic load balancers") {
		t.Error(err)
	}
}

func TestListsOfDeploymentsAndTargets(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 3 {
		w.newHost(fmt.Sprintf("web%d", i), map[string]string{"role": "web"})
	}
	w.group("CodeDeployDefault.OneAtATime")
	var ids []string
	for i := range 3 {
		id := w.deploy(w.release(fmt.Sprint("v", i), nil))
		ids = append([]string{id}, ids...)
		if i < 2 {
			if _, err := w.api.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id}); err != nil {
				t.Fatal(err)
			}
			w.wait(id)
		}
		w.clock.forward(time.Second)
	}
	all, err := w.api.ListDeployments(ctx,
		&codedeploy.ListDeploymentsInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod")})
	if err != nil || !slices.Equal(all.Deployments, ids) {
		t.Fatalf("%v %v, want %v", all, err, ids)
	}
	live, err := w.api.ListDeployments(ctx,
		&codedeploy.ListDeploymentsInput{
			IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusInProgress},
		})
	if err != nil || !slices.Equal(live.Deployments, ids[:1]) {
		t.Fatalf("%v %v", live, err)
	}
	if _, err := w.api.ListDeployments(ctx,
		&codedeploy.ListDeploymentsInput{ApplicationName: aws.String("shop")}); code(
		err) != "DeploymentGroupNameRequiredException" {
		t.Error(err)
	}
	batch, err := w.api.BatchGetDeployments(ctx,
		&codedeploy.BatchGetDeploymentsInput{DeploymentIds: append(ids, "d-AAAAAAAAA")})
	if err != nil || len(batch.DeploymentsInfo) != 3 || *batch.DeploymentsInfo[0].DeploymentId != ids[0] {
		t.Fatalf("%+v %v", batch, err)
	}
	targets, err := w.api.ListDeploymentTargets(ctx, &codedeploy.ListDeploymentTargetsInput{DeploymentId: &ids[0]})
	if err != nil || !slices.Equal(targets.TargetIds, []string{"web0", "web1", "web2"}) {
		t.Fatalf("%+v %v", targets, err)
	}
	if targets, err = w.api.ListDeploymentTargets(ctx,
		&codedeploy.ListDeploymentTargetsInput{DeploymentId: &ids[0],
			TargetFilters: map[string][]string{"TargetStatus": {"Pending"}}}); err != nil ||
		len(targets.TargetIds) != 2 {
		t.Fatalf("%+v %v", targets, err)
	}
	got, err := w.api.BatchGetDeploymentTargets(ctx,
		&codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &ids[0], TargetIds: []string{"web2", "web0"}})
	if err != nil || len(got.DeploymentTargets) != 2 || *got.DeploymentTargets[0].InstanceTarget.TargetId != "web2" {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := w.api.GetDeploymentTarget(ctx,
		&codedeploy.GetDeploymentTargetInput{DeploymentId: &ids[0],
			TargetId: aws.String("none")}); code(err) != "DeploymentTargetDoesNotExistException" {
		t.Error(err)
	}
	old, err := w.api.GetDeploymentInstance(ctx,
		&codedeploy.GetDeploymentInstanceInput{DeploymentId: &ids[0], InstanceId: aws.String("web0")})
	if err != nil || old.InstanceSummary.Status != types.InstanceStatusInProgress {
		t.Fatalf("%+v %v", old, err)
	}
	instances, err := w.api.ListDeploymentInstances(ctx,
		&codedeploy.ListDeploymentInstancesInput{DeploymentId: &ids[0]})
	if err != nil || len(instances.InstancesList) != 3 {
		t.Fatalf("%+v %v", instances, err)
	}
}

func TestNoHosts(t *testing.T) {
	w := newWorld(t)
	w.group("CodeDeployDefault.AllAtOnce")
	if d := w.wait(w.deploy(w.release("v1", nil))); d.ErrorInformation.Code != types.ErrorCodeNoInstances {
		t.Fatalf("%+v", d.ErrorInformation)
	}
}

func TestTagSets(t *testing.T) {
	w := newWorld(t)
	w.newHost("a", map[string]string{"role": "web", "stage": "prod"})
	w.newHost("b", map[string]string{"role": "web"})
	w.newHost("c", map[string]string{"stage": "prod"})
	filter := func(k, v string) []types.TagFilter {
		return []types.TagFilter{{Key: &k, Value: &v, Type: types.TagFilterTypeKeyAndValue}}
	}
	w.group("CodeDeployDefault.AllAtOnce", func(in *codedeploy.CreateDeploymentGroupInput) {
		in.OnPremisesInstanceTagFilters = nil
		in.OnPremisesTagSet = &types.OnPremisesTagSet{
			OnPremisesTagSetList: [][]types.TagFilter{append(filter("role", "web"), filter("role", "db")...),
				filter("stage", "prod")},
		}
	})
	id := w.deploy(w.release("v1", nil))
	if out, err := w.api.ListDeploymentTargets(t.Context(),
		&codedeploy.ListDeploymentTargetsInput{DeploymentId: &id}); err != nil ||
		!slices.Equal(out.TargetIds, []string{"a"}) {
		t.Fatalf("%+v %v", out, err)
	}
}

func TestOnPostgres(t *testing.T) {
	server := storetest.Postgres(t)
	w := newWorldAt(t, server.Database(t))
	w.fleet(2)
	w.group("CodeDeployDefault.HalfAtATime")
	if d := w.wait(w.deploy(w.release("v1", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	if _, err := w.api.ListApplicationRevisions(t.Context(),
		&codedeploy.ListApplicationRevisionsInput{ApplicationName: aws.String("shop"), S3Bucket: aws.String("bundles"),
			Deployed: types.ListStateFilterActionInclude}); err != nil {
		t.Fatal(err)
	}
	all, err := w.api.ListDeployments(t.Context(),
		&codedeploy.ListDeploymentsInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
			IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusSucceeded}})
	if err != nil || len(all.Deployments) != 1 {
		t.Fatalf("%+v %v", all, err)
	}
}
