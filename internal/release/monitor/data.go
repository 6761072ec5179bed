package monitor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	cw "slipway/api/cloudwatch"
	"slipway/internal/release/metric"
)

const (
	maxData   = 1000 // of a PutMetricData
	maxValues = 150  // of a datum
	// oldest and newest bound the times that may be put.
	oldest = 14 * 24 * time.Hour
	newest = 2 * time.Hour
)

// PutMetricData implements cloudwatch:PutMetricData. What is older than a week is not kept.
func (s *Service) PutMetricData(ctx context.Context, in *cw.PutMetricDataInput) (*cw.PutMetricDataOutput, error) {
	if strings.HasPrefix(*in.Namespace, "AWS/") {
		return nil, badValue(
			"The value %s for parameter Namespace is invalid: those that begin with AWS/ are reserved.", *in.Namespace)
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
	s.db.Notify(putNotice, *in.Namespace)
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
		return x, badValue("The timestamp %s must be of the last two weeks, and not more than two hours ahead.",
			x.Time.Format(time.RFC3339))
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
			return metric.Summary{}, badValue("The value %v with the count %v is no number that can be kept.", v,
				list[i].Count)
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
