package rule

import (
	"context"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Build is the provider of the rule CodeBuild: it runs a build as the action does, and succeeds if the build does.
type Build struct{ Builds pipeline.Waiter }

// Type implements pipeline.RuleProvider.
func (Build) Type() pipelinefile.RuleType { return declared("CodeBuild") }

// Judge implements pipeline.RuleProvider.
func (p Build) Judge(ctx context.Context, r *pipeline.Rule) (pipeline.Verdict, error) {
	a := r.Action
	a.Type = &cp.ActionTypeId{
		Category: cp.ActionCategoryBuild,
		Owner:    cp.ActionOwnerAws,
		Provider: new("CodeBuild"),
		Version:  new("1"),
	}
	if r.Waits == "" {
		o, err := p.Builds.Start(ctx, &a)
		if err != nil || o.Result != nil {
			return ended(o.Result), err
		}
		return pipeline.Verdict{Summary: "The build is running", Wait: o.Wait, URL: o.URL}, nil
	}
	result, err := p.Builds.Result(ctx, &a, r.Waits)
	if err != nil || result == nil {
		return pipeline.Verdict{Summary: "The build is running"}, err
	}
	return ended(result), nil
}

// ended is the verdict of a build that ended.
func ended(result *pipeline.Result) pipeline.Verdict {
	switch {
	case result == nil:
		return pipeline.Verdict{}
	case result.Failure != nil:
		return pipeline.Fails("%s", result.Failure.Message)
	}
	return pipeline.Passes("The build succeeded")
}
