package app

import (
	"context"
	"io"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/elbv2"
	"slipway/api/slipway"
	"slipway/internal/build"
	"slipway/internal/deploy"
	"slipway/internal/object"
	"slipway/internal/object/s3"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/release/monitor"
	"slipway/internal/source"
)

// What actions of pipelines do, they do with the rights of a role, and not of the server: the context that a provider
// gets has a session of the role as its caller. The services below ask for the rights that AWS documents for the
// action, and then do what the provider asked for. See "How AWS CodePipeline works with IAM", the permissions of a
// service role, and the action references in the CodePipeline user guide.

// actingRepositories asks for the rights of a source action of CodeCommit.
type actingRepositories struct {
	*source.Service
	rights *rights
}

func (r actingRepositories) Tip(ctx context.Context, repository, branch string) (codecommit.Commit, error) {
	if err := r.rights.ask(ctx, repository, "codecommit:GetBranch", "codecommit:GetCommit"); err != nil {
		return codecommit.Commit{}, err
	}
	return r.Service.Tip(ctx, repository, branch)
}

func (r actingRepositories) GetCommit(ctx context.Context,
	in *codecommit.GetCommitInput) (*codecommit.GetCommitOutput, error) {
	if err := r.rights.ask(ctx, *in.RepositoryName, "codecommit:GetCommit"); err != nil {
		return nil, err
	}
	return r.Service.GetCommit(ctx, in)
}

func (r actingRepositories) Archive(ctx context.Context, repository, commit string, w io.Writer) error {
	if err := r.rights.ask(ctx, repository, "codecommit:UploadArchive"); err != nil {
		return err
	}
	return r.Service.Archive(ctx, repository, commit, w)
}

// actingObjects asks for the rights on artifacts, on sources in S3, and on what a deployment to S3 writes.
type actingObjects struct {
	*object.Store
	rights *rights
}

func (o actingObjects) Bucket(ctx context.Context, name string) (object.Bucket, error) {
	if err := o.rights.askForObject(ctx, s3.Right{Action: "GetBucketVersioning", Bucket: name}); err != nil {
		return object.Bucket{}, err
	}
	return o.Store.Bucket(ctx, name)
}

func (o actingObjects) Get(ctx context.Context, bucket, key, version string) (object.Object, object.File, error) {
	right := s3.Right{Action: "GetObject", Bucket: bucket, Key: key, Version: version}
	if version != "" {
		right.Action = "GetObjectVersion"
	}
	if err := o.rights.askForObject(ctx, right); err != nil {
		return object.Object{}, nil, err
	}
	return o.Store.Get(ctx, bucket, key, version)
}

func (o actingObjects) Put(ctx context.Context, bucket, key string, body io.Reader, meta *object.Meta,
	cond object.Condition) (object.Object, error) {
	if err := o.rights.askForObject(ctx, s3.Right{Action: "PutObject", Bucket: bucket, Key: key}); err != nil {
		return object.Object{}, err
	}
	return o.Store.Put(ctx, bucket, key, body, meta, cond)
}

// readObject opens an object with the rights of a build project's role.
func (s *rights) readObject(ctx context.Context, role, bucket, key string) (io.ReadCloser, error) {
	ctx, err := serviceRoles{s.identity, build.RolePrincipal, s}.Act(ctx, role, "", "AWSCodeBuild")
	if err != nil {
		return nil, err
	}
	_, f, err := actingObjects{s.objects, s}.Get(ctx, bucket, key, "")
	return f, err
}

// writeObject writes an object with the rights of a build project's role.
func (s *rights) writeObject(ctx context.Context, role, bucket, key string, body io.Reader) error {
	ctx, err := serviceRoles{s.identity, build.RolePrincipal, s}.Act(ctx, role, "", "AWSCodeBuild")
	if err != nil {
		return err
	}
	_, err = actingObjects{s.objects, s}.Put(ctx, bucket, key, body, &object.Meta{ContentType: "application/zip"},
		object.Condition{})
	return err
}

// actingBuilds asks for the rights of a build or test action.
type actingBuilds struct {
	*build.Service
	rights *rights
}

func (b actingBuilds) StartForPipeline(ctx context.Context, in *codebuild.StartBuildInput,
	job slipway.PipelineJob) (*codebuild.Build, error) {
	if err := b.rights.ask(ctx, "project/"+*in.ProjectName, "codebuild:StartBuild"); err != nil {
		return nil, err
	}
	return b.Service.StartForPipeline(ctx, in, job)
}

func (b actingBuilds) BatchGetBuilds(ctx context.Context,
	in *codebuild.BatchGetBuildsInput) (*codebuild.BatchGetBuildsOutput, error) {
	for _, id := range in.Ids {
		project, _, _ := strings.Cut(id, ":")
		if err := b.rights.ask(ctx, "project/"+project, "codebuild:BatchGetBuilds"); err != nil {
			return nil, err
		}
	}
	return b.Service.BatchGetBuilds(ctx, in)
}

func (b actingBuilds) StartBatchForPipeline(ctx context.Context, in *codebuild.StartBuildInput, combine bool,
	job slipway.PipelineJob) (*codebuild.BuildBatch, error) {
	if err := b.rights.ask(ctx, "project/"+*in.ProjectName, "codebuild:StartBuildBatch"); err != nil {
		return nil, err
	}
	return b.Service.StartBatchForPipeline(ctx, in, combine, job)
}

func (b actingBuilds) BatchGetBuildBatches(ctx context.Context,
	in *codebuild.BatchGetBuildBatchesInput) (*codebuild.BatchGetBuildBatchesOutput, error) {
	for _, id := range in.Ids {
		project, _, _ := strings.Cut(id, ":")
		if err := b.rights.ask(ctx, "project/"+project, "codebuild:BatchGetBuildBatches"); err != nil {
			return nil, err
		}
	}
	return b.Service.BatchGetBuildBatches(ctx, in)
}

// actingDeployments asks for the rights of a deploy action of CodeDeploy.
type actingDeployments struct {
	*deploy.Service
	rights *rights
}

func (d actingDeployments) CreateForPipeline(ctx context.Context, key string,
	in *codedeploy.CreateDeploymentInput) (string, error) {
	application, group := *in.ApplicationName, awsproto.Value(in.DeploymentGroupName)
	err := d.rights.ask(ctx, "deploymentgroup:"+application+"/"+group, "codedeploy:CreateDeployment")
	if err == nil {
		err = d.rights.ask(ctx, "application:"+application, "codedeploy:RegisterApplicationRevision")
	}
	if err != nil {
		return "", err
	}
	return d.Service.CreateForPipeline(ctx, key, in)
}

func (d actingDeployments) GetDeployment(ctx context.Context,
	in *codedeploy.GetDeploymentInput) (*codedeploy.GetDeploymentOutput, error) {
	groups, err := d.GroupsOf(ctx, []string{*in.DeploymentId})
	if err != nil {
		return nil, err
	}
	if g, ok := groups[*in.DeploymentId]; ok {
		if err := d.rights.ask(ctx, "deploymentgroup:"+g, "codedeploy:GetDeployment"); err != nil {
			return nil, err
		}
	}
	return d.Service.GetDeployment(ctx, in)
}

// actingBalancer asks for the rights by which a deployment takes hosts out of target groups and puts them back, and by
// which its release moves the traffic.
type actingBalancer struct {
	*loadbalancer.Service
	rights *rights
}

func (b actingBalancer) RegisterTargets(ctx context.Context,
	in *elbv2.RegisterTargetsInput) (*elbv2.RegisterTargetsOutput, error) {
	if err := b.rights.askARN(ctx, "elasticloadbalancing:RegisterTargets", *in.TargetGroupArn); err != nil {
		return nil, err
	}
	return b.Service.RegisterTargets(ctx, in)
}

func (b actingBalancer) DeregisterTargets(ctx context.Context,
	in *elbv2.DeregisterTargetsInput) (*elbv2.DeregisterTargetsOutput, error) {
	if err := b.rights.askARN(ctx, "elasticloadbalancing:DeregisterTargets", *in.TargetGroupArn); err != nil {
		return nil, err
	}
	return b.Service.DeregisterTargets(ctx, in)
}

// DescribeTargetHealth is also asked for pages, which have no role to act as: what they show was asked for before.
func (b actingBalancer) DescribeTargetHealth(ctx context.Context,
	in *elbv2.DescribeTargetHealthInput) (*elbv2.DescribeTargetHealthOutput, error) {
	if awsproto.CallerOf(ctx).ARN != "" {
		if err := b.rights.askARN(ctx, "elasticloadbalancing:DescribeTargetHealth", all); err != nil {
			return nil, err
		}
	}
	return b.Service.DescribeTargetHealth(ctx, in)
}

// Weigh asks for the right to change each listener or rule whose weights are not yet as wanted. What is so already
// needs no right, so that a release that was refused its first step ends.
func (b actingBalancer) Weigh(ctx context.Context, resources []string, weights map[string]int) error {
	differing, err := b.Differing(ctx, resources, weights)
	if err != nil {
		return err
	}
	for _, arn := range differing {
		action := "elasticloadbalancing:ModifyListener"
		if strings.Contains(arn, ":listener-rule/") {
			action = "elasticloadbalancing:ModifyRule"
		}
		if err := b.rights.askARN(ctx, action, arn); err != nil {
			return err
		}
	}
	return b.Service.Weigh(ctx, differing, weights)
}

// actingAlarms asks for the right to read the alarms of a deployment.
type actingAlarms struct {
	*monitor.Service
	rights *rights
}

func (a actingAlarms) AlarmStates(ctx context.Context, names []string) (map[string]cloudwatch.StateValue, error) {
	for _, name := range names {
		if err := a.rights.ask(ctx, "alarm:"+name, "cloudwatch:DescribeAlarms"); err != nil {
			return nil, err
		}
	}
	return a.Service.AlarmStates(ctx, names)
}
