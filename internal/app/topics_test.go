package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"slipway/api/cloudwatch"
	"slipway/api/sns"
	"slipway/internal/object"
	"slipway/internal/object/setting"
	"slipway/internal/store/storetest"
)

// subscriber is a web address that hands over the messages that it gets.
func subscriber(t *testing.T, s *server, topic string) <-chan string {
	t.Helper()
	got := make(chan string, 10)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- string(text)
	}))
	t.Cleanup(web.Close)
	ctx := t.Context()
	created, err := s.topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: &topic})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: created.TopicArn, Protocol: new("http"),
		Endpoint: &web.URL, Attributes: map[string]string{"RawMessageDelivery": "true"}}); err != nil {
		t.Fatal(err)
	}
	var asked struct{ Token string }
	if err := json.Unmarshal([]byte(within(t, got, "the question")), &asked); err != nil {
		t.Fatal(err)
	}
	if _, err := s.topics.ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{TopicArn: created.TopicArn,
		Token: &asked.Token}); err != nil {
		t.Fatal(err)
	}
	return got
}

// A change of an object is told to the topic that its bucket names, and a state of an alarm to the alarm's.
func TestTopicsAreTold(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	storetest.Work(t, s.db)
	ctx, arn := t.Context(), "arn:aws:sns:eu-central-1:111122223333:topic"
	got := subscriber(t, s, "topic")
	n := &setting.Notification{Topics: []setting.TopicNotification{{ID: "zips", Topic: arn,
		Events: []string{"s3:ObjectCreated:*"}, Filter: &setting.NotificationFilter{}}}}
	n.Topics[0].Filter.Key.Rules = []setting.FilterRule{{Name: "suffix", Value: ".zip"}}
	if err := s.objects.CreateBucket(ctx, "bucket", object.Settings{object.Notifications: setting.Text(n)}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a.txt", "a b.zip"} {
		if _, err := s.objects.Put(ctx, "bucket", key, strings.NewReader("x"), &object.Meta{}, object.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	told := within(t, got, "the notification")
	if !strings.Contains(told, `"key":"a+b.zip"`) || !strings.Contains(told, `"eventName":"ObjectCreated:Put"`) ||
		!strings.Contains(told, `"configurationId":"zips"`) {
		t.Errorf("the topic is told %s", told)
	}
	if _, err := s.monitor.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: new("errors"), Namespace: new("n"), MetricName: new("m"), Period: new(int32(3600)),
		Statistic: cloudwatch.StatisticSum, EvaluationPeriods: new(int32(1)), Threshold: new(1.0),
		ComparisonOperator: cloudwatch.ComparisonOperatorGreaterThanThreshold,
		AlarmActions:       []string{"arn:aws:sns:eu-central-1:111122223333:none", arn},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.monitor.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: new("errors"),
		StateValue: cloudwatch.StateValueAlarm, StateReason: new("because")}); err != nil {
		t.Fatal(err)
	}
	told = within(t, got, "the alarm")
	if !strings.Contains(told, `"NewStateValue":"ALARM"`) || !strings.Contains(told, `"NewStateReason":"because"`) {
		t.Errorf("the topic is told %s", told)
	}
}
