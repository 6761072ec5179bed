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
	if _, ok := Action("codecommit:Nothing"); ok {
		t.Error("an unknown action is found")
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
