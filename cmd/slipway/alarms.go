package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/internal/terminal"
)

type alarmsCommand struct {
	List   alarmsListCommand   `cmd:"" default:"withargs" help:"List alarms with their states."`
	Put    alarmsPutCommand    `cmd:"" help:"Create an alarm, or change it."`
	Delete alarmsDeleteCommand `cmd:"" help:"Delete an alarm."`
}

func (*alarmsCommand) Help() string { return (*alarmsListCommand)(nil).Help() }

type alarmsListCommand struct {
	client
	printer
}

func (*alarmsListCommand) Help() string {
	return "Alarms with their states, and since when.\n\n  slipway alarms\n  slipway alarms put alarm.json"
}

func (c *alarmsListCommand) Run(ctx context.Context) error {
	all := []cloudwatch.MetricAlarm{}
	for in := (&cloudwatch.DescribeAlarmsInput{}); ; {
		var page cloudwatch.DescribeAlarmsOutput
		if err := c.alarms(ctx, "DescribeAlarms", in, &page); err != nil {
			return err
		}
		all = append(all, page.MetricAlarms...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	return c.print(map[string]any{"metricAlarms": all}, func(t *terminal.Table) {
		t.Head("STATE", "ALARM", "SINCE", "REASON")
		for i := range all {
			a := &all[i]
			since := ""
			if a.StateUpdatedTimestamp != nil {
				since = a.StateUpdatedTimestamp.UTC().Format("2006-01-02 15:04:05")
			}
			t.Row(alarmState(a.StateValue), terminal.Pointed(a.AlarmName), terminal.Text(since),
				terminal.Pointed(a.StateReason))
		}
		if len(all) == 0 {
			t.Note("No alarms yet. Create one with: slipway alarms put alarm.json")
		}
	})
}

func alarmState(s cloudwatch.StateValue) terminal.Cell {
	switch s {
	case cloudwatch.StateValueOk:
		return terminal.Cell{Text: "OK", Kind: terminal.Succeeded}
	case cloudwatch.StateValueAlarm:
		return terminal.Cell{Text: "On", Kind: terminal.Failed}
	}
	return terminal.Cell{Text: "Not enough data", Kind: terminal.Queued}
}

type alarmsPutCommand struct {
	client
	printer
	File string `arg:"" help:"The alarm as JSON: what aws cloudwatch put-metric-alarm --cli-input-json takes."`
}

func (*alarmsPutCommand) Help() string {
	return "Creates an alarm, or changes the one of that name. docs/releases.md has an example.\n\n" +
		"  slipway alarms put alarm.json"
}

func (c *alarmsPutCommand) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	var in cloudwatch.PutMetricAlarmInput
	if err := json.Unmarshal(text, &in); err != nil || in.AlarmName == nil {
		return usage("%s is not an alarm in JSON, with an AlarmName; docs/releases.md has an example", c.File)
	}
	if err := c.alarms(ctx, "PutMetricAlarm", &in, nil); err != nil {
		return err
	}
	return c.done(&outcome{Did: "put", Message: "The alarm " + *in.AlarmName + " is set."})
}

type alarmsDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"Its name."`
}

func (*alarmsDeleteCommand) Help() string {
	return "Deletes an alarm.\n\n  slipway alarms delete web-errors"
}

func (c *alarmsDeleteCommand) Run(ctx context.Context) error {
	if err := c.alarms(ctx, "DeleteAlarms", &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{c.Name}},
		nil); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The alarm " + c.Name + " is deleted."})
}

// alarms calls an operation of CloudWatch.
func (c client) alarms(ctx context.Context, operation string, in, out any) error {
	input, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var none awsproto.Hooks
	answer, err := c.ask(ctx, cloudwatch.New(none, cloudwatch.Unimplemented{}), operation, input)
	if err != nil || out == nil || len(answer) == 0 {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the server's answer to %s cannot be read", operation)
	}
	return nil
}
