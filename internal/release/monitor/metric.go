package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/release/metric"
)

const (
	maxQueries = 500     // of a GetMetricData
	maxPoints  = 1440    // of a GetMetricStatistics
	maxAnswer  = 100_800 // datapoints of a GetMetricData
)

func badValue(format string, args ...any) error {
	return &cw.InvalidParameterValueException{Message: fmt.Sprintf(format, args...)}
}

func combination(format string, args ...any) error {
	return &cw.InvalidParameterCombinationException{Message: fmt.Sprintf(format, args...)}
}

// stretch checks a time range and rounds it to the period, as CloudWatch does.
func stretch(start, end *awsproto.Time, period time.Duration) (from, to time.Time, err error) {
	if !start.Before(end.Time) {
		return from, to, badValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	return start.Truncate(period), end.Time, nil
}

// GetMetricStatistics implements cloudwatch:GetMetricStatistics; datapoints come in the order of time.
func (s *Service) GetMetricStatistics(ctx context.Context,
	in *cw.GetMetricStatisticsInput) (*cw.GetMetricStatisticsOutput, error) {
	if err := checkStatistics(in); err != nil {
		return nil, err
	}
	period := seconds(in.Period)
	from, to, err := stretch(in.StartTime, in.EndTime, period)
	if err != nil {
		return nil, err
	}
	if n := to.Sub(from) / period; n > maxPoints {
		return nil, combination(
			"You have requested up to %d datapoints, which exceeds the limit of 1,440. You may reduce the datapoints "+
				"requested by increasing Period, or decreasing the time range.", n)
	}
	points, unit, err := s.Metrics.Statistics(ctx, identity(in.Namespace, in.MetricName, in.Dimensions), from, to,
		period)
	if err != nil {
		return nil, err
	}
	out := &cw.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []cw.Datapoint{}}
	if unit == "" {
		unit = string(cw.StandardUnitNone)
	}
	if in.Unit != "" && string(in.Unit) != unit {
		return out, nil
	}
	for _, p := range points {
		d := cw.Datapoint{Timestamp: awsproto.At(p.Time), Unit: cw.StandardUnit(unit)}
		addStatistics(&d, p.Summary, in.Statistics)
		addExtended(&d, p.Summary, in.ExtendedStatistics)
		out.Datapoints = append(out.Datapoints, d)
	}
	return out, nil
}

func checkStatistics(in *cw.GetMetricStatisticsInput) error {
	if len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0 {
		return &cw.MissingRequiredParameterException{
			Message: "Either Statistics or ExtendedStatistics must be given.",
		}
	}
	for _, name := range in.ExtendedStatistics {
		if err := checkStatistic(name); err != nil {
			return err
		}
	}
	if err := checkPeriod(*in.Period); err != nil {
		return badValue("%s", awsMessage(err))
	}
	return nil
}

// addStatistics adds statistics of a period to its datapoint.
func addStatistics(d *cw.Datapoint, s metric.Summary, names []cw.Statistic) {
	for _, name := range names {
		v, _ := statistic(s, string(name))
		switch name {
		case cw.StatisticSampleCount:
			d.SampleCount = &v
		case cw.StatisticAverage:
			d.Average = &v
		case cw.StatisticSum:
			d.Sum = &v
		case cw.StatisticMinimum:
			d.Minimum = &v
		case cw.StatisticMaximum:
			d.Maximum = &v
		}
	}
}

// addExtended adds percentiles and the like of a period to its datapoint.
func addExtended(d *cw.Datapoint, s metric.Summary, names []string) {
	for _, name := range names {
		v, ok := statistic(s, name)
		if !ok {
			continue
		}
		if d.ExtendedStatistics == nil {
			d.ExtendedStatistics = map[string]float64{}
		}
		d.ExtendedStatistics[name] = v
	}
}

func awsMessage(err error) string {
	if e, ok := errors.AsType[*awsproto.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// GetMetricData implements cloudwatch:GetMetricData: metrics, and expressions as far as expression.Parse takes them.
// All of the answer fits on one page.
func (s *Service) GetMetricData(ctx context.Context, in *cw.GetMetricDataInput) (*cw.GetMetricDataOutput, error) {
	if len(in.MetricDataQueries) > maxQueries {
		return nil, invalid("A request may have 500 queries at most.")
	}
	if in.NextToken != nil {
		return nil, &cw.InvalidNextToken{Message: "The next token was not made for this request."}
	}
	all, err := plan(in.MetricDataQueries)
	if err != nil {
		return nil, err
	}
	readings := map[time.Duration]*reading{}
	var asked int64
	out := &cw.GetMetricDataOutput{MetricDataResults: []cw.MetricDataResult{}, Messages: []cw.MessageData{}}
	for _, q := range in.MetricDataQueries {
		period := all[*q.Id].period
		from, to, err := stretch(in.StartTime, in.EndTime, period)
		if err != nil {
			return nil, invalid("%s", err.Error())
		}
		if asked += int64(to.Sub(from) / period); asked > maxAnswer {
			return nil, invalid(
				"You have requested more than %d datapoints. Longer periods, or a shorter time, make fewer of them.",
				maxAnswer)
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		if readings[period] == nil {
			readings[period] = s.read(all, from, to)
		}
		values, err := readings[period].series(ctx, *q.Id)
		if err != nil {
			return nil, err
		}
		out.MetricDataResults = append(out.MetricDataResults,
			result(q, values, from, period, in.ScanBy == cw.ScanByTimestampAscending))
	}
	return out, nil
}

// result is a series as CloudWatch gives it: what is missing is left out.
func result(q cw.MetricDataQuery, values []value, from time.Time, period time.Duration,
	ascending bool) cw.MetricDataResult {
	r := cw.MetricDataResult{
		Id:         q.Id,
		Label:      q.Label,
		StatusCode: cw.StatusCodeComplete,
		Timestamps: []awsproto.Time{},
		Values:     []float64{},
	}
	if r.Label == nil {
		r.Label = q.Id
		if q.MetricStat != nil {
			r.Label = q.MetricStat.Metric.MetricName
		}
	}
	for i, v := range values {
		if v.ok {
			r.Timestamps, r.Values = append(r.Timestamps,
				*awsproto.At(from.Add(time.Duration(i) * period))), append(r.Values, v.v)
		}
	}
	if !ascending {
		slices.Reverse(r.Timestamps)
		slices.Reverse(r.Values)
	}
	return r
}
