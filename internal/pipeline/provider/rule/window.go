package rule

import (
	"context"
	"time"

	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
	"slipway/spec/quartz"
)

// Window is the provider of the rule DeploymentWindow, which waits until a window of time opens.
type Window struct{ Now func() time.Time }

// Type implements pipeline.RuleProvider.
func (Window) Type() pipelinefile.RuleType { return declared("DeploymentWindow") }

// Judge implements pipeline.RuleProvider. A window that was open since the rule started counts, however short it is:
// the rule is judged a little after it opens.
func (w Window) Judge(_ context.Context, r *pipeline.Rule) (pipeline.Verdict, error) {
	schedule, err := quartz.Parse(r.Configuration["Cron"])
	if err != nil {
		return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration", "Cron: %v", err)
	}
	zone, err := quartz.Zone(r.Configuration["TimeZone"])
	if err != nil {
		return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration", "TimeZone: %v", err)
	}
	opens, ok := schedule.Next(r.Started.Truncate(time.Second).Add(-time.Nanosecond).In(zone))
	switch {
	case !ok:
		return pipeline.Fails("The deployment window does not open again"), nil
	case opens.After(w.Now()):
		return pipeline.Verdict{
			Summary: "The deployment window opens at " + opens.Format("2006-01-02 15:04:05 MST"),
			Time:    opens,
		}, nil
	}
	return pipeline.Passes("The deployment window is open"), nil
}
