package app

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/elbv2"
)

// tagsOf returns the tags of a resource, for aws:ResourceTag. What does not exist, or can have none, has none.
func (s *rights) tagsOf(ctx context.Context, arn string) (map[string]string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || strings.Contains(parts[5], "*") {
		return nil, nil
	}
	tags, err := s.readTags(ctx, parts[2], parts[5], arn)
	if _, refused := err.(awsproto.ServiceError); refused {
		return nil, nil // it does not exist
	}
	return tags, err
}

func (s *rights) readTags(ctx context.Context, service, name, arn string) (map[string]string, error) {
	tags := map[string]string{}
	add := func(key, value *string) { tags[awsproto.Value(key)] = awsproto.Value(value) }
	switch service {
	case "codecommit":
		out, err := s.sources.ListTagsForResource(ctx, &codecommit.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		return out.Tags, nil
	case "codebuild":
		return s.buildTags(ctx, name, arn)
	case "codepipeline": // a stage or an action has its pipeline's
		pipeline, _, _ := strings.Cut(arn, "/")
		out, err := s.pipelines.ListTagsForResource(ctx, &codepipeline.ListTagsForResourceInput{ResourceArn: &pipeline})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			add(t.Key, t.Value)
		}
	case "codedeploy":
		out, err := s.deployments.ListTagsForResource(ctx, &codedeploy.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			add(t.Key, t.Value)
		}
	default:
		return s.neighbourTags(ctx, service, arn)
	}
	return tags, nil
}

// buildTags are the tags of a project, a fleet or a report group.
func (s *rights) buildTags(ctx context.Context, name, arn string) (map[string]string, error) {
	var all []codebuild.Tag
	kind, name, _ := strings.Cut(name, "/")
	switch kind {
	case "project":
		out, err := s.builds.BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{name}})
		if err != nil || len(out.Projects) == 0 {
			return nil, err
		}
		all = out.Projects[0].Tags
	case "fleet":
		out, err := s.builds.BatchGetFleets(ctx, &codebuild.BatchGetFleetsInput{Names: []string{arn}})
		if err != nil || len(out.Fleets) == 0 {
			return nil, err
		}
		all = out.Fleets[0].Tags
	case "report-group":
		in := &codebuild.BatchGetReportGroupsInput{ReportGroupArns: []string{arn}}
		out, err := s.reports.BatchGetReportGroups(ctx, in)
		if err != nil || len(out.ReportGroups) == 0 {
			return nil, err
		}
		all = out.ReportGroups[0].Tags
	}
	tags := map[string]string{}
	for _, t := range all {
		tags[awsproto.Value(t.Key)] = awsproto.Value(t.Value)
	}
	return tags, nil
}

// neighbourTags are the tags of resources of the services around the stages.
func (s *rights) neighbourTags(ctx context.Context, service, arn string) (map[string]string, error) {
	own := map[string]func(context.Context, string) (map[string]string, error){
		"ssm":                  s.parameters.Tags,
		"secretsmanager":       s.vault.Tags,
		"kms":                  s.kms.Tags,
		"sns":                  s.topics.Tags,
		"acm":                  s.balancers.Tags,
		"logs":                 s.logs.Tags,
		"s3":                   s.buckets().Tags,
		"ec2":                  s.network.Tags,
		"elasticloadbalancing": s.balancerTags,
		"cloudwatch":           s.alarmTags,
		"codeconnections":      s.connections.Tags,
		"codestar-connections": s.connections.Tags,
	}
	if of := own[service]; of != nil {
		return of(ctx, arn)
	}
	if service == "iam" {
		tags, _ := s.identity.TagsOf(arn)
		return tags, nil
	}
	return nil, nil
}

func (s *rights) balancerTags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := s.balancers.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	if err != nil || len(out.TagDescriptions) == 0 {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.TagDescriptions[0].Tags {
		tags[awsproto.Value(t.Key)] = awsproto.Value(t.Value)
	}
	return tags, nil
}

func (s *rights) alarmTags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := s.monitor.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.Tags {
		tags[awsproto.Value(t.Key)] = awsproto.Value(t.Value)
	}
	return tags, nil
}
