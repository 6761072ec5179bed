package monitor

import (
	"context"
	"encoding/json"
	"strings"

	cw "slipway/api/cloudwatch"
	"slipway/internal/event"
	"slipway/internal/store"
)

// notice tells the topics that an alarm names for its new state.
func (s *Service) notice(ctx context.Context, tx store.Tx, a *cw.MetricAlarm, from cw.StateValue) error {
	if a.ActionsEnabled != nil && !*a.ActionsEnabled {
		return nil
	}
	actions := map[cw.StateValue][]string{
		cw.StateValueOk:               a.OKActions,
		cw.StateValueAlarm:            a.AlarmActions,
		cw.StateValueInsufficientData: a.InsufficientDataActions,
	}[a.StateValue]
	var topics []string
	for _, arn := range actions {
		if strings.HasPrefix(arn, "arn:aws:sns:") {
			topics = append(topics, arn)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	text, err := json.Marshal(s.message(a, from))
	if err != nil {
		return err
	}
	subject := string(a.StateValue) + ": \"" + *a.AlarmName + "\" in " + s.Region
	for _, topic := range topics {
		key := *a.AlarmName + " " + a.StateUpdatedTimestamp.String() + " " + topic
		if err := event.Noticed.Publish(ctx, tx, key, event.Notice{
			Topic:   topic,
			Subject: subject[:min(len(subject), 100)],
			Text:    string(text),
			Service: "cloudwatch.amazonaws.com",
			Source:  *a.AlarmArn,
		}); err != nil {
			return err
		}
	}
	return nil
}

// message is what CloudWatch tells a topic of an alarm.
func (s *Service) message(a *cw.MetricAlarm, from cw.StateValue) map[string]any {
	const stamp = "2006-01-02T15:04:05.000-0700"
	m := map[string]any{
		"AlarmName":               a.AlarmName,
		"AlarmArn":                a.AlarmArn,
		"AlarmDescription":        a.AlarmDescription,
		"AWSAccountId":            s.Account,
		"Region":                  s.Region,
		"NewStateValue":           a.StateValue,
		"NewStateReason":          a.StateReason,
		"OldStateValue":           from,
		"StateChangeTime":         a.StateUpdatedTimestamp.UTC().Format(stamp),
		"OKActions":               some(a.OKActions),
		"AlarmActions":            some(a.AlarmActions),
		"InsufficientDataActions": some(a.InsufficientDataActions),
		"Trigger": map[string]any{
			"MetricName":         a.MetricName,
			"Namespace":          a.Namespace,
			"StatisticType":      "Statistic",
			"Statistic":          a.Statistic,
			"Unit":               a.Unit,
			"Dimensions":         a.Dimensions,
			"Period":             a.Period,
			"EvaluationPeriods":  a.EvaluationPeriods,
			"DatapointsToAlarm":  a.DatapointsToAlarm,
			"ComparisonOperator": a.ComparisonOperator,
			"Threshold":          a.Threshold,
			"TreatMissingData":   a.TreatMissingData,
		},
	}
	if at := a.AlarmConfigurationUpdatedTimestamp; at != nil {
		m["AlarmConfigurationUpdatedTimestamp"] = at.UTC().Format(stamp)
	}
	return m
}

// some is a list that is never null.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
