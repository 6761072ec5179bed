package monitor

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/release/alarm"
	"slipway/internal/store"
)

// maxAlarms is CloudWatch's limit of a region.
const maxAlarms = 5000

// PutMetricAlarm implements cloudwatch:PutMetricAlarm. Actions are kept and returned; what an alarm does here is stop
// and roll back the deployments that name it.
func (s *Service) PutMetricAlarm(ctx context.Context, in *cw.PutMetricAlarmInput) (*cw.PutMetricAlarmOutput, error) {
	if err := refuseTiming(in); err != nil {
		return nil, err
	}
	a := &cw.MetricAlarm{ActionConfiguration: in.ActionConfiguration, AlarmName: in.AlarmName,
		AlarmArn: new(s.arn(*in.AlarmName)), AlarmDescription: in.AlarmDescription, ActionsEnabled: in.ActionsEnabled,
		OKActions: orNone(in.OKActions), AlarmActions: orNone(in.AlarmActions),
		InsufficientDataActions: orNone(in.InsufficientDataActions), MetricName: in.MetricName, Namespace: in.Namespace,
		Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic, Dimensions: in.Dimensions, Period: in.Period,
		Unit: in.Unit, EvaluationPeriods: in.EvaluationPeriods,
		DatapointsToAlarm: in.DatapointsToAlarm, Threshold: in.Threshold, ComparisonOperator: in.ComparisonOperator,
		TreatMissingData:                 in.TreatMissingData,
		EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile, Metrics: in.Metrics,
		ThresholdMetricId: in.ThresholdMetricId, EvaluationCriteria: in.EvaluationCriteria,
		EvaluationInterval: in.EvaluationInterval}
	if a.ActionsEnabled == nil {
		a.ActionsEnabled = new(true)
	}
	if err := s.check(a); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error { return s.put(ctx, tx, a, in.Tags) })
}

// refuseTiming refuses by name what an alarm would be evaluated otherwise for.
func refuseTiming(in *cw.PutMetricAlarmInput) error {
	if in.WarmUpConfiguration != nil {
		return invalid("Slipway does not implement WarmUpConfiguration: leave it out.")
	}
	if w := in.EvaluationWindow; w != nil && w.WallClockWindow != nil {
		return invalid("Slipway does not implement an EvaluationWindow of the type WallClockWindow; use SlidingWindow.")
	}
	return nil
}

func orNone(actions []string) []string {
	if actions == nil {
		return []string{}
	}
	return actions
}

func (s *Service) put(ctx context.Context, tx store.Tx, a *cw.MetricAlarm, tags []cw.Tag) error {
	known, err := find(ctx, tx, *a.AlarmName)
	if err != nil {
		return err
	}
	now := awsproto.At(s.Now())
	put := *a // a transaction may run twice
	put.AlarmConfigurationUpdatedTimestamp = now
	x := &row{MetricAlarm: &put, version: uuid.NewString(), contributors: map[string]alarm.Contributor{}}
	what := "created"
	if known != nil {
		what = "updated"
		put.StateValue, put.StateReason, put.StateReasonData = known.StateValue, known.StateReason,
			known.StateReasonData
		put.StateUpdatedTimestamp, put.StateTransitionedTimestamp = known.StateUpdatedTimestamp,
			known.StateTransitionedTimestamp
	} else {
		put.StateValue, put.StateReason = cw.StateValueInsufficientData, new(alarm.Unchecked)
		put.StateUpdatedTimestamp, put.StateTransitionedTimestamp = now, now
		if put.EvaluationCriteria != nil {
			put.StateValue = cw.StateValueOk // "For PromQL alarms, the alarm state is instead immediately set to OK"
		}
		var count int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM monitor_alarms`).Scan(&count); err != nil {
			return err
		}
		if count >= maxAlarms {
			return &cw.LimitExceededFault{Message: "A region may have 5000 alarms at most."}
		}
		if err := setTags(ctx, tx, *a.AlarmName, tags); err != nil {
			return err
		}
	}
	if err := s.save(ctx, tx, x); err != nil {
		return err
	}
	return s.record(ctx, tx, x.name(), cw.HistoryItemTypeConfigurationUpdate, "Alarm \""+x.name()+"\" "+what,
		map[string]any{"version": "1.0", "type": strings.ToUpper(what[:1]) + what[1:len(what)-1], "updatedAlarm": &put})
}

// check refuses what cannot be evaluated, in CloudWatch's words where they are known, and gives defaults.
func (s *Service) check(a *cw.MetricAlarm) error {
	if strings.ContainsFunc(*a.AlarmName, unicode.IsControl) {
		return invalid("An alarm's name must not contain control characters.")
	}
	ways := 0
	for _, given := range []bool{a.MetricName != nil, a.Metrics != nil, a.EvaluationCriteria != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return invalid("An alarm needs either MetricName, or Metrics, or EvaluationCriteria.")
	}
	if a.EvaluationCriteria != nil {
		return s.checkQuery(a)
	}
	if a.EvaluationInterval != nil {
		return invalid("EvaluationInterval is for alarms with EvaluationCriteria.")
	}
	return checkMetric(a)
}

// watched is the one series that a threshold alarm looks at, and the terms that it takes.
type watched struct {
	terms
	id string
	*term
}

// watch reads an alarm of a metric, whether it names it itself or in Metrics, or of an expression.
func watch(a *cw.MetricAlarm) (watched, error) {
	if a.Metrics == nil {
		name := string(a.Statistic)
		if a.ExtendedStatistic != nil {
			name = *a.ExtendedStatistic
		}
		t := &term{
			ID:        identity(a.Namespace, a.MetricName, a.Dimensions),
			statistic: name,
			unit:      a.Unit,
			period:    seconds(a.Period),
		}
		return watched{terms{"": t}, "", t}, nil
	}
	all, err := plan(a.Metrics)
	if err != nil {
		return watched{}, err
	}
	w := watched{terms: all}
	for _, q := range a.Metrics {
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		if w.term != nil {
			return watched{}, invalid("Exactly one element of Metrics must return data.")
		}
		w.id, w.term = *q.Id, all[*q.Id]
	}
	if w.term == nil {
		return watched{}, invalid("Exactly one element of Metrics must return data.")
	}
	return w, nil
}

// maxMetrics is how many metrics the expression of an alarm may have.
const maxMetrics = 10

// checkMetric checks an alarm on a metric or an expression.
func checkMetric(a *cw.MetricAlarm) error {
	if err := cmp.Or(checkTerms(a), checkThreshold(a)); err != nil {
		return err
	}
	w, err := watch(a)
	if err == nil && w.expression == nil {
		err = w.check()
	}
	if err != nil {
		return err
	}
	longest := 24 * time.Hour
	if w.period >= time.Hour {
		longest = 7 * 24 * time.Hour
	}
	if whole := w.period * time.Duration(*a.EvaluationPeriods); whole > longest {
		return invalid(
			"The period of %s times %d evaluation periods is more than %s, the longest that an alarm with such a "+
				"period may look back.", w.period, *a.EvaluationPeriods, longest)
	}
	return checkMissing(a)
}

// checkTerms checks what an alarm looks at.
func checkTerms(a *cw.MetricAlarm) error {
	switch {
	case a.Metrics != nil && namesMetric(a):
		return invalid(
			"With Metrics, the metric's Namespace, Dimensions, Period, Statistic, ExtendedStatistic and Unit belong " +
				"into it.")
	case len(a.Metrics) > maxMetrics:
		return invalid("An alarm may have 10 Metrics at most.")
	case onAnomalies(a):
		return unsupported("alarms on anomaly detection models")
	case a.Metrics == nil && (a.Statistic == "") == (a.ExtendedStatistic == nil):
		return invalid("An alarm needs either a Statistic or an ExtendedStatistic.")
	case a.Metrics == nil && a.Period == nil:
		return invalid("An alarm on a metric needs a Period.")
	}
	return nil
}

// namesMetric reports whether an alarm names a metric itself.
func namesMetric(a *cw.MetricAlarm) bool {
	return a.Namespace != nil || a.Dimensions != nil || a.Period != nil || a.Statistic != "" ||
		a.ExtendedStatistic != nil || a.Unit != ""
}

// onAnomalies reports whether an alarm compares with the band of an anomaly detection model.
func onAnomalies(a *cw.MetricAlarm) bool {
	compares := string(a.ComparisonOperator)
	return a.ThresholdMetricId != nil || strings.Contains(compares, "UpperThreshold") ||
		strings.Contains(compares, "LowerThreshold")
}

// checkThreshold checks when an alarm goes on.
func checkThreshold(a *cw.MetricAlarm) error {
	switch {
	case a.EvaluationPeriods == nil:
		return invalid("An alarm on a metric needs EvaluationPeriods.")
	case a.ComparisonOperator == "":
		return invalid("An alarm on a metric needs a ComparisonOperator.")
	case a.Threshold == nil:
		return invalid("An alarm on a metric needs a Threshold.")
	case a.DatapointsToAlarm != nil && *a.DatapointsToAlarm > *a.EvaluationPeriods:
		return invalid("DatapointsToAlarm (%d) must not be greater than EvaluationPeriods (%d).", *a.DatapointsToAlarm,
			*a.EvaluationPeriods)
	}
	return nil
}

// checkMissing checks what an alarm makes of datapoints that are missing or few.
func checkMissing(a *cw.MetricAlarm) error {
	switch awsproto.Value(a.TreatMissingData) {
	case "", alarm.Missing, alarm.Ignore, alarm.Breaching, alarm.NotBreaching:
	default:
		return invalid("TreatMissingData must be one of breaching, notBreaching, ignore and missing, not %.50s.",
			*a.TreatMissingData)
	}
	switch awsproto.Value(a.EvaluateLowSampleCountPercentile) {
	case "", "evaluate", "ignore":
	default:
		return invalid("EvaluateLowSampleCountPercentile must be evaluate or ignore, not %.50s.",
			*a.EvaluateLowSampleCountPercentile)
	}
	return nil
}

// checkQuery checks an alarm on a Prometheus query. Its evaluation interval may be shorter here than CloudWatch's 10
// seconds.
func (s *Service) checkQuery(a *cw.MetricAlarm) error {
	c := a.EvaluationCriteria.PromQLCriteria
	switch {
	case c == nil:
		return invalid("EvaluationCriteria needs PromQLCriteria.")
	case a.Namespace != nil || a.Dimensions != nil || a.Period != nil || a.Statistic != "" ||
		a.ExtendedStatistic != nil || a.Unit != "" || a.Threshold != nil || a.ComparisonOperator != "" ||
		a.ThresholdMetricId != nil || a.EvaluationPeriods != nil || a.DatapointsToAlarm != nil:
		return invalid(
			"An alarm with EvaluationCriteria must not have Namespace, Dimensions, Period, Unit, Statistic, " +
				"ExtendedStatistic, Threshold, ComparisonOperator, ThresholdMetricId, EvaluationPeriods or " +
				"DatapointsToAlarm.")
	case a.EvaluationInterval == nil:
		return invalid("An alarm with EvaluationCriteria needs an EvaluationInterval.")
	case s.Prometheus == nil:
		return invalid("An alarm on a PromQL query needs a Prometheus server: start Slipway with --prometheus URL.")
	}
	return checkPeriod(*a.EvaluationInterval)
}
