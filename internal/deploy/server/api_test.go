package server_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/smithy-go"

	cd "slipway/api/codedeploy"
)

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func fromPipeline() *cd.CreateDeploymentInput {
	return &cd.CreateDeploymentInput{ApplicationName: new("shop"), DeploymentGroupName: new("prod"),
		Revision: &cd.RevisionLocation{RevisionType: cd.RevisionLocationTypeS3,
			S3Location: &cd.S3Location{Bucket: new("bundles"), Key: new("v1.zip"), BundleType: cd.BundleTypeZip}}}
}

func TestApplications(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 120 {
		if _, err := w.api.CreateApplication(ctx,
			&codedeploy.CreateApplicationInput{ApplicationName: aws.String(fmt.Sprintf("app%03d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.api.CreateApplication(ctx,
		&codedeploy.CreateApplicationInput{ApplicationName: aws.String("app000")}); code(
		err) != "ApplicationAlreadyExistsException" {
		t.Fatal(err)
	}
	first, err := w.api.ListApplications(ctx, &codedeploy.ListApplicationsInput{})
	if err != nil || len(first.Applications) != 100 || first.NextToken == nil {
		t.Fatalf("%d %v", len(first.Applications), err)
	}
	second, err := w.api.ListApplications(ctx, &codedeploy.ListApplicationsInput{NextToken: first.NextToken})
	if err != nil || len(second.Applications) != 20 || second.NextToken != nil || second.Applications[0] != "app100" {
		t.Fatalf("%v %v", second, err)
	}
	if _, err := w.api.ListDeploymentConfigs(ctx,
		&codedeploy.ListDeploymentConfigsInput{NextToken: first.NextToken}); code(err) != "InvalidNextTokenException" {
		t.Fatal(err)
	}
	if _, err := w.api.UpdateApplication(ctx,
		&codedeploy.UpdateApplicationInput{ApplicationName: aws.String("app000"),
			NewApplicationName: aws.String("renamed")}); err != nil {
		t.Fatal(err)
	}
	got, err := w.api.GetApplication(ctx, &codedeploy.GetApplicationInput{ApplicationName: aws.String("renamed")})
	if err != nil || got.Application.ComputePlatform != types.ComputePlatformServer ||
		got.Application.CreateTime == nil {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := w.api.GetApplication(ctx,
		&codedeploy.GetApplicationInput{ApplicationName: aws.String("app000")}); code(
		err) != "ApplicationDoesNotExistException" {
		t.Fatal(err)
	}
	batch, err := w.api.BatchGetApplications(ctx,
		&codedeploy.BatchGetApplicationsInput{ApplicationNames: []string{"app002", "renamed"}})
	if err != nil || len(batch.ApplicationsInfo) != 2 {
		t.Fatal(err)
	}
	arn := "arn:aws:codedeploy:" + region + ":" + account + ":application:renamed"
	if _, err := w.api.TagResource(ctx,
		&codedeploy.TagResourceInput{ResourceArn: &arn,
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")},
				{Key: aws.String("x"), Value: aws.String("y")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.UntagResource(ctx,
		&codedeploy.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := w.api.ListTagsForResource(ctx, &codedeploy.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "team" {
		t.Fatalf("%+v %v", tags, err)
	}
	for range 2 {
		if _, err := w.api.DeleteApplication(ctx,
			&codedeploy.DeleteApplicationInput{ApplicationName: aws.String("renamed")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.api.ListTagsForResource(ctx,
		&codedeploy.ListTagsForResourceInput{ResourceArn: &arn}); code(err) != "ApplicationDoesNotExistException" {
		t.Fatal(err)
	}
}

func TestDeploymentConfigs(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	all, err := w.api.ListDeploymentConfigs(ctx, &codedeploy.ListDeploymentConfigsInput{})
	if err != nil || len(all.DeploymentConfigsList) != 17 {
		t.Fatalf("%d %v", len(all.DeploymentConfigsList), err)
	}
	for _, name := range all.DeploymentConfigsList {
		if _, err := w.api.GetDeploymentConfig(ctx,
			&codedeploy.GetDeploymentConfigInput{DeploymentConfigName: &name}); err != nil {
			t.Error(err)
		}
	}
	one, err := w.api.GetDeploymentConfig(ctx,
		&codedeploy.GetDeploymentConfigInput{DeploymentConfigName: aws.String("CodeDeployDefault.OneAtATime")})
	if m := one.DeploymentConfigInfo.MinimumHealthyHosts; err != nil || m.Type != "MOST_CONCURRENCY" || m.Value != 1 {
		t.Fatalf("%+v %v", one, err)
	}
	create := func(name string, kind types.MinimumHealthyHostsType, value int32) error {
		_, err := w.api.CreateDeploymentConfig(ctx,
			&codedeploy.CreateDeploymentConfigInput{DeploymentConfigName: &name,
				MinimumHealthyHosts: &types.MinimumHealthyHosts{Type: kind, Value: value}})
		return err
	}
	for _, c := range []struct {
		name  string
		kind  types.MinimumHealthyHostsType
		value int32
		code  string
	}{
		{"two", types.MinimumHealthyHostsTypeHostCount, 2, ""},
		{"two", types.MinimumHealthyHostsTypeHostCount, 2, "DeploymentConfigAlreadyExistsException"},
		{"CodeDeployDefault.Mine", types.MinimumHealthyHostsTypeHostCount, 2, "InvalidDeploymentConfigNameException"},
		{"much", types.MinimumHealthyHostsTypeFleetPercent, 101, "InvalidMinimumHealthyHostValueException"},
		{"little", types.MinimumHealthyHostsTypeHostCount, -1, "InvalidMinimumHealthyHostValueException"},
	} {
		if err := create(c.name, c.kind, c.value); code(err) != c.code {
			t.Errorf("%s %d: %v", c.name, c.value, err)
		}
	}
	w.group("two")
	if _, err := w.api.DeleteDeploymentConfig(ctx,
		&codedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String("two")}); code(
		err) != "DeploymentConfigInUseException" {
		t.Fatal(err)
	}
	if _, err := w.api.DeleteDeploymentConfig(ctx,
		&codedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce")}); code(
		err) != "InvalidOperationException" {
		t.Fatal(err)
	}
}

func TestDeploymentGroups(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.group("CodeDeployDefault.AllAtOnce")
	got, err := w.api.GetDeploymentGroup(ctx,
		&codedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("shop"),
			DeploymentGroupName: aws.String("prod")})
	if g := got.DeploymentGroupInfo; err != nil || g.DeploymentStyle.DeploymentType != types.DeploymentTypeInPlace ||
		g.ComputePlatform != types.ComputePlatformServer || len(g.OnPremisesInstanceTagFilters) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := w.api.UpdateDeploymentGroup(ctx,
		&codedeploy.UpdateDeploymentGroupInput{ApplicationName: aws.String("shop"),
			CurrentDeploymentGroupName: aws.String("prod"), NewDeploymentGroupName: aws.String("live"),
			Ec2TagFilters: []types.EC2TagFilter{{Key: aws.String("a"), Value: aws.String("b"),
				Type: types.EC2TagFilterTypeKeyAndValue}}, AutoScalingGroups: []string{"asg"}}); err != nil {
		t.Fatal(err)
	}
	if got, err = w.api.GetDeploymentGroup(ctx,
		&codedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("shop"),
			DeploymentGroupName: aws.String("live")}); err != nil ||
		len(got.DeploymentGroupInfo.Ec2TagFilters) != 1 ||
		*got.DeploymentGroupInfo.AutoScalingGroups[0].Name != "asg" ||
		len(got.DeploymentGroupInfo.OnPremisesInstanceTagFilters) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	create := func(change func(*codedeploy.CreateDeploymentGroupInput)) error {
		in := &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"),
			DeploymentGroupName: aws.String("g"), ServiceRoleArn: aws.String("arn:aws:iam::123456789012:role/deploy")}
		change(in)
		_, err := w.api.CreateDeploymentGroup(ctx, in)
		return err
	}
	filters := []types.TagFilter{{Key: aws.String("a"), Type: types.TagFilterTypeKeyOnly}}
	for want, change := range map[string]func(*codedeploy.CreateDeploymentGroupInput){
		"DeploymentGroupAlreadyExistsException": func(
			in *codedeploy.CreateDeploymentGroupInput) {
			in.DeploymentGroupName = aws.String("live")
		},
		"ApplicationDoesNotExistException": func(
			in *codedeploy.CreateDeploymentGroupInput) {
			in.ApplicationName = aws.String("none")
		},
		"DeploymentConfigDoesNotExistException": func(
			in *codedeploy.CreateDeploymentGroupInput) {
			in.DeploymentConfigName = aws.String("none")
		},
		"InvalidRoleException": func(
			in *codedeploy.CreateDeploymentGroupInput) {
			in.ServiceRoleArn = aws.String("deploy")
		},
		"InvalidOnPremisesTagCombinationException": func(in *codedeploy.CreateDeploymentGroupInput) {
			in.OnPremisesInstanceTagFilters, in.OnPremisesTagSet = filters, &types.OnPremisesTagSet{
				OnPremisesTagSetList: [][]types.TagFilter{filters},
			}
		},
		"TagSetListLimitExceededException": func(in *codedeploy.CreateDeploymentGroupInput) {
			in.OnPremisesTagSet = &types.OnPremisesTagSet{OnPremisesTagSetList: [][]types.TagFilter{filters, filters,
				filters, filters}}
		},
		"InvalidAutoRollbackConfigException": func(in *codedeploy.CreateDeploymentGroupInput) {
			in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true}
		},
	} {
		if err := create(change); code(err) != want {
			t.Errorf("want %s: %v", want, err)
		}
	}
	if err := create(func(*codedeploy.CreateDeploymentGroupInput) {}); err != nil {
		t.Fatal(err)
	}
	all, err := w.api.ListDeploymentGroups(ctx,
		&codedeploy.ListDeploymentGroupsInput{ApplicationName: aws.String("shop")})
	if err != nil || !slices.Equal(all.DeploymentGroups, []string{"g", "live"}) {
		t.Fatalf("%v %v", all, err)
	}
	batch, err := w.api.BatchGetDeploymentGroups(ctx,
		&codedeploy.BatchGetDeploymentGroupsInput{ApplicationName: aws.String("shop"),
			DeploymentGroupNames: []string{"live", "none"}})
	if err != nil || len(batch.DeploymentGroupsInfo) != 1 || batch.ErrorMessage == nil {
		t.Fatalf("%+v %v", batch, err)
	}
}

func TestDeletingAGroupFailsWhatIsInProgress(t *testing.T) {
	w := newWorld(t)
	w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce", rollBack(types.AutoRollbackEventDeploymentFailure))
	id := w.deploy(w.release("v1", nil))
	if _, err := w.api.DeleteApplication(t.Context(),
		&codedeploy.DeleteApplicationInput{ApplicationName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	if d := w.wait(id); d.Status != types.DeploymentStatusFailed ||
		d.ErrorInformation.Code != types.ErrorCodeApplicationMissing || *d.ApplicationName != "shop" {
		t.Fatalf("%+v", d)
	}
}

func TestInstances(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	register := func(name string, user, session *string) error {
		_, err := w.api.RegisterOnPremisesInstance(ctx,
			&codedeploy.RegisterOnPremisesInstanceInput{InstanceName: &name, IamUserArn: user, IamSessionArn: session})
		return err
	}
	arn := func(name string) *string { return aws.String("arn:aws:iam::123456789012:user/" + name) }
	for _, c := range []struct {
		name          string
		user, session *string
		code          string
	}{
		{"a", arn("a"), nil, ""}, {"a", arn("b"), nil, "InstanceNameAlreadyRegisteredException"},
		{"b", arn("a"), nil, "IamUserArnAlreadyRegisteredException"},
		{"i-123", arn("c"), nil, "InvalidInstanceNameException"},
		{"a b", arn("c"), nil, "InvalidInstanceNameException"}, {"c", nil, nil, "IamArnRequiredException"},
		{"c", aws.String("arn:aws:iam::12:user/x"), nil, "InvalidIamUserArnException"},
		{"c", arn("c"), aws.String("arn:aws:sts::123456789012:assumed-role/r/s"), "MultipleIamArnsProvidedException"},
		{"t", nil, aws.String("arn:aws:sts::123456789012:assumed-role/r/s"), ""},
		{"u", nil, aws.String("arn:aws:sts::123456789012:assumed-role/r/s"), "IamSessionArnAlreadyRegisteredException"},
		{"v", aws.String("arn:aws:iam::999999999999:user/t"), nil, "InvalidIamUserArnException"},
		{"s", arn("s"), nil, ""},
	} {
		if err := register(c.name, c.user, c.session); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	tag := []types.Tag{{Key: aws.String("role"), Value: aws.String("web")}}
	if _, err := w.api.AddTagsToOnPremisesInstances(ctx,
		&codedeploy.AddTagsToOnPremisesInstancesInput{InstanceNames: []string{"a", "none"},
			Tags: tag}); code(err) != "InstanceNotRegisteredException" {
		t.Fatal(err)
	}
	if _, err := w.api.AddTagsToOnPremisesInstances(ctx,
		&codedeploy.AddTagsToOnPremisesInstancesInput{InstanceNames: []string{"a", "s"}, Tags: tag}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.RemoveTagsFromOnPremisesInstances(ctx,
		&codedeploy.RemoveTagsFromOnPremisesInstancesInput{InstanceNames: []string{"s"}, Tags: tag}); err != nil {
		t.Fatal(err)
	}
	listed, err := w.api.ListOnPremisesInstances(ctx,
		&codedeploy.ListOnPremisesInstancesInput{
			TagFilters: []types.TagFilter{{Key: aws.String("role"), Value: aws.String("web"),
				Type: types.TagFilterTypeKeyAndValue}},
		})
	if err != nil || !slices.Equal(listed.InstanceNames, []string{"a"}) {
		t.Fatalf("%+v %v", listed, err)
	}
	if _, err := w.api.DeregisterOnPremisesInstance(ctx,
		&codedeploy.DeregisterOnPremisesInstanceInput{InstanceName: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	if listed, err = w.api.ListOnPremisesInstances(ctx,
		&codedeploy.ListOnPremisesInstancesInput{
			RegistrationStatus: types.RegistrationStatusDeregistered,
		}); err != nil || !slices.Equal(listed.InstanceNames, []string{"a"}) {
		t.Fatalf("%+v %v", listed, err)
	}
	if err := register("a", arn("a"), nil); err != nil {
		t.Fatal(err)
	}
	got, err := w.api.GetOnPremisesInstance(ctx, &codedeploy.GetOnPremisesInstanceInput{InstanceName: aws.String("a")})
	if err != nil || got.InstanceInfo.DeregisterTime != nil ||
		*got.InstanceInfo.InstanceArn != "arn:aws:codedeploy:"+region+":"+account+":instance/a" {
		t.Fatalf("%+v %v", got, err)
	}
	batch, err := w.api.BatchGetOnPremisesInstances(ctx,
		&codedeploy.BatchGetOnPremisesInstancesInput{InstanceNames: []string{"a", "none", "s"}})
	if err != nil || len(batch.InstanceInfos) != 2 {
		t.Fatalf("%+v %v", batch, err)
	}
}

func TestRevisions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.fleet(1)
	w.group("CodeDeployDefault.AllAtOnce")
	one, two := w.release("a/one", nil), w.release("b/two", nil)
	for _, r := range []*types.RevisionLocation{one, two} {
		if _, err := w.api.RegisterApplicationRevision(ctx,
			&codedeploy.RegisterApplicationRevisionInput{ApplicationName: aws.String("shop"), Revision: r,
				Description: aws.String("a revision")}); err != nil {
			t.Fatal(err)
		}
	}
	w.wait(w.deploy(one))
	got, err := w.api.GetApplicationRevision(ctx,
		&codedeploy.GetApplicationRevisionInput{ApplicationName: aws.String("shop"), Revision: one})
	if i := got.RevisionInfo; err != nil || i.FirstUsedTime == nil ||
		!slices.Equal(i.DeploymentGroups, []string{"prod"}) || *i.Description != "a revision" {
		t.Fatalf("%+v %v", got, err)
	}
	list := func(in *codedeploy.ListApplicationRevisionsInput) (keys []string) {
		t.Helper()
		in.ApplicationName = aws.String("shop")
		out, err := w.api.ListApplicationRevisions(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Revisions {
			keys = append(keys, *r.S3Location.Key)
		}
		return keys
	}
	if got := list(&codedeploy.ListApplicationRevisionsInput{SortBy: types.ApplicationRevisionSortByRegisterTime,
		SortOrder: types.SortOrderDescending}); len(got) != 2 {
		t.Error(got)
	}
	if got := list(
		&codedeploy.ListApplicationRevisionsInput{Deployed: types.ListStateFilterActionInclude}); !slices.Equal(got,
		[]string{"a/one.zip"}) {
		t.Error(got)
	}
	if got := list(
		&codedeploy.ListApplicationRevisionsInput{Deployed: types.ListStateFilterActionExclude}); !slices.Equal(got,
		[]string{"b/two.zip"}) {
		t.Error(got)
	}
	if got := list(&codedeploy.ListApplicationRevisionsInput{S3Bucket: aws.String("bundles"),
		S3KeyPrefix: aws.String("b/")}); !slices.Equal(got, []string{"b/two.zip"}) {
		t.Error(got)
	}
	if _, err := w.api.GetApplicationRevision(ctx,
		&codedeploy.GetApplicationRevisionInput{ApplicationName: aws.String("shop"),
			Revision: w.bundle("c", nil)}); code(err) != "RevisionDoesNotExistException" {
		t.Error(err)
	}
	batch, err := w.api.BatchGetApplicationRevisions(ctx,
		&codedeploy.BatchGetApplicationRevisionsInput{ApplicationName: aws.String("shop"),
			Revisions: []types.RevisionLocation{*one, *two}})
	if err != nil || len(batch.Revisions) != 2 {
		t.Fatalf("%+v %v", batch, err)
	}
}
