package runner

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"slipway/api/slipway"
)

// place takes a free place for a build, if possible one with a room that is ready. It reports false if there is none.
func (s *server) place() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := -1
	if s.ready == nil {
		return place, false
	}
	for i, taken := range s.slots {
		if !taken && s.ready.has(i) {
			place = i
			break
		}
		if !taken && place < 0 {
			place = i
		}
	}
	if place >= 0 {
		s.slots[place] = true
	}
	return place, place >= 0
}

func (s *server) leave(r *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.slot >= 0 {
		s.slots[r.slot] = false
		r.slot = -1
		if s.repoll != nil {
			s.repoll()
		}
	}
}

func (s *server) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.builds[id]; r != nil {
		r.cancel(nil)
		delete(s.builds, id)
	}
}

// poll asks the server for builds, one call after another.
func (s *server) poll(ctx context.Context) {
	pause := time.Duration(0)
	for ctx.Err() == nil {
		s.mu.Lock()
		free := 0
		for _, taken := range s.slots {
			if !taken {
				free++
			}
		}
		slots := len(s.slots)
		if s.Refuses != "" {
			free, slots = 0, 0
		}
		ids := slices.Sorted(maps.Keys(s.builds))
		call, cancel := context.WithTimeout(ctx, pollLimit)
		if free == 0 && s.Refuses == "" {
			s.repoll = cancel // a place that becomes free is told at once
		}
		s.mu.Unlock()
		out, err := s.api.PollBuild(call,
			&slipway.PollBuildInput{
				Runner:  &s.Name,
				Free:    new(int32(free)),
				Running: ids,
				Refuses: orNil(s.Refuses),
				Labels:  s.labels(),
				Slots:   new(int32(slots)),
			})
		interrupted := call.Err() != nil && !errors.Is(call.Err(), context.DeadlineExceeded)
		s.mu.Lock()
		s.repoll = nil
		s.mu.Unlock()
		cancel()
		if err != nil {
			if ctx.Err() != nil || interrupted {
				continue
			}
			pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
			s.log.Warn("the server does not answer", "error", err, "again", pause)
			wait(ctx, pause)
			continue
		}
		pause = 0
		for _, id := range out.Stop {
			s.stop(id)
		}
		for _, id := range out.Forget {
			s.forget(id)
		}
		if out.Build != nil && out.Build.Id != nil {
			s.take(*out.Build.Id, out.Build.Order)
		}
	}
}

// value is what a pointer points to, zero for nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// orNil is a text that may be absent.
func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (s *server) stop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.builds[id]; r != nil {
		r.cancel(errStopped)
	}
}

// forget stops a build that the server knows as ended, and gives its result up.
func (s *server) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.builds[id]; r != nil {
		r.once.Do(func() { close(r.forget) })
		r.cancel(errStopped)
	}
}
