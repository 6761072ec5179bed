package identity

import (
	"context"
	"sync"
	"time"
)

// works remembers of which works temporary credentials are, and whether these works have ended.
type works struct {
	mu    sync.Mutex
	known map[string]workState
}

type workState struct {
	ended bool
	at    time.Time
}

const (
	// workAsked is how often is asked whether a work has ended, at most.
	workAsked = time.Second
	worksKept = 4096
)

// ended reports whether the work is over that credentials were made for. They die with it.
func (s *Service) ended(ctx context.Context, work string) (bool, error) {
	if work == "" || s.Ended == nil {
		return false, nil
	}
	now := s.Now()
	s.works.mu.Lock()
	state, ok := s.works.known[work]
	s.works.mu.Unlock()
	if ok && (state.ended || now.Sub(state.at) < workAsked) {
		return state.ended, nil
	}
	over, err := s.Ended(ctx, work)
	if err != nil {
		return false, err
	}
	s.works.mu.Lock()
	defer s.works.mu.Unlock()
	if s.works.known == nil || len(s.works.known) >= worksKept {
		s.works.known = map[string]workState{}
	}
	s.works.known[work] = workState{over, now}
	return over, nil
}

// OwnerOf returns the ARNs of the users who have access keys. Keys that nobody has are left out.
func (s *Service) OwnerOf(keys []string) []string {
	var arns []string
	for _, id := range keys {
		if u, ok := s.view().holder(id); ok {
			arns = append(arns, s.arnOf(u))
		}
	}
	return arns
}
