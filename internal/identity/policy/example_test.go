package policy

import "testing"

// question is a request to the policies of an example, and whether AWS's page says that it is allowed.
type question struct {
	action, resource string
	context          Values
	want             bool
}

func decideAll(t *testing.T, name string, s Sources, p Principal, questions []question) {
	t.Helper()
	for _, q := range questions {
		d := Decide(s, Request{Principal: p, Action: q.action, Resource: q.resource, Account: account, Context: q.context})
		if d.Allowed != q.want {
			t.Errorf("%s: %s on %s with %v: got %+v, want %t", name, q.action, q.resource, q.context, d, q.want)
		}
	}
}

// The policies are those of https://docs.aws.amazon.com/codecommit/latest/userguide/customer-managed-policies.html.
func TestTheExamplesOfCodeCommit(t *testing.T) {
	arn := "arn:aws:codecommit:us-east-2:" + account + ":"
	region := func(r string) Values { return Values{"aws:requestedregion": {r}} }
	refs := func(r string) Values { return Values{"codecommit:references": {r}} }
	ip := func(a string) Values { return Values{"aws:sourceip": {a}} }
	tests := []struct {
		name     string
		policies []string
		ask      []question
	}{
		{"one region", []string{`"Effect": "Allow", "Action": "codecommit:*", "Resource": "` + arn + `*",
			"Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-2"}}`}, []question{
			{"codecommit:CreateBranch", arn + "x", region("us-east-2"), true},
			{"codecommit:CreateBranch", arn + "x", region("us-west-2"), false},
			{"codecommit:ListRepositories", "*", region("us-east-2"), false},
		}},
		{"one repository", []string{`"Effect": "Allow", "Action": ["codecommit:GitPull", "codecommit:GitPush"],
			"Resource": "` + arn + `MyDemoRepo"`}, []question{
			{"codecommit:GitPull", arn + "MyDemoRepo", nil, true},
			{"codecommit:GitPush", arn + "MyDemoRepo", refs("refs/heads/main"), true},
			{"codecommit:GitPull", arn + "MyDemoRepo2", nil, false},
			{"codecommit:DeleteBranch", arn + "MyDemoRepo", nil, false},
		}},
		{"addresses", []string{`"Effect": "Allow", "Action": ["codecommit:GitPull", "codecommit:GetRepository"], "Resource":
			"` + arn + `*", "Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/16"]}}`}, []question{
			{"codecommit:GitPull", arn + "x", ip("203.0.44.1"), true},
			{"codecommit:GitPull", arn + "x", ip("198.51.100.1"), false},
			{"codecommit:GitPull", arn + "x", nil, false},
		}},
		{"branches", []string{`"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"`, `"Effect": "Deny", "Action":
			["codecommit:GitPush", "codecommit:DeleteBranch", "codecommit:PutFile",
			"codecommit:MergePullRequestByFastForward"], "Resource": "` + arn + `MyDemoRepo", "Condition":
			{"StringEqualsIfExists": {"codecommit:References": ["refs/heads/main", "refs/heads/prod"]},
			"Null": {"codecommit:References": "false"}}`}, []question{
			{"codecommit:GitPush", arn + "MyDemoRepo", nil, true},
			{"codecommit:GitPush", arn + "MyDemoRepo", refs("refs/heads/work"), true},
			{"codecommit:GitPush", arn + "MyDemoRepo", refs("refs/heads/main"), false},
			{"codecommit:PutFile", arn + "MyDemoRepo", refs("refs/heads/prod"), false},
			{"codecommit:GitPush", arn + "Other", refs("refs/heads/main"), true},
			{"codecommit:GetBranch", arn + "MyDemoRepo", refs("refs/heads/main"), true},
		}},
		{"tags", []string{`"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"`, `"Effect": "Deny", "Action":
			"codecommit:*", "Resource": "` + arn + `*", "Condition": {"StringEquals":
			{"aws:ResourceTag/Status": "Secret"}}`, `"Effect": "Deny", "Action": "codecommit:CreateRepository",
			"Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["Status", "Team"]}}`}, []question{
			{"codecommit:GitPull", arn + "x", Values{"aws:resourcetag/status": {"Secret"}}, false},
			{"codecommit:GitPull", arn + "x", Values{"aws:resourcetag/status": {"Open"}}, true},
			{"codecommit:CreateRepository", arn + "x", Values{"aws:tagkeys": {"Cost", "Team"}}, false},
			{"codecommit:CreateRepository", arn + "x", Values{"aws:tagkeys": {"Cost"}}, true},
		}},
	}
	for _, test := range tests {
		decideAll(t, test.name, Sources{Identity: identity(t, test.policies...)}, anna, test.ask)
	}
}

// The policies are those of the pages on identity-based policies of CodeBuild, CodeDeploy and CodePipeline.
func TestTheExamplesOfTheOtherServices(t *testing.T) {
	build := "arn:aws:codebuild:us-east-2:" + account + ":project/"
	deploy := "arn:aws:codedeploy:us-west-2:" + account + ":"
	pipe := "arn:aws:codepipeline:us-west-2:" + account + ":MyFirstPipeline"
	passed := func(s string) Values { return Values{"iam:passedtoservice": {s}} }
	role := "arn:aws:iam::" + account + ":role/build"
	tests := []struct {
		name, policy string
		ask          []question
	}{
		{"projects by name", `"Effect": "Allow", "Action": "codebuild:BatchGetProjects", "Resource": "` + build + `my*"`,
			[]question{
				{"codebuild:BatchGetProjects", build + "my-app", nil, true},
				{"codebuild:BatchGetProjects", build + "your-app", nil, false},
				{"codebuild:StartBuild", build + "my-app", nil, false},
			}},
		{"a deployment group", `"Effect": "Allow", "Action": ["codedeploy:DeleteDeploymentGroup"], "Resource":
			["` + deploy + `deploymentgroup:WordPress_App/WordPress_DepGroup"]`, []question{
			{"codedeploy:DeleteDeploymentGroup", deploy + "deploymentgroup:WordPress_App/WordPress_DepGroup", nil, true},
			{"codedeploy:DeleteDeploymentGroup", deploy + "deploymentgroup:WordPress_App/Other", nil, false},
		}},
		{"all of CodeDeploy in a region", `"Effect": "Allow", "Action": ["codedeploy:*"], "Resource": ["` + deploy + `*"]`,
			[]question{
				{"codedeploy:CreateDeployment", deploy + "deploymentgroup:a/b", nil, true},
				{"codedeploy:GetDeploymentConfig", deploy + "deploymentconfig:c", nil, true},
				{"codedeploy:CreateDeployment", "arn:aws:codedeploy:us-east-1:" + account + ":deploymentgroup:a/b", nil, false},
			}},
		{"the state of a pipeline", `"Effect": "Allow", "Action": ["codepipeline:GetPipelineState"], "Resource":
			"` + pipe + `"`, []question{
			{"codepipeline:GetPipelineState", pipe, nil, true},
			{"codepipeline:GetPipelineState", pipe + "2", nil, false},
		}},
		{"transitions", `"Effect": "Allow", "Action": ["codepipeline:DisableStageTransition",
			"codepipeline:EnableStageTransition"], "Resource": "` + pipe + `/*"`, []question{
			{"codepipeline:EnableStageTransition", pipe + "/Staging", nil, true},
			{"codepipeline:EnableStageTransition", pipe, nil, false},
		}},
		{"approvals of one action", `"Effect": "Allow", "Action": ["codepipeline:PutApprovalResult"], "Resource":
			"` + pipe + `/MyApprovalStage/MyApprovalAction"`, []question{
			{"codepipeline:PutApprovalResult", pipe + "/MyApprovalStage/MyApprovalAction", nil, true},
			{"codepipeline:PutApprovalResult", pipe + "/MyApprovalStage/Other", nil, false},
		}},
		{"roles for builds", `"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/*", "Condition":
			{"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}}`, []question{
			{"iam:PassRole", role, passed("codebuild.amazonaws.com"), true},
			{"iam:PassRole", role, passed("ec2.amazonaws.com"), false},
			{"iam:PassRole", role, nil, false},
		}},
	}
	for _, test := range tests {
		decideAll(t, test.name, Sources{Identity: identity(t, test.policy)}, anna, test.ask)
	}
}

// Carlos is the user of the example in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html.
func TestTheExampleOfEvaluation(t *testing.T) {
	carlos := Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/carlossalazar"}
	own := `{"Version": "2012-10-17", "Statement": [
		{"Sid": "AllowS3ListRead", "Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListAllMyBuckets"],
			"Resource": "arn:aws:s3:::*"},
		{"Sid": "AllowS3Self", "Effect": "Allow", "Action": "s3:*",
			"Resource": ["arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar/*", "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar"]},
		{"Sid": "DenyS3Logs", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*log*"}]}`
	of := grantTo(aws(carlos.ARN))
	s := Sources{Identity: identity(t, own), Resource: resource(t, `"Effect": "Allow", "Principal": `+aws(carlos.ARN)+`,
		"Action": "s3:*", "Resource": ["arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs/*",
		"arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs"]`, of)}
	decideAll(t, "Carlos", s, carlos, []question{
		{"s3:PutObject", "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs/a", nil, false},
		{"s3:PutObject", "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar/a", nil, true},
		{"s3:PutObject", "arn:aws:s3:::docs/a", nil, true},
		{"s3:PutObject", "arn:aws:s3:::other/a", nil, false},
		{"s3:GetBucketLocation", "arn:aws:s3:::other", nil, true},
	})
}

// The policy is that of the IAM guide, "Allows MFA-authenticated IAM users to manage their own credentials".
func TestTheExampleOfSelfManagementWithMFA(t *testing.T) {
	me, her := "arn:aws:iam::"+account+":user/anna", "arn:aws:iam::"+account+":user/berta"
	with := func(mfa string) Values {
		v := Values{"aws:username": {"anna"}}
		if mfa != "" {
			v["aws:multifactorauthpresent"] = []string{mfa}
		}
		return v
	}
	s := Sources{Identity: identity(t, `"Effect": "Allow", "Action": ["iam:ChangePassword", "iam:GetUser",
		"iam:CreateAccessKey"], "Resource": "arn:aws:iam::*:user/${aws:username}"`, `"Effect": "Deny", "NotAction":
		["iam:GetUser", "iam:ListMFADevices", "sts:GetSessionToken"], "Resource": "*", "Condition":
		{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}`)}
	decideAll(t, "MFA", s, anna, []question{
		{"iam:CreateAccessKey", me, with("true"), true},
		{"iam:CreateAccessKey", her, with("true"), false},
		{"iam:CreateAccessKey", me, with("false"), false},
		{"iam:CreateAccessKey", me, with(""), false},
		{"iam:GetUser", me, with(""), true},
	})
}
