package rule

import (
	"context"
	"slices"
	"strconv"
	"time"

	"slipway/api/cloudwatch"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Alarms tell the states of alarms by name. An alarm that does not exist is left out.
type Alarms interface {
	AlarmStates(ctx context.Context, names []string) (map[string]cloudwatch.StateValue, error)
}

// Alarm is the provider of the rule CloudWatchAlarm, which looks out for states of an alarm. Before a stage, the alarm
// must leave them within WaitTime; after its success, it must not enter them during WaitTime; after its failure, the
// rule succeeds if it enters them within WaitTime.
type Alarm struct {
	Alarms Alarms
	Now    func() time.Time
}

// AlarmChange is what a rule waits for.
func AlarmChange(name string) pipeline.Wait { return pipeline.Wait{Kind: "alarm", ID: name} }

// Type implements pipeline.RuleProvider.
func (Alarm) Type() pipelinefile.RuleType { return declared("CloudWatchAlarm") }

// Judge implements pipeline.RuleProvider.
func (p Alarm) Judge(ctx context.Context, r *pipeline.Rule) (pipeline.Verdict, error) {
	name := r.Configuration["AlarmName"]
	states, wrong := pipelinefile.AlarmStates(r.Configuration["AlarmStates"])
	if wrong != "" {
		return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration", "AlarmStates has %q", wrong)
	}
	minutes := 0
	if text := r.Configuration["WaitTime"]; text != "" {
		var err error
		if minutes, err = strconv.Atoi(text); err != nil {
			return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration", "WaitTime is %q", text)
		}
	}
	known, err := p.Alarms.AlarmStates(ctx, []string{name})
	if err != nil {
		return pipeline.Verdict{}, err
	}
	state, ok := known[name]
	if !ok {
		return pipeline.Verdict{}, pipeline.Refuse("InvalidActionConfiguration",
			"The alarm %s does not exist. Create it with: aws cloudwatch put-metric-alarm", name)
	}
	end := r.Started.Add(time.Duration(minutes) * time.Minute)
	over := !p.Now().Before(end)
	on := slices.Contains(states, string(state))
	switch {
	case on == (r.When == pipeline.BeforeEntry) && !over:
		wait := AlarmChange(name)
		return pipeline.Verdict{
			Summary: "The alarm " + name + " is " + string(state) + ", watched until " +
				end.UTC().Format("2006-01-02 15:04:05 MST"),
			Wait: &wait,
			Time: end,
		}, nil
	case on == (r.When == pipeline.OnFailure):
		return pipeline.Passes("The alarm %s is %s", name, state), nil
	}
	return pipeline.Fails("The alarm %s is %s", name, state), nil
}
