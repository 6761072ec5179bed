package managed

import (
	"slices"
	"strings"
	"testing"

	"slipway/internal/identity/policy"
	"slipway/internal/identity/policy/catalogue"
)

func TestEveryManagedPolicyIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All() {
		parsed, err := policy.Parse(policy.Identity, p.Document)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if seen[p.Name] || parsed.Statements() == 0 || p.Description == "" || !strings.HasSuffix(p.Description, ".") {
			t.Errorf("%s: %d statements, description %q", p.Name, parsed.Statements(), p.Description)
		}
		seen[p.Name] = true
		if p.ARN != "arn:aws:iam::aws:policy"+p.Path+p.Name || !strings.HasPrefix(p.Path, "/") {
			t.Errorf("%s: path %q, ARN %q", p.Name, p.Path, p.ARN)
		}
	}
	if len(seen) < 125 {
		t.Errorf("got %d policies", len(seen))
	}
}

// TestActionsExist finds what is misspelt: each action of a known service matches one of the catalogue.
func TestActionsExist(t *testing.T) {
	services := catalogue.Services()
	for _, text := range []string{awsPolicies, slipwayPolicies} {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") || !strings.HasPrefix(line, "  ") {
				continue
			}
			for _, w := range strings.Fields(line) {
				service, name, ok := strings.Cut(w, ":")
				if service == "eks" { // the catalogue has its reading actions alone
					continue
				}
				if !ok || !slices.Contains(services, service) || name == "*" || strings.Contains(line, " "+w+" true") {
					continue
				}
				if !exists(service, name) && !strings.Contains(line, "When "+w) && !isKey(line, w) {
					t.Errorf("%s is no action", w)
				}
			}
		}
	}
}

func exists(service, name string) bool {
	for _, e := range catalogue.Actions(service) {
		doc := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "` + service + ":" + name +
			`", "Resource": "*"}}`
		p, err := policy.Parse(policy.Identity, doc)
		if err != nil {
			return false
		}
		r := policy.Request{Principal: policy.Principal{ARN: "x"}, Action: service + ":" + e.Name, Resource: "*"}
		if policy.Decide(policy.Sources{Identity: []policy.Attached{{Policy: p}}}, r).Allowed {
			return true
		}
	}
	return false
}

// isKey reports whether a word follows an operator.
func isKey(line, w string) bool {
	words := strings.Fields(line)
	i := slices.Index(words, w)
	return i > 0 && (strings.HasPrefix(words[i-1], "String") || strings.HasPrefix(words[i-1], "Arn") ||
		strings.HasPrefix(words[i-1], "Bool") || strings.HasPrefix(words[i-1], "For"))
}

func TestPoliciesHaveTheEffectOfTheirNames(t *testing.T) {
	const passed = "iam:passedtoservice"
	tests := []struct {
		name, action string
		context      policy.Values
		want         bool
	}{
		{"AdministratorAccess", "iam:CreateUser", nil, true},
		{"PowerUserAccess", "codecommit:DeleteRepository", nil, true},
		{"PowerUserAccess", "iam:CreateUser", nil, false},
		{"PowerUserAccess", "iam:ListRoles", nil, true},
		{"ReadOnlyAccess", "codecommit:GitPull", nil, true},
		{"ReadOnlyAccess", "codecommit:GitPush", nil, false},
		{"ReadOnlyAccess", "secretsmanager:GetSecretValue", nil, false},
		{"AWSDenyAll", "sts:GetCallerIdentity", nil, false},
		{"IAMFullAccess", "iam:CreateRole", nil, true},
		{"IAMFullAccess", "s3:GetObject", nil, false},
		{"AWSCodeCommitPowerUser", "codecommit:GitPush", nil, true},
		{"AWSCodeCommitPowerUser", "codecommit:DeleteRepository", nil, false},
		{"AWSCodeCommitPowerUser", "codecommit:CreateApprovalRuleTemplate", nil, false},
		{"AWSCodeCommitReadOnly", "codecommit:GitPull", nil, true},
		{"AWSCodeCommitReadOnly", "codecommit:CreateBranch", nil, false},
		{"AWSCodeCommitFullAccess", "codecommit:DeleteRepository", nil, true},
		{"AWSCodeBuildDeveloperAccess", "codebuild:StartBuild", nil, true},
		{"AWSCodeBuildDeveloperAccess", "codebuild:CreateProject", nil, false},
		{"AWSCodeBuildAdminAccess", "codebuild:CreateProject", nil, true},
		{"AWSCodePipeline_FullAccess", "iam:PassRole", policy.Values{passed: {"codepipeline.amazonaws.com"}}, true},
		{"AWSCodePipeline_FullAccess", "iam:PassRole", policy.Values{passed: {"ec2.amazonaws.com"}}, false},
		{"AWSCodePipelineApproverAccess", "codepipeline:PutApprovalResult", nil, true},
		{"AWSCodePipelineApproverAccess", "codepipeline:StartPipelineExecution", nil, false},
		{"AWSCodeDeployDeployerAccess", "codedeploy:CreateDeployment", nil, true},
		{"AWSCodeDeployDeployerAccess", "codedeploy:CreateApplication", nil, false},
		{"AWSCodeDeployRole", "elasticloadbalancing:RegisterTargets", nil, true},
		{"AWSCodeDeployRole", "elasticloadbalancing:ModifyListener", nil, true},
		{"SlipwayDeployRole", "elasticloadbalancing:ModifyRule", nil, true},
		{"AWSLambdaBasicExecutionRole", "logs:PutLogEvents", nil, true},
		{"AWSLambdaBasicExecutionRole", "s3:GetObject", nil, false},
		{"SlipwayReaders", "codepipeline:GetPipelineState", nil, true},
		{"SlipwayReaders", "codepipeline:GetJobDetails", nil, false}, // it has secrets and credentials
		{"AWSCodePipelineCustomActionAccess", "codepipeline:GetJobDetails", nil, true},
		{"SlipwayReaders", "codepipeline:PutApprovalResult", nil, false},
		{"SlipwayReaders", "iam:ListUsers", nil, false},
		{"SlipwayDevelopers", "codecommit:GitPush", nil, true},
		{"SlipwayDevelopers", "codepipeline:PutApprovalResult", nil, false},
		{"SlipwayDevelopers", "codedeploy:CreateDeployment", nil, false},
		{"SlipwayApprovers", "codepipeline:PutApprovalResult", nil, true},
		{"SlipwayOperators", "slipway:RollBackRelease", nil, true},
		{"SlipwayOperators", "codecommit:GitPush", nil, false},
		{"SlipwayRunner", "s3:GetObject", nil, false},
		{"SlipwayRunner", "slipway:GetBuildCredentials", nil, true},
		{"SlipwayRunner", "slipway:PollBuild", nil, true},
		{"SlipwayHost", "s3:GetObject", policy.Values{"slipway:deploys": {"false"}}, false},
		{"SlipwayHost", "codedeploy-commands-secure:PollHostCommand", nil, true},
		{"SlipwayRouter", "slipway:PollRouter", nil, true},
		{"SlipwayBuildRole", "codecommit:GitPull", nil, true},
		{"SlipwayBuildRole", "ssm:GetParameters", nil, false}, // of a parameter that is not below /CodeBuild/
		{"SlipwayPipelineRole", "codebuild:StartBuild", nil, true},
	}
	for _, test := range tests {
		i := slices.IndexFunc(All(), func(p Policy) bool { return p.Name == test.name })
		if i < 0 {
			t.Errorf("there is no %s", test.name)
			continue
		}
		p, err := policy.Parse(policy.Identity, All()[i].Document)
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Request{Principal: policy.Principal{ARN: "x"}, Action: test.action,
			Resource: "arn:aws:x:::y", Context: test.context}
		if d := policy.Decide(policy.Sources{Identity: []policy.Attached{{Policy: p}}}, r); d.Allowed != test.want {
			t.Errorf("%s: got %+v for %s, want %t", test.name, d, test.action, test.want)
		}
	}
}

func TestGroupsNamePoliciesThatExist(t *testing.T) {
	for _, g := range Groups() {
		for _, arn := range g.Policies {
			if !slices.ContainsFunc(All(), func(p Policy) bool { return p.ARN == arn }) {
				t.Errorf("%s: there is no %s", g.Name, arn)
			}
		}
	}
}
