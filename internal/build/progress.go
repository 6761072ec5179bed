package build

import (
	"sync"

	"slipway/api/slipway"
)

// progresses are those of the running builds. They are memory alone: a runner tells its progress again.
type progresses struct {
	mu   sync.Mutex
	byID map[string]slipway.Progress
}

func (p *progresses) init() { p.byID = map[string]slipway.Progress{} }

func (p *progresses) set(id string, progress slipway.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[id] = progress
}

// of returns the progress of a build; nil if none is known.
func (p *progresses) of(id string) *slipway.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	if progress, ok := p.byID[id]; ok {
		return &progress
	}
	return nil
}

func (p *progresses) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, id)
}
