package catalogue

import (
	"slices"
	"strings"
	"testing"
)

func TestActionsAreFoundWithTheirResourcesAndKeys(t *testing.T) {
	push, ok := Action("CodeCommit:gitpush")
	if !ok || push.Name != "GitPush" || push.Level != Write || len(push.Types) != 1 {
		t.Fatalf("got %+v, %t", push, ok)
	}
	repository := push.Types[0]
	if repository.ARN != "codecommit:R:A:${RepositoryName}" || !repository.Required ||
		!slices.Contains(repository.Keys, "aws:ResourceTag/${TagKey}") {
		t.Errorf("got %+v", repository)
	}
	if !slices.Equal(push.Keys, []string{"codecommit:References"}) {
		t.Errorf("got keys %q", push.Keys)
	}
	if list, ok := Action("codecommit:ListRepositories"); !ok || list.Level != List || list.Types != nil {
		t.Errorf("got %+v, %t", list, ok)
	}
	if create, _ := Action("codepipeline:CreatePipeline"); !slices.Contains(create.Dependent, "iam:PassRole") {
		t.Errorf("got %+v", create)
	}
	old, ok := Action("codestar-connections:UseConnection")
	if !ok || !strings.HasPrefix(old.Types[0].ARN, "codestar-connections:") {
		t.Errorf("got %+v, %t", old, ok)
	}
	if _, ok := Action("codecommit:Nothing"); ok {
		t.Error("an unknown action is found")
	}
}

func TestTypesMatchTheARNsOfTheirResources(t *testing.T) {
	get, _ := Action("s3:GetObject")
	pass, _ := Action("iam:PassRole")
	group, _ := Action("codedeploy:CreateDeploymentGroup")
	tests := []struct {
		e    Entry
		arn  string
		want string
	}{
		{get, "arn:aws:s3:::bucket/a/b", "object"},
		{get, "arn:aws:s3:::bucket", ""},
		{get, "arn:aws:s3:eu-west-1:111122223333:accesspoint/x/object/y", "accesspointobject"},
		{pass, "arn:aws:iam::111122223333:role/service/x", "role"},
		{pass, "arn:aws:iam::111122223333:user/x", ""},
		{group, "arn:aws:codedeploy:eu-west-1:111122223333:deploymentgroup:app/group", "deploymentgroup"},
		{group, "arn:aws:codedeploy:eu-west-1:111122223333:deploymentgroup:app", ""},
	}
	for _, test := range tests {
		got := ""
		for _, ty := range test.e.Types {
			if ty.Matches(test.arn) {
				got = ty.Name
			}
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.arn, got, test.want)
		}
	}
}

func TestNamesBecomeARNs(t *testing.T) {
	for action, want := range map[string]string{
		"codecommit:GitPush":          "arn:aws:codecommit:r:a:x/y",
		"codebuild:StartBuild":        "arn:aws:codebuild:r:a:project/x/y",
		"s3:ListBucket":               "arn:aws:s3:::x/y",
		"iam:PassRole":                "arn:aws:iam::a:role/x/y",
		"codedeploy:CreateDeployment": "arn:aws:codedeploy:r:a:deploymentgroup:x/y",
		"codecommit:ListRepositories": "",
	} {
		e, _ := Action(action)
		if got, _ := e.Resource("x/y", "r", "a"); got != want {
			t.Errorf("%s: got %q, want %q", action, got, want)
		}
	}
}

func TestTheTablesAreWhole(t *testing.T) {
	count := 0
	for _, s := range Services() {
		for _, e := range Actions(s) {
			count++
			if strings.IndexByte("LRWTP", byte(e.Level)) < 0 {
				t.Errorf("%s:%s has level %q", s, e.Name, e.Level)
			}
			for _, ty := range e.Types {
				if strings.Count(ty.ARN, ":") < 3 {
					t.Errorf("%s:%s: type %q has ARN %q", s, e.Name, ty.Name, ty.ARN)
				}
			}
		}
	}
	if count < 1600 || len(Services()) < 25 {
		t.Errorf("got %d actions of %d services", count, len(Services()))
	}
}
