package build

import (
	"context"
	"fmt"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

const failedTests = 20 // that an explanation names

// ExplainBuild implements slipway:ExplainBuild: why a build failed, or where it is.
func (s *Service) ExplainBuild(ctx context.Context,
	in *slipway.ExplainBuildInput) (*slipway.ExplainBuildOutput, error) {
	r, err := one(ctx, s.db, `WHERE id = $1`, s.buildID(*in.Id))
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, unknown(*in.Id)
	}
	b := s.shown(r)
	out := &slipway.ExplainBuildOutput{
		Id:      b.Id,
		Status:  new(string(b.BuildStatus)),
		Summary: new(summary(r, b)),
		Phase:   b.CurrentPhase,
	}
	if c := r.cause; c != nil {
		out.Phase, out.ExitCode, out.Line = &c.Phase, c.ExitCode, c.Line
		if c.Command != "" {
			out.Command = &c.Command
		}
		out.Lines, out.Finding = c.Lines, c.Finding
	}
	if len(b.ReportArns) > 0 && s.Reports != nil {
		if out.FailedTests, err = s.Reports.Failed(ctx, s.db, b.ReportArns, failedTests); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// summary is one sentence.
func summary(r *row, b cb.Build) string {
	switch {
	case r.Stage == Queued:
		if contexts := b.Phases[len(b.Phases)-1].Contexts; len(contexts) > 0 {
			return "The build waits for a runner. " + awsproto.Value(contexts[0].Message)
		}
		return "The build waits for a runner."
	case r.Stage == Assigned:
		return "The runner " + r.Runner + " is taking the build."
	case r.Stage == Running && r.Stop:
		return "The runner " + r.Runner + " was told to stop the build, which is in " + *b.CurrentPhase + "."
	case r.Stage == Running:
		return "The build runs on " + r.Runner + ", in " + *b.CurrentPhase + "."
	case b.BuildStatus == cb.StatusTypeSucceeded:
		return "The build succeeded."
	}
	return failure(r, b)
}

// failure is one sentence on a build that did not succeed.
func failure(r *row, b cb.Build) string {
	if c := r.cause; c != nil && c.Command != "" && c.ExitCode != nil {
		return fmt.Sprintf("%s in %s: the command %q exited with %d.", b.BuildStatus, c.Phase, c.Command, *c.ExitCode)
	} else if c != nil {
		return fmt.Sprintf("%s in %s: %s", b.BuildStatus, c.Phase, c.Message)
	}
	for _, p := range b.Phases {
		if p.PhaseStatus != cb.StatusTypeSucceeded && p.PhaseStatus != "" {
			for _, c := range p.Contexts {
				if awsproto.Value(c.Message) != "" {
					return fmt.Sprintf("%s in %s: %s", b.BuildStatus, p.PhaseType, *c.Message)
				}
			}
			return fmt.Sprintf("%s in %s.", b.BuildStatus, p.PhaseType)
		}
	}
	return string(b.BuildStatus) + "."
}
