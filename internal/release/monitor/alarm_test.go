package monitor_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	cw "slipway/api/cloudwatch"
	"slipway/internal/store/storetest"
)

// errorsAlarm goes off by one failed request in a second, and recovers after seconds without.
func errorsAlarm(name string) *sdk.PutMetricAlarmInput {
	return &sdk.PutMetricAlarmInput{AlarmName: &name, Namespace: aws.String("AWS/ApplicationELB"),
		MetricName: aws.String("HTTPCode_Target_5XX_Count"),
		Dimensions: []types.Dimension{{Name: aws.String("TargetGroup"),
			Value: aws.String("targetgroup/green/73e2d6bc24d8a067")}}, Statistic: types.StatisticSum,
		Period:            aws.Int32(1),
		EvaluationPeriods: aws.Int32(2), DatapointsToAlarm: aws.Int32(1), Threshold: aws.Float64(0),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching")}
}

func (w *world) put(in *sdk.PutMetricAlarmInput) {
	w.t.Helper()
	if _, err := w.api.PutMetricAlarm(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

func TestAlarmOnTheRouter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(errorsAlarm("errors"))
	if a := w.alarm("errors"); a.StateValue != types.StateValueInsufficientData ||
		*a.StateReason != "Unchecked: Initial alarm creation" || !*a.ActionsEnabled ||
		*a.AlarmArn != "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors" {
		t.Errorf("%+v", a)
	}
	w.wait("errors", cw.StateValueOk) // no data is not breaching
	w.traffic(0, 10, 1, time.Millisecond)
	w.wait("errors", cw.StateValueAlarm)
	a := w.alarm("errors")
	if !strings.HasPrefix(*a.StateReason, "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (") ||
		!strings.HasSuffix(*a.StateReason,
			"was greater than the threshold (0.0) and 1 missing datapoint was treated as [NonBreaching] (minimum 1 "+
				"datapoint for OK -> ALARM transition).") {
		t.Errorf("%s", *a.StateReason)
	}
	w.wait("errors", cw.StateValueOk)
	out := must[*sdk.DescribeAlarmHistoryOutput](t)(w.api.DescribeAlarmHistory(t.Context(),
		&sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("errors"),
			HistoryItemType: types.HistoryItemTypeStateUpdate}))
	var told []string
	for _, i := range out.AlarmHistoryItems {
		told = append(told, *i.HistorySummary)
	}
	if strings.Join(told,
		"; ") != "Alarm updated from ALARM to OK; Alarm updated from OK to ALARM; Alarm updated from "+
		"INSUFFICIENT_DATA to OK" || !strings.Contains(*out.AlarmHistoryItems[1].HistoryData, `"stateValue":"ALARM"`) {
		t.Errorf("%q", told)
	}
}

func TestAlarmsSurviveARestart(t *testing.T) {
	t.Parallel()
	server := storetest.Postgres(t)
	w := newWorld(t, func(w *world) { w.dsn = server.Database(t) })
	w.put(errorsAlarm("errors"))
	w.wait("errors", cw.StateValueOk)
	w.traffic(0, 10, 1, time.Millisecond)
	w.wait("errors", cw.StateValueAlarm)
	w.restart()
	states, err := w.service.AlarmStates(t.Context(), []string{"errors", "none"})
	if err != nil || len(states) != 1 || states["errors"] == "" {
		t.Fatalf("%+v %v", states, err)
	}
	w.wait("errors", cw.StateValueOk)
}

func TestLatencyPercentile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := errorsAlarm("slow")
	in.MetricName, in.Statistic, in.ExtendedStatistic, in.Threshold, in.TreatMissingData = aws.String(
		"TargetResponseTime"), "", aws.String("p95"), aws.Float64(0.25), nil
	w.put(in)
	w.traffic(0, 100, 0, 100*time.Millisecond)
	w.wait("slow", cw.StateValueOk)
	w.traffic(0, 100, 0, 400*time.Millisecond)
	w.wait("slow", cw.StateValueAlarm)
	w.wait("slow", cw.StateValueInsufficientData) // nothing comes any more
	if a := w.alarm("slow"); *a.StateReason != "Insufficient Data: 2 datapoints were unknown." {
		t.Errorf("%s", *a.StateReason)
	}
}

func TestStateSetByHandLastsUntilTheNextEvaluation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(errorsAlarm("errors"))
	w.wait("errors", cw.StateValueOk)
	if _, err := w.api.SetAlarmState(t.Context(),
		&sdk.SetAlarmStateInput{AlarmName: aws.String("errors"), StateValue: types.StateValueAlarm,
			StateReason: aws.String("a drill"), StateReasonData: aws.String(`{"drill":true}`)}); err != nil {
		t.Fatal(err)
	}
	w.wait("errors", cw.StateValueAlarm)
	w.wait("errors", cw.StateValueOk)
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"a1", "a2", "a3", "b_1", "bx1"} {
		in := errorsAlarm(name)
		in.AlarmActions = []string{"arn:aws:sns:eu-central-1:123456789012:" + name}
		w.put(in)
	}
	names := func(in *sdk.DescribeAlarmsInput) string {
		t.Helper()
		var all []string
		for p := sdk.NewDescribeAlarmsPaginator(w.api, in); p.HasMorePages(); {
			out := must[*sdk.DescribeAlarmsOutput](t)(p.NextPage(t.Context()))
			for _, a := range out.MetricAlarms {
				all = append(all, *a.AlarmName)
			}
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		in   sdk.DescribeAlarmsInput
		want string
	}{
		{sdk.DescribeAlarmsInput{}, "a1 a2 a3 b_1 bx1"},
		{sdk.DescribeAlarmsInput{MaxRecords: aws.Int32(2)}, "a1 a2 a3 b_1 bx1"},
		{sdk.DescribeAlarmsInput{AlarmNamePrefix: aws.String("a"), MaxRecords: aws.Int32(3)}, "a1 a2 a3"},
		{sdk.DescribeAlarmsInput{AlarmNamePrefix: aws.String("b_")}, "b_1"},
		{sdk.DescribeAlarmsInput{AlarmNames: []string{"a3", "a1", "none"}}, "a1 a3"},
		{sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}}, ""},
		{sdk.DescribeAlarmsInput{ActionPrefix: aws.String("arn:aws:sns:eu-central-1:123456789012:a"),
			MaxRecords: aws.Int32(1)}, "a1 a2 a3"},
		{sdk.DescribeAlarmsInput{ActionPrefix: aws.String("arn:aws:sns:eu-central-1:123456789012:bx"),
			MaxRecords: aws.Int32(1)}, "bx1"},
	} {
		if got := names(&c.in); got != c.want {
			t.Errorf("%+v: %s, want %s", c.in, got, c.want)
		}
	}
	if _, err := w.api.DescribeAlarms(t.Context(),
		&sdk.DescribeAlarmsInput{NextToken: aws.String("forged")}); code(err) != "InvalidNextToken" {
		t.Errorf("%v", err)
	}
	of := must[*sdk.DescribeAlarmsForMetricOutput](t)(w.api.DescribeAlarmsForMetric(t.Context(),
		&sdk.DescribeAlarmsForMetricInput{Namespace: aws.String("AWS/ApplicationELB"),
			MetricName: aws.String("HTTPCode_Target_5XX_Count"), Dimensions: errorsAlarm("").Dimensions,
			Statistic: types.StatisticSum}))
	if len(of.MetricAlarms) != 5 {
		t.Errorf("%d alarms of the metric", len(of.MetricAlarms))
	}
	ctx := t.Context()
	if _, err := w.api.DeleteAlarms(ctx,
		&sdk.DeleteAlarmsInput{AlarmNames: []string{"a1", "none"}}); code(err) != "ResourceNotFound" {
		t.Errorf("%v", err)
	}
	if _, err := w.api.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"a2", "a3"}}); err != nil {
		t.Error(err)
	}
	if _, err := w.api.DisableAlarmActions(ctx,
		&sdk.DisableAlarmActionsInput{AlarmNames: []string{"a1"}}); err != nil || *w.alarm("a1").ActionsEnabled {
		t.Errorf("%v", err)
	}
	if _, err := w.api.EnableAlarmActions(ctx, &sdk.EnableAlarmActionsInput{AlarmNames: []string{"a1"}}); err != nil ||
		!*w.alarm("a1").ActionsEnabled {
		t.Errorf("%v", err)
	}
	if got := names(&sdk.DescribeAlarmsInput{}); got != "a1 b_1 bx1" {
		t.Error(got)
	}
	arn := w.alarm("a1").AlarmArn
	if _, err := w.api.TagResource(ctx,
		&sdk.TagResourceInput{ResourceARN: arn,
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")},
				{Key: aws.String("x"), Value: aws.String("")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.UntagResource(ctx,
		&sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	tags := must[*sdk.ListTagsForResourceOutput](t)(w.api.ListTagsForResource(ctx,
		&sdk.ListTagsForResourceInput{ResourceARN: arn}))
	if len(tags.Tags) != 1 || *tags.Tags[0].Value != "a" {
		t.Errorf("%+v", tags.Tags)
	}
	if _, err := w.api.TagResource(ctx,
		&sdk.TagResourceInput{ResourceARN: aws.String(*arn + "none"),
			Tags: tags.Tags}); code(err) != "ResourceNotFoundException" {
		t.Errorf("%v", err)
	}
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func TestAlarmsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*sdk.PutMetricAlarmInput)
		code   string
		says   string
	}{
		"no metric": {func(in *sdk.PutMetricAlarmInput) { in.MetricName = nil }, "ValidationError",
			"either MetricName, or Metrics, or EvaluationCriteria"},
		"two statistics": {func(in *sdk.PutMetricAlarmInput) { in.ExtendedStatistic = aws.String("p90") },
			"ValidationError", "either a Statistic or an ExtendedStatistic"},
		"an unknown statistic": {
			func(in *sdk.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", aws.String("p101") },
			"ValidationError", "p101",
		},
		"a trimmed mean": {
			func(in *sdk.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", aws.String("tm90") },
			"NotImplementedException", "tm90",
		},
		"a period": {func(in *sdk.PutMetricAlarmInput) { in.Period = aws.Int32(45) },
			"ValidationError", "45"},
		"more datapoints than periods": {func(in *sdk.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(3) },
			"ValidationError", "DatapointsToAlarm (3)"},
		"no threshold": {func(in *sdk.PutMetricAlarmInput) { in.Threshold = nil }, "ValidationError", "Threshold"},
		"longer than a day": {
			func(in *sdk.PutMetricAlarmInput) { in.Period, in.EvaluationPeriods = aws.Int32(60), aws.Int32(1441) },
			"ValidationError", "24h",
		},
		"a treatment": {func(in *sdk.PutMetricAlarmInput) { in.TreatMissingData = aws.String("guess") },
			"ValidationError", "guess"},
		"an operator of bands": {func(in *sdk.PutMetricAlarmInput) {
			in.ComparisonOperator = types.ComparisonOperatorGreaterThanUpperThreshold
		}, "NotImplementedException", "anomaly"},
		"an expression": {func(in *sdk.PutMetricAlarmInput) {
			in.MetricName, in.Namespace, in.Dimensions, in.Period, in.Statistic = nil, nil, nil, nil, ""
			in.Metrics = []types.MetricDataQuery{{Id: aws.String("e"), Expression: aws.String("MAX(METRICS())")}}
		}, "NotImplementedException", "MAX(METRICS())"},
		"an expression of nothing": {func(in *sdk.PutMetricAlarmInput) {
			in.MetricName, in.Namespace, in.Dimensions, in.Period, in.Statistic = nil, nil, nil, nil, ""
			in.Metrics = []types.MetricDataQuery{{Id: aws.String("e"), Expression: aws.String("m1/m2")}}
		}, "ValidationError", "There is no query m1"},
		"a query without Prometheus": {func(in *sdk.PutMetricAlarmInput) {
			*in = sdk.PutMetricAlarmInput{AlarmName: in.AlarmName, EvaluationInterval: aws.Int32(10),
				EvaluationCriteria: &types.EvaluationCriteriaMemberPromQLCriteria{
					Value: types.AlarmPromQLCriteria{Query: aws.String("up")},
				}}
		}, "ValidationError", "--prometheus"},
		"a control character in the name": {func(in *sdk.PutMetricAlarmInput) { in.AlarmName = aws.String("a\tb") },
			"ValidationError", "control"},
	} {
		in := errorsAlarm("x")
		c.change(in)
		_, err := w.api.PutMetricAlarm(t.Context(), in)
		if code(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s saying %s", name, err, c.code, c.says)
		}
	}
}

// TestAlarmOnAnErrorRate divides two metrics; a second without errors has a rate of none, since CloudWatch's counts
// are never zero.
func TestAlarmOnAnErrorRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := errorsAlarm("rate")
	of := func(id, name string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, ReturnData: aws.Bool(false),
			MetricStat: &types.MetricStat{
				Metric: &types.Metric{Namespace: in.Namespace, MetricName: &name, Dimensions: in.Dimensions},
				Period: in.Period, Stat: aws.String("Sum"),
			}}
	}
	in.Metrics = []types.MetricDataQuery{{Id: aws.String("rate"),
		Expression: aws.String("100 * FILL(errors, 0) / requests"), ReturnData: aws.Bool(true)},
		of("errors", "HTTPCode_Target_5XX_Count"), of("requests", "RequestCount")}
	in.MetricName, in.Namespace, in.Dimensions, in.Period, in.Statistic, in.Threshold = nil, nil, nil, nil, "",
		aws.Float64(10)
	w.put(in)
	w.wait("rate", cw.StateValueOk)
	w.traffic(0, 100, 5, time.Millisecond)
	w.traffic(0, 10, 10, time.Millisecond) // 15 of 110
	w.wait("rate", cw.StateValueAlarm)
	if a := w.alarm("rate"); !strings.Contains(*a.StateReason, "greater than the threshold (10.0)") ||
		len(a.Metrics) != 3 {
		t.Errorf("%s", *a.StateReason)
	}
}

// TestTheCLIs drives alarms with the CLI of today, which speaks Smithy RPC v2 CBOR, and with Debian's, which speaks
// Query.
func TestTheCLIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tried := 0
	for _, program := range []string{"aws", "/usr/bin/aws"} {
		if _, err := exec.LookPath(program); err != nil {
			continue
		}
		if version, err := exec.Command(program, "--version").CombinedOutput(); err != nil || len(version) == 0 {
			continue
		}
		tried++
		name := "cli" + strings.ReplaceAll(program, "/", "-")
		w.cli(program, "put-metric-alarm", "--alarm-name", name, "--namespace", "AWS/ApplicationELB", "--metric-name",
			"HTTPCode_Target_5XX_Count", "--dimensions", "Name=TargetGroup,Value=targetgroup/green/73e2d6bc24d8a067",
			"Name=LoadBalancer,Value=app/shop/50dc6c495c0c9188", "--statistic", "Sum", "--period", "10",
			"--evaluation-periods", "1", "--threshold", "0.5", "--comparison-operator", "GreaterThanThreshold",
			"--treat-missing-data", "notBreaching", "--tags", "Key=team,Value=a", "--alarm-actions",
			"arn:aws:sns:eu-central-1:123456789012:page")
		out := w.cli(program, "describe-alarms", "--alarm-names", name)
		for _, part := range []string{`"Threshold": 0.5`, `"Period": 10`, `"Value": "app/shop/50dc6c495c0c9188"`,
			`"AlarmActions": [`, `arn:aws:sns:eu-central-1:123456789012:page`} {
			if !strings.Contains(out, part) {
				t.Errorf("%s: no %s in %s", program, part, out)
			}
		}
		w.cli(program, "set-alarm-state", "--alarm-name", name, "--state-value", "ALARM", "--state-reason", "a drill")
		if out := w.cli(program, "describe-alarm-history", "--alarm-name", name, "--history-item-type",
			"StateUpdate"); !strings.Contains(out, "to ALARM") {
			t.Errorf("%s: %s", program, out)
		}
		if out := w.cli(program, "list-tags-for-resource", "--resource-arn",
			"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"+name); !strings.Contains(out, `"team"`) {
			t.Errorf("%s: %s", program, out)
		}
		w.cli(program, "put-metric-data", "--namespace", "Shop"+name, "--metric-name", "Orders", "--value", "7",
			"--dimensions", "Kind=book")
		if out := w.cli(program, "get-metric-statistics", "--namespace", "Shop"+name, "--metric-name", "Orders",
			"--dimensions", "Name=Kind,Value=book", "--start-time",
			time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
			"--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339), "--period", "60", "--statistics",
			"Sum", "Maximum"); !strings.Contains(out, `"Sum": 7`) {
			t.Errorf("%s: %s", program, out)
		}
		if out := w.cli(program, "list-metrics", "--namespace", "Shop"+name); !strings.Contains(out, `"Orders"`) {
			t.Errorf("%s: %s", program, out)
		}
		w.cli(program, "delete-alarms", "--alarm-names", name)
	}
	if tried == 0 {
		t.Skip("SKIPPED: no aws CLI here. Install it with: apt-get install -y awscli")
	}
}
