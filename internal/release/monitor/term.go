package monitor

import (
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"sync"
	"time"

	cw "slipway/api/cloudwatch"
	"slipway/internal/release/expression"
	"slipway/internal/release/metric"
)

// term is a series that is asked for: a metric's statistic, or an expression of other terms.
type term struct {
	metric.ID
	statistic  string
	unit       cw.StandardUnit
	period     time.Duration
	expression *expression.Expression
}

// terms are what an alarm or a request asks for, by ID.
type terms map[string]*term

var queryID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`) })

// plan reads queries and refuses what cannot be computed.
func plan(queries []cw.MetricDataQuery) (terms, error) {
	all := terms{}
	for _, q := range queries {
		switch {
		case !queryID().MatchString(*q.Id):
			return nil, invalid(
				"The id %.50s must begin with a lower-case letter, and have letters, digits and underscores.", *q.Id)
		case all[*q.Id] != nil:
			return nil, invalid("The id %s is given twice.", *q.Id)
		case q.AccountId != nil:
			return nil, unsupported("metrics of other accounts")
		case (q.MetricStat == nil) == (q.Expression == nil):
			return nil, invalid("The query %s needs either a MetricStat or an Expression.", *q.Id)
		}
		t := &term{}
		if m := q.MetricStat; m != nil {
			*t = term{
				ID:        identity(m.Metric.Namespace, m.Metric.MetricName, m.Metric.Dimensions),
				statistic: *m.Stat,
				unit:      m.Unit,
				period:    seconds(m.Period),
			}
			if err := t.check(); err != nil {
				return nil, err
			}
		} else {
			e, err := expression.Parse(*q.Expression)
			if no, ok := errors.AsType[expression.Unsupported](err); ok {
				return nil, unsupported(no.Error() + " in " + *q.Expression)
			}
			if err != nil {
				return nil, invalid("%s: %s", *q.Id, err.Error())
			}
			t.expression = e
		}
		all[*q.Id] = t
	}
	for id := range all {
		if _, err := all.periodOf(id, 0); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (t *term) check() error {
	if t.Namespace == "" || t.Name == "" {
		return invalid("A metric needs a Namespace and a MetricName.")
	}
	return errors.Join(checkID(t.ID), checkStatistic(t.statistic), checkPeriod(int32(t.period/time.Second)))
}

// periodOf is the period of a term: that of all metrics in it.
func (all terms) periodOf(id string, depth int) (time.Duration, error) {
	t := all[id]
	switch {
	case t == nil:
		return 0, invalid("There is no query %s, which an expression names.", id)
	case depth > len(all):
		return 0, invalid("The expression %s goes in a circle.", id)
	case t.expression == nil || t.period != 0:
		return t.period, nil
	case len(t.expression.IDs()) == 0:
		return 0, invalid("The expression %s names no metric.", id)
	}
	var period time.Duration
	for _, other := range t.expression.IDs() {
		p, err := all.periodOf(other, depth+1)
		if err != nil {
			return 0, err
		}
		if period != 0 && p != period {
			return 0, invalid("The metrics of the expression %s have different periods.", id)
		}
		period = p
	}
	t.period = period
	return period, nil
}

// value is what a term came to in a period.
type value struct {
	v  float64
	ok bool
}

// reading computes terms over a stretch of time; each metric is read once.
type reading struct {
	terms
	s        *Service
	from, to time.Time
	done     map[string][]value
	samples  float64 // of all metrics
	measured bool    // anything at all
}

func (s *Service) read(all terms, from, to time.Time) *reading {
	return &reading{terms: all, s: s, from: from, to: to, done: map[string][]value{}}
}

// series are the values of a term, one for each period that begins before the end.
func (r *reading) series(ctx context.Context, id string) ([]value, error) {
	if known, ok := r.done[id]; ok {
		return known, nil
	}
	t := r.terms[id]
	out := make([]value, max(0, int((r.to.Sub(r.from)+t.period-1)/t.period)))
	if t.expression == nil {
		points, unit, err := r.s.Metrics.Statistics(ctx, t.ID, r.from, r.to, t.period)
		if err != nil {
			return nil, err
		}
		r.measured = r.measured || len(points) > 0
		if t.unit != "" && unit != "" && string(t.unit) != unit {
			// "stuck in the INSUFFICIENT DATA state", says CloudWatch of an alarm with a unit that is not the metric's
			points = nil
		}
		for _, p := range points {
			v, ok := statistic(p.Summary, t.statistic)
			r.samples += p.Count
			out[int(p.Time.Sub(r.from)/t.period)] = value{v, ok && !math.IsNaN(v)}
		}
	} else {
		parts := map[string][]value{}
		for _, other := range t.expression.IDs() {
			part, err := r.series(ctx, other)
			if err != nil {
				return nil, err
			}
			parts[other] = part
		}
		for i := range out {
			v, ok := t.expression.Eval(func(
				other string) (float64, bool) {
				return parts[other][i].v, parts[other][i].ok
			})
			out[i] = value{v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)}
		}
	}
	r.done[id] = out
	return out, nil
}

// namespaces are those of the metrics.
func (all terms) namespaces() (names []string) {
	for _, t := range all {
		if t.expression == nil && !slices.Contains(names, t.Namespace) {
			names = append(names, t.Namespace)
		}
	}
	return names
}
