package release

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/release/metric"
)

const (
	// defaultPoints is how many points a graph has at most, unless more are asked for.
	defaultPoints = 120
	// tail is how long the graph goes on after the end.
	tail = 30 * time.Second
)

// GetReleaseTraffic implements slipway:GetReleaseTraffic: what baseline and canary got and did from the beginning of a
// release until its end, in as many steps at most as are asked for, however long it took. Traffic of more than a week
// ago is not known any more.
func (s *Service) GetReleaseTraffic(ctx context.Context,
	in *slipway.GetReleaseTrafficInput) (*slipway.GetReleaseTrafficOutput, error) {
	x, err := load(ctx, s.db, *in.DeploymentId)
	if err != nil {
		return nil, err
	}
	points := defaultPoints
	if in.Points != nil {
		points = int(*in.Points)
	}
	end := s.Now()
	if !x.ended.IsZero() && x.ended.Add(tail).Before(end) {
		end = x.ended.Add(tail)
	}
	step := stepOf(end.Sub(x.created), points)
	from, to := x.created.Truncate(step), end.Truncate(step).Add(step)
	out := &slipway.GetReleaseTrafficOutput{IntervalSeconds: new(int32(step / time.Second)),
		Points: []slipway.TrafficPoint{}}
	if s.Metrics == nil {
		return out, nil
	}
	baseline, err := s.Metrics.Windows(ctx, x.Baseline, from, to, step)
	if err != nil {
		return nil, err
	}
	canary, err := s.Metrics.Windows(ctx, x.Canary, from, to, step)
	if err != nil {
		return nil, err
	}
	for i := range min(len(baseline), len(canary), points) {
		at := from.Add(time.Duration(i) * step)
		percent := int32(x.percentAt(at.Add(step)))
		out.Points = append(out.Points,
			slipway.TrafficPoint{
				Time:     awsproto.At(at),
				Baseline: traffic(baseline[i], 100-percent),
				Canary:   traffic(canary[i], percent),
			})
	}
	out.Comparison, err = s.compare(ctx, x)
	return out, err
}

// compare sums up what both sides did while both had traffic; nil if they never had.
func (s *Service) compare(ctx context.Context, x *row) (*slipway.TrafficComparison, error) {
	from, to := x.shared(s.Now())
	if !from.Before(to) {
		return nil, nil
	}
	out := &slipway.TrafficComparison{StartTime: awsproto.At(from), EndTime: awsproto.At(to)}
	for _, side := range []struct {
		group   string
		into    **slipway.TrafficSide
		latency *[]slipway.LatencyBucket
	}{{x.Baseline, &out.Baseline, &out.BaselineLatency}, {x.Canary, &out.Canary, &out.CanaryLatency}} {
		t, err := s.Metrics.Window(ctx, side.group, from, to)
		if err != nil {
			return nil, err
		}
		*side.into = traffic(t, 0)
		(*side.into).Percent = nil
		for _, b := range t.Latency {
			*side.latency = append(*side.latency, slipway.LatencyBucket{Bucket: &b.Bucket, Count: &b.Count})
		}
	}
	return out, nil
}

// shared is the time in which both sides had traffic: from the first share of the canary that was in effect until it
// was to have all of it, or none.
func (x *row) shared(now time.Time) (from, to time.Time) {
	to = now
	if !x.ended.IsZero() {
		to = x.ended
	}
	for i, v := range x.state.Visits {
		switch {
		case x.state.Steps[i].Percent == 100 && v.Started != nil:
			to = v.Started.Time
		case x.state.Steps[i].Percent < 100 && v.InEffect != nil && from.IsZero():
			from = v.InEffect.Time
		}
	}
	if from.IsZero() {
		return to, to
	}
	// the first second is not whole, as routers report them
	return from.Truncate(time.Second).Add(time.Second), to.Truncate(time.Second)
}

// stepOf is the shortest step that is easy to read and makes few enough points of a stretch of time.
func stepOf(whole time.Duration, points int) time.Duration {
	for _, step := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
		20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if whole/step+2 <= time.Duration(points) {
			return step
		}
	}
	const day = 24 * time.Hour
	return max(day, (whole/time.Duration(points)/day+1)*day)
}

// percentAt is the canary's share that was in effect at a time.
func (x *row) percentAt(at time.Time) (percent int) {
	if !x.ended.IsZero() && !x.ended.After(at) {
		return x.state.Percent
	}
	for i, v := range x.state.Visits {
		if v.InEffect != nil && !v.InEffect.After(at) {
			percent = x.state.Steps[i].Percent
		}
	}
	return percent
}

func traffic(t metric.Traffic, percent int32) *slipway.TrafficSide {
	side := &slipway.TrafficSide{Percent: &percent, Requests: new(t.Total()), Errors: new(t.Errors())}
	if len(t.Latency) > 0 {
		ms := func(q float64) *float64 { return new(float64(t.Quantile(q)) / float64(time.Millisecond)) }
		side.P50Milliseconds, side.P95Milliseconds, side.P99Milliseconds = ms(0.5), ms(0.95), ms(0.99)
	}
	return side
}
