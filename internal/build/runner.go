package build

import (
	"context"
	"encoding/json"
	"slices"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/fault"
)

func unknown(id string) error {
	return &slipway.BuildNotFoundException{Message: "There is no build " + id + "."}
}

func malformed(what string, err error) error {
	return &awsproto.Error{Code: "ValidationException",
		Message: "The " + what + " is not what a runner sends: " + err.Error()}
}

// AcknowledgeBuild implements slipway:AcknowledgeBuild.
func (s *Service) AcknowledgeBuild(ctx context.Context,
	in *slipway.AcknowledgeBuildInput) (*slipway.AcknowledgeBuildOutput, error) {
	if err := s.speaks(ctx, *in.Runner); err != nil {
		return nil, err
	}
	r, d, err := s.happen(ctx, *in.Id, Acknowledge{*in.Runner}, nil)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, unknown(*in.Id)
	}
	fault.Point("build.acknowledged")
	out := &slipway.AcknowledgeBuildOutput{Run: &d.Run}
	if d.Run {
		// The build is the runner's now, whatever becomes of this: it can ask for its credentials again.
		if out.Credentials, out.Refusal, err = s.identity(ctx, r); err != nil {
			s.Log.WarnContext(ctx, "a build gets no credentials yet", "build", *in.Id, "error", err)
		}
	}
	return out, nil
}

// UpdateBuild implements slipway:UpdateBuild: the progress is kept in memory alone, that of every
// server.
func (s *Service) UpdateBuild(ctx context.Context, in *slipway.UpdateBuildInput) (*slipway.UpdateBuildOutput, error) {
	var progress slipway.Progress
	if err := json.Unmarshal(in.Progress, &progress); err != nil {
		return nil, malformed("progress", err)
	}
	if err := s.speaks(ctx, *in.Runner); err != nil {
		return nil, err
	}
	r, err := one(ctx, s.db, `WHERE id = $1`, *in.Id)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, unknown(*in.Id)
	}
	if r.Stage != Running || r.Runner != *in.Runner {
		return &slipway.UpdateBuildOutput{Stop: new(true)}, nil
	}
	s.progresses.set(*in.Id, progress)
	s.tell(progressNotice, progressOf{*in.Id, progress})
	s.Hints.Now(r.topics()[0])
	// The build may have ended between the look and this.
	if r, err = one(ctx, s.db, `WHERE id = $1 AND state = 'running'`, *in.Id); err != nil || r == nil {
		s.progresses.forget(*in.Id)
		return &slipway.UpdateBuildOutput{Stop: new(true)}, err
	}
	return &slipway.UpdateBuildOutput{Stop: &r.Stop}, nil
}

var statuses = []cb.StatusType{cb.StatusTypeSucceeded, cb.StatusTypeFailed, cb.StatusTypeFault, cb.StatusTypeTimedOut,
	cb.StatusTypeStopped}

// CompleteBuild implements slipway:CompleteBuild; of two results the first counts.
func (s *Service) CompleteBuild(ctx context.Context,
	in *slipway.CompleteBuildInput) (*slipway.CompleteBuildOutput, error) {
	var result slipway.Result
	if err := json.Unmarshal(in.Result, &result); err != nil {
		return nil, malformed("result", err)
	}
	if !slices.Contains(statuses, result.Status) {
		return nil, &awsproto.Error{Code: "ValidationException",
			Message: "A build does not end with the status " + string(result.Status) + "."}
	}
	if err := s.speaks(ctx, *in.Runner); err != nil {
		return nil, err
	}
	r, d, err := s.happen(ctx, *in.Id, Done{*in.Runner, result.Status}, &result)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, unknown(*in.Id)
	}
	if d.End == nil {
		s.Log.Info("a result is not needed any more", "build", *in.Id, "runner", *in.Runner, "status",
			string(result.Status))
	}
	fault.Point("build.completed")
	return nil, nil
}
