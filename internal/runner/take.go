package runner

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/fault"
)

// take begins with a build that the server has assigned to this runner.
func (s *server) take(id string, order json.RawMessage) {
	s.mu.Lock()
	_, twice := s.builds[id]
	s.mu.Unlock()
	if twice {
		return
	}
	slot, ok := s.place()
	if !ok {
		return // the server offers it again
	}
	r := s.add(id, slot)
	s.started.Go(func() {
		var o slipway.Order
		err := json.Unmarshal(order, &o)
		if err == nil {
			err = s.records.keepOrder(id, order)
		}
		if err != nil {
			s.log.Error("cannot take a build", "build", id, "error", err)
			s.leave(r)
			s.remove(id)
			wait(s.work, time.Second) // the server offers it again at once
			return
		}
		s.acknowledged(id, o, r, false)
	})
}

// resume begins with a build that an earlier process of this runner had been given and had not started.
func (s *server) resume(rec record, r *running) {
	slot, ok := s.place()
	if !ok {
		words := "The runner ended before it began with this " + nounOf(rec.order) + "."
		s.closeLog(rec, r, words)
		s.end(rec.id, r, lost(words))
		return
	}
	s.mu.Lock()
	r.slot = slot
	s.mu.Unlock()
	s.acknowledged(rec.id, rec.order, r, true)
}

// acknowledged tells the server that this runner has the build, and runs it if the server says yes, which it does once.
// uncertain is that an earlier process may have been told yes; it has not started the build, as its record shows.
func (s *server) acknowledged(id string, o slipway.Order, r *running, uncertain bool) {
	defer s.leave(r)
	grace, end := s.grace()
	defer end()
	for pause := time.Duration(0); ; {
		call, cancel := context.WithTimeout(grace, callLimit)
		out, err := s.api.AcknowledgeBuild(call, &slipway.AcknowledgeBuildInput{Id: &id, Runner: &s.Name})
		cancel()
		if err == nil {
			fault.Point("runner.acknowledged")
			ours, known := value(out.Run), true
			if !ours && uncertain {
				ours, known = s.isOurs(grace, id)
			}
			switch {
			case ours:
				s.run(id, o, r, s.identityOf(id, out)) // it ends at once as stopped if the runner is ending
			case known:
				s.log.Info("another runner has the build", "build", id)
				s.done(id)
			}
			return
		}
		if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone || s.forgotten(r) {
			s.done(id)
			return
		}
		if s.work.Err() != nil {
			return // the next process of this runner asks again
		}
		uncertain = true // a yes may have been lost
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(s.work, pause)
	}
}

// grace is a context that outlives the end of the work for as long as a runner that is told to end may take to say what
// it has to say.
func (s *server) grace() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.work))
	stop := context.AfterFunc(s.work, func() { time.AfterFunc(stopLimit, cancel) })
	return ctx, func() { stop(); cancel() }
}

// isOurs asks whether the server has a build as running on this runner: then this runner, and no other, was told to run
// it. known is false if there was no answer.
func (s *server) isOurs(ctx context.Context, id string) (ours, known bool) {
	for pause := time.Duration(0); ctx.Err() == nil; {
		text, err := json.Marshal(slipway.Progress{CurrentPhase: string(codebuild.BuildPhaseTypeProvisioning)})
		if err != nil {
			return false, false
		}
		call, cancel := context.WithTimeout(ctx, callLimit)
		out, err := s.api.UpdateBuild(call, &slipway.UpdateBuildInput{Id: &id, Runner: &s.Name, Progress: text})
		cancel()
		if err == nil {
			return !value(out.Stop), true
		}
		if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone {
			return false, true
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(ctx, pause)
	}
	return false, false
}

func (s *server) forgotten(r *running) bool {
	select {
	case <-r.forget:
		return true
	default:
		return false
	}
}
