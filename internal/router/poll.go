package router

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"slipway/api/slipway"
	"slipway/internal/fault"
)

const (
	// pollLimit is longer than the server holds a poll.
	pollLimit = 75 * time.Second
	// callLimit bounds every other call.
	callLimit = 10 * time.Second
	// maxBackoff is the longest pause between two tries while the server is away.
	maxBackoff = 5 * time.Second
	// reportGap is the least time between two reports.
	reportGap = 50 * time.Millisecond
	// reportSamples bounds the samples of one report.
	reportSamples = 500
)

var transport = sync.OnceValue(func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	return &http.Client{Transport: t}
})

// wait waits, unless ctx ends before.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// news says that there is something to report.
func (s *server) news() {
	s.full.Store(true)
	s.wakeReport()
}

func (s *server) wakeReport() {
	select {
	case s.needed <- struct{}{}:
	default:
	}
}

// applied is the version of the table that is served; 0 for none.
func (s *server) applied() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plan == nil {
		return 0
	}
	return s.plan.version
}

// poll takes tables from the server until ctx ends.
func (s *server) poll(ctx context.Context) {
	for pause := time.Duration(0); ctx.Err() == nil; {
		applied := s.applied()
		call, cancel := context.WithTimeout(ctx, pollLimit)
		out, err := s.api.PollRouter(call, &slipway.PollRouterInput{Router: &s.Name, AppliedVersion: &applied})
		cancel()
		if err == nil && out.Table != nil {
			err = s.take(out.Table)
		}
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			s.news()
			if pause = min(max(2*pause, 100*time.Millisecond), maxBackoff); pause == maxBackoff {
				s.log.Warn("the server gives no table; serving the one that is here", "version", applied, "error", err)
			}
			wait(ctx, pause)
			continue
		}
		pause = 0
		if out.Table != nil || out.Report != nil && *out.Report {
			s.news()
		}
	}
}

// take serves a table of the server's once it is kept.
func (s *server) take(text []byte) error {
	var t slipway.Table
	err := json.Unmarshal(text, &t)
	if err == nil {
		err = s.apply(&t, text)
	}
	if err != nil {
		s.log.Error("a table of the server's cannot be served; serving the one before", "version", t.Version, "error",
			err)
		return err
	}
	fault.Point("router.applied")
	s.log.Info("serving a table", "version", t.Version, "listeners", len(t.Listeners), "target groups",
		len(t.TargetGroups))
	return nil
}

// report tells the server of listeners, of targets, and what was measured, whenever there is something to tell.
func (s *server) report(ctx context.Context) {
	for pause := time.Duration(0); ; {
		select {
		case <-s.needed:
		case <-ctx.Done():
			return
		}
		if err := s.reportOnce(ctx); err != nil {
			pause = min(max(2*pause, reportGap), maxBackoff)
			s.wakeReport()
		} else {
			pause = reportGap
		}
		wait(ctx, pause)
	}
}

func (s *server) reportOnce(ctx context.Context) error {
	in := &slipway.PutRouterReportInput{Router: &s.Name, Samples: s.sampler.first(reportSamples)}
	full := s.full.Swap(false)
	in.AppliedVersion, in.Listeners, in.Targets = s.state()
	if !full {
		in.Listeners, in.Targets = nil, nil
	}
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if _, err := s.api.PutRouterReport(call, in); err != nil {
		if full {
			s.full.Store(true)
		}
		s.log.Debug("a report is not taken", "error", err)
		return err
	}
	if s.sampler.drop(len(in.Samples)) > 0 {
		s.wakeReport()
	}
	return nil
}

// lastReport hands over what was measured last when the router ends.
func (s *server) lastReport() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second/2)
	defer cancel()
	if len(s.sampler.first(1)) > 0 {
		_ = s.reportOnce(ctx) // the server may be gone too
	}
}

// state is what is served, and how it goes.
func (s *server) state() (applied *int64, listeners []slipway.RouterListener, targets []slipway.RouterTarget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listeners, targets = []slipway.RouterListener{}, []slipway.RouterTarget{}
	if s.plan == nil {
		return new(int64), listeners, targets
	}
	for _, arn := range slices.Sorted(maps.Keys(s.listeners)) {
		address, problem := s.listeners[arn].state()
		l := slipway.RouterListener{ListenerArn: &arn, Address: &address}
		if s.refused != nil {
			problem = "a newer table cannot be served: " + s.refused.Error()
		}
		if problem != "" {
			l.Address, l.Error = nil, &problem
		}
		listeners = append(listeners, l)
	}
	for _, arn := range slices.Sorted(maps.Keys(s.plan.groups)) {
		targets = append(targets, s.plan.groups[arn].states()...)
	}
	return new(s.plan.version), listeners, targets
}
