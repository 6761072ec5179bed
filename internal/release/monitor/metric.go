package monitor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/release/metric"
)

const (
	maxData    = 1000    // of a PutMetricData
	maxValues  = 150     // of a datum
	maxQueries = 500     // of a GetMetricData
	maxPoints  = 1440    // of a GetMetricStatistics
	maxAnswer  = 100_800 // datapoints of a GetMetricData
	// oldest and newest bound the times that may be put.
	oldest = 14 * 24 * time.Hour
	newest = 2 * time.Hour
)

func badValue(format string, args ...any) error {
	return &cw.InvalidParameterValueException{Message: fmt.Sprintf(format, args...)}
}

func combination(format string, args ...any) error {
	return &cw.InvalidParameterCombinationException{Message: fmt.Sprintf(format, args...)}
}

// PutMetricData implements cloudwatch:PutMetricData. What is older than a week is not kept.
func (s *Service) PutMetricData(ctx context.Context, in *cw.PutMetricDataInput) (*cw.PutMetricDataOutput, error) {
	if strings.HasPrefix(*in.Namespace, "AWS/") {
		return nil, badValue("The value %s for parameter Namespace is invalid: those that begin with AWS/ are reserved.", *in.Namespace)
	}
	if len(in.MetricData) > maxData {
		return nil, badValue("A request may have 1000 metrics at most.")
	}
	data := make([]metric.Datum, 0, len(in.MetricData))
	for i, d := range in.MetricData {
		x, err := s.datum(in.Namespace, d)
		if err != nil {
			return nil, fmt.Errorf("MetricData.member.%d: %w", i+1, err)
		}
		if s.Now().Sub(x.Time) < metric.Kept {
			data = append(data, x)
		}
	}
	if err := s.Metrics.Put(ctx, data); err != nil {
		if errors.Is(err, metric.ErrTooMany) {
			return nil, badValue("This server keeps %d metrics at most, and there are as many.", metric.MaxSeries)
		}
		return nil, err
	}
	s.clock.arrived(*in.Namespace, s.Now())
	return nil, nil
}

func (s *Service) datum(namespace *string, d cw.MetricDatum) (metric.Datum, error) {
	x := metric.Datum{ID: identity(namespace, d.MetricName, d.Dimensions), Time: s.Now()}
	if err := checkID(x.ID); err != nil {
		return x, err
	}
	if d.Timestamp != nil {
		x.Time = d.Timestamp.Time
	}
	if x.Time.Before(s.Now().Add(-oldest)) || x.Time.After(s.Now().Add(newest)) {
		return x, badValue("The timestamp %s must be of the last two weeks, and not more than two hours ahead.", x.Time.Format(time.RFC3339))
	}
	ways := 0
	for _, given := range []bool{d.Value != nil, d.StatisticValues != nil, len(d.Values) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return x, combination("A datum needs either Value, or Values, or StatisticValues.")
	}
	var err error
	switch {
	case d.Value != nil:
		x.Summary, err = values([]float64{*d.Value}, nil)
	case d.StatisticValues != nil:
		x.Summary, err = set(d.StatisticValues)
	default:
		x.Summary, err = values(d.Values, d.Counts)
	}
	return x, err
}

func values(numbers, counts []float64) (metric.Summary, error) {
	if len(numbers) > maxValues || counts != nil && len(counts) != len(numbers) {
		return metric.Summary{}, badValue("A datum may have 150 Values at most, and as many Counts, if any.")
	}
	list := make([]metric.Value, len(numbers))
	for i, v := range numbers {
		list[i] = metric.Value{Value: v, Count: 1}
		if counts != nil {
			list[i].Count = counts[i]
		}
		if err := finite(v, list[i].Count); err != nil || list[i].Count < 0 {
			return metric.Summary{}, badValue("The value %v with the count %v is no number that can be kept.", v, list[i].Count)
		}
	}
	return metric.Summarise(list), nil
}

// largest is the absolute value that CloudWatch takes at most.
var largest = math.Exp2(360)

func finite(numbers ...float64) error {
	for _, n := range numbers {
		if math.IsNaN(n) || math.Abs(n) > largest {
			return badValue("%v is no number between -2^360 and 2^360.", n)
		}
	}
	return nil
}

// set reads a statistic set; percentiles are only known of one in which all values are the same.
func set(v *cw.StatisticSet) (metric.Summary, error) {
	x := metric.Summary{Count: *v.SampleCount, Sum: *v.Sum, Min: *v.Minimum, Max: *v.Maximum}
	if err := finite(x.Count, x.Sum, x.Min, x.Max); err != nil {
		return x, err
	}
	if x.Count <= 0 || x.Min > x.Max {
		return x, badValue("StatisticValues need a SampleCount above 0, and a Minimum that is not above the Maximum.")
	}
	if x.Min == x.Max {
		x.Values = []metric.Value{{Value: x.Min, Count: x.Count}}
	}
	return x, nil
}

// stretch checks a time range and rounds it to the period, as CloudWatch does.
func stretch(start, end *awsproto.Time, period time.Duration) (from, to time.Time, err error) {
	if !start.Before(end.Time) {
		return from, to, badValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	return start.Truncate(period), end.Time, nil
}

// GetMetricStatistics implements cloudwatch:GetMetricStatistics; datapoints come in the order of time.
func (s *Service) GetMetricStatistics(ctx context.Context, in *cw.GetMetricStatisticsInput) (*cw.GetMetricStatisticsOutput, error) {
	if len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0 {
		return nil, &cw.MissingRequiredParameterException{Message: "Either Statistics or ExtendedStatistics must be given."}
	}
	for _, name := range in.ExtendedStatistics {
		if err := checkStatistic(name); err != nil {
			return nil, err
		}
	}
	if err := checkPeriod(*in.Period); err != nil {
		return nil, badValue("%s", awsMessage(err))
	}
	period := seconds(in.Period)
	from, to, err := stretch(in.StartTime, in.EndTime, period)
	if err != nil {
		return nil, err
	}
	if n := to.Sub(from) / period; n > maxPoints {
		return nil, combination("You have requested up to %d datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n)
	}
	points, unit, err := s.Metrics.Statistics(ctx, identity(in.Namespace, in.MetricName, in.Dimensions), from, to, period)
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
		for _, name := range in.Statistics {
			v, _ := statistic(p.Summary, string(name))
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
		for _, name := range in.ExtendedStatistics {
			if v, ok := statistic(p.Summary, name); ok {
				if d.ExtendedStatistics == nil {
					d.ExtendedStatistics = map[string]float64{}
				}
				d.ExtendedStatistics[name] = v
			}
		}
		out.Datapoints = append(out.Datapoints, d)
	}
	return out, nil
}

func awsMessage(err error) string {
	if e, ok := errors.AsType[*awsproto.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// GetMetricData implements cloudwatch:GetMetricData: metrics, and expressions as far as expression.Parse takes them. All of the answer fits on
// one page.
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
			return nil, invalid("You have requested more than %d datapoints. Longer periods, or a shorter time, make fewer of them.", maxAnswer)
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
		out.MetricDataResults = append(out.MetricDataResults, result(q, values, from, period, in.ScanBy == cw.ScanByTimestampAscending))
	}
	return out, nil
}

// result is a series as CloudWatch gives it: what is missing is left out.
func result(q cw.MetricDataQuery, values []value, from time.Time, period time.Duration, ascending bool) cw.MetricDataResult {
	r := cw.MetricDataResult{Id: q.Id, Label: q.Label, StatusCode: cw.StatusCodeComplete, Timestamps: []awsproto.Time{}, Values: []float64{}}
	if r.Label == nil {
		r.Label = q.Id
		if q.MetricStat != nil {
			r.Label = q.MetricStat.Metric.MetricName
		}
	}
	for i, v := range values {
		if v.ok {
			r.Timestamps, r.Values = append(r.Timestamps, *awsproto.At(from.Add(time.Duration(i) * period))), append(r.Values, v.v)
		}
	}
	if !ascending {
		slices.Reverse(r.Timestamps)
		slices.Reverse(r.Values)
	}
	return r
}
