// Package shift decides how a release moves its traffic: which share the canary gets next, when that is judged, and
// what a verdict, a person or an alarm makes of it. It does no I/O and reads no clock. Its caller carries out
// what Next says.
package shift

import (
	"fmt"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
)

// Step is a share of the traffic, and how long it is held once the router has it in effect.
type Step struct {
	Percent int           `json:"percent"`
	Wait    time.Duration `json:"wait,omitzero"`
}

// Plan is what is fixed when a release begins. The last step is 100 %.
type Plan struct {
	Steps []Step `json:"steps"`
	// Analyse says that a step is judged at the end of its wait. A step without one is not: nothing has been seen.
	Analyse     bool                `json:"analyse,omitzero"`
	OnUncertain slipway.OnUncertain `json:"onUncertain,omitzero"`
}

// NewPlan counts out a traffic routing configuration; the steps of a policy, if it has any, take their place. None of
// both is all at once.
//
// A canary is the first share, its interval, and the rest; linear is an equal share more at the start of each interval
// (API_TrafficRoutingConfig). Intervals are minutes there.
func NewPlan(r *cd.TrafficRoutingConfig, p *slipway.ReleasePolicy) (Plan, error) {
	var plan Plan
	if p != nil {
		plan.Analyse = p.Thresholds != nil || p.Comparison != nil
		plan.OnUncertain = p.OnUncertain
		for _, s := range p.Steps {
			step := Step{Percent: int(*s.Percent)}
			if s.WaitSeconds != nil {
				step.Wait = time.Duration(*s.WaitSeconds) * time.Second
			}
			plan.Steps = append(plan.Steps, step)
		}
	}
	if plan.OnUncertain == "" {
		plan.OnUncertain = slipway.OnUncertainAsk
	}
	if plan.Steps == nil {
		plan.Steps = routed(r)
	}
	return plan, plan.check()
}

func routed(r *cd.TrafficRoutingConfig) []Step {
	whole := Step{Percent: 100}
	switch {
	case r == nil:
		return []Step{whole}
	case r.Type == cd.TrafficRoutingTypeTimeBasedCanary && r.TimeBasedCanary != nil:
		return []Step{{number(r.TimeBasedCanary.CanaryPercentage), minutes(r.TimeBasedCanary.CanaryInterval)}, whole}
	case r.Type == cd.TrafficRoutingTypeTimeBasedLinear && r.TimeBasedLinear != nil:
		var steps []Step
		each := max(1, number(r.TimeBasedLinear.LinearPercentage))
		for at := each; at < 100; at += each {
			steps = append(steps, Step{at, minutes(r.TimeBasedLinear.LinearInterval)})
		}
		return append(steps, whole)
	}
	return []Step{whole}
}

func number(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

func minutes(n *int32) time.Duration { return time.Duration(number(n)) * time.Minute }

// check refuses steps that do not lead to 100 %.
func (p Plan) check() error {
	before := 0
	for i, s := range p.Steps {
		if s.Percent <= before || s.Percent > 100 || s.Wait < 0 {
			return fmt.Errorf(
				"step %d is to %d %% after %d %%: each step must be greater than the one before it, and 100 %% at most",
				i+1, s.Percent, before)
		}
		if p.Analyse && s.Percent < 100 && s.Wait == 0 {
			return fmt.Errorf(
				"step %d is judged by thresholds or a comparison, so that it needs a wait in which something can be "+
					"seen", i+1)
		}
		before = s.Percent
	}
	if before != 100 {
		return fmt.Errorf("the last step is %d %%: it must be 100 %%", before)
	}
	return nil
}
