package build_test

import (
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestAFailedBuildIsRetriedUpToItsLimit(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := project("app")
	in.AutoRetryLimit = new(int32(2))
	if p := s.create(in); *p.AutoRetryLimit != 2 {
		t.Fatalf("autoRetryLimit: %v", p.AutoRetryLimit)
	}
	id := *s.start(&cb.StartBuildInput{ProjectName: new("app")}).Id
	for try := int32(0); try <= 2; try++ {
		if got := *s.poll("r1", 1).Build.Id; got != id {
			t.Fatalf("try %d: the runner got %s, want %s", try, got, id)
		}
		s.acknowledge("r1", id)
		s.complete("r1", id, slipway.Result{Status: cb.StatusTypeFailed})
		b := s.get(id)
		if c := b.AutoRetryConfig; *c.AutoRetryNumber != try || *c.AutoRetryLimit != 2 ||
			(c.NextAutoRetry == nil) != (try == 2) {
			t.Fatalf("try %d: %+v", try, c)
		}
		if try == 2 {
			break
		}
		arn := *b.AutoRetryConfig.NextAutoRetry
		next := s.get(arn)
		if *next.AutoRetryConfig.PreviousAutoRetry != *b.Arn || *next.Initiator != "alice" {
			t.Fatalf("the next build names %s as the one before, and %s as its initiator",
				*next.AutoRetryConfig.PreviousAutoRetry, *next.Initiator)
		}
		id = *next.Id
	}
	if out := s.poll("r1", 1); out.Build != nil {
		t.Fatalf("a third retry: %s", *out.Build.Id)
	}
}

func TestNothingElseIsRetried(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]cb.StatusType{"a build that succeeded": cb.StatusTypeSucceeded,
		"one that was stopped": cb.StatusTypeStopped} {
		s := open(t)
		s.create(project("app"))
		id := *s.start(&cb.StartBuildInput{ProjectName: new("app"), AutoRetryLimitOverride: new(int32(1))}).Id
		s.poll("r1", 1)
		s.acknowledge("r1", id)
		s.complete("r1", id, slipway.Result{Status: end})
		if c := s.get(id).AutoRetryConfig; c.NextAutoRetry != nil {
			t.Errorf("%s is retried: %+v", name, c)
		}
	}
}

func TestNamesAndRolesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := project("app")
	in.ServiceRole = new("build-role")
	if _, err := s.api.CreateProject(s.ctx(), in); err == nil {
		t.Error("a service role that is no ARN was taken")
	}
	in = project("app")
	in.Environment.EnvironmentVariables = []cb.EnvironmentVariable{{Name: new("CODEBUILD_X"), Value: new("1")}}
	if _, err := s.api.CreateProject(s.ctx(), in); err == nil {
		t.Error("a reserved name was taken")
	}
}
