package build

import (
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// view is a build as BatchGetBuilds shows it: an ended one as it was kept, an open one with the phases that it has come
// through. The runner's progress is nil where nothing is known of it.
func view(r *row, progress *slipway.Progress) cb.Build {
	b := r.build
	if r.Stage == Ended {
		return b
	}
	b.Phases = opening(r, time.Time{}, "", nil)
	b.CurrentPhase = new(string(cb.BuildPhaseTypeQueued))
	if r.Stage == Queued {
		return b
	}
	b.CurrentPhase = new(string(cb.BuildPhaseTypeProvisioning))
	if r.Stage != Running || progress == nil || len(progress.Phases) == 0 {
		b.Phases = append(b.Phases,
			cb.BuildPhase{PhaseType: cb.BuildPhaseTypeProvisioning, StartTime: awsproto.At(r.assigned)})
		return b
	}
	b.Phases = append(b.Phases, progress.Phases...)
	b.CurrentPhase = &progress.CurrentPhase
	if progress.ResolvedSourceVersion != "" {
		b.ResolvedSourceVersion = &progress.ResolvedSourceVersion
	}
	return b
}

// shown is a build as it stands now: view, and for one in the queue why no runner takes it.
func (s *Service) shown(r *row) cb.Build {
	b := view(r, s.progresses.of(*r.build.Id))
	if r.Stage == Running {
		b.DebugSession = sessionOf(r)
	}
	if r.Stage == Queued {
		if err := s.noRoom(); err != nil {
			b.Phases[len(b.Phases)-1].Contexts = []cb.PhaseContext{{StatusCode: new("DISK_FULL"),
				Message: new("No build begins: " + err.Error())}}
		} else if why := s.refusal(r); why != "" {
			b.Phases[len(b.Phases)-1].Contexts = []cb.PhaseContext{{StatusCode: new("NO_RUNNER"), Message: &why}}
		}
	}
	return b
}

// opening are the phases before a runner's. The queue's ends when a runner takes the build, or at end, with a status
// and context.
func opening(r *row, end time.Time, status cb.StatusType, contexts []cb.PhaseContext) []cb.BuildPhase {
	submitted := cb.BuildPhase{
		PhaseType:         cb.BuildPhaseTypeSubmitted,
		PhaseStatus:       cb.StatusTypeSucceeded,
		StartTime:         awsproto.At(r.submitted),
		EndTime:           awsproto.At(r.submitted),
		DurationInSeconds: new(int64(0)),
	}
	queued := cb.BuildPhase{PhaseType: cb.BuildPhaseTypeQueued, StartTime: awsproto.At(r.submitted)}
	if !r.assigned.IsZero() {
		end, status, contexts = r.assigned, cb.StatusTypeSucceeded, nil
	}
	if !end.IsZero() {
		finish(&queued, end, status, contexts)
	}
	return []cb.BuildPhase{submitted, queued}
}

func finish(p *cb.BuildPhase, end time.Time, status cb.StatusType, contexts []cb.PhaseContext) {
	p.EndTime, p.PhaseStatus, p.Contexts = awsproto.At(end), status, contexts
	if p.StartTime != nil {
		p.DurationInSeconds = new(int64(max(0, end.Sub(p.StartTime.Time)) / time.Second))
	}
}

// closed is a build as it is kept once it has ended: by the runner's result, or else as its end says.
func closed(r *row, end End, result *slipway.Result, progress *slipway.Progress, now time.Time) cb.Build {
	b := r.build
	b.BuildStatus, b.BuildComplete, b.CurrentPhase = end.Status, new(true), new(string(cb.BuildPhaseTypeCompleted))
	b.EndTime = awsproto.At(now)
	if !end.Result {
		contexts := []cb.PhaseContext{{StatusCode: &end.Code, Message: &end.Message}}
		b.Phases = opening(r, now, end.Status, contexts)
		if r.Stage == Running {
			b.Phases = append(b.Phases, interrupted(r, progress, now, end.Status, contexts)...)
		}
		b.Phases = append(b.Phases, cb.BuildPhase{PhaseType: cb.BuildPhaseTypeCompleted, StartTime: awsproto.At(now)})
		return b
	}
	b.Phases = append(opening(r, now, cb.StatusTypeSucceeded, nil), result.Phases...)
	if result.End != nil {
		b.EndTime = result.End
	}
	if result.ResolvedSourceVersion != "" {
		b.ResolvedSourceVersion = &result.ResolvedSourceVersion
	}
	b.ExportedEnvironmentVariables = result.Exported
	for _, a := range result.Artifacts {
		if awsproto.Value(a.ArtifactIdentifier) == "" {
			b.Artifacts = &a
			continue
		}
		for i := range b.SecondaryArtifacts {
			if awsproto.Value(b.SecondaryArtifacts[i].ArtifactIdentifier) == *a.ArtifactIdentifier {
				b.SecondaryArtifacts[i] = a
			}
		}
	}
	return b
}

// interrupted are the phases of a build that was lost while it ran: as far as they are known, the last one ends with
// the context.
func interrupted(r *row, progress *slipway.Progress, now time.Time, status cb.StatusType,
	contexts []cb.PhaseContext) []cb.BuildPhase {
	phases := []cb.BuildPhase{{PhaseType: cb.BuildPhaseTypeProvisioning, StartTime: awsproto.At(r.assigned)}}
	if progress != nil && len(progress.Phases) > 0 {
		phases = append([]cb.BuildPhase{}, progress.Phases...)
	}
	last := &phases[len(phases)-1]
	if last.EndTime == nil {
		finish(last, now, status, contexts)
	} else {
		last.Contexts = append(last.Contexts[:len(last.Contexts):len(last.Contexts)], contexts...)
	}
	return phases
}

// refusal is why no runner takes a build in the queue; "" if one may.
func (s *Service) refusal(r *row) string {
	return s.runners.refusal(r.needs, fleetName(r.fleet), s.fleets.overflows(r.fleet), s.Now(), s.Hold)
}
