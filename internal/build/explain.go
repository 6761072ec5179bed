package build

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

const failedTests = 20 // that an explanation names

// ExplainBuild implements slipway:ExplainBuild: why a build failed, or where it is.
func (s *Service) ExplainBuild(ctx context.Context,
	in *slipway.ExplainBuildInput) (*slipway.ExplainBuildOutput, error) {
	r, err := oneBuild(ctx, s.db, s.buildID(*in.Id))
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, unknown(*in.Id)
	}
	b := s.shown(r)
	waits, err := s.fullFleet(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &slipway.ExplainBuildOutput{
		Id:      b.Id,
		Status:  new(string(b.BuildStatus)),
		Summary: new(summary(r, b, waits)),
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

// fullFleet says that a build waits for its fleet, which runs as many builds as it may; "" if it does not.
func (s *Service) fullFleet(ctx context.Context, r *row) (string, error) {
	if r.Stage != Queued || r.fleet == "" {
		return "", nil
	}
	f, err := s.fleet(ctx, s.db, r.fleet)
	if _, gone := errors.AsType[*cb.ResourceNotFoundException](err); gone {
		return "The fleet " + fleetName(r.fleet) + " was deleted.", nil
	}
	if err != nil {
		return "", err
	}
	states, err := s.fleetStates(ctx, []*cb.Fleet{f})
	d, x := decided(f), states[r.fleet]
	if err != nil || !d.Full(x.load.Running) {
		return "", err
	}
	return fmt.Sprintf("The fleet %s runs %d of the %d builds that it may run at a time, and %d wait for it. "+
		"Raise its baseCapacity or maxCapacity: aws codebuild update-fleet --arn %s", d.Name, x.load.Running,
		max(d.Base, d.Max), x.load.Queued, r.fleet), nil
}

// summary is one sentence. waits says why a build in the queue waits, if no context of its says that.
func summary(r *row, b cb.Build, waits string) string {
	switch {
	case r.Stage == Queued:
		if contexts := b.Phases[len(b.Phases)-1].Contexts; len(contexts) > 0 {
			return "The build waits for a runner. " + awsproto.Value(contexts[0].Message)
		}
		return strings.TrimSpace("The build waits for a runner. " + waits)
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
