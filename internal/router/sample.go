package router

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"slipway/api/slipway"
)

// maxSamples bounds what waits for a server that is away; the oldest go first.
const maxSamples = 20_000

// sampler takes a sample of each group's metrics once a second while there is traffic, and sleeps while there is none.
type sampler struct {
	busy atomic.Bool
	wake chan struct{}

	mu      sync.Mutex
	waiting []slipway.RouterSample
}

// traffic says that there is something to sample.
func (s *sampler) traffic() {
	if !s.busy.Load() && s.busy.CompareAndSwap(false, true) {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// run samples until ctx ends. news says that there are samples to be reported.
func (s *sampler) run(ctx context.Context, all func() []*metrics, news func()) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		for some := true; some; {
			second := time.Now().Truncate(time.Second)
			select {
			case <-time.After(time.Until(second.Add(time.Second))):
			case <-ctx.Done():
				s.take(second, all())
				return
			}
			s.busy.Store(false) // what comes from here on is of the next second, and says so
			if some = s.take(second, all()); some {
				s.busy.Store(true)
				news()
			}
		}
	}
}

// take keeps a sample of each group to which something happened.
func (s *sampler) take(second time.Time, all []*metrics) (some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range all {
		if sample, ok := m.sample(second); ok {
			s.waiting, some = append(s.waiting, sample), true
		}
	}
	if over := len(s.waiting) - maxSamples; over > 0 {
		s.waiting = s.waiting[over:]
	}
	return some
}

// first are the oldest samples that wait, up to a number; drop takes them out.
func (s *sampler) first(most int) []slipway.RouterSample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[:min(most, len(s.waiting)):min(most, len(s.waiting))]
}

func (s *sampler) drop(n int) (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append([]slipway.RouterSample(nil), s.waiting[min(n, len(s.waiting)):]...)
	return len(s.waiting)
}
