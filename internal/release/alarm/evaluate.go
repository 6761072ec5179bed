// Package alarm decides the state of alarms: of those that compare datapoints with a threshold, and of those that a
// Prometheus query sets off. It does no I/O and reads no clock.
package alarm

import (
	"slices"
	"time"

	cw "slipway/api/cloudwatch"
)

// Rule is what an alarm compares.
type Rule struct {
	Operator  cw.ComparisonOperator
	Threshold float64
	Periods   int // N: so many datapoints are looked at
	ToAlarm   int // M: so many of them have to be breaching
	Missing   string
	Period    time.Duration
}

// How missing datapoints are treated.
const (
	Missing      = "missing"
	Ignore       = "ignore"
	Breaching    = "breaching"
	NotBreaching = "notBreaching"
)

// Range is how many periods are looked at: two more than are evaluated, in case some are missing, as in the tables of
// AWS's documentation.
func (r Rule) Range() int { return r.Periods + 2 }

// Datapoint is the statistic of one period.
type Datapoint struct {
	Time  time.Time
	Value float64
}

// Breaches compares a value with the threshold.
func (r Rule) Breaches(v float64) bool {
	switch r.Operator {
	case cw.ComparisonOperatorGreaterThanThreshold:
		return v > r.Threshold
	case cw.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return v >= r.Threshold
	case cw.ComparisonOperatorLessThanThreshold:
		return v < r.Threshold
	case cw.ComparisonOperatorLessThanOrEqualToThreshold:
		return v <= r.Threshold
	}
	return false
}

// Evaluation is what an alarm's datapoints say.
type Evaluation struct {
	State  cw.StateValue
	Retain bool // the state stays as it is
	// Evaluated are the real datapoints that counted, the newest first, and Filled is how many missing ones were
	// treated as something.
	Evaluated []Datapoint
	Filled    int
	Breaching int // of the real ones
}

// Evaluate decides by the datapoints of the evaluation range, the oldest first; nil is a missing one.
//
// The rules are those of "How alarm state is evaluated when data is missing": as many real datapoints as possible are
// used, the newest first, and missing ones only to make up the number. If all real ones breach and they are too few,
// the alarm goes off once the oldest of them is M periods old ("avoiding premature transitions to alarm state").
func (r Rule) Evaluate(points []*Datapoint) Evaluation {
	var e Evaluation
	oldest := 0 // how many periods ago the oldest real datapoint was, the newest period being 1
	for i, p := range slices.Backward(points) {
		if p == nil || len(e.Evaluated) == r.Periods {
			continue
		}
		e.Evaluated = append(e.Evaluated, *p)
		oldest = len(points) - i
		if r.Breaches(p.Value) {
			e.Breaching++
		}
	}
	e.Filled = r.Periods - len(e.Evaluated)
	count := e.Breaching
	if r.Missing == Breaching {
		count += e.Filled
	}
	switch {
	case count >= r.ToAlarm:
		e.State = cw.StateValueAlarm
	case e.Filled == 0, r.Missing == Breaching, r.Missing == NotBreaching, e.Breaching < len(e.Evaluated):
		e.State = cw.StateValueOk
	case r.Missing == Ignore:
		e.Retain = true
	case len(e.Evaluated) > 0 && oldest >= r.ToAlarm:
		e.State = cw.StateValueAlarm
	default:
		e.State = cw.StateValueInsufficientData
	}
	return e
}
