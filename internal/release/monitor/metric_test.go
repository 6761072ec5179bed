package monitor_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

var ofBalancer = []types.Dimension{{Name: aws.String("LoadBalancer"), Value: aws.String("app/shop/50dc6c495c0c9188")}}

func (w *world) statistics(name string, in sdk.GetMetricStatisticsInput) []types.Datapoint {
	w.t.Helper()
	in.MetricName = &name
	if in.Namespace == nil {
		in.Namespace, in.Dimensions = aws.String("AWS/ApplicationELB"), ofBalancer
	}
	in.StartTime, in.EndTime, in.Period = aws.Time(time.Now().Add(-10*time.Minute)), aws.Time(
		time.Now().Add(time.Minute)), aws.Int32(3600)
	return must[*sdk.GetMetricStatisticsOutput](w.t)(w.api.GetMetricStatistics(w.t.Context(), &in)).Datapoints
}

func TestMetricsOfTheLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.traffic(0, 90, 0, 100*time.Millisecond)
	w.traffic(0, 10, 5, time.Second)
	points := w.statistics("TargetResponseTime",
		sdk.GetMetricStatisticsInput{ExtendedStatistics: []string{"p50", "p99"},
			Statistics: []types.Statistic{types.StatisticAverage, types.StatisticSampleCount}})
	var count, sum float64
	for _, p := range points {
		count += *p.SampleCount
		sum += *p.Average * *p.SampleCount
		if math.Abs(p.ExtendedStatistics["p99"]-1) > 0.03 || math.Abs(p.ExtendedStatistics["p50"]-0.1) > 0.003 ||
			p.Unit != types.StandardUnitSeconds {
			t.Errorf("%+v", p)
		}
	}
	if count != 100 || math.Abs(sum-19) > 0.5 {
		t.Errorf("%v requests took %v s", count, sum)
	}
	if p := w.statistics("HTTPCode_Target_5XX_Count",
		sdk.GetMetricStatisticsInput{Statistics: []types.Statistic{types.StatisticSum,
			types.StatisticMaximum}}); len(p) != 1 || *p[0].Sum != 5 || *p[0].Maximum != 1 ||
		p[0].Unit != types.StandardUnitCount {
		t.Errorf("%+v", p)
	}
	if p := w.statistics("HTTPCode_Target_4XX_Count",
		sdk.GetMetricStatisticsInput{Statistics: []types.Statistic{types.StatisticSum}}); len(p) != 0 {
		t.Errorf("%+v: what did not happen is not reported", p)
	}
	query := func(id, name, stat string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id,
			MetricStat: &types.MetricStat{
				Metric: &types.Metric{Namespace: aws.String("AWS/ApplicationELB"), MetricName: &name,
					Dimensions: ofBalancer}, Period: aws.Int32(3600), Stat: &stat,
			}}
	}
	data := &sdk.GetMetricDataInput{StartTime: aws.Time(time.Now().Add(-time.Hour)),
		EndTime: aws.Time(time.Now().Add(time.Minute)),
		MetricDataQueries: []types.MetricDataQuery{query("m1", "RequestCount", "Sum"),
			query("m2", "TargetResponseTime", "p99")}}
	out := must[*sdk.GetMetricDataOutput](t)(w.api.GetMetricData(t.Context(), data))
	if r := out.MetricDataResults; len(r) != 2 || *r[0].Label != "RequestCount" || r[0].Values[0] != 100 ||
		len(r[0].Timestamps) != 1 || r[1].StatusCode != types.StatusCodeComplete {
		t.Errorf("%+v", r)
	}
	data.MetricDataQueries = []types.MetricDataQuery{query("m1", "RequestCount", "Sum"),
		query("m2", "HTTPCode_Target_5XX_Count", "Sum"), query("m4", "HTTPCode_Target_4XX_Count", "Sum"),
		{Id: aws.String("rate"), Expression: aws.String("100 * both / m1"), Label: aws.String("errors in percent")},
		{Id: aws.String("both"), Expression: aws.String("m2 + FILL(m4, 0)"), ReturnData: aws.Bool(false)}}
	out = must[*sdk.GetMetricDataOutput](t)(w.api.GetMetricData(t.Context(), data))
	if r := out.MetricDataResults; len(r) != 4 || *r[3].Label != "errors in percent" || len(r[3].Values) != 1 ||
		r[3].Values[0] != 5 {
		t.Errorf("%+v", r)
	}
	for expression, want := range map[string]string{"SUM(METRICS())": "NotImplementedException",
		"m1 +": "ValidationError", "none + 1": "ValidationError", "e1 + 1": "ValidationError",
		"1 + 1": "ValidationError"} {
		data.MetricDataQueries = []types.MetricDataQuery{query("m1", "RequestCount", "Sum"),
			{Id: aws.String("e1"), Expression: &expression}}
		if _, err := w.api.GetMetricData(t.Context(), data); code(err) != want {
			t.Errorf("%s: %v, want %s", expression, err, want)
		}
	}
	var names []string
	for p := sdk.NewListMetricsPaginator(w.api,
		&sdk.ListMetricsInput{Namespace: aws.String("AWS/ApplicationELB"),
			Dimensions: []types.DimensionFilter{{Name: aws.String("TargetGroup")}}}); p.HasMorePages(); {
		page := must[*sdk.ListMetricsOutput](t)(p.NextPage(t.Context()))
		for _, m := range page.Metrics {
			names = append(names, fmt.Sprint(*m.MetricName, len(m.Dimensions)))
		}
	}
	if len(names) != 22 { // eleven metrics of the group, alone and behind its load balancer
		t.Errorf("%d: %s", len(names), names)
	}
}

func TestMetricsOfClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put := func(data ...types.MetricDatum) error {
		_, err := w.api.PutMetricData(t.Context(),
			&sdk.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: data})
		return err
	}
	name := aws.String("Orders")
	if err := put(types.MetricDatum{MetricName: name, Value: aws.Float64(3)},
		types.MetricDatum{MetricName: name, Values: []float64{1, 2}, Counts: []float64{10, 1},
			Unit: types.StandardUnitCount},
		types.MetricDatum{MetricName: aws.String("Set"),
			StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(4), Sum: aws.Float64(10),
				Minimum: aws.Float64(1), Maximum: aws.Float64(4)}}); err != nil {
		t.Fatal(err)
	}
	of := sdk.GetMetricStatisticsInput{Namespace: aws.String("Shop"),
		Statistics:         []types.Statistic{types.StatisticSum, types.StatisticSampleCount},
		ExtendedStatistics: []string{"p90"}}
	if p := w.statistics("Orders", of); len(p) != 1 || *p[0].Sum != 15 || *p[0].SampleCount != 12 ||
		p[0].ExtendedStatistics["p90"] != 2 {
		t.Errorf("%+v", p)
	}
	if p := w.statistics("Set", of); len(p) != 1 || *p[0].Sum != 10 || p[0].ExtendedStatistics != nil {
		t.Errorf("%+v: a statistic set has no percentiles", p)
	}
	w.restart() // what was acknowledged is there
	if p := w.statistics("Orders", of); len(p) != 1 || *p[0].Sum != 15 {
		t.Errorf("%+v", p)
	}
	for what, c := range map[string]struct {
		datum types.MetricDatum
		code  string
	}{
		"no value": {types.MetricDatum{MetricName: name}, "InvalidParameterCombination"},
		"two values": {types.MetricDatum{MetricName: name, Value: aws.Float64(1), Values: []float64{1}},
			"InvalidParameterCombination"},
		"counts": {types.MetricDatum{MetricName: name, Values: []float64{1, 2}, Counts: []float64{1}},
			"InvalidParameterValue"},
		"a negative count": {types.MetricDatum{MetricName: name, Values: []float64{1}, Counts: []float64{-1}},
			"InvalidParameterValue"},
		"no number": {types.MetricDatum{MetricName: name, Value: aws.Float64(math.NaN())},
			"InvalidParameterValue"},
		"infinity": {types.MetricDatum{MetricName: name, Value: aws.Float64(math.Inf(1))},
			"InvalidParameterValue"},
		"of long ago": {types.MetricDatum{MetricName: name, Value: aws.Float64(1),
			Timestamp: aws.Time(time.Now().Add(-15 * 24 * time.Hour))}, "InvalidParameterValue"},
		"of the future": {types.MetricDatum{MetricName: name, Value: aws.Float64(1),
			Timestamp: aws.Time(time.Now().Add(3 * time.Hour))}, "InvalidParameterValue"},
		"a broken set": {types.MetricDatum{MetricName: name,
			StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(0), Sum: aws.Float64(0),
				Minimum: aws.Float64(0), Maximum: aws.Float64(0)}}, "InvalidParameterValue"},
		"a dimension twice": {types.MetricDatum{MetricName: name, Value: aws.Float64(1),
			Dimensions: append(ofBalancer[:1:1], ofBalancer...)}, "ValidationError"},
	} {
		if err := put(c.datum); code(err) != c.code {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
	}
	if _, err := w.api.PutMetricData(t.Context(),
		&sdk.PutMetricDataInput{Namespace: aws.String("AWS/EC2"),
			MetricData: []types.MetricDatum{{MetricName: name, Value: aws.Float64(1)}}}); code(
		err) != "InvalidParameterValue" {
		t.Errorf("%v", err)
	}
	_, err := w.api.GetMetricStatistics(t.Context(),
		&sdk.GetMetricStatisticsInput{Namespace: aws.String("Shop"), MetricName: name,
			StartTime: aws.Time(time.Now().Add(-24 * time.Hour)), EndTime: aws.Time(time.Now()),
			Period: aws.Int32(10), Statistics: []types.Statistic{types.StatisticSum}})
	if code(err) != "InvalidParameterCombination" || !strings.Contains(err.Error(), "exceeds the limit of 1,440") {
		t.Errorf("%v", err)
	}
}
