package e2e

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// TestAlarmsWithTheSDK drives every operation of alarms and metrics: an alarm on a metric of the application's own
// goes on and off.
func TestAlarmsWithTheSDK(t *testing.T) {
	t.Parallel()
	i := up(t)
	ctx, api := t.Context(), cloudwatch.NewFromConfig(i.sdk())
	of := []cwtypes.Dimension{{Name: aws.String("Shop"), Value: aws.String("north")}}
	must(api.PutMetricAlarm(ctx,
		&cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("queue"), Namespace: aws.String("Shop"),
			MetricName: aws.String("Queue"), Dimensions: of, Statistic: cwtypes.StatisticMaximum,
			Period: aws.Int32(1), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(10),
			ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
			Tags: []cwtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}))(t)
	is := func(state cwtypes.StateValue) func() error {
		return func() error {
			out, err := api.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"queue"}})
			if err != nil || out.MetricAlarms[0].StateValue != state {
				return errors.Join(err, errors.New(string(out.MetricAlarms[0].StateValue)))
			}
			return nil
		}
	}
	put := func(value float64) {
		t.Helper()
		must(api.PutMetricData(ctx,
			&cloudwatch.PutMetricDataInput{Namespace: aws.String("Shop"),
				MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("Queue"), Dimensions: of, Value: &value}}}))(
			t)
	}
	put(50)
	eventually(t, "the alarm is on", is(cwtypes.StateValueAlarm))
	put(5)
	eventually(t, "the alarm is off", is(cwtypes.StateValueOk))
	must(api.SetAlarmState(ctx,
		&cloudwatch.SetAlarmStateInput{AlarmName: aws.String("queue"), StateValue: cwtypes.StateValueAlarm,
			StateReason: aws.String("a drill")}))(t)
	history := must(api.DescribeAlarmHistory(ctx,
		&cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("queue"),
			HistoryItemType: cwtypes.HistoryItemTypeStateUpdate, ScanBy: cwtypes.ScanByTimestampAscending}))(t)
	var told []string
	for _, item := range history.AlarmHistoryItems {
		told = append(told, *item.HistorySummary)
	}
	if want := []string{"Alarm updated from INSUFFICIENT_DATA to ALARM", "Alarm updated from ALARM to OK",
		"Alarm updated from OK to ALARM"}; !slices.Equal(told[:3], want) {
		t.Errorf("%q", told)
	}
	if out := must(api.DescribeAlarmsForMetric(ctx,
		&cloudwatch.DescribeAlarmsForMetricInput{Namespace: aws.String("Shop"), MetricName: aws.String("Queue"),
			Dimensions: of}))(t); len(out.MetricAlarms) != 1 {
		t.Errorf("%d alarms of the metric", len(out.MetricAlarms))
	}
	must(api.DisableAlarmActions(ctx, &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{"queue"}}))(t)
	must(api.EnableAlarmActions(ctx, &cloudwatch.EnableAlarmActionsInput{AlarmNames: []string{"queue"}}))(t)
	from, to := aws.Time(time.Now().Add(-time.Hour)), aws.Time(time.Now().Add(time.Minute))
	statistics := must(api.GetMetricStatistics(ctx,
		&cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("Shop"), MetricName: aws.String("Queue"),
			Dimensions: of, StartTime: from, EndTime: to,
			Period:     aws.Int32(86400),
			Statistics: []cwtypes.Statistic{cwtypes.StatisticSampleCount, cwtypes.StatisticMaximum}}))(t)
	var count float64
	for _, p := range statistics.Datapoints {
		count += *p.SampleCount
	}
	if count != 2 {
		t.Errorf("%v samples", count)
	}
	data := must(api.GetMetricData(ctx,
		&cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to,
			MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("m"),
				MetricStat: &cwtypes.MetricStat{
					Metric: &cwtypes.Metric{Namespace: aws.String("Shop"), MetricName: aws.String("Queue"),
						Dimensions: of}, Period: aws.Int32(86400), Stat: aws.String("Sum"),
				}}}}))(t)
	if sum := total(data.MetricDataResults[0].Values); sum != 55 {
		t.Errorf("the sum is %v", sum)
	}
	if metrics := must(api.ListMetrics(ctx,
		&cloudwatch.ListMetricsInput{Namespace: aws.String("Shop")}))(t); len(metrics.Metrics) != 1 {
		t.Errorf("%d metrics", len(metrics.Metrics))
	}
	arn := aws.String("arn:aws:cloudwatch:" + region + ":" + account + ":alarm:queue")
	must(api.TagResource(ctx,
		&cloudwatch.TagResourceInput{ResourceARN: arn,
			Tags: []cwtypes.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}))(t)
	must(api.UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"team"}}))(t)
	if tags := must(api.ListTagsForResource(ctx,
		&cloudwatch.ListTagsForResourceInput{ResourceARN: arn}))(t); len(tags.Tags) != 1 || *tags.Tags[0].Key != "x" {
		t.Errorf("%+v", tags.Tags)
	}
	must(api.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"queue"}}))(t)
}

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// TestAlarmsWithTheCLI does the same with the aws CLI.
func TestAlarmsWithTheCLI(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "queue", "--namespace", "Shop", "--metric-name", "Queue",
		"--dimensions", "Name=Shop,Value=north", "--extended-statistic", "p90",
		"--period", "60", "--evaluation-periods", "3", "--datapoints-to-alarm", "2", "--threshold", "10",
		"--comparison-operator", "GreaterThanOrEqualToThreshold", "--treat-missing-data", "breaching")
	i.aws("cloudwatch", "set-alarm-state", "--alarm-name", "queue", "--state-value", "OK", "--state-reason", "a drill")
	var described struct {
		MetricAlarms []struct {
			AlarmName, ExtendedStatistic, StateReason string
			DatapointsToAlarm                         int
		}
	}
	if err := json.Unmarshal([]byte(i.aws("cloudwatch", "describe-alarms", "--alarm-name-prefix", "que")),
		&described); err != nil {
		t.Fatal(err)
	}
	if a := described.MetricAlarms; len(a) != 1 || a[0].ExtendedStatistic != "p90" || a[0].DatapointsToAlarm != 2 {
		t.Errorf("%+v", a)
	}
	i.aws("cloudwatch", "put-metric-data", "--namespace", "Shop", "--metric-name", "Queue", "--dimensions",
		"Shop=north", "--value", "7", "--unit", "Count")
	from, to := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Minute).UTC().Format(
		time.RFC3339)
	for _, c := range []struct {
		says string
		args []string
	}{
		{`"queue"`,
			[]string{"describe-alarms-for-metric", "--namespace", "Shop", "--metric-name", "Queue", "--dimensions",
				"Name=Shop,Value=north"}},
		{"to OK", []string{"describe-alarm-history", "--alarm-name", "queue", "--history-item-type", "StateUpdate"}},
		{"", []string{"disable-alarm-actions", "--alarm-names", "queue"}},
		{"", []string{"enable-alarm-actions", "--alarm-names", "queue"}},
		{`"Queue"`, []string{"list-metrics", "--namespace", "Shop"}},
		{`"Maximum": 7`,
			[]string{"get-metric-statistics", "--namespace", "Shop", "--metric-name", "Queue", "--dimensions",
				"Name=Shop,Value=north", "--start-time", from, "--end-time", to, "--period", "3600", "--statistics",
				"Maximum"}},
		{`"Complete"`,
			[]string{"get-metric-data", "--start-time", from, "--end-time", to, "--metric-data-queries",
				`[{"Id":"m","MetricStat":{"Metric":{"Namespace":"Shop","MetricName":"Queue"},"Period":60,"Stat":"Sum"}}]`}},
		{"",
			[]string{"tag-resource", "--resource-arn", "arn:aws:cloudwatch:" + region + ":" + account + ":alarm:queue",
				"--tags", "Key=x,Value=y"}},
		{`"x"`,
			[]string{"list-tags-for-resource", "--resource-arn",
				"arn:aws:cloudwatch:" + region + ":" + account + ":alarm:queue"}},
		{"",
			[]string{"untag-resource", "--resource-arn",
				"arn:aws:cloudwatch:" + region + ":" + account + ":alarm:queue", "--tag-keys", "x"}},
		{"", []string{"delete-alarms", "--alarm-names", "queue"}},
	} {
		if out := i.aws(append([]string{"cloudwatch"}, c.args...)...); !strings.Contains(out, c.says) {
			t.Errorf("aws cloudwatch %s: %s", c.args[0], out)
		}
	}
	if out, err := i.awsFails("cloudwatch", "set-alarm-state", "--alarm-name", "none", "--state-value", "OK",
		"--state-reason", "x"); err == nil || !strings.Contains(out+err.Error(), "(ResourceNotFound)") {
		t.Errorf("%v: %s", err, out)
	}
}
