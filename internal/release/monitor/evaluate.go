package monitor

import (
	"context"
	"errors"
	"sync"
	"time"

	cw "slipway/api/cloudwatch"
	"slipway/internal/contain"
	"slipway/internal/fault"
	"slipway/internal/release/alarm"
	"slipway/internal/store"
)

// queries is how many PromQL alarms are evaluated at once.
const queries = 4

// Run evaluates alarms until ctx ends, in one of the servers that work on the database, and writes down then what was
// measured.
func (s *Service) Run(ctx context.Context) error {
	err := s.db.Alone(ctx, "alarms", s.evaluateAll)
	return errors.Join(err, s.Metrics.Flush(context.WithoutCancel(ctx)))
}

// evaluateAll evaluates alarms until ctx ends. While no alarm is due it sleeps.
func (s *Service) evaluateAll(ctx context.Context) error {
	s.clock.clear()
	if err := s.load(ctx); err != nil {
		return err
	}
	var asking sync.WaitGroup
	free := make(chan struct{}, queries)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			asking.Wait()
			return nil
		case name := <-s.elsewhere:
			if err := s.reload(ctx, name); err != nil && ctx.Err() == nil {
				s.Log.Error("read an alarm that another server changed", "alarm", name, "error", err)
			}
		case <-s.clock.changed:
		case <-timer.C:
		}
		ready, then := s.clock.due(s.Now())
		for _, w := range ready {
			if w.EvaluationCriteria == nil {
				s.evaluate(ctx, w)
				continue
			}
			asking.Go(func() {
				free <- struct{}{}
				defer func() { <-free }()
				s.evaluate(ctx, w)
			})
		}
		timer.Stop()
		if !then.IsZero() {
			timer.Reset(max(0, then.Sub(s.Now())))
		}
	}
}

// reload reads an alarm that another server put, changed or deleted; "" for all of them.
func (s *Service) reload(ctx context.Context, name string) error {
	if name == "" {
		s.clock.clear()
		return s.load(ctx)
	}
	x, err := find(ctx, s.db, name)
	if err != nil || x == nil {
		s.clock.forget(name)
		return err
	}
	s.clock.set(x, s.Now())
	return nil
}

// changedElsewhere hears of an alarm that another server changed. It is of interest where alarms are evaluated; where
// they are not, and where more come than are read, all are read later.
func (s *Service) changedElsewhere(name string) {
	select {
	case s.elsewhere <- name:
	default:
		s.allElsewhere()
	}
}

// allElsewhere makes room for one entry that stands for all alarms.
func (s *Service) allElsewhere() {
	for {
		select {
		case s.elsewhere <- "":
			return
		case <-s.elsewhere:
		}
	}
}

// load reads the alarms that there are; each is evaluated at its next boundary.
func (s *Service) load(ctx context.Context) error {
	return every(ctx, s.db, func(x *row) { s.clock.set(x, s.Now()) })
}

func (s *Service) evaluate(ctx context.Context, w *scheduled) {
	nothing := false
	err := contain.Do(func() (err error) {
		fault.Panic("loop.alarms")
		if w.EvaluationCriteria != nil {
			return s.evaluateQuery(ctx, w)
		}
		nothing, err = s.evaluateMetric(ctx, w)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.Log.Error("evaluate alarm", "alarm", w.name(), "error", err)
	}
	s.clock.done(w.name(), s.Now(), nothing && err == nil)
}

func rule(a *cw.MetricAlarm, period time.Duration) alarm.Rule {
	r := alarm.Rule{
		Operator:  a.ComparisonOperator,
		Threshold: *a.Threshold,
		Periods:   int(*a.EvaluationPeriods),
		ToAlarm:   int(*a.EvaluationPeriods),
		Missing:   alarm.Missing,
		Period:    period,
	}
	if a.DatapointsToAlarm != nil {
		r.ToAlarm = int(*a.DatapointsToAlarm)
	}
	if a.TreatMissingData != nil && *a.TreatMissingData != "" {
		r.Missing = *a.TreatMissingData
	}
	return r
}

// evaluateMetric evaluates a threshold alarm for the last whole periods. Nothing in them is a reason to sleep.
func (s *Service) evaluateMetric(ctx context.Context, w *scheduled) (nothing bool, err error) {
	m, err := watch(w.MetricAlarm)
	if err != nil {
		return false, err
	}
	r := rule(w.MetricAlarm, m.period)
	to := whole(s.Now(), w.every)
	from := to.Add(-time.Duration(r.Range()) * m.period)
	read := s.read(m.terms, from, to)
	values, err := read.series(ctx, m.id)
	if err != nil {
		return false, err
	}
	nothing = !read.measured
	if lowSample(w.MetricAlarm, m.statistic, read.samples) {
		return nothing, nil
	}
	points := make([]*alarm.Datapoint, len(values))
	for i, v := range values {
		if v.ok {
			points[i] = &alarm.Datapoint{Time: from.Add(time.Duration(i) * m.period), Value: v.v}
		}
	}
	e := r.Evaluate(points)
	if e.Retain || e.State == w.StateValue {
		return nothing, nil
	}
	return nothing, s.conclude(ctx, w, nil, func(x *row) (cw.StateValue, string, string) {
		return e.State, r.Reason(e, x.StateValue), r.Data(e, m.statistic, s.Now())
	})
}

// lowSample reports whether there are too few samples for a percentile of an alarm that leaves these alone: fewer than
// 10/(1-p) above the median, 10/p below it.
func lowSample(a *cw.MetricAlarm, name string, samples float64) bool {
	q, ok := percentile(name)
	if !ok || a.EvaluateLowSampleCountPercentile == nil || *a.EvaluateLowSampleCountPercentile != "ignore" ||
		samples == 0 {
		return false
	}
	if q >= 0.5 {
		return samples < 10/(1-q)
	}
	return samples < 10/q
}

// conclude moves an alarm that was evaluated into a state, unless its configuration is another one by now: that is
// evaluated for itself.
func (s *Service) conclude(ctx context.Context, w *scheduled, contributors map[string]alarm.Contributor,
	state func(*row) (to cw.StateValue, reason, data string)) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		x, err := find(ctx, tx, w.name())
		if err != nil || x == nil || x.version != w.version {
			return err
		}
		if contributors != nil {
			x.contributors = contributors
		}
		to, reason, data := state(x)
		return s.transition(ctx, tx, x, to, reason, data)
	})
}

// recently is what CloudWatch calls so.
const recently = 3 * time.Hour
